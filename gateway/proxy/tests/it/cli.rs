//! The command line as a person meets it.

use std::process::{Command, Output};

use gantry_loadtest::fixture;
use serde_json::json;

use crate::{
    gateway::{Gateway, STORE_PASSWORD, Store},
    message::tool_call,
    process::free_address,
};

fn gantry(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_gantry"))
        .args(arguments)
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn check_prints_what_is_in_effect_or_every_fault() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("gantry.yaml");
    let path = file.to_str().unwrap();
    std::fs::write(&file, "servers: {a: {url: http://127.0.0.1:1/mcp}}\n").unwrap();
    let good = gantry(&["check", "--config", path]);
    assert!(good.status.success());
    assert!(text(&good.stdout).contains("body_bytes_max: 16MiB"));

    std::fs::write(&file, "servers: {a: {ur: x}}\nlisten: nowhere\nadmn: 1\n").unwrap();
    let bad = gantry(&["check", "--config", path]);
    assert_eq!(bad.status.code(), Some(2));
    let faults = text(&bad.stderr);
    for expected in [
        "gantry.yaml:1:",
        "`url`",
        "gantry.yaml:2:",
        "gantry.yaml:3:",
        "`admin`",
    ] {
        assert!(faults.contains(expected), "{expected} is not in {faults}");
    }
    let run = gantry(&["run", "--config", path]);
    assert_eq!(run.status.code(), Some(2));
}

#[test]
fn schema_is_json_and_reference_is_text() {
    let schema: serde_json::Value = serde_json::from_slice(&gantry(&["schema"]).stdout).unwrap();
    assert!(schema["properties"]["servers"].is_object());
    assert!(text(&gantry(&["schema", "--reference"]).stdout).contains("body_bytes_max"));
}

#[test]
fn openapi_shows_the_tools_of_an_api() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("orders.yaml");
    let path = file.to_str().unwrap();
    let api = "openapi: 3.1.0\ninfo: {title: Orders, version: '1'}\npaths:\n  /orders/{id}:\n    get:\n      \
               operationId: getOrder\n      parameters: [{name: id, in: path, required: true, schema: {type: integer}}]\n      \
               responses: {'200': {description: An order}}\n    trace: {responses: {}}\n    \
               delete: {operationId: dropOrder, responses: {}, parameters: [{name: id, in: path, required: true, schema: {type: integer}}]}\n";
    std::fs::write(&file, api).unwrap();
    let shown = gantry(&["openapi", path, "--exclude", "DELETE /*"]);
    assert!(shown.status.success(), "{shown:?}");
    let report = text(&shown.stdout);
    for expected in [
        "getOrder",
        "skipped: TRACE /orders/{id}",
        "Orders: 1 tools",
        "1 left out by choice",
    ] {
        assert!(report.contains(expected), "{expected} is not in {report}");
    }
    let tools = text(&gantry(&["openapi", path, "--json"]).stdout);
    let tools: Vec<serde_json::Value> = tools
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(tools.len(), 2);
    assert_eq!(tools[0]["inputSchema"]["required"], json!(["id"]));
    assert_eq!(tools[1]["annotations"]["destructiveHint"], true);

    std::fs::write(&file, "openapi: 3.1.0\n  paths: [").unwrap();
    let bad = gantry(&["openapi", path]);
    assert!(!bad.status.success());
    assert!(
        text(&bad.stderr).contains("orders.yaml: not YAML: line"),
        "{bad:?}"
    );
}

#[test]
fn an_address_in_use_is_named() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("gantry.yaml");
    let address = taken.local_addr().unwrap();
    let config = format!(
        "listen: '{address}'\nadmin: '{}'\nservers: {{a: {{url: http://127.0.0.1:1/mcp}}}}\naudit: {{spool: {{dir: '{}'}}}}\n",
        free_address(),
        folder.path().join("spool").display()
    );
    std::fs::write(&file, config).unwrap();
    let failed = gantry(&["run", "--config", file.to_str().unwrap()]);
    assert_eq!(failed.status.code(), Some(1));
    let said = text(&failed.stderr);
    assert!(
        said.contains(&address.to_string()) && said.contains("in use"),
        "{said}"
    );
}

#[tokio::test]
async fn the_trail_is_migrated_asked_and_followed() {
    let store = Store::start().await;
    let fixture = fixture::start(fixture::Options::default()).await.unwrap();
    let gateway = Gateway::recording(&fixture.url(), &store);
    let echo = tool_call(
        &gateway.url("server"),
        &json!("cli-1"),
        "echo",
        json!({"text": "x"}),
    );
    assert_eq!(echo.send().await.unwrap().status(), 200);
    store.rows("rpc_id = 'cli-1'", 1).await;
    let config = gateway.folder.path().join("gantry.yaml");
    let audit = |arguments: &[&str]| {
        let (verb, rest) = arguments.split_first().unwrap();
        let all = [&["audit", verb, "--config", config.to_str().unwrap()], rest].concat();
        let output = gantry(&all);
        assert!(!text(&output.stderr).contains(STORE_PASSWORD));
        output
    };
    assert_eq!(text(&audit(&["migrate"]).stdout), "up to date\n");
    let rows = audit(&["query", "--json", "SELECT tool, outcome FROM audit_log"]);
    assert_eq!(
        text(&rows.stdout),
        "{\"tool\":\"echo\",\"outcome\":\"ok\"}\n"
    );
    let tail = text(&audit(&["tail", "--no-follow"]).stdout);
    assert!(tail.contains("tools/call server/echo"), "{tail}");
    let writing = audit(&["query", "DROP TABLE audit_log"]);
    assert!(!writing.status.success());
    assert_eq!(store.rows("1", 1).await.len(), 1);
}
