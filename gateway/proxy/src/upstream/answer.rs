//! How the body of a server's answer is to be read, by its headers.

use gantry_mcp::answer::Format;
use http::{HeaderMap, header};

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
