//! What an upstream's answer reports, read as it passes.
//!
//! This is for the record, never for enforcement: it looks at the few members that say how a call
//! ended, keeps a few bytes of state, buffers nothing, and never fails, whatever the upstream
//! sends. What it cannot make out it leaves out.

mod glance;

use crate::sse::{Piece, Reader};
use glance::Glance;

/// How an answer's body is framed, by its `Content-Type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// One message; several in a row are read one after another.
    Json,
    EventStream,
}

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The response carries `result`.
    Complete {
        is_error: bool,
        result_type: ResultType,
    },
    /// The response carries `error`; 0 stands for a code that is absent or no integer.
    Error { code: i64 },
}

/// The `resultType` of a result (2026-07-28, basic protocol).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResultType {
    /// Also what a result without a type is.
    Complete,
    InputRequired,
    Task,
    Other,
}

/// Reads one answer's body, chunk by chunk.
#[derive(Clone, Debug)]
pub struct Answer {
    events: Option<Reader>,
    glance: Glance,
    /// What the event under way has reported; it counts once the event is dispatched.
    pending: Option<Verdict>,
    verdict: Option<Verdict>,
}

impl Answer {
    pub fn new(format: Format) -> Self {
        let events = (format == Format::EventStream).then(Reader::new);
        Answer {
            events,
            glance: Glance::default(),
            pending: None,
            verdict: None,
        }
    }

    /// Reads the next chunk. True exactly once: when this chunk completes the response, that is the
    /// JSON value or the event that carries it. Requests and notifications of the server are not
    /// the response; what follows the response is not read for a verdict.
    pub fn feed(&mut self, chunk: &[u8]) -> bool {
        let open = self.verdict.is_none();
        let Answer {
            events,
            glance,
            pending,
            verdict,
        } = self;
        match events {
            Some(reader) => reader.feed(chunk, |piece| match piece {
                Piece::Data(bytes) => {
                    if verdict.is_none() && pending.is_none() {
                        *pending = glance.read(bytes);
                    }
                }
                Piece::End => {
                    *verdict = verdict.or(pending.take());
                    *glance = Glance::default();
                }
            }),
            None if open => *verdict = glance.read(chunk),
            None => {}
        }
        open && self.verdict.is_some()
    }

    /// Whether a comment of one's own may be inserted here; never within JSON.
    pub fn at_boundary(&self) -> bool {
        self.events.as_ref().is_some_and(Reader::at_boundary)
    }

    /// Events dispatched so far; none for JSON.
    pub fn events(&self) -> u64 {
        self.events.as_ref().map_or(0, Reader::events)
    }

    /// How the call ended, once the response is complete.
    pub fn verdict(&self) -> Option<Verdict> {
        self.verdict
    }
}
