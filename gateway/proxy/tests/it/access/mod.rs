//! Who may do what: rules at work between real clients and real servers, and the ways around them
//! that there are not.

mod explained;
mod lists;

use serde_json::{Value, json};

use crate::{
    gateway::{Gateway, client, endpoint, fixture},
    message::{answer_of, modern, post, tool_call},
    peer::{Client, Era, Server},
    raw::Raw,
};

/// A gateway in front of `server` with these access rules.
fn guarded(url: &str, access: &str) -> Gateway {
    Gateway::start(&format!(
        "servers: {{server: {{url: '{url}'}}}}\naccess: {access}\naudit: {{gateway: test, spool: {{dir: SPOOL}}}}"
    ))
}

/// Status and JSON-RPC error of a refusal.
async fn refusal(request: reqwest::RequestBuilder) -> (u16, Value) {
    let response = request.send().await.unwrap();
    let status = response.status().as_u16();
    assert!(response.headers().get("www-authenticate").is_none());
    let body: Value = serde_json::from_str(&response.text().await.unwrap()).unwrap();
    (status, body["error"].clone())
}

/// The names in the lists that a client reported, in the order of its steps.
fn names(reported: &[Value], list: &str, key: &str) -> Vec<String> {
    let steps = reported.iter().filter(|line| line["step"].is_object());
    let list = steps
        .filter_map(|line| line["result"][list].as_array())
        .next()
        .unwrap_or_else(|| panic!("no {list} in {reported:#?}"));
    list.iter()
        .map(|item| item[key].as_str().unwrap().to_owned())
        .collect()
}

/// The errors of two steps that must look the same but for the request's id.
fn errors(reported: &[Value], calls: [&str; 2]) -> [(Value, String); 2] {
    calls.map(|call| {
        let mut lines = reported.iter();
        let error = &lines.find(|line| line["step"]["call"] == call).unwrap()["error"];
        assert!(!error.is_null(), "{call} was not refused: {reported:#?}");
        let text = error.to_string();
        (
            error["code"].clone(),
            text.replace(|c: char| c.is_ascii_digit(), "#"),
        )
    })
}

#[tokio::test]
async fn clients_of_both_eras_see_what_they_may_call() {
    let process = Server::Fixture.start();
    let gateway = guarded(
        &format!("http://{}/mcp", process.address),
        "[{allow: [server/echo, 'server/prompt:*_with_arguments', 'server/resource:test://static-text', 'server/resource:test://template/*']}]",
    );
    for client in [Client::TypeScript, Client::Sdk] {
        for era in [Era::Modern, Era::Legacy] {
            let saw = client
                .hold_named(&gateway.url("server"), era, "access_fixture")
                .await;
            let context = format!("{client:?} {era:?}");
            assert_eq!(names(&saw, "tools", "name"), ["echo"], "{context}");
            assert_eq!(
                names(&saw, "prompts", "name"),
                ["test_prompt_with_arguments"],
                "{context}"
            );
            assert_eq!(
                names(&saw, "resources", "uri"),
                ["test://static-text"],
                "{context}"
            );
            assert_eq!(
                names(&saw, "resourceTemplates", "uriTemplate"),
                ["test://template/{id}/data"],
                "{context}"
            );
            let [hidden, unknown] = errors(&saw, ["sized", "no_such_tool"]);
            assert_eq!(hidden, unknown, "{context}");
        }
    }
}

#[tokio::test]
async fn a_legacy_server_shows_what_its_callers_may_call() {
    let process = Server::Everything.start();
    let gateway = guarded(
        &format!("http://{}/mcp", process.address),
        "[{allow: ['server/*', 'server/prompt:args-*']}, {id: only-echo, deny: ['server/get-*', 'server/trigger-*', 'server/toggle-*', 'server/gzip-*', 'server/simulate-*', server/no-such-tool]}]",
    );
    for client in [Client::TypeScript, Client::Sdk] {
        let saw = client
            .hold_named(&gateway.url("server"), Era::Legacy, "access_everything")
            .await;
        assert_eq!(names(&saw, "tools", "name"), ["echo"], "{client:?}");
        assert_eq!(
            names(&saw, "prompts", "name"),
            ["args-prompt"],
            "{client:?}"
        );
        assert!(names(&saw, "resources", "uri").is_empty(), "{client:?}");
        let [hidden, unknown] = errors(&saw, ["get-sum", "no-such-tool"]);
        assert_eq!(hidden, unknown, "{client:?}");
    }
}

#[tokio::test]
async fn there_is_no_way_around() {
    let server = Raw::answering(
        "application/json",
        br#"{"jsonrpc":"2.0","id":1,"result":{}}"#,
    )
    .await;
    let gateway = guarded(
        &server.url,
        "[{allow: [server/open, 'server/resource:file:///public/*']}]",
    );
    let url = gateway.url("server");
    let denied = |kind: &str| {
        (
            403,
            json!({"code": -32602, "message": format!("unknown {kind}, or not allowed")}),
        )
    };

    // By name, and the same for a name that nobody has.
    let hidden = refusal(tool_call(&url, &json!(1), "hidden", json!({}))).await;
    assert_eq!(hidden, denied("tool"));
    assert_eq!(
        refusal(tool_call(&url, &json!(1), "no_such_tool", json!({}))).await,
        hidden
    );
    // By a header that says something else than the message, either way round.
    for (header, name) in [("open", "hidden"), ("hidden", "open")] {
        let request = modern(&url, "tools/call", Some(header), json!({"name": name}));
        assert_eq!(refusal(request).await.1["code"], -32020);
    }
    // As a legacy message, which has no such headers.
    let legacy = |body: Value| post(&url).body(body.to_string());
    let call = |name: &str, more: Value| {
        let mut body =
            json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": name}});
        body["params"]["task"] = more;
        body
    };
    assert_eq!(
        refusal(legacy(call("hidden", Value::Null))).await,
        denied("tool")
    );
    // As a task of its own.
    assert_eq!(
        refusal(legacy(call("hidden", json!({"ttl": 1000})))).await,
        denied("tool")
    );
    // In a batch, behind something that is allowed.
    let batch = json!([call("open", Value::Null), call("hidden", Value::Null)]);
    assert_eq!(refusal(legacy(batch)).await.1["code"], -32600);
    // Twice in one message, under another key, as a notification.
    let twice = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"open","name":"hidden"}}"#;
    assert_eq!(refusal(post(&url).body(twice)).await.1["code"], -32600);
    let folded = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"open","Name":"hidden"}}"#;
    assert_eq!(refusal(post(&url).body(folded)).await.1["code"], -32600);
    let silent = json!({"jsonrpc": "2.0", "method": "tools/call", "params": {"name": "hidden"}});
    assert_eq!(refusal(legacy(silent)).await, denied("tool"));
    // A resource behind dots, and a subscription to it.
    let dots = "file:///public/..%2Fprivate";
    let read = modern(&url, "resources/read", Some(dots), json!({"uri": dots}));
    assert_eq!(refusal(read).await, denied("resource"));
    let listen = json!({"notifications": {"resourceSubscriptions": ["file:///public/a", dots]}});
    assert_eq!(
        refusal(modern(&url, "subscriptions/listen", None, listen)).await,
        denied("resource")
    );
    // What a completion would tell about it.
    let complete = json!({"ref": {"type": "ref/prompt", "name": "hidden"}, "argument": {"name": "a", "value": ""}});
    assert_eq!(
        refusal(modern(&url, "completion/complete", None, complete)).await,
        denied("prompt")
    );
    // A method that nobody knows.
    let unknown = (
        403,
        json!({"code": -32601, "message": "unknown method, or not allowed"}),
    );
    assert_eq!(
        refusal(modern(&url, "vendor/run", None, json!({"name": "open"}))).await,
        unknown
    );
    // Nothing of all that has reached the server.
    assert!(server.requests().is_empty());
    let open = tool_call(&url, &json!(1), "open", json!({}))
        .send()
        .await
        .unwrap();
    assert_eq!((open.status().as_u16(), server.requests().len()), (200, 1));
}

#[tokio::test]
async fn whoever_may_call_no_tool_has_no_tasks() {
    let server = Raw::answering(
        "application/json",
        br#"{"jsonrpc":"2.0","id":1,"result":{}}"#,
    )
    .await;
    let gateway = guarded(&server.url, "[{allow: ['server/prompt:*']}]");
    let url = gateway.url("server");
    for method in ["tasks/get", "tasks/cancel", "tasks/update"] {
        let request = modern(&url, method, Some("t-1"), json!({"taskId": "t-1"}));
        assert_eq!(refusal(request).await.0, 403, "{method}");
    }
    let listen = json!({"notifications": {"taskIds": ["t-1"]}});
    assert_eq!(
        refusal(modern(&url, "subscriptions/listen", None, listen))
            .await
            .0,
        403
    );
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn whoever_may_nothing_at_a_server_does_not_even_begin() {
    let server = Raw::answering("application/json", b"{}").await;
    let gateway = guarded(&server.url, "[{agent: somebody, allow: ['*']}]");
    let url = gateway.url("server");
    let denied = (403, json!({"code": -32600, "message": "not allowed"}));
    let initialize = json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {"protocolVersion": "2025-11-25"}});
    assert_eq!(
        refusal(post(&url).body(initialize.to_string())).await,
        denied
    );
    assert_eq!(
        refusal(modern(&url, "server/discover", None, json!({}))).await,
        denied
    );
    let stream = client().get(&url).header("accept", "text/event-stream");
    assert_eq!(refusal(stream).await, denied);
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn an_old_session_has_no_old_rights() {
    let server = fixture();
    let mut gateway = guarded(&endpoint(&server), "[{allow: ['*']}]");
    let url = gateway.url("server");
    let initialize = json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {
        "protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "old", "version": "1"}}});
    let opened = post(&url)
        .body(initialize.to_string())
        .send()
        .await
        .unwrap();
    let session = opened.headers()["mcp-session-id"].clone();
    opened.text().await.unwrap();
    let call = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "echo", "arguments": {"text": "a"}}});
    let request = || {
        post(&url)
            .header("mcp-session-id", &session)
            .body(call.to_string())
    };
    let answer = request().send().await.unwrap().text().await.unwrap();
    assert!(
        answer_of(&json!(1), &answer)["result"].is_object(),
        "{answer}"
    );

    let file = gateway.folder.path().join("gantry.yaml");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(
        &file,
        text.replace("[{allow: ['*']}]", "[{allow: ['server/sized']}]"),
    )
    .unwrap();
    gateway.restart();
    let (status, error) = refusal(request()).await;
    assert!(status == 403 || status == 404, "{status} {error}");
}
