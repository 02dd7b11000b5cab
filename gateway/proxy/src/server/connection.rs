//! The caller's connection: how long it may be slow, when its end has left, how it is cut.

use std::time::Duration;

use bytes::Bytes;
use pingora_core::{Error, ErrorType, Result, protocols::http::ServerSession};
use pingora_http::ResponseHeader;
use pingora_timeout::fast_timeout::fast_timeout;

/// The longest that a caller may take to make room for one write. Whoever reads slower than that
/// would hold a call, its connections and its record for as long as it likes.
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);

/// The longest that the end of a connection may take.
const CUT_TIMEOUT: Duration = Duration::from_secs(1);

/// Readies a connection for one request: bounds every later write, and keeps what the caller sends
/// behind its request for the next one (RFC 9112 section 9.3.2) instead of taking it for a fault.
pub(super) fn ready(session: &mut ServerSession) {
    session.set_write_timeout(Some(WRITE_TIMEOUT));
    if let ServerSession::H1(session) = session {
        session.set_pipelining_enabled(true);
    }
}

/// Writes an answer's head within the same bound.
pub(super) async fn write_head(session: &mut ServerSession, head: ResponseHeader) -> Result<()> {
    let written = session.write_response_header(Box::new(head));
    match fast_timeout(WRITE_TIMEOUT, written).await {
        Ok(written) => written,
        Err(_) => Error::e_explain(ErrorType::WriteTimedout, "writing a response head"),
    }
}

/// Writes a piece of an answer's body within the same bound, or its end.
pub(super) async fn write_body(session: &mut ServerSession, bytes: Bytes, end: bool) -> Result<()> {
    // Over HTTP/2, a caller that reads nothing gives no room to write, and Pingora would wait.
    match fast_timeout(WRITE_TIMEOUT, session.write_response_body(bytes, end)).await {
        Ok(written) => written,
        Err(_) => Error::e_explain(ErrorType::WriteTimedout, "writing a response body"),
    }
}

/// Resolves when the caller has gone away.
pub(super) async fn departure(session: &mut ServerSession) {
    // It resolves with an error only, and stays silent while there is merely more to read.
    drop(session.read_body_or_idle(true).await);
}

/// Ends the connection within an answer, so that the caller cannot take what it has for the whole.
pub(super) async fn cut(session: &mut ServerSession) {
    session.set_keepalive(None);
    // Whoever does not let go in time is dropped all the same.
    let _ = fast_timeout(CUT_TIMEOUT, session.shutdown()).await;
}
