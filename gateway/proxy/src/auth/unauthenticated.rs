//! Why a request has no caller, and how its sender is told.

use std::net::IpAddr;

use super::{CredentialFault, TokenFault, Unavailable, bearer::BearerFault};

/// A request without a caller. `Display` is the operator's text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{cause}")]
pub struct Unauthenticated {
    cause: Cause,
    challenge: Option<String>,
}

/// What is wrong with what a request shows of its sender.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Cause {
    /// An anonymous request came from another machine although only local ones are allowed.
    #[error("anonymous request from {0}, which is not a loopback address")]
    NotLocal(IpAddr),
    /// It shows nothing.
    #[error("the request has no credential")]
    Absent,
    /// It shows something in a way that cannot be judged.
    #[error(transparent)]
    Credential(#[from] CredentialFault),
    /// Its token is bad.
    #[error(transparent)]
    Token(#[from] TokenFault),
    /// Nobody holds its key.
    #[error("the API key is unknown")]
    ApiKey,
    /// Its certificate names no agent.
    #[error("the client certificate names no agent")]
    Certificate,
    /// Its token cannot be judged right now.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

impl From<BearerFault> for Cause {
    fn from(fault: BearerFault) -> Self {
        match fault {
            BearerFault::Token(fault) => Self::Token(fault),
            BearerFault::Unavailable(fault) => Self::Unavailable(fault),
        }
    }
}

impl Unauthenticated {
    pub(super) fn new(cause: Cause, challenge: Option<String>) -> Self {
        Self { cause, challenge }
    }

    /// What is wrong.
    pub fn cause(&self) -> &Cause {
        &self.cause
    }

    /// The value of `WWW-Authenticate`, where the sender could do better.
    pub fn challenge(&self) -> Option<&str> {
        self.challenge.as_deref()
    }

    /// The HTTP status (RFC 6750 section 3.1): an issuer that is away is no fault of the sender.
    pub fn status(&self) -> u16 {
        match &self.cause {
            Cause::Credential(_) => 400,
            Cause::Unavailable(_) => 503,
            _ => 401,
        }
    }

    /// What the sender is told: one constant text per class.
    pub fn public(&self) -> &'static str {
        self.cause.public()
    }
}

impl Cause {
    pub(super) fn public(&self) -> &'static str {
        match self {
            Self::NotLocal(_) | Self::Absent => "authentication required",
            Self::Credential(CredentialFault::InQuery) => {
                "credentials belong into the Authorization header, never into the URL"
            }
            Self::Credential(CredentialFault::Several) => "send one credential",
            Self::Credential(CredentialFault::Malformed) => "the Authorization header is malformed",
            Self::Token(fault) => fault.public(),
            Self::ApiKey => "the API key is not valid",
            Self::Certificate => "the client certificate is of no known agent",
            Self::Unavailable(_) => "credentials cannot be checked right now",
        }
    }

    /// One word, for the metrics.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::NotLocal(_) => "not_local",
            Self::Absent => "absent",
            Self::Credential(_) => "credential",
            Self::Token(fault) => fault.reason(),
            Self::ApiKey => "api_key",
            Self::Certificate => "certificate",
            Self::Unavailable(_) => "unavailable",
        }
    }
}

/// A caller whose credential does not go far enough for a call, although the caller may make it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the call needs the scopes {needed:?}")]
pub struct InsufficientScope {
    /// All scopes of the call, with spaces between.
    pub needed: String,
    /// The value of `WWW-Authenticate`, where another token would help.
    pub challenge: Option<String>,
}
