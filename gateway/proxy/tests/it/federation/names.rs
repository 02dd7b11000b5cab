//! What tools are called where several servers stand side by side.

use serde_json::{Value, json};

use super::{answered, before, called, everybody, listed, modern};
use crate::{gateway::fixture, peer::Server};

async fn call(url: &str, name: &str, arguments: Value) -> Value {
    let params = json!({"name": name, "arguments": arguments});
    answered(modern(url, "tools/call", Some(name), params))
        .await
        .1
}

#[tokio::test]
async fn names_that_are_too_long_are_cut_and_found_again() {
    let process = fixture();
    let long = "a-server-with-a-name-that-takes-most-of-the-room";
    let servers = [(long, &process), ("other", &process)];
    let gateway = before(&servers, "");
    let url = everybody(&gateway);
    let (_, tools) = listed(&url, "tools/list").await;
    let names = called(&tools["tools"], "name");
    assert!(names.iter().all(|name| name.len() <= 64), "{names:?}");
    let (_, own) = listed(&gateway.url(long), "tools/list").await;
    assert_eq!(names.len(), 2 * called(&own["tools"], "name").len());
    let own = own["tools"].as_array().unwrap().iter();
    let text = own
        .clone()
        .find(|tool| tool["name"] == "test_simple_text")
        .unwrap();
    let mut seen = tools["tools"].as_array().unwrap().iter();
    let seen = seen
        .find(|tool| tool["description"] == text["description"])
        .unwrap();
    let name = seen["name"].as_str().unwrap();
    assert!(name.starts_with(&format!("{long}__test_")), "{name}");
    assert!(!name.contains("simple_text"), "{name} was not cut");
    let answer = call(&url, name, json!({})).await;
    assert_eq!(
        answer["content"][0]["text"],
        "This is a simple text response for testing."
    );
    // A gateway that has not shown the name to anybody finds it all the same.
    let fresh = before(&servers, "");
    assert_eq!(call(&everybody(&fresh), name, json!({})).await, answer);
    let nobody = format!("{long}__test_aaaaaaaa");
    let params = json!({"name": nobody, "arguments": {}});
    let unknown = modern(&url, "tools/call", Some(&nobody), params);
    let unknown = unknown.send().await.unwrap().text().await.unwrap();
    assert!(unknown.contains("-32602"), "{unknown}");
}

#[tokio::test]
async fn only_names_that_several_servers_have_are_prefixed() {
    let (one, other) = (fixture(), Server::FastMcp.start());
    let gateway = before(
        &[("one", &one), ("other", &one), ("fast", &other)],
        "federation: {prefix: collision, separator: .}",
    );
    let url = everybody(&gateway);
    // By a gateway that has not read the lists yet.
    assert_eq!(
        call(&url, "add", json!({"a": 1, "b": 2})).await["structuredContent"]["result"],
        3
    );
    let (_, tools) = listed(&url, "tools/list").await;
    let names = called(&tools["tools"], "name");
    for name in ["add", "one.echo", "other.echo"] {
        assert!(
            names.contains(&name.to_owned()),
            "{name} is not in {names:?}"
        );
    }
    for name in ["echo", "fast.add"] {
        assert!(!names.contains(&name.to_owned()), "{name} is in {names:?}");
    }
    let (one, other) = (
        call(&url, "one.echo", json!({"text": "a"})).await,
        call(&url, "other.echo", json!({"text": "a"})).await,
    );
    assert_eq!(one["content"][0]["text"], "a");
    assert_eq!(one, other);
}

/// The names of all tools, over all pages.
async fn names_over_pages(url: &str) -> Vec<String> {
    let (mut names, mut params) = (Vec::new(), json!({}));
    loop {
        let (_, page) = answered(modern(url, "tools/list", None, params)).await;
        names.extend(called(&page["tools"], "name"));
        let Some(next) = page["nextCursor"].as_str() else {
            return names;
        };
        params = json!({ "cursor": next });
    }
}

#[tokio::test]
async fn what_a_tool_is_called_does_not_depend_on_its_page_or_on_who_answers() {
    let paging = |size| Server::FastMcp.start_with(&[("LIST_PAGE_SIZE", size)]);
    let (one, mut other, third) = (paging("2"), paging("3"), fixture());
    let gateway = before(
        &[("one", &one), ("other", &other), ("third", &third)],
        "federation: {prefix: collision, deadline: 30s}",
    );
    let url = everybody(&gateway);
    let names = names_over_pages(&url).await;
    let own = ["add", "customer", "count_down", "refuse"];
    let of = |server: &str| own.map(|name| format!("{server}__{name}"));
    assert_eq!(names[..8], [of("one"), of("other")].concat());
    assert!(names.contains(&"echo".to_owned()), "{names:?}");
    other.kill();
    let (_, rest) = listed(&url, "tools/list").await;
    assert_eq!(rest["_meta"]["dev.gantry/partial"][0]["server"], "other");
    let rest = called(&rest["tools"], "name");
    assert_eq!(rest, [&names[..4], &names[8..]].concat());
}

#[tokio::test]
async fn what_is_too_far_behind_in_a_list_to_be_compared_is_prefixed() {
    let many = ("EXTRA_TOOLS", "20");
    let deep = Server::FastMcp.start_with(&[("LIST_PAGE_SIZE", "1"), many]);
    let flat = Server::FastMcp.start_with(&[many]);
    let gateway = before(
        &[("deep", &deep), ("flat", &flat)],
        "federation: {prefix: collision, deadline: 30s}",
    );
    let url = everybody(&gateway);
    let names = names_over_pages(&url).await;
    assert_eq!(names, names_over_pages(&url).await);
    let unique: std::collections::HashSet<&String> = names.iter().collect();
    assert_eq!((unique.len(), names.len()), (48, 48), "{names:?}");
    for (name, server) in [
        ("deep__extra_03", "deep"),
        ("flat__extra_03", "flat"),
        ("deep__extra_19", "deep"),
        ("extra_19", "flat"),
    ] {
        assert!(names.contains(&name.to_owned()), "{name}: {names:?}");
        call(&url, name, json!({})).await;
        let own = name.rsplit("__").next().unwrap();
        let line = format!("\"server\":\"{server}\",\"method\":\"tools/call\",\"tool\":\"{own}\"");
        gateway.logs(&line).await;
    }
}

#[tokio::test]
async fn without_prefixes_the_first_server_has_the_name() {
    let (one, other) = (fixture(), Server::FastMcp.start());
    let gateway = before(
        &[("b-one", &one), ("c-other", &one), ("a-fast", &other)],
        "federation: {prefix: none}",
    );
    let url = everybody(&gateway);
    let answer = call(&url, "echo", json!({"text": "a"})).await;
    assert_eq!(answer["content"][0]["text"], "a");
    gateway
        .logs("\"server\":\"b-one\",\"method\":\"tools/call\",\"tool\":\"echo\"")
        .await;
    let (_, tools) = listed(&url, "tools/list").await;
    let names = called(&tools["tools"], "name");
    assert_eq!(
        names.iter().filter(|name| *name == "echo").count(),
        1,
        "{names:?}"
    );
    assert!(names.contains(&"add".to_owned()), "{names:?}");
}
