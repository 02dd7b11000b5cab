//! One server that is slow or dead stops none of the others.

use std::time::Duration;

use serde_json::{Value, json};

use super::{Session, answered, before, called, everybody, listed, modern};
use crate::{gateway::fixture, peer::Server};

#[tokio::test]
async fn lists_come_without_the_slow_and_the_dead_and_say_so() {
    let (good, paused, mut dead) = (fixture(), fixture(), Server::FastMcp.start());
    let gateway = before(
        &[("good", &good), ("paused", &paused), ("dead", &dead)],
        "federation: {deadline: 3s}",
    );
    let url = everybody(&gateway);
    // Whoever has just been started may be slow at first.
    loop {
        let (headers, whole) = listed(&url, "prompts/list").await;
        let is_partial = headers.get("gantry-partial").is_some();
        assert_eq!(
            whole["_meta"].get("dev.gantry/partial").is_some(),
            is_partial
        );
        if !is_partial {
            break;
        }
    }
    let session = Session::open(&url).await;
    paused.pause();
    dead.kill();
    let expected = json!([
        {"server": "dead", "reason": "unreachable"},
        {"server": "paused", "reason": "timeout"},
    ]);
    let (headers, tools) = listed(&url, "tools/list").await;
    assert_eq!(headers["gantry-partial"], "dead, paused");
    assert_eq!(tools["_meta"]["dev.gantry/partial"], expected);
    // Nobody may keep half a list.
    assert_eq!(tools["ttlMs"], 0);
    let names = called(&tools["tools"], "name");
    assert!(names.iter().all(|name| name.starts_with("good__")) && !names.is_empty());
    // Sessions, too.
    let tools = session.request("tools/list", json!({})).await;
    assert_eq!(tools["result"]["_meta"]["dev.gantry/partial"], expected);
    let echo = json!({"name": "good__echo", "arguments": {"text": "x"}});
    let answer = session.request("tools/call", echo.clone()).await;
    assert_eq!(answer["result"]["content"][0]["text"], "x");
    let (_, answer) = answered(modern(&url, "tools/call", Some("good__echo"), echo)).await;
    assert_eq!(answer["content"][0]["text"], "x");
    // And subscriptions.
    let mut news = super::streams::listen(&url, json!({"toolsListChanged": true})).await;
    let name = "good__test_trigger_tool_change";
    answered(modern(
        &url,
        "tools/call",
        Some(name),
        json!({"name": name, "arguments": {}}),
    ))
    .await;
    news.until("notifications/tools/list_changed").await;
    let (_, metrics) = gateway.admin("/metrics").await;
    for (server, reason) in [("dead", "unreachable"), ("paused", "timeout")] {
        let line = format!("mcp_gateway_left_out_total{{reason=\"{reason}\",server=\"{server}\"}}");
        assert!(metrics.contains(&line), "{line} is not in {metrics}");
    }
    paused.resume();
}

#[tokio::test]
async fn where_nobody_answers_there_is_no_list() {
    let (mut one, mut other) = (fixture(), fixture());
    let gateway = before(&[("one", &one), ("other", &other)], "");
    one.kill();
    other.kill();
    let answer = modern(&everybody(&gateway), "tools/list", None, json!({}));
    let answer = answer.send().await.unwrap();
    assert_eq!(answer.status(), 502);
    let answer: Value = answer.json().await.unwrap();
    assert_eq!(
        answer,
        json!({"jsonrpc": "2.0", "id": 1, "error": {"code": -32603, "message": "no MCP server has answered"}})
    );
    gateway
        .logs("no server has answered: one (unreachable), other (unreachable)")
        .await;
}

#[tokio::test]
async fn a_server_that_keeps_others_waiting_is_left_out_at_once_until_it_is_well() {
    let (good, paused) = (fixture(), fixture());
    let gateway = crate::gateway::Gateway::start(&format!(
        "servers:\n  good: {{url: 'http://{}/mcp'}}\n  \
         paused: {{url: 'http://{}/mcp', health: {{eject_after: 3, eject_for: 5s}}}}\n\
         federation: {{deadline: 2s}}\naudit: {{gateway: test, spool: {{dir: SPOOL}}}}",
        good.address, paused.address
    ));
    let url = everybody(&gateway);
    // No list is kept that is read for the first time each time; the good one may be slow at first.
    let reason = async |method: &str| {
        let (_, list) = listed(&url, method).await;
        let partial = &list["_meta"]["dev.gantry/partial"];
        let left_out = partial.as_array().into_iter().flatten();
        let mut paused = left_out.filter(|one| one["server"] == "paused");
        paused
            .next()
            .map(|one| one["reason"].as_str().unwrap().to_owned())
    };
    while reason("tools/list").await.is_some() {}
    paused.pause();
    let mut reasons = Vec::new();
    for method in [
        "prompts/list",
        "resources/list",
        "resources/templates/list",
        "prompts/list",
    ] {
        reasons.extend(reason(method).await);
    }
    assert_eq!(reasons, ["timeout", "timeout", "timeout", "failing"]);
    gateway
        .logs("a server is not asked for what others wait for")
        .await;
    paused.resume();
    while reason("prompts/list").await.is_some() {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    gateway
        .logs("a server is asked again for what others wait for")
        .await;
    assert_eq!(reason("resources/list").await, None);
}
