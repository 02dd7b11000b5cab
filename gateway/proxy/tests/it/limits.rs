//! Limits, budgets and prices as callers and records show them.

use std::time::Duration;

use gantry_loadtest::fixture;
use serde_json::{Value, json};

use crate::{
    gateway::{Gateway, Store},
    message::{MODERN, answer_of, modern_body, post, tool_call},
    process::free_address,
    raw::{Raw, Step},
};

/// A gateway in front of one server called `server`, with limits and prices.
fn gateway(url: &str, store: &Store, rest: &str) -> Gateway {
    Gateway::start(&format!(
        "servers: {{server: {{url: '{url}'}}, warm: {{url: '{url}'}}}}\n{}\n{rest}",
        store.audit()
    ))
}

/// Waits until the vocabulary is loaded: before, tokens are estimated.
async fn counts_tokens(gateway: &Gateway, store: &Store) {
    for attempt in 0.. {
        let id = format!("w-{attempt}");
        let arguments = json!({"text": "hello world"});
        let call = tool_call(&gateway.url("warm"), &json!(id), "echo", arguments);
        call.send().await.unwrap().text().await.unwrap();
        let rows = store.rows(&format!("rpc_id = '{id}'"), 1).await;
        if rows[0]["flags"].as_u64().unwrap() & 8 == 0 {
            return;
        }
        assert!(attempt < 20, "always an estimate: {}", rows[0]);
    }
}

async fn echo(gateway: &Gateway, id: &str) -> reqwest::Response {
    let arguments = json!({"text": "hello world"});
    let call = tool_call(&gateway.url("server"), &json!(id), "echo", arguments);
    call.send().await.unwrap()
}

/// Calls, reads the answer, and says with which status it came.
async fn status(gateway: &Gateway, id: &str) -> u16 {
    let response = echo(gateway, id).await;
    let status = response.status().as_u16();
    response.text().await.unwrap();
    status
}

async fn metric(gateway: &Gateway, line: &str) {
    let (_, page) = gateway.admin("/metrics").await;
    assert!(
        page.lines().any(|have| have == line),
        "{line} is not in\n{page}"
    );
}

#[tokio::test]
async fn a_call_too_many_is_refused_and_named_in_its_record() {
    let store = Store::start().await;
    let fixture = fixture::start(fixture::Options::default()).await.unwrap();
    let rules = "limits: [{id: echoes, per: [agent, tool], tool: server/echo, calls: 2/hour}]";
    let gateway = gateway(&fixture.url(), &store, rules);
    // What is about no tool is not counted.
    for method in ["tools/list", "ping"] {
        let body = modern_body(&json!(1), method, json!({}));
        let request = post(&gateway.url("server"))
            .header("mcp-protocol-version", MODERN)
            .header("mcp-method", method)
            .body(body.to_string());
        request.send().await.unwrap().text().await.unwrap();
    }
    assert_eq!(status(&gateway, "l-1").await, 200);
    assert_eq!(status(&gateway, "l-2").await, 200);
    let refused = echo(&gateway, "l-3").await;
    assert_eq!(refused.status(), 429);
    let retry_after: u64 = refused.headers()["retry-after"]
        .to_str()
        .unwrap()
        .parse()
        .unwrap();
    assert!((1_700..=1_800).contains(&retry_after), "{retry_after}");
    let answer = answer_of(&json!("l-3"), &refused.text().await.unwrap());
    assert_eq!(answer["error"]["message"], "rate limit reached");
    // Another tool is counted by itself.
    let other = tool_call(&gateway.url("server"), &json!("l-4"), "fail", json!({}));
    assert_eq!(other.send().await.unwrap().status(), 200);

    let row = &store.rows("rpc_id = 'l-3'", 1).await[0];
    for (column, value) in [
        ("outcome", json!("rate_limited")),
        ("policy", json!("echoes")),
        ("http_status", json!(429)),
        ("error", json!("limit \"echoes\" is reached (calls)")),
        ("attempts", json!(0)),
    ] {
        assert_eq!(row[column], value, "{column}");
    }
    metric(
        &gateway,
        "mcp_gateway_rate_limited_total{scope=\"agent,tool\",unit=\"calls\"} 1",
    )
    .await;
}

#[tokio::test]
async fn a_server_that_cannot_be_reached_costs_nothing() {
    let store = Store::start().await;
    let url = format!("http://{}/mcp", free_address());
    let gateway = gateway(
        &url,
        &store,
        "limits: [{calls: 1/day, concurrent: 1, tokens: 1/day, bytes: 1/day, cost: 1 USD/day}]\n\
         prices: {currency: USD, books: {test: {prices: [{per_call: 5}]}}}",
    );
    for call in 0..5 {
        assert_eq!(status(&gateway, &format!("d-{call}")).await, 502);
    }
    let rows = store.rows("outcome = 'upstream_error'", 5).await;
    assert!(
        rows.iter()
            .all(|row| row["cost"] == 0 && row["price_book"] == "")
    );
}

#[tokio::test]
async fn calls_under_way_are_limited_until_their_answer_ends() {
    let store = Store::start().await;
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n3\r\n:\n\n\r\n";
    let server = Raw::start(vec![Step::Send(head.into()), Step::Wait]).await;
    let rule = "limits: [{per: [server], concurrent: 2}]";
    let gateway = gateway(&server.url, &store, rule);
    let first = echo(&gateway, "c-1").await;
    let second = echo(&gateway, "c-2").await;
    assert_eq!(
        (first.status(), second.status()),
        (200.try_into().unwrap(), 200.try_into().unwrap())
    );
    let third = echo(&gateway, "c-3").await;
    assert_eq!(third.status(), 429);
    assert_eq!(third.headers()["retry-after"], "1");
    // One for each.
    server.close();
    server.close();
    // Both break off, which ends them, however they are told.
    let _ = (first.text().await, second.text().await);
    store.rows("outcome = 'upstream_error'", 2).await;
    let patience = tokio::time::Instant::now() + Duration::from_secs(30);
    while echo(&gateway, "c-4").await.status() == 429 {
        assert!(tokio::time::Instant::now() < patience);
    }
}

#[tokio::test]
async fn what_a_call_costs_is_recorded_and_spends_a_budget() {
    let store = Store::start().await;
    let fixture = fixture::start(fixture::Options::default()).await.unwrap();
    let gateway = gateway(
        &fixture.url(),
        &store,
        "prices:\n  currency: USD\n  books:\n    old: {prices: [{per_call: 100}]}\n    \
         new: {valid_from: 2026-01-01, prices: [{per_call: 0.25}, {tool: server/echo, per_call: 0.5, per_1k_in: 10, per_1k_out: 20}, {tool: warm/echo, per_1k_in: 0.001}]}\n\
         limits: [{id: budget, per: [agent], cost: 1 USD/month}]",
    );
    counts_tokens(&gateway, &store).await;
    // Two of them are worth more than one dollar, so that a third is not made.
    for id in ["p-1", "p-2"] {
        assert_eq!(status(&gateway, id).await, 200);
    }
    let refused = echo(&gateway, "p-3").await;
    assert_eq!(refused.status(), 429);
    let retry_after: u64 = refused.headers()["retry-after"]
        .to_str()
        .unwrap()
        .parse()
        .unwrap();
    assert!(retry_after <= 31 * 86_400, "{retry_after}");

    let rows = store.rows("rpc_id LIKE 'p-%'", 3).await;
    let first = &rows[0];
    // {"text":"hello world"} and the echo of its text.
    assert_eq!(
        (&first["tokens_in"], &first["tokens_out"]),
        (&json!(6), &json!(2)),
        "{first}"
    );
    assert_eq!(first["price_book"], "new");
    assert_eq!(first["cost"], json!(0.6), "0.50 + 0.06 + 0.04");
    assert_eq!(first["flags"].as_u64().unwrap() & 8, 0, "no estimate");
    let refused = &rows[2];
    assert_eq!(
        (&refused["outcome"], &refused["policy"]),
        (&json!("rate_limited"), &json!("budget"))
    );
    assert_eq!(
        (&refused["cost"], &refused["price_book"]),
        (&json!(0), &json!(""))
    );
    let labels = "server=\"server\",team=\"\",tenant=\"\"}";
    let tokens = format!("mcp_gateway_tokens_total{{direction=\"out\",{labels} 4");
    metric(&gateway, &tokens).await;
    let cost = format!("mcp_gateway_cost_total{{{labels} 1.2");
    metric(&gateway, &cost).await;
}

#[tokio::test]
async fn tokens_are_counted_in_answers_of_both_forms() {
    let store = Store::start().await;
    let fixture = fixture::start(fixture::Options::default()).await.unwrap();
    let gateway = gateway(&fixture.url(), &store, "limits: [{tokens: 1M/hour}]");
    let sized = |id: &str, events: u64| {
        let arguments = json!({"bytes": 4_000, "events": events});
        let mut body = modern_body(
            &json!(id),
            "tools/call",
            json!({"name": "sized", "arguments": arguments}),
        );
        body["params"]["_meta"]["progressToken"] = json!("p");
        post(&gateway.url("server"))
            .header("mcp-protocol-version", MODERN)
            .header("mcp-method", "tools/call")
            .header("mcp-name", "sized")
            .body(body.to_string())
            .send()
    };
    counts_tokens(&gateway, &store).await;
    for (id, events) in [("t-1", 0), ("t-2", 5)] {
        sized(id, events).await.unwrap().text().await.unwrap();
    }
    let rows = store.rows("rpc_id LIKE 't-%'", 2).await;
    let tokens = |row: &Value| row["tokens_out"].as_u64().unwrap();
    assert!(tokens(&rows[0]) > 100, "{}", rows[0]);
    assert_eq!(tokens(&rows[0]), tokens(&rows[1]));
    assert_eq!(
        rows[1]["flags"], 1,
        "a stream, and no estimate: {}",
        rows[1]
    );
}

#[test]
fn explain_names_the_limits_that_a_call_would_meet() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("gantry.yaml");
    let rules = "servers: {orders: {url: http://127.0.0.1:1/mcp}}\n\
                 redis: {url: 'redis://127.0.0.1:1'}\n\
                 limits: [{id: refunds, per: [agent, tool], tool: 'orders/re*', calls: 5/min}, {team: sales, calls: 1/day}]";
    std::fs::write(&file, rules).unwrap();
    let explain = |more: &[&str]| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_gantry"));
        command
            .args(["explain", "--agent", "bot", "--tool", "orders/refund", "-c"])
            .arg(&file)
            .args(more);
        String::from_utf8(command.output().unwrap().stdout).unwrap()
    };
    let text = explain(&[]);
    let line = "limit refunds: calls 5/min, counted under agent bot, tool orders/refund\n";
    assert!(text.ends_with(line), "{text}");
    let said: Value = serde_json::from_str(&explain(&["--team", "sales", "--json"])).unwrap();
    assert_eq!(said["limits"][0]["counted_under"]["agent"], "bot");
    assert_eq!(said["limits"][1]["rule"], "calls 1/day, team sales");
}
