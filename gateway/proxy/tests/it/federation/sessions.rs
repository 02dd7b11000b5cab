//! Sessions at the endpoint of all servers, and those behind them.

use serde_json::{Value, json};

use super::{Session, before, called, configured, everybody};
use crate::{
    gateway::{Store, fixture, fixture_with},
    message::post,
    peer::Server,
};

#[tokio::test]
async fn a_servers_session_is_opened_once_when_it_is_needed() {
    let store = Store::start().await;
    let (one, other) = (fixture(), Server::Everything.start());
    let gateway = configured(&[("one", &one), ("other", &other)], &store.audit(), "");
    let session = Session::open(&everybody(&gateway)).await;
    // Many at the same time need it.
    let echo = json!({"name": "one__echo", "arguments": {"text": "x"}});
    let calls = (0..8).map(|id| {
        let call = json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": echo});
        let call = session.message(&call).send();
        async move { (id, call.await.unwrap().text().await.unwrap()) }
    });
    for (id, answer) in futures::future::join_all(calls).await {
        let answer = crate::message::answer_of(&json!(id), &answer);
        assert_eq!(answer["result"]["content"][0]["text"], "x");
    }
    let opened = "method = 'initialize' AND server";
    assert_eq!(store.rows("method = 'tools/call'", 8).await.len(), 8);
    assert_eq!(store.rows(&format!("{opened} = 'one'"), 1).await.len(), 1);
    // Nobody has asked anything of the other one.
    assert_eq!(store.rows(&format!("{opened} = '*'"), 1).await.len(), 1);
    assert_eq!(
        store
            .select(&format!(
                "SELECT * FROM gantry.audit_log WHERE {opened} = 'other'"
            ))
            .await
            .len(),
        0
    );
    let tools = session.request("tools/list", json!({})).await;
    let names = called(&tools["result"]["tools"], "name");
    assert!(names.contains(&"other__echo".to_owned()), "{names:?}");
    assert_eq!(store.rows(&format!("{opened} = 'other'"), 1).await.len(), 1);
}

#[tokio::test]
async fn a_session_is_its_callers_at_its_endpoint_until_it_ends() {
    let process = fixture();
    let servers = [("one", &process), ("other", &process)];
    let gateway = before(&servers, "bundles: {two: {servers: [one, other]}}");
    let url = everybody(&gateway);
    let session = Session::open(&url).await;
    let list = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list"});
    let status = |request: reqwest::RequestBuilder| async move {
        request
            .body(json!({"jsonrpc": "2.0", "id": 1, "method": "ping"}).to_string())
            .send()
            .await
            .unwrap()
            .status()
            .as_u16()
    };
    assert_eq!(status(session.with(post(&url))).await, 200);
    assert_eq!(status(session.with(post(&gateway.url("two")))).await, 404);
    assert_eq!(status(session.with(post(&gateway.url("one")))).await, 404);
    assert_eq!(status(post(&url)).await, 400, "a message without a session");
    let mut forged = session.id.clone();
    forged.replace_range(20..21, if &forged[20..21] == "A" { "B" } else { "A" });
    assert_eq!(
        status(post(&url).header("mcp-session-id", forged)).await,
        404
    );
    // Another process with another key knows nothing of it.
    let stranger = before(&servers, "");
    assert_eq!(status(session.with(post(&everybody(&stranger)))).await, 404);
    session.message(&list).send().await.unwrap();
    let end = session.with(crate::gateway::client().delete(&url));
    assert_eq!(end.send().await.unwrap().status(), 204);
    for server in ["one", "other"] {
        gateway
            .logs(&format!("\"server\":\"{server}\",\"method\":\"DELETE\""))
            .await;
    }
    assert_eq!(status(session.with(post(&url))).await, 404);
}

#[tokio::test]
async fn what_servers_ask_of_the_client_comes_back_to_them() {
    // Both servers number their requests alike.
    let (one, other) = (fixture(), fixture());
    let gateway = before(&[("one", &one), ("other", &other)], "");
    let session = Session::open(&everybody(&gateway)).await;
    let asks = |server: &str| {
        let call = json!({"jsonrpc": "2.0", "id": server, "method": "tools/call",
            "params": {"name": format!("{server}__test_elicitation"), "arguments": {"message": "Who?"}}});
        session.message(&call)
    };
    let mut open = Vec::new();
    for server in ["one", "other"] {
        let mut answer = asks(server).send().await.unwrap();
        let mut seen = String::new();
        while !seen.contains("elicitation/create") {
            let piece = answer.chunk().await.unwrap().expect("the stream ended");
            seen.push_str(std::str::from_utf8(&piece).unwrap());
        }
        let request = seen.lines().filter_map(|line| line.strip_prefix("data: "));
        let request = request
            .filter_map(|json| serde_json::from_str::<Value>(json).ok())
            .find(|message| message["method"] == "elicitation/create")
            .unwrap();
        open.push((server, answer, request));
    }
    let ids: Vec<&Value> = open.iter().map(|(_, _, request)| &request["id"]).collect();
    assert_ne!(ids[0], ids[1]);
    // In the other order.
    for (server, answer, request) in open.into_iter().rev() {
        let content = json!({"username": format!("from-{server}"), "email": "a@example.com"});
        let reply = json!({"jsonrpc": "2.0", "id": request["id"],
            "result": {"action": "accept", "content": content}});
        assert_eq!(session.message(&reply).send().await.unwrap().status(), 202);
        let rest = answer.text().await.unwrap();
        assert!(rest.contains(&format!("from-{server}")), "{server}: {rest}");
    }
    // An answer to what nobody has asked is taken and goes nowhere.
    for id in [json!("nobody/1"), json!(7), json!("one/{}")] {
        let reply = json!({"jsonrpc": "2.0", "id": id, "result": {}});
        assert_eq!(session.message(&reply).send().await.unwrap().status(), 202);
    }
}

#[tokio::test]
async fn a_call_that_is_cancelled_ends_at_its_server() {
    let running = gantry_loadtest::fixture::start(Default::default())
        .await
        .unwrap();
    let other = fixture_with(&["--json"]);
    let gateway = crate::gateway::Gateway::start(&format!(
        "servers:\n  one: {{url: '{}'}}\n  other: {{url: 'http://{}/mcp'}}\naudit: {{gateway: test, spool: {{dir: SPOOL}}}}",
        running.url(),
        other.address
    ));
    let session = Session::open(&everybody(&gateway)).await;
    let slow = json!({"jsonrpc": "2.0", "id": "slow", "method": "tools/call",
        "params": {"name": "one__slow", "arguments": {"ms": 600_000}}});
    let call = tokio::spawn(session.message(&slow).send());
    running.calls_until(|calls| calls.begun == 1).await;
    let cancel = json!({"jsonrpc": "2.0", "method": "notifications/cancelled",
        "params": {"requestId": "slow", "reason": "no more"}});
    assert_eq!(session.message(&cancel).send().await.unwrap().status(), 202);
    running.calls_until(|calls| calls.cancelled == 1).await;
    call.abort();
}
