//! Walks a JSON text in place and yields its keys, strings and numbers with their place in the bytes.
//!
//! One pass, no recursion, no allocation per value. It accepts exactly what RFC 8259 does, duplicate keys included
//! (both are walked), and refuses what lies beyond its bounds. It never changes anything and never builds a tree.

use thiserror::Error;

/// Deepest nesting of objects and arrays that is walked.
pub const DEPTH_MAX: usize = 128;

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Token {
    /// A member's name; the member's value follows.
    Key,
    /// A string.
    String,
    /// A number, as it is written.
    Number,
}

/// What the walk meets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// A key or scalar that can be scanned. `start..end` are bytes of the text, without the quotes of a string.
    Token {
        /// Which.
        token: Token,
        /// First byte.
        start: usize,
        /// One past the last byte.
        end: usize,
        /// A string with a backslash.
        escaped: bool,
    },
    /// `true`, `false` or `null`.
    Literal,
    /// `{` (true) or `[`.
    Open(bool),
    /// `}` or `]`.
    Close,
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
}

#[derive(Clone, Copy, PartialEq)]
enum Expect {
    Value,
    ValueOrEnd,
    KeyOrEnd,
    Key,
    CommaOrEnd,
    Nothing,
}

/// The walk over one text.
#[derive(Debug)]
pub struct Walk<'a> {
    text: &'a [u8],
    at: usize,
    /// One bit a level: an object or an array.
    objects: u128,
    depth: usize,
    expect: Expect,
}

impl std::fmt::Debug for Expect {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Expect")
    }
}

impl<'a> Walk<'a> {
    /// Begins a walk over `text`.
    ///
    /// # Errors
    /// [`JsonError::Utf8`].
    pub fn new(text: &'a [u8]) -> Result<Self, JsonError> {
        std::str::from_utf8(text).map_err(|_| JsonError::Utf8)?;
        Ok(Self {
            text,
            at: 0,
            objects: 0,
            depth: 0,
            expect: Expect::Value,
        })
    }

    /// The next event, or none at the end of the text.
    ///
    /// # Errors
    /// [`JsonError::Syntax`] and [`JsonError::Depth`]; the walk must then not go on.
    #[inline]
    pub fn step(&mut self) -> Result<Option<Event>, JsonError> {
        let mut byte = self.skip_space();
        if self.expect == Expect::CommaOrEnd && byte == Some(b',') {
            self.at += 1;
            byte = self.skip_space();
            self.expect = if self.in_object() {
                Expect::Key
            } else {
                Expect::Value
            };
        }
        match (self.expect, byte) {
            (Expect::Value | Expect::ValueOrEnd, Some(byte)) if byte != b']' => self.value(byte),
            (Expect::KeyOrEnd | Expect::Key, Some(b'"')) => {
                let event = self.string(Token::Key)?;
                if self.skip_space() != Some(b':') {
                    return Err(self.fault());
                }
                self.at += 1;
                self.expect = Expect::Value;
                Ok(event)
            }
            (Expect::CommaOrEnd | Expect::KeyOrEnd, Some(b'}')) if self.in_object() => {
                Ok(self.close())
            }
            (Expect::CommaOrEnd | Expect::ValueOrEnd, Some(b']')) if !self.in_object() => {
                Ok(self.close())
            }
            (Expect::Nothing, None) => return Ok(None),
            _ => Err(self.fault()),
        }
        .map(Some)
    }

    #[inline]
    fn value(&mut self, byte: u8) -> Result<Event, JsonError> {
        match byte {
            b'{' | b'[' => self.open(byte == b'{'),
            b'"' => {
                let event = self.string(Token::String)?;
                self.after_value();
                Ok(event)
            }
            b'-' | b'0'..=b'9' => self.number(),
            b't' => self.literal(b"true"),
            b'f' => self.literal(b"false"),
            b'n' => self.literal(b"null"),
            _ => Err(self.fault()),
        }
    }

    fn open(&mut self, object: bool) -> Result<Event, JsonError> {
        if self.depth >= DEPTH_MAX {
            return Err(JsonError::Depth);
        }
        self.at += 1;
        self.objects = (self.objects << 1) | u128::from(object);
        self.depth += 1;
        self.expect = if object {
            Expect::KeyOrEnd
        } else {
            Expect::ValueOrEnd
        };
        Ok(Event::Open(object))
    }

    fn close(&mut self) -> Event {
        self.at += 1;
        self.objects >>= 1;
        self.depth -= 1;
        self.after_value();
        Event::Close
    }

    fn after_value(&mut self) {
        self.expect = if self.depth == 0 {
            Expect::Nothing
        } else {
            Expect::CommaOrEnd
        };
    }

    fn in_object(&self) -> bool {
        self.depth > 0 && self.objects & 1 == 1
    }

    #[inline]
    fn string(&mut self, token: Token) -> Result<Event, JsonError> {
        let start = self.at + 1;
        let mut at = start;
        let mut escaped = false;
        loop {
            at += plain(self.text.get(at..).unwrap_or_default());
            match self.text.get(at) {
                Some(b'"') => {
                    self.at = at + 1;
                    return Ok(Event::Token {
                        token,
                        start,
                        end: at,
                        escaped,
                    });
                }
                Some(b'\\') => {
                    escaped = true;
                    at += self.escape(at)?;
                }
                _ => return Err(JsonError::Syntax(at)),
            }
        }
    }

    /// The length of the escape at `at`.
    fn escape(&self, at: usize) -> Result<usize, JsonError> {
        match self.text.get(at + 1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => Ok(2),
            Some(b'u') => match self.text.get(at + 2..at + 6) {
                Some(digits) if digits.iter().all(u8::is_ascii_hexdigit) => Ok(6),
                _ => Err(JsonError::Syntax(at)),
            },
            _ => Err(JsonError::Syntax(at)),
        }
    }

    fn number(&mut self) -> Result<Event, JsonError> {
        let start = self.at;
        let byte = |at: usize| self.text.get(at).copied().unwrap_or(0);
        let digits = |mut at: usize| {
            let from = at;
            while byte(at).is_ascii_digit() {
                at += 1;
            }
            (at > from).then_some(at).ok_or(JsonError::Syntax(at))
        };
        let mut at = start + usize::from(byte(start) == b'-');
        at = if byte(at) == b'0' {
            at + 1
        } else {
            digits(at)?
        };
        if byte(at) == b'.' {
            at = digits(at + 1)?;
        }
        if matches!(byte(at), b'e' | b'E') {
            at += 1;
            at += usize::from(matches!(byte(at), b'+' | b'-'));
            at = digits(at)?;
        }
        self.at = at;
        self.after_value();
        Ok(Event::Token {
            token: Token::Number,
            start,
            end: at,
            escaped: false,
        })
    }

    fn literal(&mut self, word: &[u8]) -> Result<Event, JsonError> {
        if !self
            .text
            .get(self.at..)
            .is_some_and(|rest| rest.starts_with(word))
        {
            return Err(self.fault());
        }
        self.at += word.len();
        self.after_value();
        Ok(Event::Literal)
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

/// How many bytes of a string come before its next quote, backslash or control character.
#[inline]
fn plain(text: &[u8]) -> usize {
    const LOW: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    // The high bit of each byte that is below the limit; above the lowest one they may be carries.
    let below = |word: u64, limit: u64| word.wrapping_sub(LOW * limit) & !word & HIGH;
    let (words, tail) = text.as_chunks::<8>();
    for (word, at) in words.iter().zip((0..).step_by(8)) {
        let word = u64::from_le_bytes(*word);
        let quote = below(word ^ (LOW * u64::from(b'"')), 1);
        let backslash = below(word ^ (LOW * u64::from(b'\\')), 1);
        let found = quote | backslash | below(word, 0x20);
        if found != 0 {
            return at + (found.trailing_zeros() / 8) as usize;
        }
    }
    let ends = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..0x20);
    text.len() - tail.len() + tail.iter().position(ends).unwrap_or(tail.len())
}

/// Decodes the inside of a string with escapes onto `out`. A lone surrogate becomes U+FFFD, as it has no character.
pub fn decode(inside: &[u8], out: &mut Vec<u8>) {
    let mut at = 0;
    while let Some(length) = memchr::memchr(b'\\', inside.get(at..).unwrap_or_default()) {
        out.extend_from_slice(inside.get(at..at + length).unwrap_or_default());
        let (used, character) = unescape(inside, at + length);
        out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
        at += length + used;
    }
    out.extend_from_slice(inside.get(at..).unwrap_or_default());
}

/// Leads offsets of what [`decode`] makes back to the inside of its string, forwards.
#[derive(Debug)]
pub struct Sources<'a> {
    inside: &'a [u8],
    at: usize,
    decoded: usize,
}

impl<'a> Sources<'a> {
    /// Begins at the beginning.
    #[must_use]
    pub fn new(inside: &'a [u8]) -> Self {
        Self {
            inside,
            at: 0,
            decoded: 0,
        }
    }

    /// Where the source of the decoded byte `to` begins, which is not before the last that was asked for.
    pub fn of(&mut self, to: usize) -> usize {
        while self.decoded < to {
            let rest = self.inside.get(self.at..).unwrap_or_default();
            let next = memchr::memchr(b'\\', rest).unwrap_or(rest.len());
            let plain = next.min(to - self.decoded);
            self.at += plain;
            self.decoded += plain;
            if self.decoded == to || plain == rest.len() {
                break;
            }
            let (used, character) = unescape(self.inside, self.at);
            self.at += used;
            self.decoded += character.len_utf8();
        }
        self.at
    }
}

/// The length of the escape at `at` and the character that it stands for.
fn unescape(inside: &[u8], at: usize) -> (usize, char) {
    let simple = |character| (2, character);
    match inside.get(at + 1) {
        Some(b'n') => simple('\n'),
        Some(b't') => simple('\t'),
        Some(b'r') => simple('\r'),
        Some(b'b') => simple('\u{8}'),
        Some(b'f') => simple('\u{c}'),
        Some(b'u') => {
            let high = unit(inside, at);
            if (0xd800..0xdc00).contains(&high) && inside.get(at + 6..at + 8) == Some(b"\\u") {
                let low = unit(inside, at + 6);
                if (0xdc00..0xe000).contains(&low) {
                    let code = 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
                    return (12, char::from_u32(code).unwrap_or('\u{fffd}'));
                }
            }
            (6, char::from_u32(high).unwrap_or('\u{fffd}'))
        }
        Some(&other) => simple(char::from(other)),
        None => (1, '\\'),
    }
}

/// The code unit of the `\uXXXX` at `at`.
fn unit(inside: &[u8], at: usize) -> u32 {
    inside
        .get(at + 2..at + 6)
        .unwrap_or_default()
        .iter()
        .fold(0, |value, digit| {
            value * 16 + char::from(*digit).to_digit(16).unwrap_or(0)
        })
}
