//! A request as the listener hands it over: read whole, bounded, not yet understood.

use std::net::IpAddr;

use bytes::Bytes;
use gantry_mcp::headers::{Head, Mismatch};
use http::HeaderMap;

use crate::{auth::Caller, upstream::Verb};

/// One request at `/mcp/{server}`.
#[derive(Debug)]
pub struct Request {
    /// What the client does.
    pub verb: Verb,
    /// The `{server}` of the path.
    pub server: String,
    /// Who sent it: known before the body was read.
    pub caller: Caller,
    /// All headers as they came, but for the caller's credentials.
    pub headers: HeaderMap,
    /// The whole body; empty unless the verb is POST.
    pub body: Bytes,
    /// The other end of the connection.
    pub client: IpAddr,
}

/// The headers that mirror the message, for the check that they say the same.
///
/// # Errors
/// [`Mismatch`] when one of them occurs twice.
pub(super) fn mirrored(headers: &HeaderMap) -> Result<Head<'_>, Mismatch> {
    Head::read(
        headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_bytes())),
    )
}
