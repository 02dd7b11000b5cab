//! How a request ended, in the words of the record.

use std::sync::Arc;

use gantry_analytics::record::Outcome;
use gantry_mcp::answer::Verdict;
use http::StatusCode;

use crate::pipeline::Refusal;

/// How a request ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ending {
    /// What the record, the metrics and the dashboards call it.
    pub outcome: Outcome,
    /// The status that the caller got; 0 when none was sent.
    pub http_status: u16,
    /// The JSON-RPC error code; 0 when there is none.
    pub rpc_code: i32,
    /// The operator's text of a fault.
    pub error: String,
    /// The rule that refused.
    pub rule: Option<Arc<str>>,
    /// Whether the server could not be reached.
    pub unreached: bool,
    /// What counts the call by what, where a limit refused it: `agent,tool` and `calls`.
    pub limited: Option<(Arc<str>, &'static str)>,
}

impl Ending {
    /// The gateway refused.
    pub fn refused(refusal: &Refusal) -> Self {
        let answer = refusal.answer();
        Self {
            outcome: refusal.outcome(),
            http_status: answer.status,
            rpc_code: rpc_code(answer.code),
            error: refusal.to_string(),
            rule: refusal.rule(),
            unreached: refusal.is_unreached(),
            limited: refusal.limited(),
        }
    }

    /// The server's answer went through; `verdict` is what it says, where it says anything.
    pub fn answered(status: StatusCode, verdict: Option<&Verdict>, expected: bool) -> Self {
        let (outcome, code) = match verdict {
            Some(Verdict::Complete { is_error: true, .. }) => (Outcome::ToolError, 0),
            Some(Verdict::Complete { .. }) => (Outcome::Ok, 0),
            Some(Verdict::Error { code }) => (Outcome::RpcError, rpc_code(*code)),
            None if status.is_server_error() => (Outcome::UpstreamError, 0),
            None if !status.is_success() => (Outcome::RpcError, 0),
            // The stream ended without the response, which may come on another one.
            None if expected => (Outcome::Unknown, 0),
            None => (Outcome::Ok, 0),
        };
        Self {
            outcome,
            http_status: status.as_u16(),
            rpc_code: code,
            error: String::new(),
            rule: None,
            unreached: false,
            limited: None,
        }
    }

    /// The exchange broke after the head of the answer had gone through.
    pub fn broken(status: StatusCode, refusal: &Refusal) -> Self {
        Self {
            http_status: status.as_u16(),
            ..Self::refused(refusal)
        }
    }

    /// The caller left before the answer was whole.
    pub fn cancelled(status: Option<StatusCode>) -> Self {
        Self {
            outcome: Outcome::Cancelled,
            http_status: status.map_or(0, |status| status.as_u16()),
            rpc_code: 0,
            error: String::new(),
            rule: None,
            unreached: false,
            limited: None,
        }
    }
}

fn rpc_code(code: i64) -> i32 {
    i32::try_from(code).unwrap_or(i32::MIN)
}
