//! Real clients see at the endpoint of all servers what they see at each server itself, but for the names;
//! and go on working while one server stands still and another one is dead.

use std::fs;

use serde_json::{Value, json};

use super::everybody;
use crate::{
    gateway::Gateway,
    peer::{Client, Era, Server, scripts},
};

/// The servers behind the gateway that answer. Their order is that of their names.
const SERVERS: [(&str, Server); 3] = [
    ("everything", Server::Everything),
    ("fast", Server::FastMcp),
    ("fixture", Server::Fixture),
];

/// The steps of a server's own session.
fn steps(server: Server) -> Vec<Value> {
    let name = match server {
        Server::Fixture => "fixture",
        Server::Everything => "everything",
        Server::FastMcp => "fastmcp",
    };
    let file = scripts().join("sessions").join(name).with_extension("json");
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

async fn sees_all(client: Client) {
    let processes = SERVERS.map(|(name, server)| (name, server, server.start()));
    let (paused, mut dead) = (Server::Fixture.start(), Server::Fixture.start());
    let mut servers: Vec<String> = processes
        .iter()
        .map(|(name, _, process)| format!("  {name}: {{url: 'http://{}/mcp'}}", process.address))
        .collect();
    servers.push(format!(
        "  paused: {{url: 'http://{}/mcp'}}",
        paused.address
    ));
    servers.push(format!("  dead: {{url: 'http://{}/mcp'}}", dead.address));
    let gateway = Gateway::start(&format!(
        "servers:\n{}\nfederation: {{deadline: 3s}}\naudit: {{gateway: test, spool: {{dir: SPOOL}}}}",
        servers.join("\n")
    ));
    paused.pause();
    dead.kill();
    for era in [Era::Modern, Era::Legacy] {
        for (name, server, process) in &processes {
            // This one speaks the earlier revisions only.
            if (era, *server) == (Era::Modern, Server::Everything) {
                continue;
            }
            let (mut direct, mut through) = (Vec::new(), Vec::new());
            for step in steps(*server) {
                through.push(federated(name, &step));
                direct.push(step);
            }
            let folder = tempfile::tempdir().unwrap();
            let file = |name: &str, steps: Vec<Value>| {
                let path = folder.path().join(name);
                fs::write(&path, json!({ "steps": steps }).to_string()).unwrap();
                path
            };
            let url = format!("http://{}/mcp", process.address);
            let direct = client.hold_steps(&url, era, file("direct", direct)).await;
            let through = client
                .hold_steps(&everybody(&gateway), era, file("through", through))
                .await;
            let context = format!("{client:?} {era:?} with {server:?}");
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
