//! Servers that have forgotten the sessions behind the endpoint of all servers.

use std::time::Duration;

use serde_json::{Value, json};

use super::{Session, before, configured, everybody, streams::News};
use crate::{
    gateway::{Store, client, fixture},
    message::tool_call,
    peer::Server,
    process::free_address,
};

#[tokio::test]
async fn a_session_that_a_server_has_forgotten_is_opened_again() {
    for server in [Server::Fixture, Server::Everything] {
        let port = free_address().port();
        let mut process = server.start_on(port);
        let other = fixture();
        let gateway = before(&[("one", &process), ("other", &other)], "");
        let session = Session::open(&everybody(&gateway)).await;
        let call = json!({"name": "one__echo", "arguments": {"text": "x", "message": "x"}});
        let first = session.request("tools/call", call.clone()).await;
        session
            .request("logging/setLevel", json!({"level": "debug"}))
            .await;
        process.kill();
        process = server.start_on(port);
        let again = session.request("tools/call", call).await;
        assert_eq!(again, first, "{server:?}");
        let tools = session.request("tools/list", json!({})).await;
        assert!(tools["result"].get("_meta").is_none(), "{server:?} {tools}");
        // It has been told again how much to log.
        let told = "\"server\":\"one\",\"method\":\"logging/setLevel\"";
        while gateway.log().matches(told).count() < 2 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        drop(process);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_that_a_forgotten_session_made_twice_counts_once() {
    let store = Store::start().await;
    let port = free_address().port();
    let mut process = Server::Fixture.start_on(port);
    let other = fixture();
    let audit = store.audit().replacen('{', "{intent: true, ", 1);
    let rules = "limits: [{calls: 3/day}]\nguardrails: {pii: monitor}";
    let mut gateway = configured(&[("one", &process), ("other", &other)], &audit, rules);
    let session = Session::open(&everybody(&gateway)).await;
    let arguments = json!({"text": "ada@example.com"});
    let call = async || {
        let call = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call",
            "params": {"name": "one__echo", "arguments": arguments}});
        let answer = session.message(&call).send().await.unwrap();
        let status = answer.status().as_u16();
        answer.text().await.unwrap();
        status
    };
    assert_eq!(call().await, 200);
    process.kill();
    process = Server::Fixture.start_on(port);
    assert_eq!((call().await, call().await, call().await), (200, 200, 429));
    let rows = store.rows("method = 'tools/call'", 4).await;
    // The second was sent twice.
    assert_eq!(rows[1]["attempts"], json!(2), "{}", rows[1]);
    for row in &rows[..3] {
        assert_eq!(row["pii_in"], json!({"EMAIL": 1}), "{row}");
    }
    // Nothing was noted that no record has concluded: it would be a row after the next start.
    gateway.process().kill();
    tokio::task::block_in_place(|| gateway.restart());
    let last = tool_call(&gateway.url("one"), &json!(1), "echo", arguments.clone());
    assert_eq!(last.send().await.unwrap().status(), 200);
    let rows = store.rows("method = 'tools/call'", 5).await;
    let outcomes: Vec<&Value> = rows.iter().map(|row| &row["outcome"]).collect();
    assert_eq!(outcomes, ["ok", "ok", "ok", "rate_limited", "ok"]);
    drop(process);
}

#[tokio::test]
async fn what_a_client_has_subscribed_to_is_told_to_a_server_again() {
    let port = free_address().port();
    // It tells of resources to those who have subscribed, and to nobody else.
    let mut process = Server::Everything.start_on(port);
    let other = fixture();
    let gateway = before(&[("one", &process), ("other", &other)], "");
    let url = everybody(&gateway);
    let session = Session::open(&url).await;
    let resource = |number| format!("demo://resource/dynamic/text/{number}");
    let about = |method: &'static str, number| {
        let uri = format!("gantry://one/{}", resource(number));
        session.request(method, json!({ "uri": uri }))
    };
    for number in 1..=3 {
        let answer = about("resources/subscribe", number).await;
        assert_eq!(answer["result"], json!({}), "{answer}");
    }
    let answer = about("resources/unsubscribe", 2).await;
    assert_eq!(answer["result"], json!({}), "{answer}");
    process.kill();
    process = Server::Everything.start_on(port);
    let get = client().get(&url).header("accept", "text/event-stream");
    let mut news = News::of(session.with(get)).await;
    // It tells when that is switched on, which is heard once the server's stream is open.
    let heard = |news: &News, number: u32| {
        let told = format!("\"uri\":\"gantry://one/{}\"", resource(number));
        news.seen.contains(&told)
    };
    while !(heard(&news, 1) && heard(&news, 3)) {
        let switch = json!({"name": "one__toggle-subscriber-updates", "arguments": {}});
        let answer = session.request("tools/call", switch).await;
        assert!(answer["result"].is_object(), "{answer}");
        let _ = tokio::time::timeout(Duration::from_millis(300), news.more()).await;
    }
    assert!(!heard(&news, 2), "{}", news.seen);
    drop(process);
}
