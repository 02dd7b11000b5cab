//! The head of an answer: what of the server's goes on, what the gateway adds.

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Version, header};
use pingora_core::{Result, protocols::http::ServerSession};
use pingora_http::ResponseHeader;

pub(super) use crate::upstream::{format, is_encoded, is_session_unknown};
use crate::{routing::SESSION_ID, server::refuse};
use gantry_mcp::answer::Format;

/// Headers of an answer that concern the server's connection, the framing of its body, its own
/// name for the session, or the server's own trust: one gateway host stands for many servers, and a
/// browser would show one server's cookies to another.
const NOT_FORWARDED: [HeaderName; 13] = [
    SESSION_ID,
    header::CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    header::TRANSFER_ENCODING,
    header::TRAILER,
    header::UPGRADE,
    header::SET_COOKIE,
    header::CONTENT_LENGTH,
    header::PROXY_AUTHENTICATE,
    // It asks for credentials that no client can send through the gateway.
    header::WWW_AUTHENTICATE,
    header::ALT_SVC,
    header::ACCESS_CONTROL_ALLOW_CREDENTIALS,
];

const ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");
const NO: HeaderValue = HeaderValue::from_static("no");
const CHUNKED: HeaderValue = HeaderValue::from_static("chunked");

/// Builds the head that the caller gets. `length` is the body's, where it is known.
pub(super) fn build(
    session: &ServerSession,
    status: StatusCode,
    headers: Option<&HeaderMap>,
    client_session: Option<&HeaderValue>,
    length: Option<u64>,
) -> Result<ResponseHeader> {
    let mut head = ResponseHeader::build_no_case(status, None)?;
    if let Some(id) = client_session {
        head.insert_header(SESSION_ID, id)?;
    }
    if let Some(headers) = headers {
        copy(headers, &mut head)?;
        if format(headers) == Some(Format::EventStream) {
            // Reverse proxies in front of the gateway must not hold events back either.
            head.insert_header(ACCEL_BUFFERING, NO)?;
        }
    }
    let bodyless = matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
    let chunks = session.req_header().version == Version::HTTP_11;
    match length {
        _ if bodyless => {}
        Some(bytes) => head.insert_header(header::CONTENT_LENGTH, bytes)?,
        None if chunks => head.insert_header(header::TRANSFER_ENCODING, CHUNKED)?,
        None => {}
    }
    refuse::allow_page(session, &mut head)?;
    Ok(head)
}

fn copy(headers: &HeaderMap, head: &mut ResponseHeader) -> Result<()> {
    let nominated: Vec<HeaderName> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for (name, value) in headers {
        if !NOT_FORWARDED.contains(name) && !nominated.contains(name) {
            head.append_header(name.clone(), value.clone())?;
        }
    }
    Ok(())
}

/// The length that a server announces for its answer's body.
pub(super) fn content_length(headers: &HeaderMap) -> Option<u64> {
    headers
        .get(header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok()?.parse().ok())
}

/// Whether an answer has a body.
pub(super) fn has_body(status: StatusCode, headers: &HeaderMap) -> bool {
    !matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED)
        && content_length(headers) != Some(0)
}
