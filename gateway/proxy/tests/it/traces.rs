//! A real OpenTelemetry collector receives the spans, over HTTP and over gRPC.

use std::{path::PathBuf, process::Command, time::Duration};

use serde_json::{Value, json};

use crate::{
    gateway::{Gateway, STORE_PASSWORD, Store},
    message::{MODERN, modern_body, post, tool_call},
    process::{Process, free_address},
    raw::Raw,
};

/// What the collector's ClickHouse exporter writes, in the schema that OpenTelemetry's own has.
const TABLE: &str = "CREATE TABLE otel.otel_traces (Timestamp DateTime64(9), TraceId String, SpanId String, \
    ParentSpanId String, TraceState String, SpanName LowCardinality(String), SpanKind LowCardinality(String), \
    ServiceName LowCardinality(String), ResourceAttributes Map(LowCardinality(String), String), ScopeName String, \
    ScopeVersion String, SpanAttributes Map(LowCardinality(String), String), Duration Int64, \
    StatusCode LowCardinality(String), StatusMessage String, \
    Events Nested(Timestamp DateTime64(9), Name LowCardinality(String), Attributes Map(LowCardinality(String), String)), \
    Links Nested(TraceId String, SpanId String, TraceState String, Attributes Map(LowCardinality(String), String))) \
    ENGINE = MergeTree ORDER BY Timestamp";

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const PARENT: &str = "b7ad6b7169203331";
const HEADER_TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const HEADER_PARENT: &str = "00f067aa0ba902b7";

/// A collector that writes to a store of its own.
struct Collector {
    store: Store,
    http: String,
    grpc: String,
    _process: Process,
}

impl Collector {
    async fn start() -> Self {
        let store = Store::start().await;
        for statement in ["CREATE DATABASE otel", TABLE] {
            store.select(statement).await;
        }
        let (http, grpc) = (free_address(), free_address());
        let mut command = Command::new(agent());
        command
            .args([
                "start",
                "--exporter",
                "clickhouse",
                "--batch-timeout",
                "100ms",
            ])
            .args(["--otlp-http-endpoint", &http.to_string()])
            .args(["--otlp-grpc-endpoint", &grpc.to_string()])
            .args(["--clickhouse-exporter-endpoint", &store.url()])
            .args(["--clickhouse-exporter-database", "otel"])
            .args(["--clickhouse-exporter-user", "gantry"])
            .args(["--clickhouse-exporter-password", STORE_PASSWORD]);
        let process = Process::accepting(&mut command, http);
        Self {
            store,
            http: format!("http://{http}/v1/traces"),
            grpc: format!("http://{grpc}"),
            _process: process,
        }
    }

    /// Waits until there are so many spans, and returns them: the call's first.
    async fn spans(&self, count: usize) -> Vec<Value> {
        let sql = "SELECT * FROM otel.otel_traces ORDER BY SpanKind = 'Internal', SpanKind = 'Client', Timestamp";
        let patience = tokio::time::Instant::now() + Duration::from_secs(30);
        loop {
            let spans = self.store.select(sql).await;
            if spans.len() >= count {
                return spans;
            }
            let late = tokio::time::Instant::now() > patience;
            assert!(!late, "{} of {count} spans: {spans:#?}", spans.len());
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

/// The collector's binary, which a Python package carries.
fn agent() -> PathBuf {
    let python = std::env::var_os("GANTRY_PYTHON").unwrap_or_else(|| {
        let home = std::env::var("HOME").unwrap();
        format!("{home}/.cache/gantry/venv/bin/python").into()
    });
    let place =
        "import os, rotel; print(os.path.join(os.path.dirname(rotel.__file__), 'rotel-agent'))";
    let output = Command::new(python).args(["-c", place]).output().unwrap();
    let path = PathBuf::from(String::from_utf8(output.stdout).unwrap().trim());
    assert!(
        path.is_file(),
        "rotel is missing: `cargo xtask setup` brings it"
    );
    path
}

fn gateway(server: &str, otlp: &str) -> Gateway {
    Gateway::start(&format!(
        "servers: {{server: {{url: '{server}'}}}}\naudit: {{gateway: test, spool: {{dir: SPOOL}}}}\ntelemetry: {{otlp: {otlp}}}"
    ))
}

fn attribute<'a>(span: &'a Value, name: &str) -> &'a str {
    span["SpanAttributes"][name].as_str().unwrap_or_default()
}

#[tokio::test]
async fn a_call_is_a_span_with_a_child_per_phase_and_per_try() {
    let collector = Collector::start().await;
    let answer = br#"{"jsonrpc":"2.0","id":7,"result":{"content":[],"resultType":"complete"}}"#;
    let server = Raw::answering("application/json", answer).await;
    let otlp = format!("{{url: '{}', sampled_per_mille: 1000}}", collector.http);
    let gateway = gateway(&server.url, &otlp);
    let mut body = modern_body(
        &json!(7),
        "tools/call",
        json!({"name": "echo", "arguments": {"text": "a secret"}}),
    );
    body["params"]["_meta"]["traceparent"] = format!("00-{TRACE}-{PARENT}-01").into();
    let request = post(&gateway.url("server"))
        .header("mcp-protocol-version", MODERN)
        .header("mcp-method", "tools/call")
        .header("mcp-name", "echo")
        .header(
            "traceparent",
            format!("00-{HEADER_TRACE}-{HEADER_PARENT}-01"),
        )
        .body(body.to_string());
    assert_eq!(request.send().await.unwrap().status(), 200);

    let spans = collector.spans(8).await;
    let call = &spans[0];
    let text = |span: &Value, column: &str| span[column].as_str().unwrap().to_owned();
    for (column, value) in [
        ("SpanName", "tools/call echo"),
        ("SpanKind", "Server"),
        ("TraceId", TRACE),
        // The message outdoes the header, which becomes a link.
        ("ParentSpanId", PARENT),
        ("ServiceName", "gantry"),
        ("StatusCode", "Unset"),
    ] {
        assert_eq!(text(call, column), value, "{column}");
    }
    assert_eq!(call["Links.TraceId"], json!([HEADER_TRACE]));
    assert_eq!(call["Links.SpanId"], json!([HEADER_PARENT]));
    assert_eq!(call["ResourceAttributes"]["service.instance.id"], "test");
    for (name, value) in [
        ("mcp.method.name", "tools/call"),
        ("gen_ai.tool.name", "echo"),
        ("gen_ai.operation.name", "execute_tool"),
        ("mcp.protocol.version", MODERN),
        ("jsonrpc.request.id", "7"),
        ("gantry.server", "server"),
        ("gantry.outcome", "ok"),
        ("http.response.status_code", "200"),
    ] {
        assert_eq!(attribute(call, name), value, "{name}");
    }
    assert!(attribute(call, "gantry.event_id").starts_with("test/"));
    assert!(!call.to_string().contains("a secret"));

    let id = text(call, "SpanId");
    let children: Vec<&Value> = spans[1..].iter().collect();
    assert!(
        children
            .iter()
            .all(|child| text(child, "ParentSpanId") == id && text(child, "TraceId") == TRACE)
    );
    let names: Vec<String> = children
        .iter()
        .map(|child| text(child, "SpanName"))
        .collect();
    for phase in [
        "read",
        "auth",
        "policy",
        "ratelimit",
        "guard_in",
        "route",
        "audit",
    ] {
        assert!(
            names.iter().any(|name| name == phase),
            "{phase} is not in {names:?}"
        );
    }
    let tries: Vec<_> = children
        .iter()
        .filter(|child| text(child, "SpanKind") == "Client")
        .collect();
    assert_eq!(tries.len(), 1, "{names:?}");
    assert_eq!(attribute(tries[0], "server.address"), "127.0.0.1");

    // The server is told our span, in the header and in the message.
    let (head, body) = server.request();
    let ours = format!("00-{TRACE}-{id}-01");
    assert!(
        head.to_ascii_lowercase()
            .contains(&format!("traceparent: {ours}")),
        "{head}"
    );
    let body: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(body["params"]["_meta"]["traceparent"], ours);
}

#[tokio::test]
async fn failures_are_always_traced_and_travel_over_grpc() {
    let collector = Collector::start().await;
    let answer = br#"{"jsonrpc":"2.0","id":1,"result":{"content":[],"resultType":"complete"}}"#;
    let server = Raw::answering("application/json", answer).await;
    let otlp = format!(
        "{{url: '{}', protocol: grpc, sampled_per_mille: 0}}",
        collector.grpc
    );
    let mut gateway = gateway(&server.url, &otlp);
    let url = gateway.url("server");
    tool_call(&url, &json!(1), "echo", json!({}))
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    let refused = post(&url)
        .header("mcp-protocol-version", MODERN)
        .body("no message")
        .send()
        .await
        .unwrap();
    assert_eq!(refused.status(), 400);
    let spans = collector.spans(1).await;
    // What was in the queue is exported before the process ends.
    assert!(gateway.process().terminate().success());
    let all = collector.spans(spans.len()).await;
    let calls: Vec<_> = all
        .iter()
        .filter(|span| span["SpanKind"] == "Server")
        .collect();
    assert_eq!(calls.len(), 1, "{all:#?}");
    assert_eq!(calls[0]["StatusCode"], "Error");
    assert_eq!(attribute(calls[0], "error.type"), "-32700");
    assert_eq!(attribute(calls[0], "gantry.outcome"), "bad_request");
}

#[tokio::test]
async fn a_collector_that_is_gone_costs_spans_and_no_calls() {
    let answer = br#"{"jsonrpc":"2.0","id":1,"result":{"content":[],"resultType":"complete"}}"#;
    let server = Raw::answering("application/json", answer).await;
    let nobody = free_address();
    let otlp =
        format!("{{url: 'http://{nobody}/v1/traces', timeout: 200ms, sampled_per_mille: 1000}}");
    let gateway = gateway(&server.url, &otlp);
    let response = tool_call(&gateway.url("server"), &json!(1), "echo", json!({}))
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), 200);
    let patience = tokio::time::Instant::now() + Duration::from_secs(30);
    loop {
        let (_, metrics) = gateway.admin("/metrics").await;
        let dropped = metrics
            .lines()
            .find_map(|line| line.strip_prefix("mcp_gateway_spans_total{stage=\"dropped\"} "));
        if dropped.is_some_and(|count| count != "0") {
            break;
        }
        assert!(tokio::time::Instant::now() < patience, "{metrics}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
