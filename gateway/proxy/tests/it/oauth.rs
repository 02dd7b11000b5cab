//! Real clients through the whole OAuth flow, and a scanner's second opinion.

use std::process::Stdio;

use serde_json::{Value, json};
use tokio::process::Command;

use crate::{
    gateway::{Gateway, endpoint, fixture},
    issuer::Issuer,
    peer::{cache, node, python, scripts},
    process::Process,
    tokens::guarded,
};

const RULES: &str =
    ", required_scopes: [{scopes: ['mcp:use']}, {tool: '*/slow', scopes: ['mcp:write']}]";

/// A gateway in front of a real server: `slow` needs a scope that the rest does not.
fn site() -> (Issuer, Process, Gateway) {
    let (issuer, server) = (Issuer::start(), fixture());
    let gateway = guarded(&issuer.url(), &endpoint(&server), RULES);
    (issuer, server, gateway)
}

async fn run(mut command: Command) -> Vec<Value> {
    let output = command
        .env("GANTRY_CACHE", cache())
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let complained = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {said}\n{complained}");
    let lines = said.lines().map(|line| serde_json::from_str(line).unwrap());
    lines.collect()
}

/// Discovery, registration, the code with PKCE, a call, and one that needs more scope.
async fn typescript(which: &str) {
    let (_issuer, _server, gateway) = site();
    let url = gateway.url("server");
    let mut command = Command::new(node());
    command
        .arg(scripts().join("oauth_client.mjs"))
        .args([&url, which]);
    let said = run(command).await;
    assert_eq!(said[0], json!({"tools": true}));
    assert_eq!(said[1]["echo"][0]["text"], "hello");
    assert_eq!(said[2]["slow"][0]["text"], "waited 1 ms");
    let steps = said[3]["steps"].as_array().unwrap();
    assert_eq!(steps[0], "registered");
    let asked = steps[1]["asked"].as_str().unwrap();
    assert!(
        asked.starts_with("mcp:use") && !asked.contains("mcp:write"),
        "{asked}"
    );
    assert_eq!(steps[1]["for"], url);
    assert_eq!(steps[2], "token");
    assert_eq!(steps[3], "step-up");
    let asked = steps[4]["asked"].as_str().unwrap();
    assert!(
        asked.contains("mcp:use") && asked.contains("mcp:write"),
        "{asked}"
    );
    gateway.logs("\"agent\":\"alice\"").await;
}

#[tokio::test]
async fn typescript_client() {
    typescript("client").await;
}

#[tokio::test]
async fn typescript_sdk() {
    typescript("sdk").await;
}

async fn python_sdk(kind: &str, agent: &str) {
    let (_issuer, _server, gateway) = site();
    let mut command = Command::new(python());
    command
        .arg(scripts().join("oauth_client.py"))
        .args([&gateway.url("server"), kind]);
    let said = run(command).await;
    assert_eq!(said[0], json!({"echo": ["hello"]}));
    assert_eq!(said[1], json!({"slow": ["waited 1 ms"]}));
    let scope = said[2]["scope"].as_str().unwrap();
    assert!(scope.contains("mcp:write"), "{scope}");
    gateway.logs(&format!("\"agent\":\"{agent}\"")).await;
}

#[tokio::test]
async fn python_sdk_with_a_code() {
    python_sdk("person", "alice").await;
}

#[tokio::test]
async fn python_sdk_with_client_credentials() {
    python_sdk("machine", "agent-a").await;
}

/// The checks of the scanner that do not apply: the authorization server's own, and TLS on loopback.
fn does_not_apply(check: &Value) -> bool {
    let id = check["id"].as_str().unwrap_or_default();
    ["ASM-", "ASF-", "TLS-"]
        .iter()
        .any(|prefix| id.starts_with(prefix))
}

#[tokio::test]
async fn a_scanner_finds_nothing() {
    let (issuer, _server, gateway) = site();
    let url = gateway.url("server");
    let token = issuer.token("agent-a", &url, "mcp:use").await;
    let foreign = issuer
        .token("agent-a", "http://127.0.0.1:1/mcp", "mcp:use")
        .await;
    let mut command = Command::new(python());
    command
        .args([
            "-m",
            "mcp_authlab",
            "scan",
            &url,
            "--no-login",
            "--format",
            "json",
        ])
        .args([
            "--tool",
            "slow",
            "--token",
            &token,
            "--foreign-token",
            &foreign,
        ])
        .env("GANTRY_CACHE", cache())
        .env("HOME", gateway.folder.path());
    let output = command.stdin(Stdio::null()).output().await.unwrap();
    let report: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)));
    let checks = report["results"]
        .as_array()
        .unwrap_or_else(|| panic!("{report:#}"));
    let ours: Vec<&Value> = checks
        .iter()
        .filter(|check| !does_not_apply(check))
        .collect();
    let failed: Vec<&&Value> = ours
        .iter()
        .filter(|check| ["fail", "error"].contains(&check["status"].as_str().unwrap_or_default()))
        .collect();
    assert!(failed.is_empty(), "{failed:#?}");
    let passed = ours
        .iter()
        .filter(|check| check["status"] == "pass")
        .count();
    assert!(passed >= 15, "only {passed} passed: {ours:#?}");
}
