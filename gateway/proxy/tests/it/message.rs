//! Messages as clients of both eras send them.

use reqwest::RequestBuilder;
use serde_json::{Value, json};

use crate::gateway::client;

/// The revision of modern messages.
pub(crate) const MODERN: &str = "2026-07-28";

/// The body of a modern request.
pub(crate) fn modern_body(id: &Value, method: &str, params: Value) -> Value {
    let mut params = params;
    params["_meta"] = json!({
        "io.modelcontextprotocol/protocolVersion": MODERN,
        "io.modelcontextprotocol/clientCapabilities": {},
        "io.modelcontextprotocol/clientInfo": {"name": "it", "version": "1.0"},
    });
    json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params})
}

/// A POST with the headers that every client sends.
pub(crate) fn post(url: &str) -> RequestBuilder {
    client()
        .post(url)
        .header("content-type", "application/json")
        .header("accept", "application/json, text/event-stream")
}

/// A modern request with its headers.
pub(crate) fn modern(url: &str, method: &str, name: Option<&str>, params: Value) -> RequestBuilder {
    let request = post(url)
        .header("mcp-protocol-version", MODERN)
        .header("mcp-method", method);
    let request = match name {
        Some(name) => request.header("mcp-name", name),
        None => request,
    };
    request.body(modern_body(&json!(1), method, params).to_string())
}

/// A modern call of a tool on a connection of its own, ready to be sent.
pub(crate) fn tool_call(url: &str, id: &Value, tool: &str, arguments: Value) -> RequestBuilder {
    tool_call_of(&client(), url, id, tool, arguments)
}

/// A modern call of a tool by a client that keeps its connections.
pub(crate) fn tool_call_of(
    client: &reqwest::Client,
    url: &str,
    id: &Value,
    tool: &str,
    arguments: Value,
) -> RequestBuilder {
    let body = modern_body(
        id,
        "tools/call",
        json!({"name": tool, "arguments": arguments}),
    );
    client
        .post(url)
        .header("content-type", "application/json")
        .header("accept", "application/json, text/event-stream")
        .header("mcp-protocol-version", MODERN)
        .header("mcp-method", "tools/call")
        .header("mcp-name", tool)
        .body(body.to_string())
}

/// The message with this id in an answer of either form.
pub(crate) fn answer_of(id: &Value, text: &str) -> Value {
    let events = text.lines().filter_map(|line| line.strip_prefix("data:"));
    std::iter::once(text)
        .chain(events)
        .filter_map(|json| serde_json::from_str::<Value>(json).ok())
        .find(|message| message["id"] == *id)
        .unwrap_or_else(|| panic!("no answer to {id} in {text}"))
}
