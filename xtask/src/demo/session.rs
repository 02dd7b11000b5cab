//! Sessions of real clients with each server through the gateway, and two calls that the gateway must refuse.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::agents::{BILLING, Callers, RESEARCH, SALES, SUPPORT};
use super::trail::Call;
use crate::cache::Cache;
use crate::{command, http};

/// An agent, its client, the era that this speaks, and the server it meets.
const MEETINGS: [(&str, Client, &str, &str); 6] = [
    (SUPPORT, Client::TypeScript, "modern", "fixture"),
    (RESEARCH, Client::Sdk, "auto", "everything"),
    (BILLING, Client::FastMcp, "legacy", "crm"),
    (SALES, Client::FastMcp, "legacy", "crm"),
    (RESEARCH, Client::TypeScript, "auto", "httpbin"),
    (SALES, Client::Sdk, "auto", "orders"),
];

#[derive(Clone, Copy)]
enum Client {
    /// npm `@modelcontextprotocol/client`.
    TypeScript,
    /// PyPI `mcp`.
    Sdk,
    /// PyPI `fastmcp`.
    FastMcp,
}

/// Holds all sessions with the gateway; returns the rows that they must have left.
pub(crate) fn hold_all(root: &Path, cache: &Cache, callers: Callers<'_>) -> Result<Vec<Call>> {
    let mut calls = Vec::new();
    for (agent, client, era, server) in MEETINGS {
        let steps = root.join(format!("xtask/peers/demo/{server}.json"));
        let mut command = client.command(root, cache);
        command
            .arg(format!("http://{}/mcp/{server}", callers.address))
            .arg(era)
            .arg(&steps)
            .env("GANTRY_API_KEY", callers.agents.key(agent)?);
        command::capture(&mut command)
            .with_context(|| format!("the session with {server} went wrong"))?;
        calls.extend(expected(&steps, server)?);
    }
    // The header names a harmless tool, and the body another.
    refused(callers, SUPPORT, "echo", 400)?;
    calls.push(Call::new("", "sized", "bad_request"));
    // A rule says no.
    refused(callers, BILLING, "sized", 403)?;
    calls.push(Call::new("fixture", "sized", "denied"));
    Ok(calls)
}

/// A call of the fixture's `sized` that the gateway must answer with `status`. Its header names the tool `header`.
fn refused(callers: Callers<'_>, agent: &str, header: &str, status: u16) -> Result<()> {
    let key = callers.agents.key(agent)?;
    let head = format!(
        "content-type: application/json\r\naccept: application/json, text/event-stream\r\nx-api-key: {key}\r\n\
         mcp-protocol-version: 2026-07-28\r\nmcp-method: tools/call\r\nmcp-name: {header}\r\n"
    );
    let body = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"sized","arguments":{"bytes":1},"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}}}"#;
    let answered = http::status(callers.address, "POST /mcp/fixture", &head, body)?;
    if answered != status {
        bail!("a call that must be refused with {status} was answered with {answered}");
    }
    Ok(())
}

/// The rows of a session's tool calls.
fn expected(steps: &Path, server: &str) -> Result<Vec<Call>> {
    let text =
        fs::read_to_string(steps).with_context(|| format!("cannot read {}", steps.display()))?;
    let session: Value =
        serde_json::from_str(&text).with_context(|| format!("{} is not JSON", steps.display()))?;
    let steps = session
        .get("steps")
        .and_then(Value::as_array)
        .context("a session has steps")?;
    let calls = steps.iter().filter_map(|step| {
        let outcome = match step.get("expect").and_then(Value::as_str) {
            None => "ok",
            Some("error") => "rpc_error",
            Some(other) => other,
        };
        step.get("call")
            .and_then(Value::as_str)
            .map(|tool| Call::new(server, tool, outcome))
    });
    Ok(calls.collect())
}

impl Client {
    fn command(self, root: &Path, cache: &Cache) -> Command {
        let (interpreter, script) = match self {
            Client::TypeScript => (cache.node(), "typescript_client.mjs"),
            Client::Sdk => (cache.python(), "sdk_client.py"),
            Client::FastMcp => (cache.python(), "fastmcp_client.py"),
        };
        let mut command = Command::new(interpreter);
        command.arg(root.join("gateway/proxy/tests/peers").join(script));
        command
            .env("GANTRY_CACHE", cache.root())
            .env("PYTHONDONTWRITEBYTECODE", "1");
        command
    }
}
