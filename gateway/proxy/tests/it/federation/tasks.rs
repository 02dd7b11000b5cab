//! Tasks of several servers.

use serde_json::{Value, json};

use super::{Session, before, everybody, modern};
use crate::{gateway::fixture, message::post, peer::Server};

#[tokio::test]
async fn a_task_is_found_again_at_its_server() {
    let (one, other) = (fixture(), fixture());
    let gateway = before(&[("one", &one), ("other", &other)], "");
    let url = everybody(&gateway);
    let with_tasks = |method: &str, name: &str, params: Value| {
        let mut body = crate::message::modern_body(&json!(1), method, params);
        body["params"]["_meta"]["io.modelcontextprotocol/clientCapabilities"] =
            json!({"extensions": {"io.modelcontextprotocol/tasks": {}}});
        let request = post(&url)
            .header("mcp-protocol-version", crate::message::MODERN)
            .header("mcp-method", method)
            .header("mcp-name", name);
        super::answered(request.body(body.to_string()))
    };
    let name = "other__slow_compute";
    let params = json!({"name": name, "arguments": {"seconds": 0.1, "label": "x"}});
    let (_, begun) = with_tasks("tools/call", name, params).await;
    assert_eq!(begun["resultType"], "task", "{begun}");
    let task = begun["taskId"].as_str().unwrap();
    assert!(task.starts_with("other/"), "{begun}");
    let done = loop {
        let (_, state) = with_tasks("tasks/get", task, json!({ "taskId": task })).await;
        assert_eq!(state["taskId"], *task, "{state}");
        match state["status"].as_str().unwrap() {
            "working" => tokio::time::sleep(std::time::Duration::from_millis(50)).await,
            status => break status.to_owned(),
        }
    };
    assert_eq!(done, "completed");
    // It is nobody else's task.
    let elsewhere = task.replacen("other/", "one/", 1);
    let request = modern(
        &url,
        "tasks/get",
        Some(&elsewhere),
        json!({ "taskId": elsewhere }),
    );
    let answer = request.send().await.unwrap().text().await.unwrap();
    assert!(answer.contains("\"error\""), "{answer}");
}

#[tokio::test]
async fn tasks_of_several_servers_are_one_list() {
    // Neither the fixture nor FastMCP has tasks in the earlier revisions.
    let (one, other) = (Server::Everything.start(), Server::Everything.start());
    let (third, fourth) = (fixture(), Server::FastMcp.start());
    let servers = [
        ("one", &one),
        ("other", &other),
        ("third", &third),
        ("zero", &fourth),
    ];
    let gateway = before(&servers, "");
    let url = everybody(&gateway);
    let session = Session::open(&url).await;
    let list = async |params: Value| {
        let answer = session.request("tasks/list", params).await;
        assert!(answer["result"].get("_meta").is_none(), "{answer}");
        answer["result"].clone()
    };
    assert_eq!(list(json!({})).await, json!({"tasks": []}));
    let mut begun = Vec::new();
    // More than the server gives on one page.
    for server in ["one"; 12].into_iter().chain(["other"]) {
        let call = json!({"name": format!("{server}__simulate-research-query"),
            "arguments": {"topic": "gantries"}, "task": {"ttl": 600_000}});
        let answer = session.request("tools/call", call).await;
        let id = answer["result"]["task"]["taskId"].as_str().unwrap();
        assert!(id.starts_with(&format!("{server}/")), "{answer}");
        begun.push(id.to_owned());
    }
    let mut page = list(json!({})).await;
    let mut listed = Vec::new();
    let mut pages = 1;
    loop {
        listed.extend(super::called(&page["tasks"], "taskId"));
        let Some(next) = page["nextCursor"].as_str() else {
            break;
        };
        pages += 1;
        page = list(json!({ "cursor": next })).await;
    }
    assert!(pages > 1);
    listed.sort();
    begun.sort();
    assert_eq!(listed, begun);
    // Each is found again by the id that it has in the list.
    for task in [&begun[0], &begun[12]] {
        let answer = session
            .request("tasks/get", json!({ "taskId": task }))
            .await;
        assert_eq!(answer["result"]["taskId"], **task, "{answer}");
    }
    let last = json!({ "taskId": begun[12] });
    let ended = session.request("tasks/cancel", last).await;
    assert_eq!(ended["result"]["status"], "cancelled", "{ended}");
    for cursor in ["", "made up"] {
        let refused = session
            .request("tasks/list", json!({ "cursor": cursor }))
            .await;
        assert_eq!(refused["error"]["code"], -32602, "{refused}");
    }
    // There is no such list any more.
    let answer = modern(&url, "tasks/list", None, json!({}))
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 404);
}
