//! All the texts of one message in one buffer, so that one pass of the engine covers them.
//!
//! Texts are separated by NUL, which no pattern crosses. A text is a key, a string, a number, or a *view*: what a
//! string says once it is decoded. Each knows how its bytes map back to the string as JSON decodes it.

use crate::views::{self, Asks};

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
    /// Where the token's bytes are, for views; none where they are the same.
    pub(crate) map: Option<Map>,
    /// What its bytes ask for.
    pub(crate) asks: Asks,
}

/// For each byte of a view, the bytes of the token's decoded text that it stands for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Map(pub(crate) Vec<(u32, u32)>);

impl Map {
    /// The token's bytes under `start..end` of the view.
    pub(crate) fn span(&self, start: usize, end: usize) -> (usize, usize) {
        let first = self.0.get(start).map_or(0, |span| span.0 as usize);
        let last = self
            .0
            .get(start..end)
            .unwrap_or_default()
            .iter()
            .map(|span| span.1 as usize)
            .max();
        (first, last.unwrap_or(first))
    }

    /// This map seen through `outer`: a view of a view.
    fn through(mut self, outer: Option<&Self>) -> Self {
        if let Some(outer) = outer {
            for span in &mut self.0 {
                let (start, end) = outer.span(span.0 as usize, span.1 as usize);
                *span = (
                    u32::try_from(start).unwrap_or(u32::MAX),
                    u32::try_from(end).unwrap_or(u32::MAX),
                );
            }
        }
        self
    }
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
}

/// The buffer and its texts.
#[derive(Debug, Default)]
pub(crate) struct Texts {
    pub(crate) buffer: Vec<u8>,
    pub(crate) segments: Vec<Segment>,
}

impl Texts {
    /// Empties it and keeps its memory.
    pub(crate) fn clear(&mut self) {
        self.buffer.clear();
        self.buffer.push(0);
        self.segments.clear();
    }

    /// Adds a text, and the views that it asks for while the buffer stays below `bytes_max`.
    pub(crate) fn add(
        &mut self,
        token: usize,
        source: Source,
        bytes_max: usize,
        write: impl FnOnce(&mut Vec<u8>),
    ) -> Result<(), Excess> {
        let segment = self.push(token, source, None, write);
        self.views(segment, 0, bytes_max)?;
        (self.buffer.len() <= bytes_max)
            .then_some(())
            .ok_or(Excess::Text)
    }

    fn push(
        &mut self,
        token: usize,
        source: Source,
        map: Option<Map>,
        write: impl FnOnce(&mut Vec<u8>),
    ) -> usize {
        let start = self.buffer.len();
        write(&mut self.buffer);
        let end = self.buffer.len();
        self.buffer.push(0);
        self.segments.push(Segment {
            start,
            end,
            token,
            source,
            map,
            asks: Asks::of(self.buffer.get(start..end).unwrap_or_default()),
        });
        self.segments.len() - 1
    }

    fn views(&mut self, index: usize, depth: usize, bytes_max: usize) -> Result<(), Excess> {
        let Some(segment) = self.segments.get(index) else {
            return Ok(());
        };
        let (token, source) = (segment.token, segment.source);
        let text = self
            .buffer
            .get(segment.start..segment.end)
            .unwrap_or_default();
        let found = views::of(text, segment.asks, depth > 0);
        if found.is_empty() {
            return Ok(());
        }
        if depth >= VIEW_DEPTH_MAX {
            return Err(Excess::Layers);
        }
        for view in found {
            if self.buffer.len() + view.text.len() > bytes_max {
                return Err(Excess::Text);
            }
            let outer = self
                .segments
                .get(index)
                .and_then(|segment| segment.map.as_ref());
            let map = view.map.through(outer);
            let next = self.push(token, source, Some(map), |buffer| {
                buffer.extend_from_slice(&view.text)
            });
            self.views(next, depth + 1, bytes_max)?;
        }
        Ok(())
    }
}
