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
    /// The server that it is for: the `{server}` of the path, unless that is an endpoint of several.
    pub server: String,
    /// The name of the endpoint that it came to, which is that of the server or of several; `None` at the
    /// endpoint of all servers.
    pub entrance: Option<String>,
    /// Who sent it: known before the body was read.
    pub caller: Caller,
    /// All headers as they came, but for the caller's credentials.
    pub headers: HeaderMap,
    /// The whole body; empty unless the verb is POST.
    pub body: Bytes,
    /// The other end of the connection.
    pub client: IpAddr,
    /// Whether the answer becomes a part of one that other servers contribute to, and keeps them waiting.
    pub is_part: bool,
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
