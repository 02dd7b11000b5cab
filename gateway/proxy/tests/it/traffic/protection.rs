//! What hostile and broken clients can do, and what it costs.

use std::time::{Duration, Instant};

use futures::future::join_all;
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{sleep, timeout},
};

use super::{
    AUDIT, calls, metric,
    wire::{
        CONTINUATION, Connection, DATA, END_HEADERS, END_STREAM, Frame, GOAWAY, HEADERS, PING,
        PUSH_PROMISE, RST_STREAM, SETTINGS, WINDOW_UPDATE, block, request,
    },
};
use crate::{
    gateway::{Gateway, client_builder, fixture},
    message::{modern_body, tool_call},
    process::Process,
};

fn before(fixture: &Process, server: &str, listen: &str, more: &str) -> Gateway {
    let url = format!("http://{}/mcp", fixture.address);
    let rest = format!("servers: {{server: {{url: '{url}'{server}}}}}\n{more}{AUDIT}");
    Gateway::listening(&rest, listen, "http")
}

/// Waits until the other end has closed the connection.
async fn closed(stream: &mut TcpStream) {
    let mut rest = Vec::new();
    // A reset closes it as well.
    let _ = stream.read_to_end(&mut rest).await;
}

async fn call_works(gateway: &Gateway) -> Duration {
    let begun = Instant::now();
    let call = tool_call(
        &gateway.url("server"),
        &json!(1),
        "echo",
        json!({"text": "hi"}),
    );
    assert_eq!(call.send().await.unwrap().status(), 200);
    begun.elapsed()
}

#[tokio::test]
async fn heads_that_drip_and_connections_that_idle_are_closed() {
    let fixture = fixture();
    let gateway = before(&fixture, "", ", header_timeout: 1s, idle_timeout: 2s", "");
    let begun = Instant::now();
    let drip = async || {
        let mut stream = TcpStream::connect(gateway.address).await.unwrap();
        let head = b"POST /mcp/server HTTP/1.1\r\nhost: localhost\r\nx-slow: ";
        stream.write_all(head).await.unwrap();
        let (mut reading, mut writing) = stream.into_split();
        let mut rest = Vec::new();
        tokio::select! {
            _ = reading.read_to_end(&mut rest) => {}
            () = async { while writing.write_all(b"a").await.is_ok() { sleep(Duration::from_millis(100)).await; } } => {}
        }
    };
    let idle = async || closed(&mut TcpStream::connect(gateway.address).await.unwrap()).await;
    let idle_http2 = async || {
        let mut connection = Connection::open(gateway.address).await;
        while connection.next().await.is_some() {}
    };
    let reused = async || {
        let mut stream = TcpStream::connect(gateway.address).await.unwrap();
        let head = format!("GET /nothing HTTP/1.1\r\nhost: {}\r\n\r\n", gateway.address);
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.write_all(b"GET /an").await.unwrap();
        closed(&mut stream).await;
    };
    let all = async {
        tokio::join!(
            join_all((0..100).map(|_| drip())),
            join_all((0..20).map(|_| idle())),
            join_all((0..20).map(|_| idle_http2())),
            join_all((0..20).map(|_| reused())),
        )
    };
    let good = async {
        sleep(Duration::from_millis(300)).await;
        call_works(&gateway).await
    };
    let (_, took) = timeout(Duration::from_secs(20), async { tokio::join!(all, good) })
        .await
        .expect("some connections stay open");
    println!(
        "160 slow connections closed within {:?}; a call took {took:?}",
        begun.elapsed()
    );
}

#[tokio::test]
async fn a_request_that_takes_longer_than_a_head_may_is_left_in_peace() {
    let fixture = fixture();
    let gateway = before(&fixture, "", ", header_timeout: 1s, idle_timeout: 1s", "");
    let call = tool_call(
        &gateway.url("server"),
        &json!(1),
        "slow",
        json!({"ms": 2_500}),
    );
    assert_eq!(call.send().await.unwrap().status(), 200);
}

/// Nobody watches for the caller's departure while a legacy server is asked, so that nothing is read from
/// the connection meanwhile.
#[tokio::test]
async fn a_connection_in_use_outlives_the_time_of_its_first_head() {
    let fixture = fixture();
    let gateway = before(&fixture, "", ", header_timeout: 1s, idle_timeout: 30s", "");
    let mut stream = TcpStream::connect(gateway.address).await.unwrap();
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
        "protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "it", "version": "1"}}});
    let body = body.to_string();
    let request = format!(
        "POST /mcp/server HTTP/1.1\r\nhost: {}\r\ncontent-type: application/json\r\n\
         accept: application/json, text/event-stream\r\ncontent-length: {}\r\n\r\n{body}",
        gateway.address,
        body.len()
    );
    for _ in 0..3 {
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        let is_whole = |answer: &str| {
            let is_chunked = answer
                .to_ascii_lowercase()
                .contains("transfer-encoding: chunked");
            let end = if is_chunked { "\r\n0\r\n\r\n" } else { "}\n\n" };
            answer.contains("\"result\"") && answer.ends_with(end)
        };
        while !is_whole(&answer) {
            let mut piece = [0; 4096];
            let read = stream.read(&mut piece).await.unwrap();
            assert!(read > 0, "the connection is closed behind {answer:?}");
            answer.push_str(std::str::from_utf8(&piece[..read]).unwrap());
        }
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        // Longer than a head may take, and not as long as a connection may idle.
        sleep(Duration::from_millis(1_300)).await;
    }
}

#[tokio::test]
async fn connections_beyond_the_maximum_are_told_so() {
    let fixture = fixture();
    let gateway = before(&fixture, "", ", connections: 4", "");
    let mut open = Vec::new();
    // One may still be counted that the test opened to see whether the gateway listens.
    let told = loop {
        let mut stream = TcpStream::connect(gateway.address).await.unwrap();
        let mut answer = String::new();
        match timeout(
            Duration::from_millis(500),
            stream.read_to_string(&mut answer),
        )
        .await
        {
            Ok(_) => break answer,
            Err(_) => open.push(stream),
        }
        assert!(open.len() <= 4, "nobody counts");
    };
    assert_eq!(open.len(), 4);
    assert!(told.starts_with("HTTP/1.1 503 "), "{told}");
    assert!(told.contains("\r\nretry-after: 1\r\n"), "{told}");
    assert!(metric(&gateway, "mcp_gateway_shed_total{reason=\"connections\"").await >= 1.0);
    drop(open);
    let patience = Instant::now() + Duration::from_secs(10);
    loop {
        let call = tool_call(
            &gateway.url("server"),
            &json!(1),
            "echo",
            json!({"text": "hi"}),
        );
        if call.send().await.is_ok_and(|answer| answer.status() == 200) {
            break;
        }
        assert!(Instant::now() < patience, "room is not given back");
    }
}

#[tokio::test]
async fn calls_beyond_a_servers_capacity_wait_and_are_shed() {
    let fixture = fixture();
    let capacity = ", capacity: {calls: 1, queue: 1, queue_timeout: 400ms, streams: 1}";
    let gateway = before(&fixture, capacity, "", "");
    let url = gateway.url("server");
    let slow = |id: u64, ms: u64| {
        tokio::spawn(tool_call(&url, &json!(id), "slow", json!({"ms": ms})).send())
    };
    let first = slow(1, 1_500);
    while calls(&fixture).await < 1 {}
    let waiting = slow(2, 1);
    sleep(Duration::from_millis(100)).await;
    let begun = Instant::now();
    let shed = slow(3, 1).await.unwrap().unwrap();
    assert_eq!(shed.status(), 503);
    assert_eq!(shed.headers()["retry-after"], "1");
    assert!(
        begun.elapsed() < Duration::from_millis(300),
        "it must not wait"
    );
    assert_eq!(waiting.await.unwrap().unwrap().status(), 503);
    // One whose turn comes in time is answered.
    let (second, third) = (slow(4, 1), first.await.unwrap().unwrap());
    assert_eq!(third.status(), 200);
    let _ = second.await.unwrap().unwrap();
    assert_eq!(slow(5, 1).await.unwrap().unwrap().status(), 200);
    for reason in ["queue_full", "queue_timeout"] {
        let series = format!("mcp_gateway_shed_total{{reason=\"{reason}\",server=\"server\"}}");
        assert!(metric(&gateway, &series).await >= 1.0, "{reason}");
    }
}

#[tokio::test]
async fn bodies_beyond_the_memory_for_them_are_shed() {
    let fixture = fixture();
    let gateway = before(
        &fixture,
        "",
        "",
        "requests: {memory_bytes_max: 16MiB, read_timeout: 5s}\n",
    );
    let upload = async |bytes: usize| {
        let mut stream = TcpStream::connect(gateway.address).await.unwrap();
        let head = format!(
            "POST /mcp/server HTTP/1.1\r\nhost: {}\r\ncontent-type: application/json\r\ncontent-length: {bytes}\r\n\r\n{{",
            gateway.address
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        stream
    };
    let mut uploads = Vec::new();
    for _ in 0..3 {
        uploads.push(upload(7 << 20).await);
    }
    let answers = uploads.iter_mut().map(async |stream| {
        let mut answer = [0; 12];
        let read = timeout(Duration::from_millis(3_500), stream.read_exact(&mut answer)).await;
        read.is_ok()
            .then(|| String::from_utf8(answer.to_vec()).unwrap())
    });
    let answers = join_all(answers).await;
    let refused: Vec<_> = answers.iter().flatten().collect();
    assert_eq!(refused, ["HTTP/1.1 503"]);
    let open = uploads.into_iter().zip(&answers);
    let open: Vec<_> = open.filter(|(_, answer)| answer.is_none()).collect();
    // Those that did not send what they announced are refused in time, and give their memory back.
    for (mut stream, _) in open {
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer, b"HTTP/1.1 408");
    }
    let text = "x".repeat(7 << 20);
    let call = tool_call(
        &gateway.url("server"),
        &json!(1),
        "echo",
        json!({"text": text}),
    );
    assert_eq!(call.send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn readers_that_read_nothing_hold_little() {
    let fixture = fixture();
    let mut gateway = before(&fixture, "", "", "");
    call_works(&gateway).await;
    let before = gateway.process().rss_kib();
    let body = modern_body(
        &json!(1),
        "tools/call",
        json!({"name": "sized", "arguments": {"bytes": 8 << 20}}),
    )
    .to_string();
    let head = format!(
        "POST /mcp/server HTTP/1.1\r\nhost: {}\r\ncontent-type: application/json\r\naccept: application/json, text/event-stream\r\nmcp-protocol-version: 2026-07-28\r\nmcp-method: tools/call\r\nmcp-name: sized\r\ncontent-length: {}\r\n\r\n{body}",
        gateway.address,
        body.len()
    );
    let mut readers = Vec::new();
    for _ in 0..50 {
        let mut stream = TcpStream::connect(gateway.address).await.unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
        readers.push(stream);
    }
    // 400 MiB are on their way; what nobody reads stays where it is.
    let begun = calls(&fixture).await;
    assert!(begun > 0);
    sleep(Duration::from_secs(2)).await;
    let grown = gateway.process().rss_kib().saturating_sub(before);
    println!("50 readers of 8 MiB each that read nothing: {grown} KiB");
    assert!(grown < 50 * 1024, "{grown} KiB");
    println!("a call took {:?} beside them", call_works(&gateway).await);
}

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
