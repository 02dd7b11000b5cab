//! Real clients see at the endpoint of all servers what they see at each server itself, but for the names;
//! and go on working while one server stands still and another one is dead.

use std::fs;

use serde_json::{Value, json};

use super::everybody;
use crate::{
    gateway::Gateway,
    peer::{Client, Era, Server, installed, node, python, scripts},
};

/// The servers behind the gateway that answer, each with its session: this workspace's fixture, npm
/// `server-everything` and PyPI `fastmcp` over HTTP, npm `server-filesystem` and PyPI `mcp-server-time` as
/// programs. Their order is that of their names.
const SERVERS: [(&str, &str); 5] = [
    ("everything", "everything"),
    ("fast", "fastmcp"),
    ("files", "filesystem"),
    ("fixture", "fixture"),
    ("time", "time"),
];

/// Those that speak the earlier revisions only.
const LEGACY: [&str; 2] = ["everything", "files"];

/// The steps of a server's own session.
fn steps(session: &str) -> Vec<Value> {
    let file = scripts()
        .join("sessions")
        .join(session)
        .with_extension("json");
    let session: Value = serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap();
    session["steps"].as_array().unwrap().clone()
}

/// The same step for whoever sees the server behind the endpoint of all.
fn federated(name: &str, step: &Value) -> Value {
    let mut step = step.clone();
    for key in ["call", "prompt"] {
        if let Some(own) = step[key].as_str() {
            step[key] = json!(format!("{name}__{own}"));
        }
    }
    if let Some(own) = step["read"].as_str() {
        step["read"] = json!(format!("gantry://{name}/{own}"));
    }
    step
}

/// What was seen of one server, in that server's own names.
fn own(name: &str, line: &Value) -> Value {
    let text = line.to_string();
    let text = text.replace(&format!("gantry://{name}/"), "");
    let mut line: Value = serde_json::from_str(&text.replace(&format!("{name}__"), "")).unwrap();
    for list in ["tools", "prompts", "resources", "resourceTemplates"] {
        if let Some(elements) = line["result"][list].as_array_mut() {
            let others = |element: &Value| {
                let named = element.to_string();
                SERVERS.iter().any(|(other, _)| {
                    named.contains(&format!("\"{other}__"))
                        || named.contains(&format!("gantry://{other}/"))
                })
            };
            elements.retain(|element| !others(element));
        }
    }
    // Who answers for a list, and how long it may be kept, is the gateway's to say.
    if line["step"]["list"].is_string()
        && let Some(result) = line["result"].as_object_mut()
    {
        result.retain(|key, _| {
            !["_meta", "ttlMs", "cacheScope", "nextCursor"].contains(&key.as_str())
        });
    }
    line
}

/// The servers that are programs.
fn programs(root: &std::path::Path) -> [String; 2] {
    let package = "npm/stdio/node_modules/@modelcontextprotocol/server-filesystem/dist/index.js";
    let files = format!(
        "['{}', '{}', '{}'], cwd: '{2}', memory_max: 4GiB",
        node().display(),
        installed(package).display(),
        root.display()
    );
    let time = format!("['{}', -B, -m, mcp_server_time]", python().display());
    [("files", files), ("time", time)]
        .map(|(name, run)| format!("  {name}: {{command: {{run: {run}}}}}"))
}

async fn sees_all(client: Client) {
    let over_http = [
        ("everything", Server::Everything.start()),
        ("fast", Server::FastMcp.start()),
        ("fixture", Server::Fixture.start()),
    ];
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().canonicalize().unwrap();
    let (paused, mut dead) = (Server::Fixture.start(), Server::Fixture.start());
    let mut servers: Vec<String> = over_http
        .iter()
        .map(|(name, process)| format!("  {name}: {{url: 'http://{}/mcp'}}", process.address))
        .collect();
    servers.extend(programs(&root));
    // Once it is known to stand still, nobody waits for it each time.
    servers.push(format!(
        "  paused: {{url: 'http://{}/mcp', timeouts: {{answer: 2s}}, health: {{open_after: 1}}}}",
        paused.address
    ));
    servers.push(format!("  dead: {{url: 'http://{}/mcp'}}", dead.address));
    let gateway = Gateway::start(&format!(
        "servers:\n{}\nfederation: {{deadline: 20s}}\naudit: {{gateway: test, spool: {{dir: SPOOL}}}}",
        servers.join("\n")
    ));
    paused.pause();
    dead.kill();
    for era in [Era::Modern, Era::Legacy] {
        for (name, session) in SERVERS {
            if era == Era::Modern && LEGACY.contains(&name) {
                continue;
            }
            let (mut direct, mut through) = (Vec::new(), Vec::new());
            for step in steps(session) {
                through.push(federated(name, &step));
                direct.push(step);
            }
            let folder = tempfile::tempdir().unwrap();
            let file = |name: &str, steps: Vec<Value>| {
                let path = folder.path().join(name);
                fs::write(&path, json!({ "steps": steps }).to_string()).unwrap();
                path
            };
            let process = over_http.iter().find(|(other, _)| *other == name);
            // A program has no endpoint but the gateway's own.
            let url = process.map_or_else(
                || gateway.url(name),
                |(_, process)| format!("http://{}/mcp", process.address),
            );
            let direct = client.hold_steps(&url, era, file("direct", direct)).await;
            let through = client
                .hold_steps(&everybody(&gateway), era, file("through", through))
                .await;
            let context = format!("{client:?} {era:?} with {name}");
            assert!(direct.len() > 3, "{context} reported {direct:?}");
            assert_eq!(through.len(), direct.len(), "{context}");
            // The first line is about the server itself.
            for (direct, through) in direct.iter().zip(&through).skip(1) {
                assert_eq!(own(name, through), own(name, direct), "{context}");
            }
        }
    }
}

#[tokio::test]
async fn typescript_client() {
    sees_all(Client::TypeScript).await;
}

#[tokio::test]
async fn python_sdk_client() {
    sees_all(Client::Sdk).await;
}

#[tokio::test]
async fn fastmcp_client() {
    sees_all(Client::FastMcp).await;
}
