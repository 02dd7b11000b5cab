//! What hostile and broken clients can do, and what it costs.

use std::time::{Duration, Instant};

use futures::future::join_all;
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{sleep, timeout},
};

use super::{AUDIT, calls, metric, wire::Connection};
use crate::{
    gateway::{Gateway, fixture},
    message::{modern_body, tool_call},
    process::Process,
};

pub(super) fn before(fixture: &Process, server: &str, listen: &str, more: &str) -> Gateway {
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

pub(super) async fn call_works(gateway: &Gateway) -> Duration {
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
