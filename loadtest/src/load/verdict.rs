//! What one JSON-RPC message says about the call that waits for it.

use memchr::memmem;
use serde::Deserialize;
use serde_json::value::RawValue;

/// How a message answers the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// A result.
    Result,
    /// A result that says `isError`.
    ToolError,
    /// A JSON-RPC error with this code.
    RpcError(i64),
    /// An answer to another call, or to none.
    OtherId,
    /// A notification or a request of the server's own.
    Aside,
    /// No JSON-RPC message at all.
    Malformed,
}

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    #[serde(borrow)]
    method: Option<&'a RawValue>,
    result: Option<CallResult>,
    error: Option<RpcError>,
}

#[derive(Deserialize)]
struct CallResult {
    #[serde(default, rename = "isError")]
    is_error: bool,
}

#[derive(Deserialize)]
struct RpcError {
    code: i64,
}

/// Judges `message` as an answer to the call whose id is the JSON text `id`.
///
/// Nearly all answers begin with the same few members. Those are recognised by their bytes, since reading a large
/// answer as JSON would cost the generator more than the proxy under test spends on it.
pub(super) fn judge(message: &[u8], id: &str) -> Verdict {
    let begins_well = message
        .strip_prefix(b"{\"jsonrpc\":\"2.0\",\"id\":")
        .and_then(|rest| rest.strip_prefix(id.as_bytes()))
        .is_some_and(|rest| rest.starts_with(b",\"result\":{"));
    if begins_well && message.ends_with(b"}}") && memmem::find(message, b"\"isError\"").is_none() {
        return Verdict::Result;
    }
    let Ok(parsed) = serde_json::from_slice::<Message<'_>>(message) else {
        return Verdict::Malformed;
    };
    if parsed.method.is_some() {
        return Verdict::Aside;
    }
    if parsed.id.is_none_or(|found| found.get() != id) {
        return Verdict::OtherId;
    }
    match (parsed.result, parsed.error) {
        (Some(result), None) if result.is_error => Verdict::ToolError,
        (Some(_), None) => Verdict::Result,
        (None, Some(error)) => Verdict::RpcError(error.code),
        _ => Verdict::Malformed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verdicts() {
        let table = [
            (
                r#"{"jsonrpc":"2.0","id":7,"result":{"content":[]}}"#,
                Verdict::Result,
            ),
            (
                r#"{"result":{"content":[]},"id":7,"jsonrpc":"2.0"}"#,
                Verdict::Result,
            ),
            (
                r#"{"jsonrpc":"2.0","id":7,"result":{"isError":false}}"#,
                Verdict::Result,
            ),
            (
                r#"{"jsonrpc":"2.0","id":7,"result":{"isError":true}}"#,
                Verdict::ToolError,
            ),
            (
                r#"{"jsonrpc":"2.0","id":7,"error":{"code":-32602,"message":"x"}}"#,
                Verdict::RpcError(-32602),
            ),
            (r#"{"jsonrpc":"2.0","id":77,"result":{}}"#, Verdict::OtherId),
            (
                r#"{"jsonrpc":"2.0","id":"7","result":{}}"#,
                Verdict::OtherId,
            ),
            (
                r#"{"jsonrpc":"2.0","id":null,"error":{"code":1}}"#,
                Verdict::OtherId,
            ),
            (
                r#"{"jsonrpc":"2.0","method":"notifications/progress","params":{}}"#,
                Verdict::Aside,
            ),
            (
                r#"{"jsonrpc":"2.0","id":7,"method":"ping"}"#,
                Verdict::Aside,
            ),
            (
                r#"{"jsonrpc":"2.0","id":7,"result":{"cut":"#,
                Verdict::Malformed,
            ),
            (r#"{"jsonrpc":"2.0","id":7}"#, Verdict::Malformed),
            ("", Verdict::Malformed),
        ];
        for (message, expected) in table {
            assert_eq!(judge(message.as_bytes(), "7"), expected, "{message}");
        }
    }
}
