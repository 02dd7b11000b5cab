//! Servers as they are published, and clients that do not know that they speak to a program.

use serde_json::{Value, json};

use super::AUDIT;
use crate::{
    gateway::{Gateway, Store},
    message::{answer_of, tool_call},
    peer::{Client, Era, Server, installed, node, python},
};

const CLIENTS: [Client; 3] = [Client::TypeScript, Client::Sdk, Client::FastMcp];

fn time() -> String {
    format!("['{}', -B, -m, mcp_server_time]", python().display())
}

fn everything() -> String {
    let package = "npm/servers/node_modules/@modelcontextprotocol/server-everything/dist/index.js";
    format!(
        "['{}', '{}', stdio]",
        node().display(),
        installed(package).display()
    )
}

fn gateway(run: &str, keys: &str) -> Gateway {
    Gateway::start(&format!(
        "servers: {{server: {{command: {{run: {run}{keys}}}}}}}\n{AUDIT}"
    ))
}

#[tokio::test]
async fn a_server_of_both_eras() {
    for (keys, client) in [
        ("", Client::TypeScript),
        (", per: gateway", Client::Sdk),
        (", per: caller", Client::FastMcp),
    ] {
        let gateway = gateway(&time(), keys);
        for era in [Era::Modern, Era::Legacy, Era::Auto] {
            let saw = client.hold_named(&gateway.url("server"), era, "time").await;
            let converted = saw
                .iter()
                .find(|line| line["step"]["call"] == "convert_time");
            let text = converted.unwrap()["result"]["content"][0]["text"]
                .as_str()
                .unwrap();
            let told: Value = serde_json::from_str(text).unwrap();
            let told = told["target"]["datetime"].as_str().unwrap();
            assert!(told.contains("T00:00:00"), "{told}");
        }
    }
}

/// It asks its clients questions, and tells of progress.
#[tokio::test]
async fn a_server_that_asks_its_clients() {
    let gateway = gateway(&everything(), "");
    for client in CLIENTS {
        for era in [Era::Legacy, Era::Auto] {
            let saw = client
                .hold(&gateway.url("server"), era, Server::Everything)
                .await;
            let of = |tool: &str| {
                saw.iter()
                    .find(|line| line["step"]["call"] == tool)
                    .unwrap()
            };
            assert!(
                of("trigger-elicitation-request").to_string().contains("42"),
                "{client:?} {era:?}: {saw:#?}"
            );
            let notices = of("trigger-long-running-operation")["notices"]
                .as_array()
                .unwrap()
                .len();
            assert!(notices >= 3, "{client:?} {era:?}: {saw:#?}");
        }
    }
}

#[tokio::test]
async fn the_inspector() {
    let gateway = gateway(&time(), "");
    for era in [Era::Modern, Era::Legacy] {
        Client::Inspector
            .hold_named(&gateway.url("server"), era, "time")
            .await;
    }
}

#[tokio::test]
async fn a_server_with_files() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().canonicalize().unwrap();
    let package =
        installed("npm/stdio/node_modules/@modelcontextprotocol/server-filesystem/dist/index.js");
    let run = format!(
        "['{}', '{}', '{}']",
        node().display(),
        package.display(),
        root.display()
    );
    let gateway = gateway(
        &run,
        &format!(", cwd: '{}', memory_max: 4GiB", root.display()),
    );
    for client in CLIENTS {
        for era in [Era::Legacy, Era::Auto] {
            let saw = client
                .hold_named(&gateway.url("server"), era, "filesystem")
                .await;
            assert!(
                saw.iter()
                    .any(|line| line.to_string().contains("naïve 漢字")),
                "{saw:#?}"
            );
        }
    }
    assert_eq!(
        std::fs::read_to_string(root.join("note.txt")).unwrap(),
        "naïve 漢字\nline two"
    );
}

#[tokio::test]
async fn calls_are_recorded_as_those_of_a_program() {
    let store = Store::start().await;
    let gateway = Gateway::start(&format!(
        "servers: {{server: {{command: {}}}}}\n{}",
        time(),
        store.audit()
    ));
    let arguments = json!({"timezone": "UTC"});
    let answer = tool_call(
        &gateway.url("server"),
        &json!(1),
        "get_current_time",
        arguments,
    );
    let answer = answer_of(
        &json!(1),
        &answer.send().await.unwrap().text().await.unwrap(),
    );
    assert_eq!(answer["result"]["isError"], false, "{answer}");
    let rows = store.rows("tool = 'get_current_time'", 1).await;
    assert_eq!(rows[0]["transport"], "stdio", "{}", rows[0]);
    assert_eq!(rows[0]["endpoint"], "local", "{}", rows[0]);
}

/// What a server lists can be pinned, whatever the server is.
#[tokio::test]
async fn definitions_of_a_program_and_of_an_api_are_pinned() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name);
    std::fs::write(
        file("api.json"),
        r#"{"openapi": "3.0.0", "paths": {"/a": {"get": {"operationId": "getA"}}}}"#,
    )
    .unwrap();
    let text = format!(
        "servers: {{clock: {{command: {}}}, api: {{openapi: {{spec: api.json, base_url: 'http://127.0.0.1:9'}}}}}}\n",
        time()
    );
    std::fs::write(file("gantry.yaml"), text).unwrap();
    let pinned = std::process::Command::new(env!("CARGO_BIN_EXE_gantry"))
        .args(["pin", "--config"])
        .arg(file("gantry.yaml"))
        .output()
        .unwrap();
    assert!(
        pinned.status.success(),
        "{}",
        String::from_utf8_lossy(&pinned.stderr)
    );
    let lock: Value = serde_json::from_slice(&std::fs::read(file("gantry.lock")).unwrap()).unwrap();
    assert!(
        lock["servers"]["clock"]["tools"]["convert_time"].is_string(),
        "{lock}"
    );
    assert!(
        lock["servers"]["api"]["tools"]["getA"].is_string(),
        "{lock}"
    );
}
