//! Walks a JSON text in place and tells of its keys, strings and numbers with their place in the bytes.
//!
//! One pass, no recursion, no allocation per value. It accepts exactly what RFC 8259 does, duplicate keys included
//! (both are walked), and refuses what lies beyond its bounds. It never changes anything and never builds a tree.

mod escapes;

use thiserror::Error;

pub(crate) use escapes::{Sources, decode};

use crate::block::{BLOCK_BYTES, Block};

/// Deepest nesting of objects and arrays that is walked.
pub(crate) const DEPTH_MAX: usize = 128;

/// Longest text that is walked: places in it are 32 bits wide.
pub(crate) const BYTES_MAX: usize = u32::MAX as usize;

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Token {
    /// A member's name; the member's value follows.
    Key,
    /// A string.
    String,
    /// A number, as it is written.
    Number,
}

/// A string or number of the text: the bytes `start..end`, without the quotes of a string. Small enough to be handed on
/// in registers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    /// First byte.
    pub(crate) start: u32,
    /// One past the last byte.
    pub(crate) end: u32,
    /// A string with a backslash.
    pub(crate) escaped: bool,
}

impl Span {
    /// Of a text that is no longer than [`BYTES_MAX`].
    fn new(start: usize, end: usize, escaped: bool) -> Self {
        let narrow = |place: usize| u32::try_from(place).unwrap_or(u32::MAX);
        Self {
            start: narrow(start),
            end: narrow(end),
            escaped,
        }
    }

    /// How many bytes it has.
    pub(crate) fn length(self) -> usize {
        (self.end - self.start) as usize
    }

    /// Its bytes of the text.
    pub(crate) fn of(self, text: &[u8]) -> &[u8] {
        text.get(self.start as usize..self.end as usize)
            .unwrap_or_default()
    }
}

/// Who is told what the walk meets, in the text's order.
pub(crate) trait Visit {
    /// Why it does not want to go on.
    type Error: From<JsonError>;

    /// `{` (true) or `[`.
    fn open(&mut self, object: bool) -> Result<(), Self::Error>;
    /// `}` or `]`.
    fn close(&mut self) -> Result<(), Self::Error>;
    /// A member's name; the member's value follows.
    fn key(&mut self, span: Span) -> Result<(), Self::Error>;
    /// A string, or a number as it is written.
    fn scalar(&mut self, token: Token, span: Span) -> Result<(), Self::Error>;
    /// `true`, `false` or `null`.
    fn literal(&mut self) -> Result<(), Self::Error>;
}

/// Why a text was not walked to its end.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum JsonError {
    /// Not JSON; the offset of the byte at fault.
    #[error("not JSON at byte {0}")]
    Syntax(usize),
    /// Nested deeper than [`DEPTH_MAX`].
    #[error("nested deeper than {DEPTH_MAX}")]
    Depth,
    /// Not UTF-8.
    #[error("not UTF-8")]
    Utf8,
    /// Longer than [`BYTES_MAX`].
    #[error("longer than {BYTES_MAX} bytes")]
    Length,
}

/// Walks a whole text.
///
/// # Errors
/// [`JsonError`] where it is none, and whatever the visitor says; it was told of what came before.
pub(crate) fn walk<V: Visit>(text: &[u8], visitor: &mut V) -> Result<(), V::Error> {
    if text.len() > BYTES_MAX {
        return Err(JsonError::Length.into());
    }
    if simdutf8::basic::from_utf8(text).is_err() {
        return Err(JsonError::Utf8.into());
    }
    let mut walk = Walk {
        text,
        at: 0,
        objects: 0,
        depth: 0,
    };
    loop {
        if walk.value(visitor)? {
            continue;
        }
        // What follows a value: the next one, or the end of what it is in.
        loop {
            match walk.skip_space() {
                None if walk.depth == 0 => return Ok(()),
                Some(b',') if walk.depth > 0 => {
                    walk.at += 1;
                    if walk.in_object() {
                        walk.key(visitor)?;
                    }
                    break;
                }
                Some(byte) if walk.is_closed_by(byte) => walk.close(visitor)?,
                _ => return Err(walk.fault().into()),
            }
        }
    }
}

struct Walk<'a> {
    text: &'a [u8],
    at: usize,
    /// One bit a level: an object or an array.
    objects: u128,
    depth: usize,
}

impl Walk<'_> {
    /// Takes a value, or the beginning of one whose first is due next: then it says so.
    #[inline]
    fn value<V: Visit>(&mut self, visitor: &mut V) -> Result<bool, V::Error> {
        let Some(byte) = self.skip_space() else {
            return Err(self.fault().into());
        };
        match byte {
            b'"' => {
                let span = self.string().ok_or_else(|| self.fault())?;
                visitor.scalar(Token::String, span)?;
            }
            b'{' | b'[' => return self.open(byte == b'{', visitor),
            b'-' | b'0'..=b'9' => {
                let span = self.number().ok_or_else(|| self.fault())?;
                visitor.scalar(Token::Number, span)?;
            }
            b't' => self.literal(b"true", visitor)?,
            b'f' => self.literal(b"false", visitor)?,
            b'n' => self.literal(b"null", visitor)?,
            _ => return Err(self.fault().into()),
        }
        Ok(false)
    }

    /// Goes into a container, and to its first value unless it is empty.
    #[inline]
    fn open<V: Visit>(&mut self, object: bool, visitor: &mut V) -> Result<bool, V::Error> {
        if self.depth >= DEPTH_MAX {
            return Err(JsonError::Depth.into());
        }
        self.at += 1;
        self.objects = (self.objects << 1) | u128::from(object);
        self.depth += 1;
        visitor.open(object)?;
        if self
            .skip_space()
            .is_some_and(|byte| self.is_closed_by(byte))
        {
            self.close(visitor)?;
            return Ok(false);
        }
        if object {
            self.key(visitor)?;
        }
        Ok(true)
    }

    fn close<V: Visit>(&mut self, visitor: &mut V) -> Result<(), V::Error> {
        self.at += 1;
        self.objects >>= 1;
        self.depth -= 1;
        visitor.close()
    }

    /// Takes a member's name and the colon behind it.
    fn key<V: Visit>(&mut self, visitor: &mut V) -> Result<(), V::Error> {
        if self.skip_space() != Some(b'"') {
            return Err(self.fault().into());
        }
        let Some(span) = self.string() else {
            return Err(self.fault().into());
        };
        if self.skip_space() != Some(b':') {
            return Err(self.fault().into());
        }
        self.at += 1;
        visitor.key(span)
    }

    fn in_object(&self) -> bool {
        self.objects & 1 == 1
    }

    fn is_closed_by(&self, byte: u8) -> bool {
        self.depth > 0 && byte == if self.in_object() { b'}' } else { b']' }
    }

    /// Takes a string; none where it is none from the place on where the walk is then.
    #[inline(never)]
    fn string(&mut self) -> Option<Span> {
        let start = self.at + 1;
        self.at = start;
        let mut escaped = false;
        loop {
            self.at = plain(self.text, self.at);
            match self.text.get(self.at) {
                Some(b'"') => {
                    self.at += 1;
                    return Some(Span::new(start, self.at - 1, escaped));
                }
                Some(b'\\') => {
                    escaped = true;
                    self.at += self.escape()?;
                }
                _ => return None,
            }
        }
    }

    /// The length of the escape that begins here.
    fn escape(&self) -> Option<usize> {
        match self.text.get(self.at + 1)? {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Some(2),
            b'u' => {
                let digits = self.text.get(self.at + 2..self.at + 6)?;
                digits.iter().all(u8::is_ascii_hexdigit).then_some(6)
            }
            _ => None,
        }
    }

    /// Takes a number; none where it is none from the place on where the walk is then.
    fn number(&mut self) -> Option<Span> {
        let start = self.at;
        self.at += usize::from(self.is(|byte| byte == b'-'));
        if self.is(|byte| byte == b'0') {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.is(|byte| byte == b'.') {
            self.at += 1;
            self.digits()?;
        }
        if self.is(|byte| matches!(byte, b'e' | b'E')) {
            self.at += 1;
            self.at += usize::from(self.is(|byte| matches!(byte, b'+' | b'-')));
            self.digits()?;
        }
        Some(Span::new(start, self.at, false))
    }

    /// Takes at least one digit.
    fn digits(&mut self) -> Option<()> {
        let from = self.at;
        while self.is(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        (self.at > from).then_some(())
    }

    fn is(&self, wanted: impl Fn(u8) -> bool) -> bool {
        self.text.get(self.at).is_some_and(|byte| wanted(*byte))
    }

    fn literal<V: Visit>(&mut self, word: &[u8], visitor: &mut V) -> Result<(), V::Error> {
        let rest = self.text.get(self.at..).unwrap_or_default();
        if !rest.starts_with(word) {
            return Err(self.fault().into());
        }
        self.at += word.len();
        visitor.literal()
    }

    fn skip_space(&mut self) -> Option<u8> {
        loop {
            match self.text.get(self.at) {
                Some(b' ' | b'\t' | b'\n' | b'\r') => self.at += 1,
                byte => return byte.copied(),
            }
        }
    }

    fn fault(&self) -> JsonError {
        JsonError::Syntax(self.at)
    }
}

/// Where the next quote, backslash or control character of a string is.
#[inline]
fn plain(text: &[u8], from: usize) -> usize {
    let mut at = from;
    // A string has something behind it, and few messages end in one.
    while let Some(bytes) = text.get(at..).and_then(<[u8]>::first_chunk) {
        let block = Block::new(*bytes);
        let found = (block.is(b'"') | block.is(b'\\') | block.within(0, 0x1f)).bits();
        if found != 0 {
            return at + found.trailing_zeros() as usize;
        }
        at += BLOCK_BYTES;
    }
    let ends = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..0x20);
    let tail = text.get(at..).unwrap_or_default();
    at + tail.iter().position(ends).unwrap_or(tail.len())
}

#[cfg(test)]
mod tests;
