//! Label names, and the closed sets that their values come from.

use gantry_analytics::record::Outcome;
use gantry_mcp::method::Method;

pub(super) const SERVER: &str = "server";
pub(super) const METHOD: &str = "mcp_method_name";
pub(super) const TOOL: &str = "gen_ai_tool_name";
pub(super) const OUTCOME: &str = "outcome";
pub(super) const ERROR_TYPE: &str = "error_type";
pub(super) const ENDPOINT: &str = "endpoint";
pub(super) const FAMILY: &str = "family";
pub(super) const VERSION: &str = "server_version";
pub(super) const REASON: &str = "reason";

/// Stands for everything beyond a bound, or outside a closed set.
pub(super) const OTHER: &str = "__other__";
/// Stands for a name that nobody has shown to exist.
pub(super) const UNKNOWN: &str = "__unknown__";

/// What a request without a JSON-RPC call counts as: its HTTP verb, or the answer that it carries.
const WITHOUT_CALL: [&str; 4] = ["POST", "GET", "DELETE", "response"];

/// The codes that JSON-RPC 2.0 (section 5.1) and the revisions of MCP give a meaning.
const ERROR_CODES: [(i32, &str); 12] = [
    (-32700, "-32700"),
    (-32600, "-32600"),
    (-32601, "-32601"),
    (-32602, "-32602"),
    (-32603, "-32603"),
    (-32000, "-32000"),
    (-32001, "-32001"),
    (-32002, "-32002"),
    (-32020, "-32020"),
    (-32021, "-32021"),
    (-32022, "-32022"),
    (-32042, "-32042"),
];

/// The method as a label.
pub(super) fn method(name: &str) -> &'static str {
    match Method::parse(name) {
        Some(method) => method.as_str(),
        None => WITHOUT_CALL
            .into_iter()
            .find(|word| *word == name)
            .unwrap_or(OTHER),
    }
}

/// What kind of error an operation ended with; empty for none. A JSON-RPC code says more than the
/// outcome, except that a failing tool has no code.
pub(super) fn error_type(outcome: Outcome, rpc_code: i32) -> &'static str {
    match (outcome, rpc_code) {
        (Outcome::Ok, _) => "",
        (Outcome::ToolError, _) | (_, 0) => outcome.as_str(),
        (_, code) => ERROR_CODES
            .into_iter()
            .find(|(known, _)| *known == code)
            .map_or(OTHER, |(_, label)| label),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods_come_from_the_protocol() {
        for (name, label) in [
            ("tools/call", "tools/call"),
            ("subscriptions/listen", "subscriptions/listen"),
            ("GET", "GET"),
            ("response", "response"),
            ("tools/burn", OTHER),
            ("", OTHER),
            ("x\n# HELP", OTHER),
        ] {
            assert_eq!(method(name), label);
        }
    }

    #[test]
    fn error_types_are_codes_where_there_are_codes() {
        for (outcome, code, label) in [
            (Outcome::Ok, 0, ""),
            (Outcome::ToolError, 0, "tool_error"),
            (Outcome::RpcError, -32601, "-32601"),
            (Outcome::RpcError, -1, OTHER),
            (Outcome::Timeout, 0, "timeout"),
            (Outcome::Denied, -32603, "-32603"),
        ] {
            assert_eq!(error_type(outcome, code), label);
        }
    }
}
