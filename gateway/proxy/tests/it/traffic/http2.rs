//! HTTP/2 at its edges: floods of small frames, and what its rules forbid.

use std::time::{Duration, Instant};

use futures::future::join_all;
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::timeout,
};

use super::{
    calls,
    protection::{before, call_works},
    wire::{
        CONTINUATION, Connection, DATA, END_HEADERS, END_STREAM, Frame, GOAWAY, HEADERS, PING,
        PUSH_PROMISE, RST_STREAM, SETTINGS, WINDOW_UPDATE, block, request,
    },
};
use crate::gateway::{client_builder, fixture};

#[tokio::test]
async fn floods_over_http2_end_their_connection_and_cost_little() {
    let fixture = fixture();
    let mut gateway = before(&fixture, "", "", "");
    call_works(&gateway).await;
    let before = gateway.process().rss_kib();
    for (name, flood) in [
        ("resets", resets as fn(u32) -> Vec<Frame>),
        ("continuations", continuations),
        ("pings", pings),
        ("settings", settings),
        ("empty data", empty_data),
    ] {
        let mut connection = Connection::open(gateway.address).await;
        let mut sent = 0;
        let begun = Instant::now();
        let ended = flood_until_closed(&mut connection, flood, &mut sent).await;
        let grown = gateway.process().rss_kib().saturating_sub(before);
        println!(
            "{name}: {sent} frames, ended: {ended}, {grown} KiB, {:?}",
            begun.elapsed()
        );
        assert!(grown < 32 * 1024, "{name}: {grown} KiB");
        if matches!(name, "resets" | "continuations") {
            assert!(ended, "{name} went on for {sent} frames");
        }
        drop(connection);
        println!("{name}: a call took {:?}", call_works(&gateway).await);
    }
    // What was reset at once hardly reached the server.
    assert!(calls(&fixture).await < 100);
}

/// Sends a flood, reading what comes, until the server ends the connection or enough is sent.
async fn flood_until_closed(
    connection: &mut Connection,
    flood: fn(u32) -> Vec<Frame>,
    sent: &mut usize,
) -> bool {
    let (mut reading, mut writing) = connection.stream.split();
    let flooding = async {
        for round in 0..20_000 {
            for frame in flood(round) {
                if writing.write_all(&frame.bytes()).await.is_err() {
                    return true;
                }
                *sent += 1;
            }
        }
        false
    };
    let draining = async {
        let mut rest = [0; 64 * 1024];
        while reading.read(&mut rest).await.is_ok_and(|read| read > 0) {}
    };
    tokio::select! {
        ended = timeout(Duration::from_secs(20), flooding) => ended.unwrap_or(false),
        () = draining => true,
    }
}

fn call() -> Vec<u8> {
    block(&[
        (":method", "POST"),
        (":scheme", "http"),
        (":path", "/mcp/server"),
        (":authority", "localhost"),
        ("content-type", "application/json"),
    ])
}

fn resets(round: u32) -> Vec<Frame> {
    let stream = 2 * round + 1;
    vec![
        Frame::new(HEADERS, END_HEADERS, stream, &call()),
        Frame::new(RST_STREAM, 0, stream, &8_u32.to_be_bytes()),
    ]
}

fn continuations(round: u32) -> Vec<Frame> {
    let fields = block(&[("x-flood", &"a".repeat(100))]).repeat(100);
    match round {
        0 => vec![Frame::new(HEADERS, 0, 1, &call())],
        _ => vec![Frame::new(CONTINUATION, 0, 1, &fields)],
    }
}

fn pings(_: u32) -> Vec<Frame> {
    vec![Frame::new(PING, 0, 0, &[0; 8])]
}

fn settings(_: u32) -> Vec<Frame> {
    vec![Frame::new(SETTINGS, 0, 0, &[0, 3, 0, 0, 0, 100])]
}

fn empty_data(round: u32) -> Vec<Frame> {
    match round {
        0 => vec![Frame::new(HEADERS, END_HEADERS, 1, &call())],
        _ => vec![Frame::new(DATA, 0, 1, &[])],
    }
}

/// What a client may not send (RFC 9113), and what it may.
#[tokio::test]
async fn http2_is_held_to_its_rules() {
    let fixture = fixture();
    let gateway = before(&fixture, "", "", "");
    let get = request();
    let upper = block(&[
        (":method", "GET"),
        (":scheme", "http"),
        (":path", "/nothing"),
        ("X-Upper", "1"),
    ]);
    let late = block(&[
        (":method", "GET"),
        ("x-a", "1"),
        (":scheme", "http"),
        (":path", "/nothing"),
    ]);
    let twice = block(&[
        (":method", "GET"),
        (":method", "GET"),
        (":scheme", "http"),
        (":path", "/nothing"),
    ]);
    let hop = block(&[
        (":method", "GET"),
        (":scheme", "http"),
        (":path", "/nothing"),
        ("connection", "close"),
    ]);
    let pathless = block(&[(":method", "GET"), (":scheme", "http")]);
    let whole = END_HEADERS | END_STREAM;
    let wrong: Vec<(&str, Vec<Frame>)> = vec![
        (
            "4.2 a frame larger than allowed",
            vec![Frame::new(DATA, 0, 1, &[0; 16_385])],
        ),
        (
            "5.1 DATA on an idle stream",
            vec![Frame::new(DATA, END_STREAM, 1, b"a")],
        ),
        (
            "5.1 RST_STREAM on an idle stream",
            vec![Frame::new(RST_STREAM, 0, 1, &[0; 4])],
        ),
        (
            "5.1 WINDOW_UPDATE on an idle stream",
            vec![Frame::new(WINDOW_UPDATE, 0, 1, &[0, 0, 0, 1])],
        ),
        (
            "5.1.1 an even stream",
            vec![Frame::new(HEADERS, whole, 2, &get)],
        ),
        (
            "5.1.1 a stream number that falls",
            vec![
                Frame::new(HEADERS, whole, 5, &get),
                Frame::new(HEADERS, whole, 3, &get),
            ],
        ),
        ("6.1 DATA on stream 0", vec![Frame::new(DATA, 0, 0, b"a")]),
        (
            "6.2 HEADERS on stream 0",
            vec![Frame::new(HEADERS, whole, 0, &get)],
        ),
        (
            "6.4 RST_STREAM of a wrong length",
            vec![
                Frame::new(HEADERS, END_HEADERS, 1, &get),
                Frame::new(RST_STREAM, 0, 1, &[0; 3]),
            ],
        ),
        (
            "6.5 SETTINGS on a stream",
            vec![Frame::new(SETTINGS, 0, 1, &[])],
        ),
        (
            "6.5 SETTINGS of a wrong length",
            vec![Frame::new(SETTINGS, 0, 0, &[0; 5])],
        ),
        (
            "6.5.2 a window that is too large",
            vec![Frame::new(SETTINGS, 0, 0, &[0, 4, 0xff, 0xff, 0xff, 0xff])],
        ),
        (
            "6.5.2 a frame size that is too small",
            vec![Frame::new(SETTINGS, 0, 0, &[0, 5, 0, 0, 0, 1])],
        ),
        (
            "6.6 PUSH_PROMISE from a client",
            vec![Frame::new(PUSH_PROMISE, END_HEADERS, 1, &[0; 4])],
        ),
        (
            "6.7 PING of a wrong length",
            vec![Frame::new(PING, 0, 0, &[0; 7])],
        ),
        (
            "6.7 PING on a stream",
            vec![Frame::new(PING, 0, 1, &[0; 8])],
        ),
        (
            "6.9 WINDOW_UPDATE by nothing",
            vec![Frame::new(WINDOW_UPDATE, 0, 0, &[0; 4])],
        ),
        (
            "6.9.1 a window beyond its maximum",
            vec![Frame::new(WINDOW_UPDATE, 0, 0, &[0x7f, 0xff, 0xff, 0xff])],
        ),
        (
            "6.10 CONTINUATION without HEADERS",
            vec![Frame::new(CONTINUATION, END_HEADERS, 1, &get)],
        ),
        (
            "6.10 another frame within a header block",
            vec![
                Frame::new(HEADERS, 0, 1, &get),
                Frame::new(PING, 0, 0, &[0; 8]),
            ],
        ),
        (
            "8.2 a field name in upper case",
            vec![Frame::new(HEADERS, whole, 1, &upper)],
        ),
        (
            "8.2.2 a field about the connection",
            vec![Frame::new(HEADERS, whole, 1, &hop)],
        ),
        (
            "8.3 a pseudo-field behind others",
            vec![Frame::new(HEADERS, whole, 1, &late)],
        ),
        (
            "8.3 a pseudo-field twice",
            vec![Frame::new(HEADERS, whole, 1, &twice)],
        ),
        (
            "8.3.1 no path",
            vec![Frame::new(HEADERS, whole, 1, &pathless)],
        ),
        (
            "RFC 7541 an index that does not exist",
            vec![Frame::new(HEADERS, whole, 1, &[0xff, 0xff, 0x03])],
        ),
    ];
    let mut accepted = Vec::new();
    for (rule, frames) in &wrong {
        let mut connection = Connection::open(gateway.address).await;
        for frame in frames {
            connection.send(frame).await;
        }
        // A first stream that was right may be answered before the fault is found.
        let fault = loop {
            match connection.next_of(&[GOAWAY, RST_STREAM, HEADERS]).await {
                Some(frame) if frame.kind == HEADERS && frames.len() > 1 => {}
                Some(frame) if frame.kind == HEADERS => {
                    break status_of(&frame).is_some_and(|status| status == b"400");
                }
                Some(_) | None => break true,
            }
        };
        if !fault {
            accepted.push(*rule);
        }
    }
    assert!(accepted.is_empty(), "{accepted:#?}");
    println!("{} breaches of HTTP/2 refused", wrong.len());

    // What is right: an unknown frame, a ping, a priority, then a request.
    let mut connection = Connection::open(gateway.address).await;
    connection
        .send(&Frame::new(0xfe, 0xff, 7, b"unknown"))
        .await;
    connection.send(&Frame::new(PING, 0, 0, b"anything")).await;
    let pong = connection.next_of(&[PING]).await.unwrap();
    assert_eq!((pong.flags, &*pong.payload), (1, b"anything".as_slice()));
    connection.send(&Frame::new(HEADERS, whole, 1, &get)).await;
    let answer = connection
        .next_of(&[HEADERS, GOAWAY, RST_STREAM])
        .await
        .unwrap();
    assert_eq!((answer.kind, answer.stream), (HEADERS, 1));
}

/// The status of an answer, as the static table or a literal has it.
fn status_of(frame: &Frame) -> Option<&'static [u8]> {
    match frame.payload.first()? {
        0x8c => Some(b"400"),
        _ => None,
    }
}

#[tokio::test]
async fn calls_over_http2_work_beside_each_other() {
    let fixture = fixture();
    let gateway = before(&fixture, "", "", "");
    let client = client_builder().http2_prior_knowledge().build().unwrap();
    let url = gateway.url("server");
    let call = async |id: usize| {
        let text = format!("text-{id}");
        let call =
            crate::message::tool_call_of(&client, &url, &json!(id), "echo", json!({"text": text}));
        let answer = call.send().await.unwrap();
        assert_eq!(
            (answer.status().as_u16(), answer.version()),
            (200, http::Version::HTTP_2)
        );
        assert!(answer.text().await.unwrap().contains(&text));
    };
    join_all((0..500).map(call)).await;
}
