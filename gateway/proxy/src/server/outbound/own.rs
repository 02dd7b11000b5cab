//! Delivering what the gateway itself answers: a whole message, or one stream put together of several.

use gantry_mcp::answer::Format;
use http::{HeaderName, HeaderValue, StatusCode, Version, header};
use pingora_core::{Result, protocols::http::ServerSession};
use pingora_http::ResponseHeader;
use tokio::time::sleep;

use bytes::Bytes;

use super::COMMENT;
use crate::{
    federation::{Own, Stream},
    pipeline::{Ending, Gateway, Refusal, Trail, settle},
    server::{connection, refuse},
};

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const EVENTS: HeaderValue = HeaderValue::from_static("text/event-stream");
const NO_CACHE: HeaderValue = HeaderValue::from_static("no-cache");
const ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");
const NO: HeaderValue = HeaderValue::from_static("no");
const CHUNKED: HeaderValue = HeaderValue::from_static("chunked");

/// Gives an answer that is there as a whole, once its request has been recorded.
///
/// # Errors
/// [`Refusal::Unrecorded`] when that was not possible: the answer must not be given then.
pub(in crate::server) async fn give(
    session: &mut ServerSession,
    gateway: &Gateway,
    trail: &mut Option<Trail>,
    own: Own,
) -> std::result::Result<(), Refusal> {
    if let Some(mut trail) = trail.take() {
        trail.answered(&own.body);
        close(gateway, trail, own.ending()).await?;
    }
    // A caller that has left in this very moment has nothing left to be told.
    let _ = write(session, own).await;
    Ok(())
}

async fn close(
    gateway: &Gateway,
    trail: Trail,
    ending: Ending,
) -> std::result::Result<(), Refusal> {
    let settled = settle(gateway, trail.close(ending)).await;
    settled.map_err(|fault| {
        tracing::error!(%fault, "an answer is withheld");
        Refusal::Unrecorded
    })
}

async fn write(session: &mut ServerSession, own: Own) -> Result<()> {
    let mut head = ResponseHeader::build_no_case(own.status, None)?;
    if !own.body.is_empty() {
        head.insert_header(header::CONTENT_TYPE, JSON)?;
    }
    if own.status != StatusCode::NO_CONTENT {
        head.insert_header(header::CONTENT_LENGTH, own.body.len())?;
    }
    for (name, value) in own.headers {
        head.insert_header(name, value)?;
    }
    refuse::allow_page(session, &mut head)?;
    connection::write_head(session, head).await?;
    if !own.body.is_empty() {
        connection::write_body(session, own.body, false).await?;
    }
    connection::write_body(session, Bytes::new(), true).await
}

/// Gives a stream for as long as both ends want.
///
/// # Errors
/// None; a stream that ends has been answered.
pub(in crate::server) async fn stream(
    session: &mut ServerSession,
    gateway: &Gateway,
    trail: &mut Option<Trail>,
    mut stream: Stream,
) -> std::result::Result<(), Refusal> {
    let server = trail.as_ref().and_then(Trail::server).cloned();
    let _open = server.map(|server| gateway.metrics.open_stream(&server));
    if let Some(trail) = trail.as_mut() {
        trail.answers_in(Format::EventStream);
    }
    let whole = follow(session, gateway, trail, &mut stream).await.is_ok();
    if let Some(trail) = trail.take() {
        let ending = Ending::answered(StatusCode::OK, None, false);
        // The caller has all there is to it already.
        let _ = close(gateway, trail, ending).await;
    }
    if !whole {
        connection::cut(session).await;
    }
    Ok(())
}

/// Passes events on until there are no more. An error means that the caller has gone.
async fn follow(
    session: &mut ServerSession,
    gateway: &Gateway,
    trail: &mut Option<Trail>,
    stream: &mut Stream,
) -> Result<(), Gone> {
    begin(session).await.map_err(|_| Gone)?;
    loop {
        let event = tokio::select! {
            biased;
            event = stream.events.recv() => event,
            () = connection::departure(session) => return Err(Gone),
            () = sleep(gateway.keep_alive) => Some(COMMENT),
        };
        let last = event.is_none();
        let Some(event) = event.or_else(|| stream.farewell.take()) else {
            break;
        };
        if let Some(trail) = trail.as_mut() {
            trail.answered(&event);
        }
        let written = connection::write_body(session, event, false).await;
        written.map_err(|_| Gone)?;
        if last {
            break;
        }
    }
    let end = connection::write_body(session, Bytes::new(), true).await;
    end.map_err(|_| Gone)
}

/// The caller is not there any more.
struct Gone;

async fn begin(session: &mut ServerSession) -> Result<()> {
    let mut head = ResponseHeader::build_no_case(StatusCode::OK, None)?;
    head.insert_header(header::CONTENT_TYPE, EVENTS)?;
    head.insert_header(header::CACHE_CONTROL, NO_CACHE)?;
    head.insert_header(ACCEL_BUFFERING, NO)?;
    if session.req_header().version == Version::HTTP_11 {
        head.insert_header(header::TRANSFER_ENCODING, CHUNKED)?;
    }
    refuse::allow_page(session, &mut head)?;
    connection::write_head(session, head).await
}
