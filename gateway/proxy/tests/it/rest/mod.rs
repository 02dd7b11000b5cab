//! REST APIs as MCP servers: real services, real clients of both eras.

mod described;
mod guarded;
mod hostile;
mod httpbin;
mod roundtrip;

use serde_json::{Value, json};

use crate::{
    gateway::Gateway,
    message::{answer_of, tool_call},
};

/// The audit section of a gateway that delivers nowhere.
const AUDIT: &str = "audit: {gateway: test, spool: {dir: SPOOL}}";

/// A gateway before one REST API, called `server`, with these keys under `openapi` and further sections.
fn before(openapi: &str, rest: &str) -> Gateway {
    Gateway::start(&format!(
        "servers: {{server: {{openapi: {{{openapi}}}}}}}\n{AUDIT}\n{rest}"
    ))
}

/// The whole answer to a modern call of a tool.
async fn call(gateway: &Gateway, tool: &str, arguments: Value) -> Value {
    let answer = tool_call(&gateway.url("server"), &json!(1), tool, arguments);
    let answer = answer.send().await.unwrap();
    answer_of(&json!(1), &answer.text().await.unwrap())
}

/// The first text of a result.
fn text(answer: &Value) -> &str {
    answer["result"]["content"][0]["text"]
        .as_str()
        .unwrap_or_else(|| panic!("{answer}"))
}
