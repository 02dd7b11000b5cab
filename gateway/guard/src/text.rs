//! All the texts of one message in one buffer, so that one pass of the engine covers them.
//!
//! Texts are separated by NUL, which no pattern crosses. A text is a key, a string, a number, or a *view*: what a
//! string says once it is decoded. Each knows how its bytes map back to the string as JSON decodes it.

use std::ops::Range;

use crate::block::BLOCK_BYTES;
use crate::views::{self, Asks, Next, Piece, View};
use crate::work::Work;

/// Where a text comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// A member's name.
    Key,
    /// A string or number.
    Value,
}

/// One text in the buffer.
#[derive(Debug)]
pub(crate) struct Segment {
    /// Its first byte in the buffer.
    pub(crate) start: usize,
    /// One past its last byte.
    pub(crate) end: usize,
    /// The token that it belongs to.
    pub(crate) token: usize,
    /// Key or value.
    pub(crate) source: Source,
    /// What it is seen through, for views; none where its bytes are the token's.
    view: Option<Seen>,
    /// What its bytes ask for.
    pub(crate) asks: Asks,
}

impl Segment {
    fn length(&self) -> usize {
        self.end - self.start
    }

    /// Whether it is the token's own text.
    pub(crate) fn is_own(&self) -> bool {
        self.view.is_none()
    }
}

/// The text that a view is of, and the pieces that lead back to it.
#[derive(Clone, Copy, Debug)]
struct Seen {
    of: usize,
    first: usize,
    last: usize,
}

/// Views of views: percent inside of base64 inside of an escape. What asks for more cannot be looked at.
const VIEW_DEPTH_MAX: usize = 3;

/// What a text has more of than is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Excess {
    /// Bytes, with those of its views.
    Text,
    /// Encodings inside of each other.
    Layers,
    /// Time.
    Work,
}

/// The buffer and its texts.
#[derive(Debug, Default)]
pub(crate) struct Texts {
    pub(crate) buffer: Vec<u8>,
    pub(crate) segments: Vec<Segment>,
    /// Of all views.
    pieces: Vec<Piece>,
    /// Where a view is made before it is added.
    made: View,
}

impl Texts {
    pub(crate) const fn new() -> Self {
        Self {
            buffer: Vec::new(),
            segments: Vec::new(),
            pieces: Vec::new(),
            made: View::new(),
        }
    }

    /// Empties it and keeps its memory.
    pub(crate) fn clear(&mut self) {
        self.buffer.clear();
        self.segments.clear();
        self.pieces.clear();
    }

    /// Makes room for a message of that many bytes.
    pub(crate) fn reserve(&mut self, bytes: usize) {
        self.buffer.reserve(bytes + 1);
    }

    /// The most that one of its vectors has room for.
    pub(crate) fn capacity(&self) -> usize {
        let made = self.made.text.capacity().max(self.made.pieces.capacity());
        self.buffer
            .capacity()
            .max(self.segments.capacity())
            .max(self.pieces.capacity())
            .max(made)
    }

    /// Where the next text begins, which is to be written to the end of the buffer.
    pub(crate) fn begin(&mut self) -> usize {
        // Every text has a NUL on both sides.
        if self.buffer.is_empty() {
            self.buffer.push(0);
        }
        self.buffer.len()
    }

    /// Writes bytes of a message. Most texts are short: whole blocks of a fixed length are copied sooner than bytes of
    /// any number, and what they have too much is dropped.
    pub(crate) fn copy(&mut self, message: &[u8], span: Range<usize>) {
        const BLOCKS_MAX: usize = 4;
        let (start, length) = (self.buffer.len(), span.len());
        let blocks = length.div_ceil(BLOCK_BYTES);
        let padded = message.get(span.start..span.start + blocks * BLOCK_BYTES);
        match padded.filter(|_| blocks <= BLOCKS_MAX) {
            Some(padded) => {
                let blocks: &[[u8; BLOCK_BYTES]] = padded.as_chunks().0;
                for block in blocks {
                    self.buffer.extend_from_slice(block);
                }
                self.buffer.truncate(start + length);
            }
            None => {
                let bytes = message.get(span).unwrap_or_default();
                self.buffer.extend_from_slice(bytes);
            }
        }
    }

    /// Adds the text that was written from `start` on, and the views that it asks for while the buffer stays below
    /// `bytes_max`.
    pub(crate) fn end(
        &mut self,
        start: usize,
        token: usize,
        source: Source,
        bytes_max: usize,
        work: &mut Work<'_>,
    ) -> Result<(), Excess> {
        let asks = self.push(token, source, None, start);
        if asks.views() {
            self.views(self.segments.len() - 1, 0, bytes_max, work)?;
        }
        (self.buffer.len() <= bytes_max)
            .then_some(())
            .ok_or(Excess::Text)
    }

    /// The bytes of the token's own text that `start..end` of a segment stands for.
    pub(crate) fn span<'a>(
        &'a self,
        mut segment: &'a Segment,
        mut start: usize,
        mut end: usize,
    ) -> (usize, usize) {
        while let Some(seen) = segment.view {
            let pieces = self.pieces.get(seen.first..seen.last).unwrap_or_default();
            (start, end) = views::span(pieces, start, end);
            match self.segments.get(seen.of) {
                Some(outer) => segment = outer,
                None => break,
            }
        }
        (start, end)
    }

    /// Makes a segment of what stands in the buffer from `start` on.
    fn push(&mut self, token: usize, source: Source, view: Option<Seen>, start: usize) -> Asks {
        let end = self.buffer.len();
        // NUL asks for nothing, and ends the last block.
        self.buffer.extend_from_slice(&[0; BLOCK_BYTES]);
        let asks = Asks::of(self.buffer.get(start..).unwrap_or_default());
        self.buffer.truncate(end + 1);
        self.segments.push(Segment {
            start,
            end,
            token,
            source,
            view,
            asks,
        });
        asks
    }

    /// Adds the views of a text, and theirs.
    fn views(
        &mut self,
        index: usize,
        depth: usize,
        bytes_max: usize,
        work: &mut Work<'_>,
    ) -> Result<(), Excess> {
        let mut from = Next::First;
        let length = self.segments.get(index).map_or(0, Segment::length);
        // One look for its first view, and one for all its encoded runs.
        if !work.lasts(2 * length) {
            return Err(Excess::Work);
        }
        loop {
            let Some(segment) = self.segments.get(index) else {
                return Ok(());
            };
            let text = self
                .buffer
                .get(segment.start..segment.end)
                .unwrap_or_default();
            from = views::next(text, segment.asks, depth > 0, from, &mut self.made);
            if from == Next::None {
                return Ok(());
            }
            if depth >= VIEW_DEPTH_MAX {
                return Err(Excess::Layers);
            }
            if !work.lasts(self.made.text.len()) {
                return Err(Excess::Work);
            }
            let (token, source) = (segment.token, segment.source);
            if self.buffer.len() + self.made.text.len() > bytes_max {
                return Err(Excess::Text);
            }
            let (first, start) = (self.pieces.len(), self.buffer.len());
            self.pieces.extend_from_slice(&self.made.pieces);
            self.buffer.extend_from_slice(&self.made.text);
            let seen = Seen {
                of: index,
                first,
                last: self.pieces.len(),
            };
            if self.push(token, source, Some(seen), start).views() {
                self.views(self.segments.len() - 1, depth + 1, bytes_max, work)?;
            }
        }
    }
}
