//! Streams live as long as both ends want, and end when one of them leaves.

use std::time::Duration;

use futures::StreamExt;
use gantry_loadtest::fixture;
use serde_json::{Value, json};

use crate::{
    gateway::{Gateway, Store},
    message::{MODERN, modern_body, post, tool_call},
    raw::{Raw, Step},
};

/// A fixture that never sends a comment, so that a silent stream is really silent.
async fn silent_fixture() -> fixture::Running {
    let options = fixture::Options {
        keep_alive: None,
        ..fixture::Options::default()
    };
    fixture::start(options).await.unwrap()
}

#[tokio::test]
async fn a_stream_that_is_silent_for_seventy_seconds_stays_open() {
    let fixture = silent_fixture().await;
    let gateway = Gateway::start(&format!(
        "servers: {{server: {{url: '{}', timeouts: {{answer: 5s, idle: 5s}}}}}}\naudit: {{spool: {{dir: SPOOL}}}}",
        fixture.url()
    ));
    let url = gateway.url("server");
    let listen = modern_body(
        &json!("listen:0"),
        "subscriptions/listen",
        json!({"notifications": {"toolsListChanged": true}}),
    );
    let response = post(&url)
        .header("mcp-protocol-version", MODERN)
        .header("mcp-method", "subscriptions/listen")
        .body(listen.to_string())
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["x-accel-buffering"], "no");
    let mut events = response.bytes_stream();
    let (mut seen, mut comments) = (String::new(), 0);
    let silence = tokio::time::sleep(Duration::from_secs(70));
    tokio::pin!(silence);
    loop {
        tokio::select! {
            () = &mut silence => break,
            piece = events.next() => {
                let piece = piece.expect("the stream ended").unwrap();
                comments += usize::from(&piece[..] == b":\n\n");
                seen.push_str(std::str::from_utf8(&piece).unwrap());
            }
        }
    }
    assert!(
        seen.contains("notifications/subscriptions/acknowledged"),
        "{seen}"
    );
    // One comment every 15 s of silence.
    assert!(
        (3..=5).contains(&comments),
        "{comments} comments in {seen:?}"
    );
    let changed = tool_call(&url, &json!(1), "test_trigger_tool_change", json!({}));
    assert_eq!(changed.send().await.unwrap().status(), 200);
    while !seen.contains("notifications/tools/list_changed") {
        let piece = events.next().await.expect("the stream ended").unwrap();
        seen.push_str(std::str::from_utf8(&piece).unwrap());
    }
}

#[tokio::test]
async fn leaving_cancels_a_modern_call_at_once() {
    let store = Store::start().await;
    let fixture = silent_fixture().await;
    let gateway = Gateway::recording(&fixture.url(), &store);
    let slow = tool_call(
        &gateway.url("server"),
        &json!("left"),
        "slow",
        json!({"ms": 600_000}),
    );
    let call = tokio::spawn(slow.send());
    fixture.calls_until(|calls| calls.begun == 1).await;
    call.abort();
    fixture.calls_until(|calls| calls.cancelled == 1).await;
    let rows = store.rows("rpc_id = 'left'", 1).await;
    assert_eq!(rows[0]["outcome"], "cancelled");
}

#[tokio::test]
async fn leaving_does_not_cancel_a_legacy_call() {
    let store = Store::start().await;
    let fixture = silent_fixture().await;
    let gateway = Gateway::recording(&fixture.url(), &store);
    let url = gateway.url("server");
    let initialize = json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {
        "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "it", "version": "1"}}});
    let opened = post(&url)
        .body(initialize.to_string())
        .send()
        .await
        .unwrap();
    let session = opened.headers()["mcp-session-id"].clone();
    opened.text().await.unwrap();
    let message = |body: Value| {
        post(&url)
            .header("mcp-session-id", &session)
            .header("mcp-protocol-version", "2025-11-25")
            .body(body.to_string())
    };
    let ready = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
    assert_eq!(message(ready).send().await.unwrap().status(), 202);
    let slow = json!({"jsonrpc": "2.0", "id": "stayed", "method": "tools/call",
        "params": {"name": "slow", "arguments": {"ms": 2_000}}});
    let call = tokio::spawn(message(slow).send());
    fixture.calls_until(|calls| calls.begun == 1).await;
    call.abort();
    let calls = fixture.calls_until(|calls| calls.answered == 1).await;
    assert_eq!(calls.cancelled, 0);
    let rows = store.rows("rpc_id = 'stayed'", 1).await;
    assert_eq!(rows[0]["outcome"], "ok");
}

#[tokio::test]
async fn leaving_a_stream_ends_it_at_the_server() {
    let store = Store::start().await;
    let fixture = silent_fixture().await;
    let gateway = Gateway::recording(&fixture.url(), &store);
    let url = gateway.url("server");
    // In the middle of an answer that is an event stream.
    let mut body = modern_body(
        &json!("halfway"),
        "tools/call",
        json!({"name": "sized", "arguments": {"bytes": 10, "events": 1000, "delay_ms": 1000}}),
    );
    body["params"]["_meta"]["progressToken"] = json!("p");
    let response = post(&url)
        .header("mcp-protocol-version", MODERN)
        .header("mcp-method", "tools/call")
        .header("mcp-name", "sized")
        .body(body.to_string())
        .send()
        .await
        .unwrap();
    let mut events = response.bytes_stream();
    events.next().await.unwrap().unwrap();
    drop(events);
    fixture.calls_until(|calls| calls.cancelled == 1).await;
    let rows = store.rows("rpc_id = 'halfway'", 1).await;
    assert_eq!(
        (&rows[0]["outcome"], &rows[0]["flags"]),
        (&json!("cancelled"), &json!(3))
    );
    // A subscription, whose only end is that one side leaves.
    let listening = listen(&url).await;
    drop(listening);
    let rows = store.rows("method = 'subscriptions/listen'", 1).await;
    assert_eq!(
        (&rows[0]["outcome"], &rows[0]["flags"]),
        (&json!("ok"), &json!(7))
    );
}

/// Opens a subscription and waits until it is acknowledged.
async fn listen(url: &str) -> impl futures::Stream<Item = reqwest::Result<bytes::Bytes>> + use<> {
    let body = modern_body(
        &json!("listen:1"),
        "subscriptions/listen",
        json!({"notifications": {"toolsListChanged": true}}),
    );
    let response = post(url)
        .header("mcp-protocol-version", MODERN)
        .header("mcp-method", "subscriptions/listen")
        .body(body.to_string())
        .send()
        .await
        .unwrap();
    let mut events = Box::pin(response.bytes_stream());
    let first = events.next().await.unwrap().unwrap();
    assert!(String::from_utf8_lossy(&first).contains("acknowledged"));
    events
}

/// The end of the process ends what is under way, tells who can still be told, and records it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_under_way_at_the_end_of_the_process_is_recorded() {
    let store = Store::start().await;
    let fixture = silent_fixture().await;
    let mut gateway = Gateway::recording(&fixture.url(), &store);
    let url = gateway.url("server");
    let _listening = listen(&url).await;
    let slow = |id: &str, ms: u64| {
        tokio::spawn(tool_call(&url, &json!(id), "slow", json!({"ms": ms})).send())
    };
    let (quick, endless) = (slow("quick", 1_500), slow("endless", 600_000));
    fixture.calls_until(|calls| calls.begun == 2).await;
    assert!(
        tokio::task::spawn_blocking(move || gateway.process().terminate())
            .await
            .unwrap()
            .success()
    );
    let quick = quick.await.unwrap().unwrap();
    assert_eq!(
        quick.status(),
        200,
        "a call that could end in time was not let to"
    );
    let endless = endless.await.unwrap().unwrap();
    assert_eq!(endless.status(), 503);
    let refusal: Value = endless.json().await.unwrap();
    assert_eq!(
        (&refusal["id"], &refusal["error"]["code"]),
        (&json!("endless"), &json!(-32603))
    );
    let rows = store.rows("1", 3).await;
    let mut outcomes: Vec<_> = rows
        .iter()
        .map(|row| {
            (
                row["rpc_id"].as_str().unwrap(),
                row["outcome"].as_str().unwrap(),
            )
        })
        .collect();
    outcomes.sort_unstable();
    assert_eq!(
        outcomes,
        [
            ("endless", "gateway_error"),
            ("listen:1", "ok"),
            ("quick", "ok")
        ]
    );
}

/// Node ends an answer without a body with an empty chunk, and without a content type.
#[tokio::test]
async fn an_answer_that_turns_out_to_have_no_body_passes_guardrails() {
    let notification = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
    for (body, status) in [("0\r\n\r\n", 202), ("2\r\nhi\r\n0\r\n\r\n", 502)] {
        let head = "HTTP/1.1 202 Accepted\r\ntransfer-encoding: chunked\r\n\r\n";
        let answer = format!("{head}{body}").into_bytes();
        let server = Raw::start(vec![Step::Send(answer), Step::Close]).await;
        let gateway = Gateway::start(&format!(
            "guardrails: {{pii: redact}}\nservers: {{server: {{url: '{}'}}}}\naudit: {{gateway: test, spool: {{dir: SPOOL}}}}",
            server.url
        ));
        let sent = post(&gateway.url("server")).body(notification.to_string());
        let answer = sent.send().await.unwrap();
        assert_eq!(answer.status(), status);
        assert_eq!(answer.text().await.unwrap().is_empty(), status == 202);
    }
}
