//! Programs as MCP servers: real servers, real clients, and what becomes of processes.

mod ends;
mod peers;
mod sharing;

use serde_json::{Value, json};

use crate::{
    gateway::Gateway,
    message::{answer_of, tool_call},
    peer::{python, scripts},
    traffic::Session,
};

/// The audit section of a gateway that delivers nowhere.
const AUDIT: &str = "audit: {gateway: test, spool: {dir: SPOOL}}";

/// A gateway whose server `server` is the program that tells about itself, with these further keys of `command`.
fn programs(keys: &str) -> Gateway {
    Gateway::start(&format!(
        "servers: {{server: {{{}}}}}\n{AUDIT}",
        command(keys)
    ))
}

fn command(keys: &str) -> String {
    let script = scripts().join("programs.py");
    format!(
        "command: {{run: ['{}', -B, '{}']{keys}}}",
        python().display(),
        script.display()
    )
}

/// The result of a modern call.
async fn call(gateway: &Gateway, tool: &str, arguments: Value) -> Value {
    let answer = tool_call(&gateway.url("server"), &json!(1), tool, arguments);
    let answer = answer.send().await.unwrap();
    answer_of(&json!(1), &answer.text().await.unwrap())
}

/// What a tool returned.
fn returned(answer: &Value) -> &Value {
    &answer["result"]["structuredContent"]["result"]
}

/// The status and the answer of a call in a session.
async fn within(session: &Session, tool: &str, arguments: Value) -> (u16, Value) {
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": tool, "arguments": arguments}});
    let answer = session.message(&body).send().await.unwrap();
    let status = answer.status().as_u16();
    let text = answer.text().await.unwrap();
    let answer = if status == 200 {
        answer_of(&json!(1), &text)
    } else {
        json!(text)
    };
    (status, answer)
}
