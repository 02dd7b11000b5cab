//! Delivering an answer: its head, then its body piece by piece as it arrives.
//!
//! Bytes go through as they came, unless the answer has to be reviewed: then each message is held
//! until that is done. One piece always waits: the one that completes the server's response is
//! given to the caller only when the record of the call has been written, so that no answered call
//! can be missing from the trail.

mod arrived;
mod head;
mod own;
mod reviewed;

use std::pin::pin;

use bytes::Bytes;
use gantry_mcp::{
    answer::{Answer, Format},
    jsonrpc,
};
use http::StatusCode;
use pingora_core::{Result, protocols::http::ServerSession};
use tokio::time::sleep;

use arrived::Arrived;
pub(super) use own::{give, stream};
use reviewed::Reviewer;

use super::connection;
use crate::{
    pipeline::{Ending, Gateway, Listening, Original, Refusal, Reply, Trail, Unreviewable, settle},
    upstream::Exchange,
};

/// A comment, which every reader of event streams ignores (HTML, "Server-sent events").
const COMMENT: Bytes = Bytes::from_static(b":\n\n");

/// Delivers the answer of an exchange and closes the trail.
///
/// # Errors
/// The [`Refusal`] to give instead, when the server broke before anything had been passed on.
pub(super) async fn deliver(
    session: &mut ServerSession,
    gateway: &Gateway,
    trail: &mut Option<Trail>,
    mut reply: Box<Reply>,
) -> std::result::Result<(), Refusal> {
    let status = reply.exchange.status();
    let headers = reply.exchange.headers();
    let format = headers.and_then(head::format);
    if let (Some(trail), Some(format)) = (trail.as_mut(), format) {
        trail.answers_in(format);
    }
    let server = trail.as_ref().and_then(Trail::server).cloned();
    let _open = server
        .filter(|_| format == Some(Format::EventStream))
        .map(|server| gateway.metrics.open_stream(&server));
    let reviewer = match (reply.review, headers) {
        (Some(review), Some(headers)) if head::has_body(status, headers) => {
            if head::is_encoded(headers) {
                return Err(Unreviewable::Encoded.into());
            }
            Some(Reviewer::new(review, status, format))
        }
        _ => None,
    };
    let listening = reply.lesson.zip(format);
    let original = reply.original.zip(format).map(|(mut original, format)| {
        original.begins(format);
        original
    });
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
        announced: headers.and_then(head::content_length),
        received: 0,
        in_session: reply.exchange.is_in_session(),
        names_session: reply.names_session,
        reviewer,
        listening: listening.map(|(lesson, format)| lesson.listen(format)),
        original,
        head_due: true,
        present: true,
        cancellable: reply.cancellable,
        endless: reply.endless,
    };
    match delivery.run(&mut reply.exchange).await {
        Delivered::Whole => reply.exchange.finish().await,
        // Dropping the exchange closes it, which tells the server that nobody listens any more.
        Delivered::Cut => connection::cut(delivery.session).await,
        Delivered::Nothing(refusal) => return Err(refusal),
    }
    Ok(())
}

enum Delivered {
    Whole,
    Cut,
    /// Not a byte has gone to the caller.
    Nothing(Refusal),
}

/// Why what has arrived cannot be passed on.
enum Withheld {
    /// The record could not be written, so that the answer must not be given.
    Unrecorded,
    Refused(Refusal),
}

enum Next {
    Arrived(Arrived),
    Departed,
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
    /// The length that the server announced for its body.
    announced: Option<u64>,
    /// How much of the server's body has arrived.
    received: u64,
    /// Whether the call belongs to a session.
    in_session: bool,
    /// Whether the client is told the session's id.
    names_session: bool,
    /// At work where the answer has to be reviewed.
    reviewer: Option<Reviewer>,
    /// Reads along where there is something to learn.
    listening: Option<Listening>,
    /// Reads along where the answer is compared with another one.
    original: Option<Original>,
    /// The head has not been written yet.
    head_due: bool,
    /// Whether the caller is still there, as far as is known.
    present: bool,
    cancellable: bool,
    endless: bool,
}

impl Delivery<'_> {
    async fn run(&mut self, exchange: &mut Exchange) -> Delivered {
        let mut arrived = Arrived::gather(exchange, Bytes::new()).await;
        if let Some(Err(fault)) = arrived.end {
            return Delivered::Nothing(Refusal::Failed(fault));
        }
        loop {
            let bytes = match self.take_in(&mut arrived).await {
                Ok(bytes) => bytes,
                Err(Withheld::Unrecorded) => return Delivered::Cut,
                Err(Withheld::Refused(refusal)) if self.head_due => {
                    return Delivered::Nothing(refusal);
                }
                Err(Withheld::Refused(refusal)) => return self.broke(refusal).await,
            };
            if !self.pass(exchange, bytes, arrived.is_last()).await {
                return Delivered::Cut;
            }
            match arrived.end {
                Some(Ok(())) => return self.end().await,
                Some(Err(fault)) if self.head_due => {
                    return Delivered::Nothing(Refusal::Failed(fault));
                }
                Some(Err(fault)) => return self.broke(Refusal::Failed(fault)).await,
                None => {}
            }
            arrived = loop {
                match self.next(exchange).await {
                    Next::Arrived(arrived) => break arrived,
                    Next::Departed if self.lost().await => {}
                    Next::Departed => return Delivered::Cut,
                }
            };
        }
    }

    /// Waits for the server, and meanwhile keeps the stream alive and watches the caller, where
    /// its departure matters. Elsewhere a failed write tells, so that a caller which has closed
    /// only its sending side still gets its answer.
    async fn next(&mut self, exchange: &mut Exchange) -> Next {
        let watching = self.present && self.cancellable;
        let first = {
            let mut piece = pin!(exchange.chunk());
            loop {
                let quiet = self.present && self.stream && self.at_boundary();
                tokio::select! {
                    biased;
                    piece = &mut piece => break piece,
                    () = connection::departure(self.session), if watching => return Next::Departed,
                    () = sleep(self.gateway.keep_alive), if quiet => {
                        if connection::write_body(self.session, COMMENT, false).await.is_err() {
                            return Next::Departed;
                        }
                    }
                }
            }
        };
        Next::Arrived(match first {
            Ok(Some(bytes)) => Arrived::gather(exchange, bytes).await,
            Ok(None) => Arrived::end(Ok(())),
            Err(fault) => Arrived::end(Err(fault)),
        })
    }

    /// Reads what arrived, reviews it where that is due, records the call when its answer is
    /// complete, and gives the bytes that may be passed on.
    async fn take_in(&mut self, arrived: &mut Arrived) -> std::result::Result<Bytes, Withheld> {
        let bytes = std::mem::take(&mut arrived.bytes);
        self.received = self.received.saturating_add(bytes.len() as u64);
        if let Some(trail) = self.trail.as_mut() {
            trail.answered(&bytes);
        }
        let reading = self.reading.as_mut();
        let answered = reading.is_some_and(|reading| reading.feed(&bytes));
        let last = arrived.is_last() || self.announced == Some(self.received);
        self.read_along(&bytes, last);
        if self.head_due && self.in_session && head::is_session_unknown(self.status, &bytes) {
            self.status = StatusCode::NOT_FOUND;
        }
        let bytes = match &mut self.reviewer {
            Some(reviewer) => reviewer
                .pass(self.trail.as_mut(), bytes, last)
                .await
                .map_err(Withheld::Refused)?,
            None => bytes,
        };
        if let Some(trail) = self.trail.as_mut() {
            trail.given(&bytes, last);
        }
        if answered || last {
            let recorded = self.settle(self.ending()).await;
            recorded.map_err(|()| Withheld::Unrecorded)?;
        }
        Ok(bytes)
    }

    /// Shows the server's bytes to whoever reads along.
    fn read_along(&mut self, bytes: &Bytes, last: bool) {
        if let Some(original) = &mut self.original {
            original.read(bytes, last);
        }
        let listening = self.listening.as_mut();
        if listening.is_some_and(|listening| !listening.read(bytes, last)) {
            self.listening = None;
        }
    }

    /// Passes bytes on, behind the head where that is due. False when the delivery cannot go on.
    async fn pass(&mut self, exchange: &Exchange, bytes: Bytes, last: bool) -> bool {
        // A stream begins at once; anything else begins with its first bytes, since until then the
        // server may break, or a review refuse the answer.
        let begins = self.stream || !bytes.is_empty() || last;
        if self.head_due && begins {
            let length = self.length(&bytes, last);
            let written = self.write_head(exchange, length).await;
            self.head_due = false;
            if written.is_err() && !self.lost().await {
                return false;
            }
        }
        let gone = self.present
            && !bytes.is_empty()
            && connection::write_body(self.session, bytes, false)
                .await
                .is_err();
        !gone || self.lost().await
    }

    /// The length that can be promised for the whole body.
    fn length(&self, bytes: &Bytes, last: bool) -> Option<u64> {
        if last {
            // The whole answer is here: it leaves in one piece.
            return Some(bytes.len() as u64);
        }
        // A stream's length cannot be promised: comments of ours may come between its events. Nor
        // can that of messages that may change.
        self.announced
            .filter(|_| !self.stream && self.reviewer.is_none())
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
        if self.present {
            // A caller that left in this very moment has nothing left to be told.
            let _ = connection::write_body(self.session, Bytes::new(), true).await;
        }
        Delivered::Whole
    }

    /// The answer cannot go on: the server's side broke, or a message may not pass.
    async fn broke(&mut self, refusal: Refusal) -> Delivered {
        let answered = self.trail.is_none();
        let between = self.stream && self.at_boundary();
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
        let _ = connection::write_body(self.session, Bytes::new(), true).await;
        Delivered::Cut
    }

    async fn write_error(&mut self, refusal: &Refusal) -> Result<()> {
        let answer = refusal.answer();
        let error = jsonrpc::error(self.id.as_deref(), answer.code, &answer.message, None);
        let event = [b"event: message\ndata: ".as_slice(), &error, b"\n\n"].concat();
        connection::write_body(self.session, event.into(), false).await
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
        settle(self.gateway, trail.close(ending))
            .await
            .map_err(|fault| {
                tracing::error!(%fault, "an answer is withheld");
            })
    }

    /// Whether something of our own may be said between two events. Behind a review only whole
    /// events have been passed on.
    fn at_boundary(&self) -> bool {
        self.reviewer.is_some() || self.reading.as_ref().is_none_or(Answer::at_boundary)
    }

    async fn write_head(&mut self, exchange: &Exchange, length: Option<u64>) -> Result<()> {
        let head = head::build(
            self.session,
            self.status,
            exchange.headers(),
            exchange.client_session().filter(|_| self.names_session),
            length,
        )?;
        connection::write_head(self.session, head).await
    }
}
