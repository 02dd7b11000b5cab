//! A task is its caller's and nobody else's, although the server sees one client.

use reqwest::RequestBuilder;
use serde_json::{Value, json};

use crate::{
    gateway::{Gateway, Store, endpoint, fixture},
    identity::digest,
    message::{MODERN, answer_of, modern_body, post},
    peer::Server,
    raw::Raw,
    traffic::Session,
};

/// A gateway with two agents, each known by the key that is its name.
fn before(url: &str, audit: &str) -> Gateway {
    let key = |name| format!("{{sha256: {}, agent: {name}}}", digest(name));
    Gateway::start(&format!(
        "auth: {{api_keys: [{}, {}]}}\naccess: [{{allow: ['*']}}]\nservers: {{server: {{url: '{url}'}}, spare: {{url: '{url}'}}}}\n{audit}",
        key("ann"),
        key("bob"),
    ))
}

const AUDIT: &str = "audit: {gateway: test, spool: {dir: SPOOL}}";

/// A message of a modern client that takes tasks.
fn modern(url: &str, agent: &str, method: &str, name: &str, params: Value) -> RequestBuilder {
    let mut body = modern_body(&json!(1), method, params);
    // As it is written by those who escape a slash.
    let extension = r#"{"extensions":{"io.modelcontextprotocol\/tasks":{}}}"#;
    body["params"]["_meta"]["io.modelcontextprotocol/clientCapabilities"] = json!("CAPABILITIES");
    let body = body.to_string().replace("\"CAPABILITIES\"", extension);
    post(url)
        .header("x-api-key", agent)
        .header("mcp-protocol-version", MODERN)
        .header("mcp-method", method)
        .header("mcp-name", name)
        .body(body)
}

async fn answer(request: RequestBuilder) -> Value {
    let text = request.send().await.unwrap().text().await.unwrap();
    answer_of(&json!(1), &text)
}

async fn about(url: &str, agent: &str, method: &str, task: &str) -> Value {
    answer(modern(url, agent, method, task, json!({"taskId": task}))).await
}

fn unknown() -> Value {
    json!({"code": -32602, "message": "unknown task"})
}

/// The message without the ids that requests have of their own.
fn error(mut answer: Value) -> Value {
    let error = answer["error"].take();
    json!({"code": error["code"], "message": error["message"]})
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_task_is_that_of_whoever_began_it() {
    let store = Store::start().await;
    let fixture = fixture();
    let gateway = before(&endpoint(&fixture), &store.audit());
    let url = gateway.url("server");
    let arguments = json!({"name": "slow_compute", "arguments": {"seconds": 0.1, "label": "x"}});
    let begun = answer(modern(&url, "ann", "tools/call", "slow_compute", arguments)).await;
    assert_eq!(begun["result"]["resultType"], "task", "{begun}");
    let task = begun["result"]["taskId"].as_str().unwrap().to_owned();
    let (own, _) = task.rsplit_once('.').unwrap();

    // Another caller, another server of the same process, the server's own id, and an altered one.
    let altered = format!("{own}x{}", &task[own.len()..]);
    for method in ["tasks/get", "tasks/cancel", "tasks/update"] {
        let refused = about(&url, "bob", method, &task).await;
        assert_eq!(error(refused), unknown(), "{method}");
    }
    for (place, id) in [("spare", &*task), ("server", own), ("server", &*altered)] {
        let refused = about(&gateway.url(place), "ann", "tasks/get", id).await;
        assert_eq!(error(refused), unknown(), "{place} {id}");
    }
    let listen = json!({"notifications": {"taskIds": [task, own]}});
    let refused = answer(modern(&url, "ann", "subscriptions/listen", "", listen)).await;
    assert_eq!(error(refused), unknown());

    // It goes on for its own, in the same words each time.
    let done = loop {
        let state = about(&url, "ann", "tasks/get", &task).await;
        assert_eq!(state["result"]["taskId"], *task, "{state}");
        match state["result"]["status"].as_str().unwrap() {
            "working" => tokio::time::sleep(std::time::Duration::from_millis(50)).await,
            _ => break state["result"].clone(),
        }
    };
    assert_eq!(done["status"], "completed", "{done}");
    assert!(done.to_string().contains("slow_compute(x) done"), "{done}");

    // At the endpoint of all servers, too.
    let (every, seen) = (
        format!("http://{}/mcp", gateway.address),
        format!("server/{task}"),
    );
    let state = about(&every, "ann", "tasks/get", &seen).await;
    assert_eq!(state["result"]["taskId"], seen, "{state}");
    assert_eq!(
        error(about(&every, "bob", "tasks/get", &seen).await),
        unknown()
    );

    let rows = store
        .rows("method LIKE 'tasks/%' AND agent = 'bob'", 4)
        .await;
    for row in rows {
        assert_eq!(row["outcome"], "denied", "{row}");
    }
}

#[tokio::test]
async fn a_task_within_a_session_is_that_of_its_caller() {
    let everything = Server::Everything.start();
    let gateway = before(&format!("http://{}/mcp", everything.address), AUDIT);
    let url = gateway.url("server");
    let by =
        |agent: &'static str| move |request: RequestBuilder| request.header("x-api-key", agent);
    let (ann, bob) = (
        Session::open(&url, by("ann")).await,
        Session::open(&url, by("bob")).await,
    );
    let ask = async |session: &Session, agent: &'static str, method: &str, params: Value| {
        let body = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
        answer(by(agent)(session.message(&body))).await
    };
    let call = json!({"name": "simulate-research-query", "arguments": {"topic": "tides"}, "task": {"ttl": 60_000}});
    let begun = ask(&ann, "ann", "tools/call", call).await;
    let task = begun["result"]["task"]["taskId"]
        .as_str()
        .unwrap_or_else(|| panic!("{begun}"));
    let (own, tag) = task.rsplit_once('.').unwrap();
    assert_eq!(tag.len(), 22, "{task}");

    let refused = ask(&bob, "bob", "tasks/get", json!({"taskId": task})).await;
    assert_eq!(error(refused), unknown());
    let refused = ask(&bob, "bob", "tasks/result", json!({"taskId": own})).await;
    assert_eq!(error(refused), unknown());
    let refused = ask(&ann, "ann", "tasks/list", json!({})).await;
    assert_eq!(refused["error"]["code"], -32601, "{refused}");

    let state = ask(&ann, "ann", "tasks/get", json!({"taskId": task})).await;
    assert_eq!(state["result"]["taskId"], task, "{state}");
    let result = ask(&ann, "ann", "tasks/result", json!({"taskId": task})).await;
    let related = &result["result"]["_meta"]["io.modelcontextprotocol/related-task"]["taskId"];
    assert_eq!(*related, task, "{result}");
    assert!(
        result["result"]["content"].to_string().contains("tides"),
        "{result}"
    );
}

/// What of a stream is about the server's tasks, and what about the client's own.
#[tokio::test]
async fn only_the_servers_tasks_are_tagged() {
    let events = [
        json!({"jsonrpc": "2.0", "id": 7, "method": "tasks/get", "params": {"taskId": "of-the-client"}}),
        json!({"jsonrpc": "2.0", "method": "notifications/tasks/status", "params": {"taskId": "of-the-server", "status": "working"}}),
        json!({"jsonrpc": "2.0", "id": 1, "result": {"task": {"taskId": "t"}, "text": "taskId"}}),
    ];
    let body: String = events
        .iter()
        .map(|event| format!("data: {event}\n\n"))
        .collect();
    let server = Raw::answering("text/event-stream", body.as_bytes()).await;
    let gateway = before(&server.url, AUDIT);
    let call = json!({"name": "any", "arguments": {}});
    let call = modern(&gateway.url("server"), "ann", "tools/call", "any", call);
    let text = call.send().await.unwrap().text().await.unwrap();
    let seen = text.lines().filter_map(|line| line.strip_prefix("data: "));
    let seen: Vec<Value> = seen
        .map(|json| serde_json::from_str(json).unwrap())
        .collect();
    assert_eq!(seen[0], events[0]);
    let tagged = |value: &Value, own: &str| {
        let tag = value.as_str().unwrap().strip_prefix(own).unwrap();
        assert!(tag.starts_with('.') && tag.len() == 23, "{value}");
    };
    tagged(&seen[1]["params"]["taskId"], "of-the-server");
    tagged(&seen[2]["result"]["task"]["taskId"], "t");
    assert_eq!(seen[2]["result"]["text"], "taskId");
}
