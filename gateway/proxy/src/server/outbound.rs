//! Delivering an answer: its head, then its body piece by piece as it arrives.
//!
//! Bytes go through as they came. One piece waits: the one that completes the server's response is
//! given to the caller only when the record of the call has been written, so that no answered call
//! can be missing from the trail.

use std::pin::pin;

use bytes::Bytes;
use gantry_mcp::{
    answer::{Answer, Format},
    jsonrpc,
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Version, header};
use pingora_core::{Result, protocols::http::ServerSession};
use pingora_http::ResponseHeader;
use tokio::time::sleep;

use super::refuse;
use crate::{
    pipeline::{Ending, Gateway, Refusal, Reply, Trail, settle},
    upstream::{Exchange, Failed},
};

/// Headers of an answer that concern the server's connection or the server's own cookies: one
/// gateway host stands for many servers, and a browser would show one server's cookies to another.
const NOT_FORWARDED: [HeaderName; 7] = [
    header::CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    header::TRANSFER_ENCODING,
    header::TRAILER,
    header::UPGRADE,
    header::SET_COOKIE,
];

const ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");
const NO: HeaderValue = HeaderValue::from_static("no");
const CHUNKED: HeaderValue = HeaderValue::from_static("chunked");

/// A comment, which every reader of event streams ignores (HTML, "Server-sent events").
const COMMENT: Bytes = Bytes::from_static(b":\n\n");

/// Delivers the answer of an exchange and closes the trail.
pub(super) async fn deliver(
    session: &mut ServerSession,
    gateway: &Gateway,
    trail: &mut Option<Trail>,
    reply: Reply,
) {
    let status = reply.exchange.status();
    let headers = reply.exchange.headers();
    let format = headers.and_then(format);
    if let (Some(trail), Some(Format::EventStream)) = (trail.as_mut(), format) {
        trail.streaming();
    }
    let server = trail.as_ref().and_then(Trail::server).cloned();
    let _open = server
        .filter(|_| format == Some(Format::EventStream))
        .map(|server| gateway.metrics.open_stream(&server));
    let mut delivery = Delivery {
        session,
        gateway,
        id: trail
            .as_ref()
            .and_then(|trail| trail.id().map(str::to_owned)),
        trail,
        status,
        stream: format == Some(Format::EventStream),
        reading: format.map(Answer::new),
        length: headers.and_then(content_length),
        received: 0,
        present: true,
        cancellable: reply.cancellable,
        endless: reply.endless,
    };
    let mut exchange = reply.exchange;
    match delivery.run(&mut exchange).await {
        Delivered::Whole => exchange.finish().await,
        // Dropping the exchange closes it, which tells the server that nobody listens any more.
        Delivered::Cut => delivery.session.shutdown().await,
    }
}

enum Delivered {
    Whole,
    Cut,
}

enum Next {
    Piece(Bytes),
    End,
    Departed,
    Failed(Failed),
}

struct Delivery<'a> {
    session: &'a mut ServerSession,
    gateway: &'a Gateway,
    trail: &'a mut Option<Trail>,
    /// The JSON text of the request's id: a response is expected when there is one.
    id: Option<String>,
    status: StatusCode,
    stream: bool,
    reading: Option<Answer>,
    length: Option<u64>,
    received: u64,
    /// Whether the caller is still there, as far as is known.
    present: bool,
    cancellable: bool,
    endless: bool,
}

impl Delivery<'_> {
    async fn run(&mut self, exchange: &mut Exchange) -> Delivered {
        // Of an answer without a body, the head is all there is.
        if exchange.is_done() && self.settle(self.ending()).await.is_err() {
            return Delivered::Cut;
        }
        if self.write_head(exchange).await.is_err() && !self.lost().await {
            return Delivered::Cut;
        }
        loop {
            let going_on = match self.next(exchange).await {
                Next::Piece(bytes) => self.pass(bytes).await,
                Next::Departed => self.lost().await,
                Next::End => return self.end().await,
                Next::Failed(fault) => return self.broke(fault).await,
            };
            if !going_on {
                return Delivered::Cut;
            }
        }
    }

    /// Waits for the server, and meanwhile keeps the stream alive and watches the caller, where
    /// its departure matters. Elsewhere a failed write tells, so that a caller which has closed
    /// only its sending side still gets its answer.
    async fn next(&mut self, exchange: &mut Exchange) -> Next {
        let mut piece = pin!(exchange.chunk());
        let watching = self.present && self.cancellable;
        loop {
            let quiet = self.present && self.stream && self.at_boundary();
            tokio::select! {
                biased;
                piece = &mut piece => return match piece {
                    Ok(Some(bytes)) => Next::Piece(bytes),
                    Ok(None) => Next::End,
                    Err(fault) => Next::Failed(fault),
                },
                _ = self.session.read_body_or_idle(true), if watching => return Next::Departed,
                () = sleep(self.gateway.keep_alive), if quiet => {
                    if self.session.write_response_body(COMMENT, false).await.is_err() {
                        return Next::Departed;
                    }
                }
            }
        }
    }

    /// Passes one piece on. False when the delivery cannot go on.
    async fn pass(&mut self, bytes: Bytes) -> bool {
        if bytes.is_empty() {
            return true;
        }
        self.received = self.received.saturating_add(bytes.len() as u64);
        if let Some(trail) = self.trail.as_mut() {
            trail.answered(bytes.len());
        }
        let complete = self
            .reading
            .as_mut()
            .is_some_and(|reading| reading.feed(&bytes));
        let last = self.length == Some(self.received);
        if (complete || last) && self.settle(self.ending()).await.is_err() {
            return false;
        }
        if self.present
            && self
                .session
                .write_response_body(bytes, false)
                .await
                .is_err()
        {
            return self.lost().await;
        }
        true
    }

    /// The caller is gone. True when the exchange goes on without it.
    async fn lost(&mut self) -> bool {
        self.present = false;
        if let Some(trail) = self.trail.as_mut() {
            trail.departed();
        }
        if !self.cancellable {
            return true;
        }
        // Leaving is how a stream without an end of its own is ended.
        let ending = if self.endless && self.status.is_success() {
            Ending::answered(self.status, None, false)
        } else {
            Ending::cancelled(Some(self.status))
        };
        let _ = self.settle(ending).await;
        false
    }

    async fn end(&mut self) -> Delivered {
        if self.settle(self.ending()).await.is_err() {
            return Delivered::Cut;
        }
        if self.present {
            // A caller that left in this very moment has nothing left to be told.
            let _ = self.session.write_response_body(Bytes::new(), true).await;
        }
        Delivered::Whole
    }

    /// The server's side broke within the body.
    async fn broke(&mut self, fault: Failed) -> Delivered {
        let answered = self.trail.is_none();
        let between = self.stream && self.at_boundary();
        let refusal = Refusal::Failed(fault);
        if self
            .settle(Ending::broken(self.status, &refusal))
            .await
            .is_err()
            || !between
        {
            return Delivered::Cut;
        }
        // In the modern era a broken stream has lost its request, and saying so at once is kinder
        // than silence. In the legacy era the client may resume the stream, so it just ends.
        if !answered
            && self.cancellable
            && self.id.is_some()
            && self.write_error(&refusal).await.is_err()
        {
            return Delivered::Cut;
        }
        let _ = self.session.write_response_body(Bytes::new(), true).await;
        Delivered::Cut
    }

    async fn write_error(&mut self, refusal: &Refusal) -> Result<()> {
        let answer = refusal.answer();
        let error = jsonrpc::error(self.id.as_deref(), answer.code, &answer.message, None);
        let event = [b"event: message\ndata: ".as_slice(), &error, b"\n\n"].concat();
        self.session.write_response_body(event.into(), false).await
    }

    /// What the server's answer amounts to, as far as it has been read.
    fn ending(&self) -> Ending {
        let verdict = self.reading.as_ref().and_then(Answer::verdict);
        let expected = self.id.is_some() && !self.endless;
        Ending::answered(self.status, verdict.as_ref(), expected)
    }

    /// Closes the trail, once: later calls find it closed.
    async fn settle(&mut self, ending: Ending) -> std::result::Result<(), ()> {
        let Some(trail) = self.trail.take() else {
            return Ok(());
        };
        settle(self.gateway, &trail.close(ending))
            .await
            .map_err(|fault| {
                tracing::error!(%fault, "an answer is withheld");
            })
    }

    fn at_boundary(&self) -> bool {
        self.reading.as_ref().is_none_or(Answer::at_boundary)
    }

    async fn write_head(&mut self, exchange: &Exchange) -> Result<()> {
        let mut head = ResponseHeader::build_no_case(self.status, None)?;
        if let Some(headers) = exchange.headers() {
            copy(headers, &mut head)?;
        }
        if self.stream {
            head.insert_header(ACCEL_BUFFERING, NO)?;
        }
        let http1 = self.session.req_header().version == Version::HTTP_11;
        if http1 && self.length.is_none() && has_body(self.status) {
            head.insert_header(header::TRANSFER_ENCODING, CHUNKED)?;
        }
        refuse::allow_page(self.session, &mut head)?;
        self.session.write_response_header(Box::new(head)).await
    }
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

fn has_body(status: StatusCode) -> bool {
    !matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED)
}

fn content_length(headers: &HeaderMap) -> Option<u64> {
    headers
        .get(header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok()?.parse().ok())
}

/// How the answer's body is to be read; `None` where it carries no message.
fn format(headers: &HeaderMap) -> Option<Format> {
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
