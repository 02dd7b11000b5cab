//! An answer's body, cut into whole messages, so that each can be read and changed before it is
//! passed on.
//!
//! Everything that is not a message (comments, events without data, white space) goes through as
//! it came, and so does every message that is kept. A message is held until it is complete; nothing
//! else waits, and no more than one message of a bounded size is ever held. A body that arrives in
//! one piece is not copied.

mod event;
mod value;

use std::borrow::Cow;

use bytes::{Bytes, BytesMut};

use crate::answer::Format;

/// A piece of the body, in the order of the stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// Nothing to read: it goes through as it came.
    Plain(Bytes),
    Message(Message),
}

/// One whole message, with the event that carries it where the body is a stream of events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    raw: Bytes,
    format: Format,
}

impl Message {
    /// The message's JSON text. Nobody has checked that it is JSON.
    pub fn json(&self) -> Cow<'_, [u8]> {
        match self.format {
            Format::Json => Cow::Borrowed(&self.raw),
            Format::EventStream => event::data(&self.raw),
        }
    }

    /// The bytes to pass on when the message stays as it is.
    pub fn kept(self) -> Bytes {
        self.raw
    }

    /// The bytes to pass on when the message becomes `json`. An event keeps its other fields, its
    /// comments and its line ends.
    pub fn replaced(&self, json: &[u8]) -> Bytes {
        match self.format {
            Format::Json => Bytes::copy_from_slice(json),
            Format::EventStream => event::with_data(&self.raw, json),
        }
    }
}

/// The ids of events behind a name, so that those of several streams differ; `None` where there are none.
/// The bytes are whole lines, as parts of a stream are.
pub fn with_event_names(bytes: &[u8], name: &str) -> Option<Bytes> {
    event::with_names(bytes, name)
}

/// A message is larger than may be held.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a message of the answer is larger than {bytes_max} bytes")]
pub struct TooLarge {
    pub bytes_max: usize,
}

/// Cuts one body.
#[derive(Debug)]
pub struct Messages {
    cutter: Cutter,
    held: Held,
    bytes_max: usize,
    ended: bool,
}

/// How far the held bytes have been read, and what they are so far.
#[derive(Debug)]
enum Cutter {
    Json(value::Cutter),
    /// A body that is one message once it has ended.
    Whole,
    EventStream(event::Cutter),
}

/// What a cutter found: so many bytes from the beginning are one part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cut {
    Plain(usize),
    Message(usize),
}

impl Messages {
    /// For a body of this format whose messages have at most `bytes_max` bytes each.
    pub fn new(format: Format, bytes_max: usize) -> Self {
        Self::cut_by(
            match format {
                Format::Json => Cutter::Json(value::Cutter::default()),
                Format::EventStream => Cutter::EventStream(event::Cutter::default()),
            },
            bytes_max,
        )
    }

    /// As [`Messages::new`], for whom a message of a body in JSON is early enough when the body has ended: where it
    /// ends need not be looked for then.
    pub fn in_no_hurry(format: Format, bytes_max: usize) -> Self {
        match format {
            Format::Json => Self::cut_by(Cutter::Whole, bytes_max),
            Format::EventStream => Self::new(format, bytes_max),
        }
    }

    fn cut_by(cutter: Cutter, bytes_max: usize) -> Self {
        Self {
            cutter,
            held: Held::One(Bytes::new()),
            bytes_max,
            ended: false,
        }
    }

    /// Takes the next chunk.
    pub fn feed(&mut self, chunk: Bytes) {
        self.held.push(chunk);
    }

    /// The body has ended: what is still held is all there is.
    pub fn end(&mut self) {
        self.ended = true;
    }

    /// How much is held of what has not become a part yet.
    pub fn held_bytes(&self) -> usize {
        self.held.bytes().len()
    }

    /// The next part, if it is complete.
    ///
    /// # Errors
    /// [`TooLarge`] when a message does not end within the bound; nothing more can be read then.
    pub fn next_part(&mut self) -> Result<Option<Part>, TooLarge> {
        let bytes = self.held.bytes();
        let (found, format) = match &mut self.cutter {
            Cutter::Json(cutter) => (cutter.cut(bytes), Format::Json),
            Cutter::Whole => (None, Format::Json),
            Cutter::EventStream(cutter) => (cutter.cut(bytes, self.ended), Format::EventStream),
        };
        let found = found.or_else(|| self.rest(format));
        let length = match found {
            Some(Cut::Message(length)) => length,
            Some(Cut::Plain(_)) => 0,
            None => bytes.len(),
        };
        if length > self.bytes_max {
            return Err(TooLarge {
                bytes_max: self.bytes_max,
            });
        }
        Ok(found.map(|cut| match cut {
            Cut::Plain(length) => Part::Plain(self.held.take(length)),
            Cut::Message(length) => Part::Message(Message {
                raw: self.held.take(length),
                format,
            }),
        }))
    }

    /// What is left at the end. A value or an event that was cut off is looked at like a whole one:
    /// some readers take it for one.
    fn rest(&self, format: Format) -> Option<Cut> {
        let bytes = self.held.bytes();
        if !self.ended || bytes.is_empty() {
            return None;
        }
        let plain = format == Format::EventStream && event::data(bytes).is_empty();
        Some(if plain {
            Cut::Plain(bytes.len())
        } else {
            Cut::Message(bytes.len())
        })
    }
}

/// The bytes that have not been passed on: one chunk as it came, or several put together.
#[derive(Debug)]
enum Held {
    One(Bytes),
    Several(BytesMut),
}

impl Held {
    fn bytes(&self) -> &[u8] {
        match self {
            Self::One(bytes) => bytes,
            Self::Several(bytes) => bytes,
        }
    }

    fn push(&mut self, chunk: Bytes) {
        match self {
            _ if self.bytes().is_empty() => *self = Self::One(chunk),
            Self::One(first) => {
                let mut several = BytesMut::with_capacity(2 * (first.len() + chunk.len()));
                several.extend_from_slice(first);
                several.extend_from_slice(&chunk);
                *self = Self::Several(several);
            }
            Self::Several(bytes) => bytes.extend_from_slice(&chunk),
        }
    }

    fn take(&mut self, length: usize) -> Bytes {
        match self {
            Self::One(bytes) => bytes.split_to(length.min(bytes.len())),
            Self::Several(bytes) => bytes.split_to(length.min(bytes.len())).freeze(),
        }
    }
}
