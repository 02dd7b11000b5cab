//! Two tools that search and call, in place of a long list.

use serde_json::{Value, json};

use super::{Session, answered, called, configured, everybody, listed, modern};
use crate::{
    gateway::{Store, fixture},
    peer::Server,
};

async fn call(url: &str, name: &str, arguments: Value) -> Value {
    let params = json!({"name": name, "arguments": arguments});
    answered(modern(url, "tools/call", Some(name), params))
        .await
        .1
}

async fn found(url: &str, intent: &str) -> Vec<String> {
    let answer = call(url, "search_tools", json!({"intent": intent})).await;
    let text: Value = serde_json::from_str(answer["content"][0]["text"].as_str().unwrap()).unwrap();
    assert_eq!(text, answer["structuredContent"]);
    called(&text["tools"], "name")
}

#[tokio::test]
async fn tools_are_found_by_intent_and_called_in_both_eras() {
    let store = Store::start().await;
    let (one, other) = (fixture(), Server::FastMcp.start());
    let audit = store.audit();
    let gateway = configured(
        &[("fixture", &one), ("fast", &other)],
        &audit,
        "federation: {discovery: search}\n\
         bundles: {plain: {servers: [fast], discovery: list}, small: {servers: [fast], prefix: none}}\n\
         access: [{allow: ['fast/*', fixture/echo]}]",
    );
    let url = everybody(&gateway);
    let (_, list) = listed(&url, "tools/list").await;
    assert_eq!(
        called(&list["tools"], "name"),
        ["search_tools", "call_tool"]
    );
    assert_eq!(
        found(&url, "add two numbers").await.first().unwrap(),
        "fast__add"
    );
    assert_eq!(
        found(&url, "echo a text").await.first().unwrap(),
        "fixture__echo"
    );
    // Definitions are what a list would show.
    let answer = call(
        &url,
        "search_tools",
        json!({"intent": "add two numbers", "max": 1}),
    )
    .await;
    let tools = answer["structuredContent"]["tools"].as_array().unwrap();
    let (_, plain) = listed(&gateway.url("plain"), "tools/list").await;
    let mut plain = plain["tools"].as_array().unwrap().iter();
    assert_eq!(tools.len(), 1);
    assert_eq!(
        Some(&tools[0]),
        plain.find(|tool| tool["name"] == "fast__add")
    );

    let sum = json!({"name": "fast__add", "arguments": {"a": 19, "b": 23}});
    let answer = call(&url, "call_tool", sum.clone()).await;
    assert_eq!(answer["structuredContent"]["result"], 42);
    // One server alone is searched just the same, by its own names.
    let small = gateway.url("small");
    assert_eq!(
        found(&small, "add two numbers").await.first().unwrap(),
        "add"
    );
    let own = json!({"name": "add", "arguments": {"a": 1, "b": 1}});
    assert_eq!(
        call(&small, "call_tool", own).await["structuredContent"]["result"],
        2
    );

    let session = Session::open(&url).await;
    let answer = session.request("tools/list", json!({})).await;
    assert_eq!(
        called(&answer["result"]["tools"], "name"),
        ["search_tools", "call_tool"]
    );
    let wanted = json!({"name": "search_tools", "arguments": {"intent": "add two numbers"}});
    let answer = session.request("tools/call", wanted).await;
    assert_eq!(
        answer["result"]["structuredContent"]["tools"][0]["name"],
        "fast__add"
    );
    let answer = session
        .request("tools/call", json!({"name": "call_tool", "arguments": sum}))
        .await;
    assert_eq!(answer["result"]["structuredContent"]["result"], 42);

    // What is hidden is neither found nor called, as if it were not there.
    let all = call(
        &url,
        "search_tools",
        json!({"intent": "sized text", "max": 20}),
    )
    .await;
    let names = called(&all["structuredContent"]["tools"], "name");
    assert!(!names.contains(&"fixture__sized".to_owned()), "{names:?}");
    let mut refused = Vec::new();
    for name in ["fixture__sized", "fixture__nothing"] {
        let params = json!({"name": "call_tool", "arguments": {"name": name, "arguments": {}}});
        let answer = modern(&url, "tools/call", Some("call_tool"), params)
            .send()
            .await
            .unwrap();
        refused.push((
            answer.status(),
            answer.text().await.unwrap().replace(name, "NAME"),
        ));
    }
    assert_eq!(refused[0], refused[1]);
    assert!(refused[0].1.contains("-32602"), "{}", refused[0].1);

    // What is wrong is told to the model.
    for (name, arguments) in [
        ("search_tools", json!({})),
        ("call_tool", json!({})),
        ("call_tool", json!({"name": "call_tool", "arguments": {}})),
        ("call_tool", json!({"name": "fast__add", "arguments": [1]})),
        ("call_tool", json!({"name": "fast__add", "a": 1})),
    ] {
        let answer = call(&url, name, arguments).await;
        assert_eq!(answer["isError"], true, "{answer}");
    }

    gateway.delivered().await;
    let sql = "SELECT server, tool, outcome, count() AS calls FROM gantry.audit_log \
               WHERE method = 'tools/call' AND outcome = 'ok' GROUP BY ALL ORDER BY server, tool";
    let rows = store.select(sql).await;
    let row = |server: &str, tool: &str| {
        rows.iter()
            .any(|row| row["server"] == server && row["tool"] == tool)
    };
    // A call is that of the tool which it named.
    assert!(row("fast", "add") && row("*", "search_tools"), "{rows:?}");
    assert!(
        !rows
            .iter()
            .any(|row| row["tool"] == "call_tool" && row["server"] == "fast"),
        "{rows:?}"
    );
}

#[tokio::test]
async fn what_a_tool_wants_in_headers_is_said_for_those_who_do_not_see_it() {
    let one = fixture();
    let program = crate::process::program("gantry-fixture");
    // A server that listens itself compares headers with the message; for a program the gateway does.
    let gateway = crate::gateway::Gateway::start(&format!(
        "servers:\n  listens: {{url: 'http://{}/mcp'}}\n  \
         program: {{command: {{run: ['{}', --stdio, --quiet]}}}}\n\
         federation: {{discovery: search}}\naudit: {{gateway: test, spool: {{dir: SPOOL}}}}",
        one.address,
        program.display()
    ));
    let url = everybody(&gateway);
    for value in ["é", "plain", " x "] {
        for server in ["listens", "program"] {
            let tool = format!("{server}__test_custom_header");
            let wanted = json!({"name": tool, "arguments": {"value": value}});
            let answer = call(&url, "call_tool", wanted).await;
            assert_eq!(answer["content"][0]["text"], value, "{server} {answer}");
        }
    }
    // Whoever calls it by its own name says it.
    for server in ["listens", "program"] {
        let tool = format!("{server}__test_custom_header");
        let params = json!({"name": tool, "arguments": {"value": "x"}});
        let mirrored = |value: &'static str| {
            modern(&url, "tools/call", Some(&tool), params.clone()).header("mcp-param-value", value)
        };
        answered(mirrored("x")).await;
        let refused = mirrored("y").send().await.unwrap();
        assert_eq!(refused.status(), 400, "{server}");
        assert!(refused.text().await.unwrap().contains("-32020"), "{server}");
    }
}
