//! PyPI `httpbin`, which describes itself, used by real clients.

use serde_json::{Value, json};

use super::{AUDIT, before, call, text};
use crate::{
    gateway::{Gateway, Store},
    message::{answer_of, modern_body, post},
    peer::{Client, Era, httpbin},
};

fn openapi(address: &str) -> String {
    format!("spec: 'http://{address}/spec.json', base_url: 'http://{address}'")
}

/// What a session's call of a tool with these arguments brought.
fn step<'s>(saw: &'s [Value], tool: &str, arguments: &Value) -> &'s Value {
    let found = saw.iter().find(|line| {
        line["step"]["call"] == tool
            && (arguments.is_null() || line["step"]["arguments"] == *arguments)
    });
    found.unwrap_or_else(|| panic!("{tool}: {saw:#?}"))
}

/// The result in a line, which one of the clients wraps.
fn result(line: &Value) -> &Value {
    line["result"].get("result").unwrap_or(&line["result"])
}

fn check(saw: &[Value], brief: bool, address: &str) {
    let said = |tool: &str, arguments: Value| {
        let line = step(saw, tool, &arguments);
        let text = result(line)["content"][0]["text"].as_str();
        text.unwrap_or_else(|| panic!("{line}")).to_owned()
    };
    let tools = saw
        .iter()
        .find(|line| line["step"]["list"] == "tools")
        .unwrap();
    let tools = result(tools)["tools"].as_array();
    assert_eq!(tools.unwrap_or_else(|| panic!("{saw:#?}")).len(), 73);
    let odd = json!({"anything": "ä b?c#d&e=f;g"});
    let echoed: Value = serde_json::from_str(&said("get_anything_anything", odd)).unwrap();
    let path = "/anything/ä%20b%3Fc%23d&e=f;g";
    assert_eq!(echoed["url"], format!("http://{address}{path}"), "{echoed}");
    assert!(said("get_status_codes", json!({"codes": "404"})).starts_with("HTTP 404"));
    if brief {
        return;
    }
    let slides = &step(saw, "get_json", &Value::Null)["result"]["structuredContent"];
    assert_eq!(slides["slideshow"]["author"], "Yours Truly");
    let image = &step(saw, "get_image_png", &Value::Null)["result"]["content"][0];
    assert_eq!(image["mimeType"], "image/png");
    assert!(image["data"].as_str().unwrap().starts_with("iVBORw0KGgo"));
    assert!(said("get_xml", Value::Null).contains("<slideshow"));
    assert!(said("get_encoding_utf8", Value::Null).contains("∮ E⋅da = Q"));
    assert!(said("get_redirect_n", json!({"n": 3})).contains("/get"));
    assert!(said("get_redirect_n", json!({"n": 9})).starts_with("HTTP 302"));
    let elsewhere = json!({"url": "http://127.0.0.1:1/elsewhere"});
    assert!(said("get_redirect-to", elsewhere).starts_with("HTTP 302"));
    assert!(said("get_gzip", Value::Null).contains("compressed"));
}

async fn uses_it(client: Client, eras: &[Era], brief: bool) {
    let server = httpbin();
    let gateway = before(&openapi(&server.address), "");
    for era in eras {
        let saw = client
            .hold_named(&gateway.url("server"), *era, "httpbin")
            .await;
        check(&saw, brief, &server.address);
    }
}

#[tokio::test]
async fn typescript_client_uses_a_rest_service() {
    uses_it(
        Client::TypeScript,
        &[Era::Modern, Era::Legacy, Era::Auto],
        false,
    )
    .await;
}

#[tokio::test]
async fn python_sdk_client_uses_a_rest_service() {
    uses_it(Client::Sdk, &[Era::Modern, Era::Legacy, Era::Auto], false).await;
}

#[tokio::test]
async fn fastmcp_client_uses_a_rest_service() {
    uses_it(Client::FastMcp, &[Era::Modern, Era::Legacy], false).await;
}

#[tokio::test]
async fn inspector_uses_a_rest_service() {
    uses_it(Client::Inspector, &[Era::Modern, Era::Legacy], true).await;
}

#[tokio::test]
async fn calls_are_recorded_as_those_of_a_rest_service() {
    let (server, store) = (httpbin(), Store::start().await);
    let gateway = Gateway::start(&format!(
        "servers: {{server: {{versions: {{v1: {{openapi: {{{}}}}}, v2: {{url: 'http://127.0.0.1:9/mcp', weight: 0}}}}}}}}\n{}",
        openapi(&server.address),
        store.audit()
    ));
    let good = call(&gateway, "get_uuid", json!({})).await;
    assert_eq!(good["result"]["isError"], false, "{good}");
    let bad = call(&gateway, "get_status_codes", json!({"codes": "503"})).await;
    assert!(text(&bad).starts_with("HTTP 503"), "{bad}");
    let rows = store.rows("tool != ''", 2).await;
    for row in &rows {
        assert_eq!(row["transport"], "rest", "{row}");
        assert_eq!(row["endpoint"], "local", "{row}");
        assert_eq!(row["server_version"], "v1", "{row}");
    }
    assert_eq!(rows[0]["tool"], "get_uuid");
    assert_ne!(rows[0]["outcome"], rows[1]["outcome"]);
}

#[tokio::test]
async fn access_redaction_and_lists_are_as_everywhere() {
    let server = httpbin();
    let gateway = Gateway::start(&format!(
        "servers: {{server: {{openapi: {{{}}}}}}}\naccess: [{{allow: [server/get_anything_anything, server/get_json]}}]\n\
         guardrails: {{pii: redact}}\n{AUDIT}",
        openapi(&server.address)
    ));
    let list = modern_body(&json!(1), "tools/list", json!({}));
    let list = post(&gateway.url("server"))
        .header("mcp-protocol-version", "2026-07-28")
        .header("mcp-method", "tools/list")
        .body(list.to_string());
    let list = answer_of(&json!(1), &list.send().await.unwrap().text().await.unwrap());
    let names: Vec<&Value> = list["result"]["tools"]
        .as_array()
        .unwrap()
        .iter()
        .map(|tool| &tool["name"])
        .collect();
    assert_eq!(names, ["get_anything_anything", "get_json"]);
    // What some callers do not see must not be shared between callers.
    assert_eq!(list["result"]["cacheScope"], "private");
    let denied = call(&gateway, "get_uuid", json!({})).await;
    assert!(denied["error"].is_object(), "{denied}");
    let redacted = call(
        &gateway,
        "get_anything_anything",
        json!({"anything": "jane.roe@example.com"}),
    )
    .await;
    assert!(!redacted.to_string().contains("jane.roe"), "{redacted}");
    assert_eq!(redacted["result"]["isError"], false, "{redacted}");
}

#[tokio::test]
async fn a_service_that_is_away_is_a_fault_like_that_of_any_server() {
    let mut server = httpbin();
    let gateway = before(&openapi(&server.address), "");
    server.kill();
    let url = gateway.url("server");
    let answer = crate::message::tool_call(&url, &json!(1), "get_uuid", json!({}));
    let answer = answer.send().await.unwrap();
    assert_eq!(answer.status(), 502);
    let body = answer.text().await.unwrap();
    assert!(!body.contains(&server.address), "{body}");
    gateway.logs("a REST API gave no answer").await;
}

#[tokio::test]
async fn a_slow_service_is_not_waited_for() {
    let server = httpbin();
    let gateway = Gateway::start(&format!(
        "servers: {{server: {{openapi: {{{}}}, timeouts: {{answer: 1s}}}}}}\n{AUDIT}",
        openapi(&server.address)
    ));
    let call = crate::message::tool_call(
        &gateway.url("server"),
        &json!(1),
        "get_delay_delay",
        json!({"delay": 9}),
    );
    assert_eq!(call.send().await.unwrap().status(), 504);
}
