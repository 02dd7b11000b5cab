//! The closed vocabularies of the record: the words and numbers of the table's `Enum8` columns.
//!
//! A number, once given, is never reused: rows with it are on disks that nobody can rewrite.

/// How a call ended. The word is the column's value and the metric label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(i8)]
pub enum Outcome {
    Ok = 0,
    /// The tool itself said that it failed (`isError: true`).
    ToolError = 1,
    RpcError = 2,
    UpstreamError = 3,
    Timeout = 4,
    Denied = 5,
    RateLimited = 6,
    Guardrail = 7,
    Cancelled = 8,
    BadRequest = 9,
    Unauthenticated = 10,
    GatewayError = 11,
    /// The call began and nobody knows how it ended.
    Unknown = 12,
}

impl Outcome {
    /// Every outcome, in the order of its number.
    pub const ALL: [Self; 13] = [
        Self::Ok,
        Self::ToolError,
        Self::RpcError,
        Self::UpstreamError,
        Self::Timeout,
        Self::Denied,
        Self::RateLimited,
        Self::Guardrail,
        Self::Cancelled,
        Self::BadRequest,
        Self::Unauthenticated,
        Self::GatewayError,
        Self::Unknown,
    ];

    /// The column's word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::ToolError => "tool_error",
            Self::RpcError => "rpc_error",
            Self::UpstreamError => "upstream_error",
            Self::Timeout => "timeout",
            Self::Denied => "denied",
            Self::RateLimited => "rate_limited",
            Self::Guardrail => "guardrail",
            Self::Cancelled => "cancelled",
            Self::BadRequest => "bad_request",
            Self::Unauthenticated => "unauthenticated",
            Self::GatewayError => "gateway_error",
            Self::Unknown => "unknown",
        }
    }
}

/// What kind of thing was called.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(i8)]
pub enum Kind {
    #[default]
    Other = 0,
    Tool = 1,
    Prompt = 2,
    Resource = 3,
    Task = 4,
}

impl Kind {
    /// Every kind, in the order of its number.
    pub const ALL: [Self; 5] = [
        Self::Other,
        Self::Tool,
        Self::Prompt,
        Self::Resource,
        Self::Task,
    ];

    /// The column's word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Other => "other",
            Self::Tool => "tool",
            Self::Prompt => "prompt",
            Self::Resource => "resource",
            Self::Task => "task",
        }
    }
}

/// How the caller was identified.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(i8)]
pub enum AuthMethod {
    #[default]
    None = 0,
    Jwt = 1,
    Oidc = 2,
    ApiKey = 3,
    Mtls = 4,
}

impl AuthMethod {
    /// Every method, in the order of its number.
    pub const ALL: [Self; 5] = [Self::None, Self::Jwt, Self::Oidc, Self::ApiKey, Self::Mtls];

    /// The column's word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Jwt => "jwt",
            Self::Oidc => "oidc",
            Self::ApiKey => "api_key",
            Self::Mtls => "mtls",
        }
    }
}

/// How the server was reached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(i8)]
pub enum Transport {
    #[default]
    StreamableHttp = 0,
    Sse = 1,
    Stdio = 2,
    Rest = 3,
}

impl Transport {
    /// Every transport, in the order of its number.
    pub const ALL: [Self; 4] = [Self::StreamableHttp, Self::Sse, Self::Stdio, Self::Rest];

    /// The column's word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::StreamableHttp => "streamable_http",
            Self::Sse => "sse",
            Self::Stdio => "stdio",
            Self::Rest => "rest",
        }
    }
}

/// What the guardrails did with the call; the strongest of what they did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(i8)]
pub enum GuardAction {
    #[default]
    None = 0,
    Allow = 1,
    Mask = 2,
    Block = 3,
    Flag = 4,
}

impl GuardAction {
    /// Every action, in the order of its number.
    pub const ALL: [Self; 5] = [Self::None, Self::Allow, Self::Mask, Self::Block, Self::Flag];

    /// The column's word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Allow => "allow",
            Self::Mask => "mask",
            Self::Block => "block",
            Self::Flag => "flag",
        }
    }
}
