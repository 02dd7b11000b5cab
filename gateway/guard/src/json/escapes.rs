//! The inside of a string: what its escapes stand for, and where what they became came from.

use crate::block::{BLOCK_BYTES, Block};

/// Decodes the inside of a string with escapes onto `out`. A lone surrogate becomes U+FFFD, as it has no character.
pub(crate) fn decode(inside: &[u8], out: &mut Vec<u8>) {
    let mut at = 0;
    // Whole blocks are copied, and what they have too much is dropped: escapes are near to each other.
    while let Some(bytes) = inside.get(at..).and_then(<[u8]>::first_chunk) {
        let escapes = Block::new(*bytes).is(b'\\').bits();
        let plain = (escapes.trailing_zeros() as usize).min(BLOCK_BYTES);
        let length = out.len() + plain;
        out.extend_from_slice(bytes);
        out.truncate(length);
        at += plain;
        if escapes != 0 {
            at += unescape_to(inside, at, out);
        }
    }
    while let Some(byte) = inside.get(at) {
        if *byte == b'\\' {
            at += unescape_to(inside, at, out);
        } else {
            out.push(*byte);
            at += 1;
        }
    }
}

/// Decodes the escape at `at`; its length.
fn unescape_to(inside: &[u8], at: usize, out: &mut Vec<u8>) -> usize {
    let (used, character) = unescape(inside, at);
    out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
    used
}

/// Leads offsets of what [`decode`] makes back to the inside of its string, forwards.
#[derive(Debug)]
pub(crate) struct Sources<'a> {
    inside: &'a [u8],
    at: usize,
    decoded: usize,
}

impl<'a> Sources<'a> {
    /// Begins at the beginning.
    pub(crate) fn new(inside: &'a [u8]) -> Self {
        Self {
            inside,
            at: 0,
            decoded: 0,
        }
    }

    /// Where the source of the decoded byte `to` begins, which is not before the last that was asked for.
    pub(crate) fn of(&mut self, to: usize) -> usize {
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
