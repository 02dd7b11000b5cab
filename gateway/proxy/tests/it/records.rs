//! What the trail says about a call, and what the admin listener says about all of them.

use gantry_loadtest::fixture;
use serde_json::json;

use crate::{
    gateway::{Gateway, Store},
    message::{MODERN, modern_body, post, tool_call},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_under_way_when_the_gateway_is_killed_is_recorded_as_unknown() {
    let store = Store::start().await;
    let options = fixture::Options {
        extra_tools: 40,
        ..fixture::Options::default()
    };
    let fixture = fixture::start(options).await.unwrap();
    let mut gateway = Gateway::start(&format!(
        "guardrails: {{pii: monitor}}\nservers: {{server: {{url: '{}'}}}}\n{}",
        fixture.url(),
        store.audit().replacen('{', "{intent: true, ", 1)
    ));
    let url = gateway.url("server");
    let list = post(&url)
        .header("mcp-protocol-version", MODERN)
        .header("mcp-method", "tools/list");
    let body = modern_body(&json!("list"), "tools/list", json!({}));
    let list = list.body(body.to_string()).send().await.unwrap();
    list.text().await.unwrap();
    let (reads, writes) = ("order_get_0001", "order_create_0002");
    for tool in [reads, writes] {
        let call = tool_call(&url, &json!(tool), tool, json!({"id": "abc"}));
        call.send().await.unwrap().text().await.unwrap();
    }
    // Only what may change something is noted.
    let noted = std::fs::read(gateway.folder.path().join("spool/intents")).unwrap();
    let noted = String::from_utf8_lossy(&noted).into_owned();
    assert!(
        noted.contains(writes) && !noted.contains(reads),
        "{reads} {writes}"
    );

    let arguments = json!({"ms": 60_000, "for": "ada@example.com"});
    let slow = tool_call(&url, &json!("slow"), "slow", arguments);
    let slow = tokio::spawn(slow.send());
    let intents = gateway.folder.path().join("spool/intents");
    let patience = tokio::time::Instant::now() + std::time::Duration::from_secs(20);
    while !String::from_utf8_lossy(&std::fs::read(&intents).unwrap()).contains("slow") {
        assert!(tokio::time::Instant::now() < patience);
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    gateway.process().kill();
    assert!(slow.await.unwrap().is_err());
    tokio::task::block_in_place(|| gateway.restart());
    let rows = store.rows("method = 'tools/call'", 3).await;
    let told = |row: &serde_json::Value| (row["rpc_id"].clone(), row["outcome"].clone());
    let told: Vec<_> = rows.iter().map(told).collect();
    assert_eq!(
        told,
        [
            (json!(reads), json!("ok")),
            (json!(writes), json!("ok")),
            (json!("slow"), json!("unknown")),
        ]
    );
    let unknown = &rows[2];
    assert_eq!(unknown["tool"], json!("slow"));
    assert_eq!(unknown["agent"], json!("anonymous"));
    assert_ne!(unknown["args_hash"], json!(0));
    assert_eq!(unknown["pii_in"], json!({"EMAIL": 1}));
    assert_eq!(unknown["guard_action"], json!("flag"));
    assert!(unknown["epoch"].as_u64() > rows[0]["epoch"].as_u64());
    // Once, however often it starts.
    gateway.process().kill();
    tokio::task::block_in_place(|| gateway.restart());
    let call = tool_call(&url, &json!("last"), "echo", json!({"text": "x"}));
    call.send().await.unwrap().text().await.unwrap();
    assert_eq!(store.rows("method = 'tools/call'", 4).await.len(), 4);
}

#[tokio::test]
async fn a_call_is_recorded_as_it_was() {
    let store = Store::start().await;
    let fixture = fixture::start(fixture::Options::default()).await.unwrap();
    let mut gateway = Gateway::recording(&fixture.url(), &store);
    let url = gateway.url("server");
    let trace = "0af7651916cd43dd8448eb211c80319c";
    let call = tool_call(
        &url,
        &json!("r-1"),
        "echo",
        json!({"text": "a secret argument"}),
    )
    .header("traceparent", format!("00-{trace}-b7ad6b7169203331-01"));
    let answer = call.send().await.unwrap().text().await.unwrap();
    let failing = tool_call(&url, &json!("r-2"), "fail", json!({}));
    failing.send().await.unwrap().text().await.unwrap();
    let unknown = tool_call(&url, &json!("r-3"), "no_such_tool", json!({}));
    unknown.send().await.unwrap().text().await.unwrap();
    let read = post(&url)
        .header("mcp-protocol-version", MODERN)
        .header("mcp-method", "resources/read")
        .header("mcp-name", "test://static-text");
    let body = modern_body(
        &json!(4),
        "resources/read",
        json!({"uri": "test://static-text"}),
    );
    read.body(body.to_string())
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap();

    let rows = store.rows("1", 4).await;
    assert_eq!(rows.len(), 4);
    let first = &rows[0];
    for (column, value) in [
        ("gateway", json!("test")),
        ("agent", json!("anonymous")),
        ("auth_method", json!("none")),
        ("client_name", json!("it")),
        ("client_version", json!("1.0")),
        ("client_ip", json!("::ffff:127.0.0.1")),
        ("method", json!("tools/call")),
        ("server", json!("server")),
        ("endpoint", json!(fixture.address().to_string())),
        ("kind", json!("tool")),
        ("tool", json!("echo")),
        ("protocol", json!(MODERN)),
        ("transport", json!("streamable_http")),
        ("rpc_id", json!("r-1")),
        ("trace_hex", json!(trace)),
        ("outcome", json!("ok")),
        ("http_status", json!(200)),
        ("rpc_code", json!(0)),
        ("attempts", json!(1)),
        ("policy", json!("open")),
        ("resp_bytes", json!(answer.len())),
    ] {
        assert_eq!(first[column], value, "{column}");
    }
    let number = |column: &str| first[column].as_u64().unwrap();
    assert!(number("ttfb_us") > 0 && number("ttfb_us") <= number("duration_us"));
    assert!(number("upstream_us") <= number("duration_us"));
    assert_eq!(
        (&rows[1]["outcome"], &rows[1]["rpc_code"]),
        (&json!("tool_error"), &json!(0))
    );
    assert_eq!(
        (&rows[2]["outcome"], &rows[2]["rpc_code"]),
        (&json!("rpc_error"), &json!(-32602))
    );
    assert_eq!(
        (&rows[3]["kind"], &rows[3]["resource_uri"]),
        (&json!("resource"), &json!("test://static-text"))
    );

    let (status, metrics) = gateway.admin("/metrics").await;
    assert_eq!(status, 200);
    for line in [
        "mcp_gateway_requests_total{gen_ai_tool_name=\"echo\",mcp_method_name=\"tools/call\",outcome=\"ok\",server=\"server\"} 1",
        "mcp_gateway_requests_total{gen_ai_tool_name=\"__unknown__\",mcp_method_name=\"tools/call\",outcome=\"rpc_error\",server=\"server\"} 1",
        "mcp_gateway_audit_records_total{stage=\"accepted\"} 4",
        "mcp_gateway_inflight_requests{server=\"server\"} 0",
    ] {
        assert!(
            metrics.lines().any(|have| have == line),
            "{line} is not in\n{metrics}"
        );
    }
    assert_eq!(gateway.admin("/healthz").await.0, 200);
    assert_eq!(gateway.admin("/readyz").await.0, 200);

    assert!(gateway.process().terminate().success());
    let log = gateway.log();
    let line = log
        .lines()
        .find(|line| line.contains(trace))
        .expect("a line for the call");
    let line: serde_json::Value = serde_json::from_str(line).unwrap();
    assert_eq!(line["tool"], "echo");
    assert_eq!(line["outcome"], "ok");
    assert!(line["event_id"].as_str().unwrap().starts_with("test/"));
    assert!(!log.contains("a secret argument"));
}

#[tokio::test]
async fn sessions_are_recorded_by_a_digest() {
    let store = Store::start().await;
    let fixture = fixture::start(fixture::Options::default()).await.unwrap();
    let gateway = Gateway::recording(&fixture.url(), &store);
    let url = gateway.url("server");
    let initialize = json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {
        "protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "old", "version": "1"}}});
    let opened = post(&url)
        .body(initialize.to_string())
        .send()
        .await
        .unwrap();
    let session = opened.headers()["mcp-session-id"]
        .to_str()
        .unwrap()
        .to_owned();
    opened.text().await.unwrap();
    let ready = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
    post(&url)
        .header("mcp-session-id", &session)
        .body(ready.to_string())
        .send()
        .await
        .unwrap();
    let rows = store
        .rows(
            &format!("session_id = lower(left(hex(SHA256('{session}')), 32))"),
            2,
        )
        .await;
    assert_eq!(rows[0]["method"], "initialize");
    assert_eq!(rows[0]["client_name"], "old");
    assert_eq!(rows[1]["method"], "notifications/initialized");
}
