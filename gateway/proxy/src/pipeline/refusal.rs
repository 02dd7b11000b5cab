//! What a caller is told when a call is refused: the one place where a fault becomes a status, a
//! JSON-RPC code and a public text.
//!
//! The public text never carries the operator's detail (addresses, file names, library errors);
//! that is what `Display` is for, and it goes to the log and the record.

use std::{sync::Arc, time::Duration};

use gantry_analytics::record::Outcome;
use gantry_mcp::{frame::Malformed, headers::Mismatch, jsonrpc};

use super::Unreviewable;
use crate::{
    auth::{Cause, InsufficientScope, NoCredential, Unauthenticated},
    config::Kind,
    guardrails::{BLOCKED, Blocked},
    limits::Limited,
    policy::Denied,
    routing::{UnknownServer, UnknownSession},
    upstream::Failed,
};

/// When a caller may try again after the gateway could not keep its own promises.
const RETRY_AFTER: Duration = Duration::from_secs(5);

/// When a caller may try again that found a server full.
const OVERLOAD_RETRY_AFTER: Duration = Duration::from_secs(1);

/// Every way in which a request ends before an answer of the server reaches the caller.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// Not the path of an MCP endpoint.
    #[error("no MCP endpoint at this path")]
    Path,
    /// The path names a server that is not configured.
    #[error(transparent)]
    Server(#[from] UnknownServer),
    /// Nothing at an endpoint of several servers goes by the name that the message gives.
    #[error("no server here has this {}", .0.as_str())]
    Unknown(Kind),
    /// A message of a session that names none.
    #[error("Mcp-Session-Id is missing")]
    NoSession,
    /// A list goes on nowhere: its cursor was altered, has expired, or belongs to somebody else.
    #[error("the cursor is not one of this caller's")]
    Cursor,
    /// No task of this caller goes by this id.
    #[error("the task is not one of this caller's")]
    Task,
    /// A server's list of tasks does not say whose they are.
    #[error("a server cannot tell which tasks are the caller's")]
    TaskList,
    /// None of the servers behind the endpoint has answered.
    #[error("no server has answered: {0}")]
    NoMember(String),
    /// A method that MCP does not use.
    #[error("method is not POST, GET or DELETE")]
    Method,
    /// `Host` names something else than this listener.
    #[error("host {0:?} is not one of listen.hosts")]
    Host(String),
    /// A page of this origin may not call the gateway.
    #[error("origin {0:?} is not one of listen.origins")]
    Origin(String),
    /// The headers are larger than `requests.header_bytes_max`.
    #[error("request headers are larger than {max} bytes")]
    HeadersTooLarge {
        /// The maximum, in bytes.
        max: u64,
    },
    /// The body is larger than `requests.body_bytes_max`.
    #[error("request body is larger than {max} bytes")]
    BodyTooLarge {
        /// The maximum, in bytes.
        max: u64,
        /// The JSON text of the request's id, where it stood early enough to be read.
        id: Option<String>,
    },
    /// The bodies of other requests take all the memory there is for them.
    #[error("there is no memory for the request body")]
    NoMemory,
    /// The body did not arrive within `requests.read_timeout`.
    #[error("request body did not arrive in time")]
    BodyTimeout,
    /// The body broke off.
    #[error("request body broke off: {0}")]
    BodyBroken(String),
    /// `Mcp-Session-Id` is not a session id.
    #[error("Mcp-Session-Id is not visible ASCII, is too long, or occurs twice")]
    Session,
    /// The body is not JSON in UTF-8, as its headers say.
    #[error("content type or encoding is not that of plain JSON")]
    MediaType,
    /// The body is not one JSON-RPC message.
    #[error("{0}")]
    Malformed(#[from] Malformed),
    /// The headers and the message disagree, or the revision is not spoken here.
    #[error("{0}")]
    Mismatch(#[from] Mismatch),
    /// Nobody knows the caller.
    #[error("{0}")]
    Unauthenticated(#[from] Unauthenticated),
    /// The caller may do this, but not with the token that it came with.
    #[error("{0}")]
    Insufficient(#[from] InsufficientScope),
    /// The gateway has nothing to show to the server.
    #[error("{0}")]
    Credential(#[from] NoCredential),
    /// The server does not accept the gateway.
    #[error("the server answers 401 to the gateway: check its `auth`")]
    Rejected,
    /// The caller may not do this.
    #[error("{0}")]
    Denied(#[from] Denied),
    /// The session does not exist, for this caller at this server.
    #[error(transparent)]
    UnknownSession(#[from] UnknownSession),
    /// A limit is reached.
    #[error("{0}")]
    Limited(#[from] Limited),
    /// A guardrail stopped the message.
    #[error("{0}")]
    Blocked(#[from] Blocked),
    /// The server could not be reached or did not answer.
    #[error("{0}")]
    Failed(#[from] Failed),
    /// The answer has to be reviewed and cannot be.
    #[error("cannot review the server's answer: {0}")]
    Unreviewable(#[from] Unreviewable),
    /// The process ends before the call does.
    #[error("the gateway is shutting down")]
    Stopping,
    /// The trail cannot take another record, and a call that cannot be recorded is not made.
    #[error("the audit trail accepts no records")]
    Unrecorded,
}

/// What the caller sees of a refusal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The JSON-RPC error code (2026-07-28, "Error Codes").
    pub code: i64,
    /// The JSON-RPC error message.
    pub message: String,
    /// The JSON text of the error's `data`.
    pub data: Option<String>,
    /// `Retry-After`, in whole seconds.
    pub retry_after: Option<Duration>,
    /// `WWW-Authenticate` (RFC 6750 section 3).
    pub challenge: Option<String>,
}

impl Refusal {
    /// The status, code and text that this fault is answered with.
    pub fn answer(&self) -> Answer {
        use jsonrpc::{INTERNAL_ERROR, INVALID_REQUEST};
        let (status, code, message) = match self {
            Self::Path => (404, INVALID_REQUEST, "no MCP endpoint at this path".into()),
            Self::Server(_) => (404, INVALID_REQUEST, "no such MCP server".into()),
            Self::Method => (405, INVALID_REQUEST, "use POST, GET or DELETE".into()),
            Self::Host(_) => (403, INVALID_REQUEST, "this host is not served here".into()),
            Self::Origin(_) => (403, INVALID_REQUEST, "this origin is not allowed".into()),
            Self::HeadersTooLarge { .. } => (431, INVALID_REQUEST, self.to_string()),
            Self::BodyTooLarge { .. } => (413, INVALID_REQUEST, self.to_string()),
            Self::BodyTimeout => (408, INVALID_REQUEST, self.to_string()),
            Self::BodyBroken(_) => (400, INVALID_REQUEST, "request body broke off".into()),
            Self::Session => (400, INVALID_REQUEST, self.to_string()),
            Self::MediaType => (
                415,
                INVALID_REQUEST,
                "send application/json in UTF-8, without content encoding".into(),
            ),
            Self::Malformed(fault) => (400, fault.code(), fault.to_string()),
            Self::Mismatch(fault) => (fault.http_status, fault.code, fault.to_string()),
            Self::Unauthenticated(fault) => {
                (fault.status(), INVALID_REQUEST, fault.public().into())
            }
            Self::Insufficient(_) => (403, INVALID_REQUEST, "the call needs more scopes".into()),
            Self::Credential(NoCredential::NoToken { .. }) => (
                403,
                INVALID_REQUEST,
                "this MCP server can be called with an access token only".into(),
            ),
            Self::Credential(_) | Self::Rejected => (
                502,
                INTERNAL_ERROR,
                "the MCP server does not accept the gateway".into(),
            ),
            Self::Denied(denied) => {
                let (code, message) = denied_words(denied.kind);
                (403, code, message.into())
            }
            // Whoever may not use a server must not learn that it exists.
            Self::Unknown(kind) => {
                let (code, message) = denied_words(Some(*kind));
                (403, code, message.into())
            }
            Self::NoSession => (400, INVALID_REQUEST, self.to_string()),
            Self::Cursor => (200, jsonrpc::INVALID_PARAMS, "unknown cursor".into()),
            Self::Task => (200, jsonrpc::INVALID_PARAMS, "unknown task".into()),
            Self::TaskList => (
                200,
                jsonrpc::METHOD_NOT_FOUND,
                "tasks are not listed here".into(),
            ),
            Self::NoMember(_) => (502, INTERNAL_ERROR, "no MCP server has answered".into()),
            Self::UnknownSession(_) | Self::Failed(Failed::SessionLost { .. }) => {
                (404, INVALID_REQUEST, "no such session".into())
            }
            Self::Failed(Failed::CircuitOpen { .. } | Failed::Overloaded { .. }) => (
                503,
                INTERNAL_ERROR,
                "the MCP server takes no more calls right now".into(),
            ),
            Self::Limited(Limited::Unavailable { .. }) => (
                503,
                INTERNAL_ERROR,
                "the gateway accepts no calls right now".into(),
            ),
            Self::Limited(_) => (429, INTERNAL_ERROR, "rate limit reached".into()),
            Self::Blocked(blocked) if blocked.answered => (200, BLOCKED, blocked.text()),
            Self::Blocked(blocked) => (403, BLOCKED, blocked.text()),
            Self::Failed(fault) if fault.is_timeout() => (
                504,
                INTERNAL_ERROR,
                "the MCP server did not answer in time".into(),
            ),
            Self::Failed(Failed::Request { .. }) => (
                400,
                INVALID_REQUEST,
                "the request cannot be forwarded".into(),
            ),
            Self::Failed(Failed::NoEndpoint { .. } | Failed::Connect { .. }) => (
                502,
                INTERNAL_ERROR,
                "the MCP server cannot be reached".into(),
            ),
            Self::Failed(_) => (
                502,
                INTERNAL_ERROR,
                "the exchange with the MCP server broke".into(),
            ),
            Self::Unreviewable(_) => (
                502,
                INTERNAL_ERROR,
                "the MCP server's answer cannot be inspected".into(),
            ),
            Self::NoMemory => (
                503,
                INTERNAL_ERROR,
                "the gateway accepts no calls right now".into(),
            ),
            Self::Stopping => (503, INTERNAL_ERROR, self.to_string()),
            Self::Unrecorded => (
                503,
                INTERNAL_ERROR,
                "the gateway accepts no calls right now".into(),
            ),
        };
        Answer {
            status,
            code,
            message,
            data: self.data(),
            retry_after: self.retry_after(),
            challenge: self.challenge().map(str::to_owned),
        }
    }

    /// What the record says happened.
    pub fn outcome(&self) -> Outcome {
        match self {
            Self::Unauthenticated(fault) if is_unavailable(fault) => Outcome::GatewayError,
            Self::Unauthenticated(_) => Outcome::Unauthenticated,
            Self::Insufficient(_) | Self::Credential(NoCredential::NoToken { .. }) => {
                Outcome::Denied
            }
            Self::Credential(_) | Self::Rejected => Outcome::UpstreamError,
            Self::Denied(_)
            | Self::Unknown(_)
            | Self::Task
            | Self::TaskList
            | Self::UnknownSession(_)
            | Self::Host(_)
            | Self::Origin(_) => Outcome::Denied,
            Self::NoMember(_) => Outcome::UpstreamError,
            Self::Limited(Limited::Unavailable { .. }) => Outcome::GatewayError,
            Self::Limited(_) => Outcome::RateLimited,
            Self::Blocked(_) => Outcome::Guardrail,
            Self::Failed(Failed::Abandoned) => Outcome::Cancelled,
            Self::Failed(Failed::Request { .. }) => Outcome::BadRequest,
            Self::Failed(Failed::Overloaded { .. }) => Outcome::GatewayError,
            Self::Failed(fault) if fault.is_timeout() => Outcome::Timeout,
            Self::Failed(_) | Self::Unreviewable(_) => Outcome::UpstreamError,
            Self::Unrecorded | Self::Stopping | Self::NoMemory => Outcome::GatewayError,
            _ => Outcome::BadRequest,
        }
    }

    /// The whole message that answers the request with this id (its JSON text).
    pub fn message(&self, id: Option<&str>) -> Vec<u8> {
        let id = id.or_else(|| self.id());
        if let Self::Blocked(blocked) = self {
            return blocked.message(id);
        }
        let answer = self.answer();
        jsonrpc::error(id, answer.code, &answer.message, answer.data.as_deref())
    }

    /// The rule that refused, where one did.
    pub fn rule(&self) -> Option<Arc<str>> {
        match self {
            Self::Denied(denied) => Some(Arc::clone(&denied.rule)),
            Self::Limited(limited) => Some(Arc::clone(limited.rule())),
            Self::Blocked(_) => Some("guardrails".into()),
            _ => None,
        }
    }

    /// What counts the call by what, where a limit refused it.
    pub fn limited(&self) -> Option<(Arc<str>, &'static str)> {
        match self {
            Self::Limited(limited) => limited.counted(),
            _ => None,
        }
    }

    /// Whether the server could not be reached, so that nothing of the call got there.
    pub fn is_unreached(&self) -> bool {
        match self {
            Self::Failed(fault) => fault.is_unreached(),
            // Without a credential of the gateway's own nothing is sent.
            Self::Credential(_) => true,
            _ => false,
        }
    }

    /// The JSON text of the request's id, where the fault itself had to find it.
    pub fn id(&self) -> Option<&str> {
        match self {
            Self::Malformed(fault) => fault.id.as_deref(),
            Self::BodyTooLarge { id, .. } => id.as_deref(),
            _ => None,
        }
    }

    fn data(&self) -> Option<String> {
        match self {
            Self::Mismatch(fault) => fault.data.clone(),
            Self::Blocked(blocked) => Some(blocked.data()),
            _ => None,
        }
    }

    fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Limited(limited) => Some(limited.retry_after()),
            Self::Failed(Failed::CircuitOpen { left, .. }) => Some(*left),
            Self::Failed(Failed::Overloaded { .. }) | Self::NoMemory => Some(OVERLOAD_RETRY_AFTER),
            Self::Unrecorded | Self::Stopping => Some(RETRY_AFTER),
            Self::Unauthenticated(fault) if is_unavailable(fault) => Some(RETRY_AFTER),
            _ => None,
        }
    }

    fn challenge(&self) -> Option<&str> {
        match self {
            Self::Unauthenticated(fault) => fault.challenge(),
            Self::Insufficient(fault) => fault.challenge.as_deref(),
            _ => None,
        }
    }
}

/// Whether nobody can say who calls, through no fault of the caller's.
fn is_unavailable(fault: &Unauthenticated) -> bool {
    matches!(fault.cause(), Cause::Unavailable(_))
}

/// What a caller is told of something that it may not use: the same as of something that does not
/// exist, for the gateway does not know which of the two it is and nobody can find out by asking.
/// 403 without a challenge, since no scope would help.
fn denied_words(kind: Option<Kind>) -> (i64, &'static str) {
    use jsonrpc::{INVALID_PARAMS, INVALID_REQUEST, METHOD_NOT_FOUND};
    match kind {
        Some(Kind::Tool) => (INVALID_PARAMS, "unknown tool, or not allowed"),
        Some(Kind::Prompt) => (INVALID_PARAMS, "unknown prompt, or not allowed"),
        Some(Kind::Resource) => (INVALID_PARAMS, "unknown resource, or not allowed"),
        Some(Kind::Method) => (METHOD_NOT_FOUND, "unknown method, or not allowed"),
        None => (INVALID_REQUEST, "not allowed"),
    }
}
