//! Who shares a program, and that nobody gets what is another one's.

use futures::future::join_all;
use reqwest::RequestBuilder;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::{AUDIT, call, command, programs, returned, within};
use crate::{
    gateway::Gateway,
    message::{answer_of, tool_call},
    traffic::Session,
};

/// A gateway with two agents, each known by the key that is its name.
fn agents(keys: &str) -> Gateway {
    let key = |name: &str| {
        let digest: String = Sha256::digest(name)
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        format!("{{sha256: {digest}, agent: {name}}}")
    };
    Gateway::start(&format!(
        "auth: {{api_keys: [{}, {}]}}\naccess: [{{allow: ['*']}}]\nservers: {{server: {{{}}}}}\n{AUDIT}",
        key("ann"),
        key("bob"),
        command(keys)
    ))
}

async fn pid(gateway: &Gateway, agent: &str) -> Value {
    let call = tool_call(&gateway.url("server"), &json!(1), "pid", json!({}));
    let answer = call.header("x-api-key", agent).send().await.unwrap();
    let answer = answer_of(&json!(1), &answer.text().await.unwrap());
    assert!(returned(&answer).is_u64(), "{answer}");
    returned(&answer).clone()
}

fn by(agent: &'static str) -> impl Fn(RequestBuilder) -> RequestBuilder {
    move |request| request.header("x-api-key", agent)
}

async fn pid_within(session: &Session, agent: &str) -> Value {
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "pid", "arguments": {}}});
    let answer = session
        .message(&body)
        .header("x-api-key", agent)
        .send()
        .await
        .unwrap();
    let answer = answer_of(&json!(1), &answer.text().await.unwrap());
    assert!(returned(&answer).is_u64(), "{answer}");
    returned(&answer).clone()
}

#[tokio::test]
async fn a_program_for_each_caller_or_for_all() {
    for (keys, shared) in [
        (", per: gateway", true),
        (", per: caller", false),
        (", per: session", false),
    ] {
        let gateway = agents(keys);
        let (ann, bob) = (pid(&gateway, "ann").await, pid(&gateway, "bob").await);
        assert_eq!(ann == bob, shared, "{keys}");
        assert_eq!(
            (pid(&gateway, "ann").await, pid(&gateway, "bob").await),
            (ann, bob),
            "{keys}"
        );
        // Whoever claims to be somebody else is not believed.
        let call = tool_call(&gateway.url("server"), &json!(1), "pid", json!({}));
        let call = call
            .header("x-gantry-inner-caller", "ann")
            .header("x-api-key", "bob");
        let answer = answer_of(&json!(1), &call.send().await.unwrap().text().await.unwrap());
        assert_eq!(*returned(&answer), pid(&gateway, "bob").await, "{keys}");
    }
}

#[tokio::test]
async fn a_program_for_each_session() {
    let gateway = agents("");
    let url = gateway.url("server");
    let (one, other) = (
        Session::open(&url, by("ann")).await,
        Session::open(&url, by("ann")).await,
    );
    let (first, second) = (
        pid_within(&one, "ann").await,
        pid_within(&other, "ann").await,
    );
    assert_ne!(first, second);
    assert_eq!(pid_within(&one, "ann").await, first);
    // A session is nobody else's.
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "pid", "arguments": {}}});
    let stolen = one
        .message(&body)
        .header("x-api-key", "bob")
        .send()
        .await
        .unwrap();
    assert_eq!(stolen.status(), 404);
}

/// Requests with the same ids at the same time, of many clients at one program.
#[tokio::test]
async fn ids_of_clients_do_not_meet() {
    let gateway = programs(", per: gateway");
    let calls = (0..64).map(|at| {
        let gateway = &gateway;
        async move {
            let text = format!("text {at}");
            let answer = call(gateway, "echo", json!({"text": text})).await;
            assert_eq!(*returned(&answer), json!(text), "{answer}");
        }
    });
    join_all(calls).await;
}

/// Clients of an earlier revision share a program, and each makes its handshake.
#[tokio::test]
async fn a_shared_program_of_an_earlier_revision() {
    let gateway = programs(", per: gateway");
    let mut pids = Vec::new();
    for revision in ["2025-03-26", "2025-06-18", "2025-11-25"] {
        let post = |body: Value| {
            let request = crate::message::post(&gateway.url("server"))
                .header("mcp-protocol-version", revision);
            async move { request.body(body.to_string()).send().await.unwrap() }
        };
        let hello = json!({"jsonrpc": "2.0", "id": "a", "method": "initialize", "params": {
            "protocolVersion": revision, "capabilities": {}, "clientInfo": {"name": "it", "version": "1"}}});
        let answer = post(hello).await;
        assert!(answer.headers().get("mcp-session-id").is_none());
        let answer = answer_of(&json!("a"), &answer.text().await.unwrap());
        assert_eq!(answer["result"]["protocolVersion"], revision, "{answer}");
        assert_eq!(
            answer["result"]["serverInfo"]["name"], "programs",
            "{answer}"
        );
        let ready = post(json!({"jsonrpc": "2.0", "method": "notifications/initialized"})).await;
        assert_eq!(ready.status(), 202);
        let body = json!({"jsonrpc": "2.0", "id": 0, "method": "tools/call", "params": {"name": "pid", "arguments": {}}});
        let answer = answer_of(&json!(0), &post(body).await.text().await.unwrap());
        pids.push(returned(&answer).clone());
    }
    assert!(pids[0].is_u64(), "{pids:?}");
    pids.dedup();
    assert_eq!(pids.len(), 1, "{pids:?}");
}

#[tokio::test]
async fn a_call_that_is_given_up_is_cancelled() {
    let gateway = programs("");
    // In 2026-07-28 by leaving.
    let waiting = tool_call(
        &gateway.url("server"),
        &json!(1),
        "wait",
        json!({"seconds": 3600}),
    );
    let mut answer = Box::pin(waiting.send());
    tokio::select! {
        biased;
        _ = &mut answer => panic!("it does not wait"),
        () = async { call(&gateway, "echo", json!({"text": "x"})).await; } => {}
    }
    let told = gateway.logs("a wait was cancelled");
    drop(answer);
    told.await;
    // Before that by saying so.
    let session = Session::open_with(&gateway.url("server"), json!({})).await;
    let body = json!({"jsonrpc": "2.0", "id": "w", "method": "tools/call", "params": {"name": "wait", "arguments": {"seconds": 3600}, "_meta": {"progressToken": "p"}}});
    let mut waiting = session.message(&body).send().await.unwrap();
    let begun = waiting.chunk().await.unwrap().unwrap();
    assert!(
        String::from_utf8_lossy(&begun).contains(r#""progressToken":"p""#),
        "{begun:?}"
    );
    let cancel = json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": "w"}});
    assert_eq!(session.message(&cancel).send().await.unwrap().status(), 202);
    while gateway.log().matches("a wait was cancelled").count() < 2 {
        let (status, _) = within(&session, "echo", json!({"text": "x"})).await;
        assert_eq!(status, 200);
    }
}
