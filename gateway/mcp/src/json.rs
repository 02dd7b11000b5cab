//! A strict JSON reader over bytes that are all there (RFC 8259, I-JSON strings).
//!
//! It walks the text once, hands out slices of it, and builds nothing. It accepts what a strict
//! reader accepts and nothing else: no comments, no trailing commas, no lone surrogates, no byte
//! order mark. It never recurses, so depth costs no stack, and it never decides what a message
//! means.

mod escape;

use std::{borrow::Cow, ops::Range};

use crate::words;

/// The deepest nesting that can be asked for: one bit of stack each.
pub(crate) const DEPTH_CEILING: usize = 1024;

/// Why the text is not JSON, or is too deep. Offsets are bytes from the beginning of the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flaw {
    Expected { what: &'static str, at: usize },
    TooDeep { depth_max: usize, at: usize },
}

pub(crate) type Scan<T> = Result<T, Flaw>;

/// One JSON value inside a body, exactly as it was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Raw<'a> {
    text: &'a str,
    start: usize,
    /// Set for a string that contains escapes.
    escaped: bool,
}

impl<'a> Raw<'a> {
    /// The JSON text, without surrounding white space.
    pub fn get(&self) -> &'a str {
        self.text
    }

    /// Where the text lies in the body that was parsed.
    pub fn span(&self) -> Range<usize> {
        self.start..self.start + self.text.len()
    }

    pub(crate) fn is_object(&self) -> bool {
        self.text.starts_with('{')
    }

    pub(crate) fn is_null(&self) -> bool {
        self.text == "null"
    }

    /// The string's value, when the value is a string.
    pub(crate) fn as_text(&self) -> Option<Cow<'a, str>> {
        let inner = self.text.strip_prefix('"')?.strip_suffix('"')?;
        Some(decode(inner, self.escaped))
    }
}

/// The value of a string whose escapes have been checked; it is copied only if it has some.
fn decode(inner: &str, escaped: bool) -> Cow<'_, str> {
    if escaped {
        Cow::Owned(escape::unescape(inner))
    } else {
        Cow::Borrowed(inner)
    }
}

/// A position in a body that is valid UTF-8.
pub(crate) struct Scanner<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
    depth_max: usize,
}

impl<'a> Scanner<'a> {
    pub(crate) fn new(text: &'a str, depth_max: usize) -> Self {
        Scanner {
            text,
            at: 0,
            depth: 0,
            depth_max: depth_max.min(DEPTH_CEILING),
        }
    }

    /// The next byte that is not white space, not consumed.
    #[inline]
    pub(crate) fn peek(&mut self) -> Option<u8> {
        let bytes = self.text.as_bytes();
        loop {
            match bytes.get(self.at) {
                Some(b' ' | b'\t' | b'\n' | b'\r') => self.at += 1,
                other => return other.copied(),
            }
        }
    }

    pub(crate) fn at(&self) -> usize {
        self.at
    }

    fn flaw<T>(&self, what: &'static str) -> Scan<T> {
        Err(Flaw::Expected { what, at: self.at })
    }

    /// Enters an object whose `{` is next.
    pub(crate) fn enter_object(&mut self) -> Scan<()> {
        match self.peek() {
            Some(b'{') => {
                self.deepen(self.depth)?;
                self.depth += 1;
                self.at += 1;
                Ok(())
            }
            _ => self.flaw("an object"),
        }
    }

    /// Enters an array whose `[` is next.
    pub(crate) fn enter_array(&mut self) -> Scan<()> {
        match self.peek() {
            Some(b'[') => {
                self.deepen(self.depth)?;
                self.depth += 1;
                self.at += 1;
                Ok(())
            }
            _ => self.flaw("an array"),
        }
    }

    /// Moves to the next value of the array that was entered; false when the array ends. The value
    /// must be consumed before the next call.
    pub(crate) fn next_item(&mut self, first: bool) -> Scan<bool> {
        match self.peek() {
            Some(b']') => {
                self.at += 1;
                self.depth -= 1;
                return Ok(false);
            }
            Some(b',') if !first => self.at += 1,
            Some(_) if first => {}
            _ => return self.flaw("a comma or the end of an array"),
        }
        match self.peek() {
            Some(b']') | None => self.flaw("a value"),
            Some(_) => Ok(true),
        }
    }

    /// Moves to the next member of the object that was entered and returns its key and where that
    /// begins; none when the object ends. The value must be consumed before the next call.
    pub(crate) fn next_key(&mut self, first: bool) -> Scan<Option<(Cow<'a, str>, usize)>> {
        match self.peek() {
            Some(b'}') => {
                self.at += 1;
                self.depth -= 1;
                return Ok(None);
            }
            Some(b',') if !first => self.at += 1,
            Some(b'"') if first => {}
            _ => return self.flaw("a comma or the end of an object"),
        }
        self.peek();
        let at = self.at;
        let (key, escaped) = self.string()?;
        self.colon()?;
        Ok(Some((decode(key, escaped), at)))
    }

    /// Passes over one value, of any kind and size.
    #[inline]
    pub(crate) fn value(&mut self) -> Scan<Raw<'a>> {
        let first = self.peek();
        let start = self.at;
        let mut escaped = false;
        match first {
            Some(b'"') => (_, escaped) = self.string()?,
            Some(b'{' | b'[') => self.container()?,
            Some(first) => self.scalar(first)?,
            None => return self.flaw("a value"),
        }
        Ok(Raw {
            escaped,
            ..self.since(start)
        })
    }

    /// The text from `start` to here, as one value.
    pub(crate) fn since(&self, start: usize) -> Raw<'a> {
        let text = self.text.get(start..self.at).unwrap_or_default();
        Raw {
            text,
            start,
            escaped: false,
        }
    }

    /// Nothing but white space may follow the message.
    pub(crate) fn end(&mut self) -> Scan<()> {
        match self.peek() {
            None => Ok(()),
            Some(_) => self.flaw("the end of the body"),
        }
    }

    fn deepen(&self, depth: usize) -> Scan<()> {
        let (depth_max, at) = (self.depth_max, self.at);
        if depth < depth_max {
            Ok(())
        } else {
            Err(Flaw::TooDeep { depth_max, at })
        }
    }

    /// Passes over an object or array whose bracket is next. Which kind each open bracket was is
    /// kept as one bit.
    fn container(&mut self) -> Scan<()> {
        let mut nest = Nest::default();
        loop {
            // A value is due.
            match self.peek() {
                Some(open @ (b'{' | b'[')) => {
                    self.deepen(self.depth + nest.depth)?;
                    self.at += 1;
                    nest.push(open == b'{');
                    let close = if open == b'{' { b'}' } else { b']' };
                    if self.peek() != Some(close) {
                        if open == b'{' {
                            self.string()?;
                            self.colon()?;
                        }
                        continue;
                    }
                }
                Some(first) => self.scalar(first)?,
                None => return self.flaw("a value"),
            }
            // A value has ended, or an empty container is about to.
            loop {
                match (self.peek(), nest.in_object()) {
                    (Some(b'}'), true) | (Some(b']'), false) => {
                        self.at += 1;
                        if nest.pop() {
                            return Ok(());
                        }
                    }
                    (Some(b','), in_object) => {
                        self.at += 1;
                        if in_object {
                            self.peek();
                            self.string()?;
                            self.colon()?;
                        }
                        break;
                    }
                    (_, true) => return self.flaw("a comma or the end of an object"),
                    (_, false) => return self.flaw("a comma or the end of an array"),
                }
            }
        }
    }

    fn colon(&mut self) -> Scan<()> {
        match self.peek() {
            Some(b':') => {
                self.at += 1;
                Ok(())
            }
            _ => self.flaw("a colon"),
        }
    }

    fn scalar(&mut self, first: u8) -> Scan<()> {
        match first {
            b'"' => self.string().map(drop),
            b't' => self.literal("true"),
            b'f' => self.literal("false"),
            b'n' => self.literal("null"),
            b'-' | b'0'..=b'9' => self.number(),
            _ => self.flaw("a value"),
        }
    }

    fn literal(&mut self, word: &'static str) -> Scan<()> {
        match self.text.as_bytes().get(self.at..) {
            Some(rest) if rest.starts_with(word.as_bytes()) => {
                self.at += word.len();
                Ok(())
            }
            _ => self.flaw("a value"),
        }
    }

    fn number(&mut self) -> Scan<()> {
        let bytes = self.text.as_bytes();
        if bytes.get(self.at) == Some(&b'-') {
            self.at += 1;
        }
        if bytes.get(self.at) == Some(&b'0') {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if bytes.get(self.at) == Some(&b'.') {
            self.at += 1;
            self.digits()?;
        }
        if let Some(b'e' | b'E') = bytes.get(self.at) {
            self.at += 1;
            if let Some(b'+' | b'-') = bytes.get(self.at) {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(())
    }

    fn digits(&mut self) -> Scan<()> {
        let rest = self.text.as_bytes().get(self.at..).unwrap_or_default();
        let count = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        if count == 0 {
            return self.flaw("a digit");
        }
        self.at += count;
        Ok(())
    }

    /// Passes over a string whose quote is here. Returns what stands between the quotes, with every
    /// escape checked and none decoded, and whether there are any.
    #[inline]
    fn string(&mut self) -> Scan<(&'a str, bool)> {
        let bytes = self.text.as_bytes();
        if bytes.get(self.at) != Some(&b'"') {
            return self.flaw("a string");
        }
        let start = self.at + 1;
        self.at = start;
        let mut escaped = false;
        loop {
            self.at += words::plain_bytes(bytes.get(self.at..).unwrap_or_default());
            match bytes.get(self.at) {
                Some(b'"') => {
                    let inner = self.text.get(start..self.at).unwrap_or_default();
                    self.at += 1;
                    return Ok((inner, escaped));
                }
                Some(b'\\') => {
                    escaped = true;
                    match escape::escape_bytes(bytes.get(self.at..).unwrap_or_default()) {
                        Ok(length) => self.at += length,
                        Err(what) => return self.flaw(what),
                    }
                }
                Some(_) => return self.flaw("an escaped control character"),
                None => return self.flaw("the end of a string"),
            }
        }
    }
}

/// The kinds of the brackets that are open, innermost last: a set bit is an object.
#[derive(Default)]
struct Nest {
    bits: [u64; DEPTH_CEILING / 64],
    depth: usize,
}

impl Nest {
    fn push(&mut self, object: bool) {
        if let Some(word) = self.bits.get_mut(self.depth / 64) {
            let bit = 1 << (self.depth % 64);
            *word = if object { *word | bit } else { *word & !bit };
        }
        self.depth += 1;
    }

    fn in_object(&self) -> bool {
        let last = self.depth.wrapping_sub(1);
        self.bits
            .get(last / 64)
            .is_some_and(|word| word >> (last % 64) & 1 == 1)
    }

    /// Closes the innermost bracket; true when it was the outermost too.
    fn pop(&mut self) -> bool {
        self.depth -= 1;
        self.depth == 0
    }
}
