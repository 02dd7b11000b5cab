//! Lists of several servers as one.

use serde_json::{Value, json};

use super::{answered, before, called, configured, everybody, listed, modern};
use crate::{
    gateway::{Store, fixture},
    message::answer_of,
    peer::Server,
    process::Process,
};

/// A server that gives its lists two elements at a time.
fn paging() -> Process {
    Server::FastMcp.start_with(&[("LIST_PAGE_SIZE", "2")])
}

#[tokio::test]
async fn elements_stand_in_order_and_are_what_their_servers_wrote() {
    let (one, other) = (fixture(), Server::FastMcp.start());
    let gateway = before(&[("b-fixture", &one), ("a-fast", &other)], "");
    let (headers, result) = listed(&everybody(&gateway), "tools/list").await;
    assert!(headers.get("gantry-partial").is_none());
    let (_, fast) = listed(&gateway.url("a-fast"), "tools/list").await;
    let (_, fixture) = listed(&gateway.url("b-fixture"), "tools/list").await;
    let own = |server: &str, list: &Value| -> Vec<Value> {
        let mut elements = list["tools"].as_array().unwrap().clone();
        for element in &mut elements {
            let name = element["name"].as_str().unwrap();
            element["name"] = json!(format!("{server}__{name}"));
        }
        elements
    };
    let expected = [own("a-fast", &fast), own("b-fixture", &fixture)].concat();
    assert_eq!(result["tools"], json!(expected));
    assert_eq!(result["resultType"], "complete");
    // One of them says nothing about how long its list may be kept.
    assert_eq!(
        (&result["ttlMs"], &result["cacheScope"]),
        (&json!(0), &json!("private"))
    );
    let (_, templates) = listed(&everybody(&gateway), "resources/templates/list").await;
    assert_eq!(
        called(&templates["resourceTemplates"], "uriTemplate"),
        [
            "gantry://a-fast/orders://{number}",
            "gantry://b-fixture/test://template/{id}/data"
        ]
    );
}

#[tokio::test]
async fn pages_of_several_servers_are_pages_of_one_list() {
    let (one, other) = (paging(), paging());
    let gateway = before(
        &[("one", &one), ("other", &other), ("third", &one)],
        "bundles: {two: {servers: [one, other]}}",
    );
    let url = everybody(&gateway);
    let (mut names, mut cursors) = (Vec::new(), Vec::new());
    let mut params = json!({});
    loop {
        let (_, page) = answered(modern(&url, "tools/list", None, params)).await;
        names.extend(called(&page["tools"], "name"));
        let Some(next) = page["nextCursor"].as_str() else {
            break;
        };
        cursors.push(next.to_owned());
        params = json!({ "cursor": next });
    }
    assert!(!cursors.is_empty());
    let mut expected = Vec::new();
    for server in ["one", "other", "third"] {
        for tool in ["add", "customer", "count_down", "refuse"] {
            expected.push(format!("{server}__{tool}"));
        }
    }
    names.sort();
    expected.sort();
    assert_eq!(names, expected);
    // What nobody was given, and what was given for something else, leads nowhere.
    let mut altered = cursors[0].clone();
    let last = if altered.ends_with('A') { "B" } else { "A" };
    altered.replace_range(altered.len() - 1.., last);
    for (url, method, cursor) in [
        (&url, "tools/list", altered.as_str()),
        (&url, "tools/list", ""),
        (&url, "tools/list", "b2Zmc2V0PTI"),
        (&url, "prompts/list", cursors[0].as_str()),
        (&gateway.url("two"), "tools/list", cursors[0].as_str()),
    ] {
        let request = modern(url, method, None, json!({ "cursor": cursor }));
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), 200);
        let answer: Value = answer.json().await.unwrap();
        assert_eq!(answer["error"]["code"], -32602, "{method} {cursor}");
        assert_eq!(answer["id"], 1);
    }
}

#[tokio::test]
async fn every_server_that_was_asked_has_its_own_record() {
    let store = Store::start().await;
    let (one, other) = (fixture(), Server::FastMcp.start());
    let servers = [("fixture", &one), ("fast", &other)];
    let gateway = configured(&servers, &store.audit(), "");
    listed(&everybody(&gateway), "tools/list").await;
    let call = modern(
        &everybody(&gateway),
        "tools/call",
        Some("fast__add"),
        json!({"name": "fast__add", "arguments": {"a": 1, "b": 2}}),
    );
    answered(call).await;
    let rows = store.rows("1", 4).await;
    let mut seen: Vec<(&str, &str, &str, &str)> = rows
        .iter()
        .map(|row| {
            let text = |key: &str| row[key].as_str().unwrap();
            (
                text("server"),
                text("method"),
                text("tool"),
                text("outcome"),
            )
        })
        .collect();
    seen.sort_unstable();
    assert_eq!(
        seen,
        [
            ("*", "tools/list", "", "ok"),
            ("fast", "tools/call", "add", "ok"),
            ("fast", "tools/list", "", "ok"),
            ("fixture", "tools/list", "", "ok"),
        ]
    );
    let of = |server: &str| {
        let list = rows
            .iter()
            .find(|row| row["server"] == server && row["method"] == "tools/list");
        list.unwrap().clone()
    };
    // What the servers were asked belongs to what the client has asked.
    for server in ["fast", "fixture"] {
        assert_eq!(of(server)["trace_hex"], of("*")["trace_hex"]);
        assert!(of(server)["duration_us"].as_u64().unwrap() > 0);
    }
}

#[tokio::test]
async fn lists_are_kept_as_long_as_their_servers_say_and_no_longer_than_they_are_true() {
    let store = Store::start().await;
    let (one, other) = (fixture(), Server::FastMcp.start());
    let servers = [("fixture", &one), ("fast", &other)];
    let gateway = configured(&servers, &store.audit(), "");
    let url = everybody(&gateway);
    for _ in 0..3 {
        listed(&url, "tools/list").await;
    }
    // The fixture's lists may be kept for a minute, and FastMCP's not at all.
    let asked = "method = 'tools/list' AND server";
    assert_eq!(store.rows(&format!("{asked} = 'fast'"), 3).await.len(), 3);
    assert_eq!(
        store.rows(&format!("{asked} = 'fixture'"), 1).await.len(),
        1
    );
    let mut news = super::streams::listen(&url, json!({"toolsListChanged": true})).await;
    let name = "fixture__test_trigger_tool_change";
    let params = json!({"name": name, "arguments": {}});
    answered(modern(&url, "tools/call", Some(name), params)).await;
    news.until("notifications/tools/list_changed").await;
    listed(&url, "tools/list").await;
    assert_eq!(
        store.rows(&format!("{asked} = 'fixture'"), 2).await.len(),
        2
    );
}

/// Keys of two agents, and what they may do.
const ACCESS: &str = "\
auth:
  api_keys:
    - {agent: ada, sha256: ADA}
    - {agent: eve, sha256: EVE}
access:
  - {agent: ada, allow: [fixture/echo, fixture/test_s*, fast, 'fixture/resource:test://static-text', 'fixture/prompt:*_with_arguments']}
  - {agent: eve, allow: [fast/add], deny: [fast/refuse]}
";

#[tokio::test]
async fn a_caller_sees_exactly_what_it_may_call() {
    let (one, other) = (fixture(), Server::FastMcp.start());
    let gateway = before(&[("fixture", &one), ("fast", &other)], &keyed(ACCESS));
    let url = everybody(&gateway);
    let open = before(&[("fixture", &one), ("fast", &other)], "");
    let (_, all) = listed(&everybody(&open), "tools/list").await;
    let all = called(&all["tools"], "name");
    let mut seen_by = Vec::new();
    for agent in ["ada", "eve"] {
        let with_key = |request: reqwest::RequestBuilder| request.header("x-api-key", key(agent));
        let (_, seen) = answered(with_key(modern(&url, "tools/list", None, json!({})))).await;
        assert_eq!(seen["cacheScope"], "private");
        let seen = called(&seen["tools"], "name");
        for name in &all {
            let params = json!({"name": name, "arguments": {"text": "x", "a": 1, "b": 2, "name": "x", "start": 0, "bytes": 1, "ms": 1, "message": "x", "prompt": "x", "uri": "x"}});
            let call = with_key(modern(&url, "tools/call", Some(name), params));
            let status = call.send().await.unwrap().status();
            assert_eq!(
                status == 403,
                !seen.contains(name),
                "{agent} {name}: {status}"
            );
        }
        seen_by.push(seen);
    }
    assert_eq!(seen_by[1], ["fast__add"]);
    assert!(
        seen_by[0].contains(&"fixture__echo".to_owned()),
        "{seen_by:?}"
    );
    assert!(
        !seen_by[0].contains(&"fixture__slow".to_owned()),
        "{seen_by:?}"
    );
    // What it may not use looks like what does not exist, wherever that would be.
    let mut refusals = Vec::new();
    for name in [
        "fixture__echo",
        "fixture__no_such",
        "nobody__echo",
        "fast__no_such",
        "add",
    ] {
        let params = json!({"name": name, "arguments": {"text": "x"}});
        let call = modern(&url, "tools/call", Some(name), params).header("x-api-key", key("eve"));
        let answer = call.send().await.unwrap();
        refusals.push((answer.status(), answer.text().await.unwrap()));
    }
    assert!(
        refusals.iter().all(|refusal| *refusal == refusals[0]),
        "{refusals:?}"
    );
    let error = &answer_of(&json!(1), &refusals[0].1)["error"];
    assert_eq!(
        (refusals[0].0.as_u16(), &error["code"]),
        (403, &json!(-32602))
    );
    let resources = |agent: &'static str| {
        let url = url.clone();
        async move {
            let list = modern(&url, "resources/list", None, json!({}));
            let (_, seen) = answered(list.header("x-api-key", key(agent))).await;
            called(&seen["resources"], "uri")
        }
    };
    assert_eq!(
        resources("ada").await,
        [
            "gantry://fast/orders://summary",
            "gantry://fixture/test://static-text"
        ]
    );
    assert_eq!(resources("eve").await, [""; 0]);
}

/// The key of an agent.
fn key(agent: &str) -> String {
    format!("key-of-{agent}-0123456789abcdef0123456789")
}

fn keyed(text: &str) -> String {
    use sha2::{Digest, Sha256};
    let digest = |agent: &str| {
        let digest = Sha256::digest(key(agent));
        digest
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect::<String>()
    };
    text.replace("ADA", &digest("ada"))
        .replace("EVE", &digest("eve"))
}
