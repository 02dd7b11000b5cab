//! How the body of a server's answer is to be read, by its headers.

use gantry_mcp::answer::Format;
use http::{HeaderMap, StatusCode, header};

/// Whether the body is compressed.
pub fn is_encoded(headers: &HeaderMap) -> bool {
    let mut encodings = headers.get_all(header::CONTENT_ENCODING).iter();
    encodings.any(|encoding| !encoding.as_bytes().eq_ignore_ascii_case(b"identity"))
}

/// How the answer's body is to be read; `None` where it carries no message.
pub fn format(headers: &HeaderMap) -> Option<Format> {
    if is_encoded(headers) {
        return None;
    }
    let text = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    let media = text.split(';').next().unwrap_or_default().trim();
    if media.eq_ignore_ascii_case("text/event-stream") {
        Some(Format::EventStream)
    } else if media.eq_ignore_ascii_case("application/json") {
        Some(Format::Json)
    } else {
        None
    }
}

/// Whether a server refuses a session that it does not know with 400, as several do, instead of the
/// 404 from which clients begin anew (revision 2025-11-25, "Session Management"). `body` is what
/// has come of the answer; such answers come in one piece.
pub fn is_session_unknown(status: StatusCode, body: &[u8]) -> bool {
    const UNKNOWN: &[u8] = b"no valid session id";
    status == StatusCode::BAD_REQUEST
        && body
            .windows(UNKNOWN.len())
            .any(|text| text.eq_ignore_ascii_case(UNKNOWN))
}
