//! JSON-RPC 2.0 error codes and error messages.
//!
//! The ranges are the specification's: -32700 and -32603..-32600 are JSON-RPC's own, -32020..-32099
//! are reserved for MCP. Codes of the gateway's own never appear here and must lie outside
//! -32768..-32000.

/// The body is not JSON.
pub const PARSE_ERROR: i64 = -32700;
/// The body is JSON but not one JSON-RPC message.
pub const INVALID_REQUEST: i64 = -32600;
/// The receiver does not implement the method.
pub const METHOD_NOT_FOUND: i64 = -32601;
/// A parameter is missing or has the wrong type.
pub const INVALID_PARAMS: i64 = -32602;
/// The receiver failed.
pub const INTERNAL_ERROR: i64 = -32603;
/// A required header is missing, malformed, or says something else than the body (SEP-2243).
pub const HEADER_MISMATCH: i64 = -32020;
/// The request needs a client capability that it did not declare (SEP-2575).
pub const MISSING_CAPABILITY: i64 = -32021;
/// The protocol version is not implemented here (SEP-2575).
pub const UNSUPPORTED_VERSION: i64 = -32022;
/// "Resource not found" before 2026-07-28; read, never sent.
pub const LEGACY_RESOURCE_NOT_FOUND: i64 = -32002;

/// Writes one JSON-RPC error message.
///
/// `id` is the raw JSON text of the request's id ([`crate::frame::Id::as_raw`]); without one the
/// message carries `"id":null`, as JSON-RPC 2.0 section 5 asks. `data` is raw JSON too. `message`
/// is plain text and is escaped here. Neither raw text is checked.
pub fn error(id: Option<&str>, code: i64, message: &str, data: Option<&str>) -> Vec<u8> {
    let mut out = Vec::with_capacity(96 + message.len() + data.map_or(0, str::len));
    out.extend_from_slice(b"{\"jsonrpc\":\"2.0\",\"id\":");
    out.extend_from_slice(id.unwrap_or("null").as_bytes());
    out.extend_from_slice(b",\"error\":{\"code\":");
    out.extend_from_slice(code.to_string().as_bytes());
    out.extend_from_slice(b",\"message\":");
    push_string(&mut out, message);
    if let Some(data) = data {
        out.extend_from_slice(b",\"data\":");
        out.extend_from_slice(data.as_bytes());
    }
    out.extend_from_slice(b"}}");
    out
}

/// `text` as a JSON string.
pub fn quoted(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len() + 2);
    push_string(&mut out, text);
    String::from_utf8_lossy(&out).into_owned()
}

/// Appends `text` as a JSON string.
pub(crate) fn push_string(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    for byte in text.bytes() {
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
            0x00..=0x1f => out.extend_from_slice(format!("\\u{byte:04x}").as_bytes()),
            _ => out.push(byte),
        }
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(id: Option<&str>, message: &str, data: Option<&str>, expect: &str) {
        let bytes = error(id, INVALID_REQUEST, message, data);
        assert_eq!(String::from_utf8(bytes.clone()).unwrap(), expect);
        serde_json::from_slice::<serde_json::Value>(&bytes).unwrap();
    }

    #[test]
    fn errors_are_written_as_json() {
        check(
            Some("\"a\\n\""),
            "no",
            None,
            r#"{"jsonrpc":"2.0","id":"a\n","error":{"code":-32600,"message":"no"}}"#,
        );
        check(
            None,
            "a \"quoted\" \\ line\nbreak",
            Some(r#"{"x":[1]}"#),
            r#"{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"a \"quoted\" \\ line\u000abreak","data":{"x":[1]}}}"#,
        );
    }
}
