//! Sessions of real clients with each server through the gateway, and one call that the gateway must refuse.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::trail::Call;
use crate::cache::Cache;
use crate::{command, http};

/// A client, the era it speaks, and the server it meets.
const MEETINGS: [(Client, &str, &str); 4] = [
    (Client::TypeScript, "modern", "fixture"),
    (Client::Sdk, "auto", "everything"),
    (Client::FastMcp, "legacy", "crm"),
    (Client::TypeScript, "auto", "httpbin"),
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

/// Holds all sessions with the gateway at `address`; returns the rows that they must have left.
pub(crate) fn hold_all(root: &Path, cache: &Cache, address: SocketAddr) -> Result<Vec<Call>> {
    let mut calls = Vec::new();
    for (client, era, server) in MEETINGS {
        let steps = root.join(format!("xtask/peers/demo/{server}.json"));
        let mut command = client.command(root, cache);
        command
            .arg(format!("http://{address}/mcp/{server}"))
            .arg(era)
            .arg(&steps);
        command::capture(&mut command)
            .with_context(|| format!("the session with {server} went wrong"))?;
        calls.extend(expected(&steps, server)?);
    }
    calls.push(smuggle(address)?);
    Ok(calls)
}

/// A call whose header names a harmless tool and whose body names another.
fn smuggle(address: SocketAddr) -> Result<Call> {
    let head = "content-type: application/json\r\naccept: application/json, text/event-stream\r\n\
                mcp-protocol-version: 2026-07-28\r\nmcp-method: tools/call\r\nmcp-name: echo\r\n";
    let body = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"sized","arguments":{"bytes":1},"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}}}"#;
    let status = http::status(address, "POST /mcp/fixture", head, body)?;
    if status != 400 {
        bail!("a call whose header contradicts its body was answered with {status}");
    }
    Ok(Call::new("", "sized", "bad_request"))
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
