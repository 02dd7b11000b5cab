//! What may pass.
//!
//! [`Screened`] is the only form in which the upstream side takes a message; [`screen`] is its
//! only constructor. Headers are part of it, since they mirror the message's parameters: what is
//! redacted in one is redacted in the other.

use bytes::Bytes;
use http::HeaderMap;

use crate::policy::Permit;

/// The guardrails of one configuration.
#[derive(Debug, Clone, Default)]
pub struct Guardrails {
    _private: (),
}

impl Guardrails {
    /// Nothing is scanned: what is in force while a configuration lists no guardrails.
    pub fn none() -> Self {
        Self::default()
    }
}

/// A message that may leave for its server.
#[derive(Debug, Clone)]
pub struct Screened {
    headers: HeaderMap,
    body: Bytes,
}

impl Screened {
    /// The message's length in bytes.
    pub fn body_bytes(&self) -> usize {
        self.body.len()
    }

    /// Hands the message to the upstream side.
    pub fn into_parts(self) -> (HeaderMap, Bytes) {
        (self.headers, self.body)
    }
}

/// Why a message may not pass.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("blocked by guardrail {rule}")]
pub struct Blocked {
    /// The guardrail that found something.
    pub rule: &'static str,
}

/// Screens a permitted message on its way to the server.
///
/// # Errors
/// [`Blocked`] with the guardrail that stopped it.
pub fn screen(
    _guardrails: &Guardrails,
    _permit: &Permit,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Screened, Blocked> {
    Ok(Screened { headers, body })
}
