//! Descriptions: what is told about them, and what the operator changes.

use serde_json::{Value, json};

use super::{AUDIT, before, call, text};
use crate::{
    gateway::{Gateway, client},
    message::{answer_of, post},
    peer::httpbin,
    raw::Raw,
};

const PETS: &str = r#"
openapi: 3.1.0
info: {title: Pets, version: "1"}
servers: [{url: "https://elsewhere.example.com/v9"}]
paths:
  /pets:
    get:
      operationId: listPets
      parameters: [{name: limit, in: query, schema: {type: integer}}, {name: key, in: query, required: true, schema: {type: string}}]
    post: {operationId: addPet, requestBody: {content: {application/json: {schema: {type: object, properties: {name: {type: string}}}}}}}
  /pets/{id}:
    delete: {operationId: removePet, parameters: [{name: id, in: path, required: true, schema: {type: string}}]}
    trace: {operationId: tracePet}
"#;

async fn legacy_list(gateway: &Gateway, cursor: Option<&str>) -> Value {
    let params = cursor.map_or_else(|| json!({}), |cursor| json!({"cursor": cursor}));
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": params});
    let answer = post(&gateway.url("server")).header("mcp-protocol-version", "2025-11-25");
    let answer = answer.body(body.to_string()).send().await.unwrap();
    answer_of(&json!(1), &answer.text().await.unwrap())
}

fn names(list: &Value) -> Vec<String> {
    let tools = list["result"]["tools"]
        .as_array()
        .unwrap_or_else(|| panic!("{list}"));
    tools
        .iter()
        .map(|tool| tool["name"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn a_large_api_becomes_the_tools_that_the_operator_wants() {
    let service = Raw::answering(
        "application/json",
        br#"{"data": [{"id": 1, "name": "Rex", "chip": "9"}], "page": 1}"#,
    )
    .await;
    let folder = tempfile::tempdir().unwrap();
    let spec = folder.path().join("pets.yaml");
    std::fs::write(&spec, PETS).unwrap();
    let base = service.url.replace("/mcp", "/v2/");
    let gateway = before(
        &format!(
            "spec: '{}', base_url: '{base}', include: [listPets, 'DELETE /pets/*'], overrides: [\
             {{operation: listPets, name: pets, description: All pets., hide: [limit], fixed: {{key: secret}}, at: /data, keep: [/*/name]}}, \
             {{operation: 'removePet', destructive: false}}]",
            spec.display()
        ),
        "",
    );
    let list = legacy_list(&gateway, None).await;
    assert_eq!(names(&list), ["pets", "removePet"]);
    let pets = &list["result"]["tools"][0];
    assert_eq!(pets["description"], "All pets.");
    assert_eq!(pets["inputSchema"]["properties"], json!({}));
    assert_eq!(
        list["result"]["tools"][1]["annotations"]["destructiveHint"],
        false
    );
    let answer = call(&gateway, "pets", json!({})).await;
    assert_eq!(text(&answer), r#"[{"name":"Rex"}]"#);
    let (head, _) = service.request();
    assert!(
        head.starts_with("GET /v2/pets?key=secret HTTP/1.1\r\n"),
        "{head}"
    );
    for wrong in [json!({"key": "mine"}), json!({"limit": 1})] {
        let refused = call(&gateway, "pets", wrong).await;
        assert_eq!(refused["result"]["isError"], true, "{refused}");
    }
    let unknown = call(&gateway, "addPet", json!({})).await;
    assert_eq!(unknown["error"]["code"], -32602, "{unknown}");
    gateway.logs("an operation of a REST API is no tool").await;
}

#[tokio::test]
async fn a_long_list_comes_in_pages() {
    let folder = tempfile::tempdir().unwrap();
    let spec = folder.path().join("many.json");
    let paths: serde_json::Map<String, Value> = (0..700)
        .map(|at| {
            (
                format!("/p{at}"),
                json!({"get": {"operationId": format!("op{at}")}}),
            )
        })
        .collect();
    std::fs::write(
        &spec,
        json!({"openapi": "3.0.0", "paths": paths}).to_string(),
    )
    .unwrap();
    let gateway = before(
        &format!("spec: '{}', base_url: 'http://127.0.0.1:9'", spec.display()),
        "",
    );
    let (mut all, mut cursor): (Vec<String>, Option<String>) = (Vec::new(), None);
    loop {
        let page = legacy_list(&gateway, cursor.as_deref()).await;
        all.extend(names(&page));
        cursor = page["result"]["nextCursor"].as_str().map(str::to_owned);
        if cursor.is_none() {
            break;
        }
    }
    all.sort();
    all.dedup();
    assert_eq!(all.len(), 700);
    let wrong = legacy_list(&gateway, Some("77")).await;
    assert_eq!(wrong["error"]["code"], -32602);
}

#[tokio::test]
async fn another_description_takes_effect_and_a_broken_one_does_not() {
    let service = Raw::answering("application/json", b"{}").await;
    let folder = tempfile::tempdir().unwrap();
    let spec = folder.path().join("pets.yaml");
    std::fs::write(&spec, PETS).unwrap();
    let gateway = before(
        &format!("spec: '{}', base_url: '{}'", spec.display(), service.url),
        "",
    );
    assert_eq!(names(&legacy_list(&gateway, None).await).len(), 3);
    let reload = || {
        client()
            .post(format!("http://{}/reload", gateway.admin))
            .send()
    };
    std::fs::write(&spec, PETS.replace("listPets", "everyPet")).unwrap();
    assert_eq!(reload().await.unwrap().status(), 200);
    assert!(names(&legacy_list(&gateway, None).await).contains(&"everyPet".to_owned()));
    std::fs::write(&spec, "openapi: 4.0").unwrap();
    let refused = reload().await.unwrap();
    assert_eq!(refused.status(), 422);
    let why = refused.text().await.unwrap();
    assert!(
        why.contains("servers.server.openapi.spec") && why.contains("pets.yaml"),
        "{why}"
    );
    assert!(names(&legacy_list(&gateway, None).await).contains(&"everyPet".to_owned()));
}

/// A description is fetched only from where the operator said, and a name only from the internet.
#[tokio::test]
async fn a_description_is_not_fetched_from_just_anywhere() {
    let elsewhere = Raw::answering(
        "application/json",
        br#"{"openapi": "3.0.0", "paths": {"/a": {"get": {}}}}"#,
    )
    .await;
    let here = httpbin();
    let port = here.address.rsplit(':').next().unwrap();
    let spec = |spec: &str| {
        format!(
            "servers: {{server: {{openapi: {{spec: '{spec}', base_url: 'http://127.0.0.1:9'}}}}}}\n{AUDIT}"
        )
    };
    let redirected = format!("http://{}/redirect-to?url={}", here.address, elsewhere.url);
    for (url, why) in [
        (redirected.as_str(), "status 302"),
        (&format!("http://{}/status/404", here.address), "status 404"),
        (
            &format!("http://{}/html", here.address),
            "neither Swagger 2 nor OpenAPI 3",
        ),
        (&format!("http://{}/gzip", here.address), "compressed"),
        ("http://127.0.0.1:9/spec.json", "no connection"),
        // A name of this machine that is not called so.
        (
            &format!("http://{}:{port}/spec.json", host_name()),
            "no connection",
        ),
    ] {
        let fault = Gateway::refused(&spec(url));
        assert!(fault.contains(why), "{url}: {fault}");
        assert!(!fault.contains("url="), "{fault}");
    }
    assert!(elsewhere.requests().is_empty());
}

/// A name that stands for an address of this machine.
fn host_name() -> String {
    std::fs::read_to_string("/proc/sys/kernel/hostname")
        .unwrap()
        .trim()
        .to_owned()
}
