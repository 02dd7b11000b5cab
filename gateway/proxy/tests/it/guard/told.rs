//! What a server is told whose question to the client is blocked, or the answer to it.

use std::time::Duration;

use serde_json::{Value, json};

use super::{before, text_of};
use crate::{
    gateway::{Gateway, fixture},
    message::answer_of,
    raw::{Raw, Step},
    traffic::Session,
};

/// A call in a session of 2025-11-25 whose tool asks the client; the whole answer to it.
async fn asking_call(session: &Session, tool: &str, arguments: Value) -> String {
    let call = json!({"jsonrpc": "2.0", "id": 7, "method": "tools/call",
        "params": {"name": tool, "arguments": arguments}});
    let answer = session.message(&call).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let whole = tokio::time::timeout(Duration::from_secs(20), answer.text());
    whole.await.expect("nobody waits").unwrap()
}

#[tokio::test]
async fn a_server_whose_question_is_blocked_is_told() {
    // Sessions live on one of two endpoints: only that one may be told.
    let fixtures = [fixture(), fixture()];
    let urls = fixtures
        .each_ref()
        .map(|one| format!("'http://{}/mcp'", one.address));
    let rule = "rules: [{name: no-mail, kinds: [EMAIL], action: block, direction: response}]";
    let gateway = Gateway::start(&format!(
        "servers: {{server: {{urls: [{}]}}}}\naudit: {{gateway: test, spool: {{dir: SPOOL}}}}\nguardrails: {{{rule}}}",
        urls.join(", ")
    ));
    for (tool, argument) in [("test_sampling", "prompt"), ("test_elicitation", "message")] {
        for _ in 0..2 {
            let session = Session::open_with(
                &gateway.url("server"),
                json!({"sampling": {}, "elicitation": {}}),
            )
            .await;
            let asked = json!({argument: "write to jane@example.org"});
            let text = asking_call(&session, tool, asked).await;
            let answer = answer_of(&json!(7), &text);
            assert_eq!(answer["result"]["isError"], true, "{text}");
            let said = text_of(&answer);
            assert!(
                said.contains("[blocked by policy: the request holds EMAIL (rule no-mail)]"),
                "{said}"
            );
            assert!(
                !text.contains("jane") && !text.contains("createMessage"),
                "{text}"
            );
        }
    }
    assert!(
        !gateway.log().contains("does not hear"),
        "{}",
        gateway.log()
    );
}

#[tokio::test]
async fn a_server_that_cannot_be_told_is_counted() {
    let server = Raw::deciding(|request| {
        let request = String::from_utf8_lossy(request);
        let answer = if request.contains("\"initialize\"") {
            let result = r#"{"jsonrpc":"2.0","id":1,"result":{"protocolVersion":"2025-11-25","capabilities":{},"serverInfo":{"name":"s","version":"1"}}}"#;
            format!(
                "200 OK\r\nmcp-session-id: one\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{result}",
                result.len()
            )
        } else if request.contains("tools/call") {
            let asks = r#"data: {"jsonrpc":"2.0","id":5,"method":"sampling/createMessage","params":{"messages":[{"role":"user","content":{"type":"text","text":"jane@example.org"}}]}}"#;
            let ends = r#"data: {"jsonrpc":"2.0","id":7,"result":{"content":[]}}"#;
            let body = format!("{asks}\n\n{ends}\n\n");
            format!(
                "200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: {}\r\n\r\n{body}",
                body.len()
            )
        } else if request.contains("\"error\"") {
            "500 Internal Server Error\r\ncontent-length: 0\r\n\r\n".to_owned()
        } else {
            "202 Accepted\r\ncontent-length: 0\r\n\r\n".to_owned()
        };
        vec![Step::Send(format!("HTTP/1.1 {answer}").into_bytes())]
    })
    .await;
    let rule = "{rules: [{name: no-mail, kinds: [EMAIL], action: block, direction: response}]}";
    let gateway = before(&server.url, rule);
    let session = Session::open_with(&gateway.url("server"), json!({"sampling": {}})).await;
    let text = asking_call(&session, "any", json!({})).await;
    assert!(!text.contains("jane"), "{text}");
    gateway.logs("a server does not hear of a block").await;
    let (_, metrics) = gateway.admin("/metrics").await;
    let counted = "mcp_gateway_guardrail_untold_total{server=\"server\"} 1\n";
    assert!(metrics.contains(counted), "{metrics}");
}

#[tokio::test]
async fn a_server_is_told_when_the_answer_to_its_question_is_blocked() {
    let server = fixture();
    let rule = "rules: [{name: no-mail, kinds: [EMAIL], action: block, direction: request}]";
    let gateway = before(
        &format!("http://{}/mcp", server.address),
        &format!("{{{rule}}}"),
    );
    let session = Session::open_with(&gateway.url("server"), json!({"sampling": {}})).await;
    let call = json!({"jsonrpc": "2.0", "id": 7, "method": "tools/call",
        "params": {"name": "test_sampling", "arguments": {"prompt": "who?"}}});
    let mut answer = session.message(&call).send().await.unwrap();
    let mut text = String::new();
    let mut told = false;
    let reading = async {
        while let Some(piece) = answer.chunk().await.unwrap() {
            text.push_str(std::str::from_utf8(&piece).unwrap());
            let asked = text
                .lines()
                .filter_map(|line| serde_json::from_str::<Value>(line.strip_prefix("data:")?).ok())
                .find(|message| message["method"] == "sampling/createMessage");
            if let Some(asked) = asked.filter(|_| !told) {
                told = true;
                let says = json!({"jsonrpc": "2.0", "id": asked["id"], "result": {"role": "assistant",
                    "model": "m", "content": {"type": "text", "text": "jane@example.org"}}});
                let refused = session.message(&says).send().await.unwrap();
                assert_eq!(refused.status(), 403);
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(20), reading)
        .await
        .expect("nobody waits");
    let said = answer_of(&json!(7), &text);
    assert!(
        text_of(&said).contains("[blocked by policy: the answer holds EMAIL (rule no-mail)]"),
        "{text}"
    );
    assert!(!text.contains("jane"), "{text}");
}
