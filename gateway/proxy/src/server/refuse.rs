//! Writing the gateway's own answers.

use http::{HeaderValue, header};
use pingora_core::{Result, protocols::http::ServerSession};
use pingora_http::ResponseHeader;

use super::{connection, origin};
use crate::pipeline::{Answer, Refusal};

/// How long the rest of a refused request is read, so that the caller sees the answer instead of
/// a connection that was reset while it was still sending.
const DRAIN: std::time::Duration = std::time::Duration::from_secs(2);

const ALLOWED: HeaderValue = HeaderValue::from_static("POST, GET, DELETE");
const ORIGIN: HeaderValue = HeaderValue::from_static("Origin");
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// Tells the caller of a refusal, with the id of its request.
pub(super) async fn write(
    session: &mut ServerSession,
    refusal: &Refusal,
    id: Option<&str>,
) -> Result<()> {
    let answer = refusal.answer();
    let body = refusal.message(id);
    let mut head = head(&answer, body.len())?;
    if !matches!(refusal, Refusal::Host(_) | Refusal::Origin(_)) {
        allow_page(session, &mut head)?;
    }
    if matches!(refusal, Refusal::BodyBroken(_) | Refusal::BodyTimeout) {
        // Where the body would have ended is unknown: what comes next is not a request.
        session.set_keepalive(None);
    } else {
        drain(session).await;
    }
    connection::write_head(session, head).await?;
    connection::write_body(session, body.into(), true).await
}

/// Answers the preflight of a page that has been admitted.
pub(super) async fn preflight(session: &mut ServerSession) -> Result<()> {
    let mut head = ResponseHeader::build_no_case(204, None)?;
    let request = &session.req_header().headers;
    let answers = origin::preflight(request);
    allow_page(session, &mut head)?;
    for (name, value) in answers {
        head.insert_header(name, value)?;
    }
    connection::write_head(session, head).await?;
    connection::write_body(session, bytes::Bytes::new(), true).await
}

/// Lets an admitted page read the answer.
pub(super) fn allow_page(session: &ServerSession, head: &mut ResponseHeader) -> Result<()> {
    if let Some(page) = session.req_header().headers.get(header::ORIGIN) {
        for (name, value) in origin::readable_by(page) {
            head.insert_header(name, value)?;
        }
        head.append_header(header::VARY, ORIGIN)?;
    }
    Ok(())
}

fn head(answer: &Answer, body_bytes: usize) -> Result<ResponseHeader> {
    let mut head = ResponseHeader::build_no_case(answer.status, None)?;
    head.insert_header(header::CONTENT_TYPE, JSON)?;
    head.insert_header(header::CONTENT_LENGTH, body_bytes)?;
    if answer.status == 405 {
        head.insert_header(header::ALLOW, ALLOWED)?;
    }
    if let Some(challenge) = &answer.challenge {
        head.insert_header(header::WWW_AUTHENTICATE, challenge.as_str())?;
    }
    if matches!(answer.status, 401 | 403) {
        head.insert_header(header::CACHE_CONTROL, NO_STORE)?;
    }
    if let Some(wait) = answer.retry_after {
        let seconds = wait.as_secs().max(1);
        head.insert_header(header::RETRY_AFTER, seconds.to_string())?;
    }
    Ok(head)
}

async fn drain(session: &mut ServerSession) {
    // A caller that waits for "100 Continue" sends nothing before it is answered.
    if session.req_header().headers.contains_key(header::EXPECT) {
        session.set_keepalive(None);
        return;
    }
    session.set_total_drain_timeout(Some(DRAIN));
    if session.drain_request_body().await.is_err() {
        session.set_keepalive(None);
    }
}
