//! What a text says once it is decoded, for the texts that ask for it.
//!
//! A plain ASCII text without escapes has no view and costs one look at its bytes.

mod encoded;
mod fold;
mod plain;

pub(crate) use encoded::{base64_bytes, data_uri};
pub(crate) use fold::invisible as fold_invisible;
use plain::Again;

use crate::text::Map;

/// A decoded text and where its bytes come from.
pub(crate) struct View {
    pub(crate) text: Vec<u8>,
    pub(crate) map: Map,
}

impl View {
    fn with_capacity(bytes: usize) -> Self {
        Self {
            text: Vec::with_capacity(bytes),
            map: Map(Vec::with_capacity(bytes)),
        }
    }

    /// Adds a character that stands for `start..end` of the source.
    fn put(&mut self, character: char, start: usize, end: usize) {
        let mut buffer = [0; 4];
        self.bytes(character.encode_utf8(&mut buffer).as_bytes(), start, end);
    }

    fn bytes(&mut self, bytes: &[u8], start: usize, end: usize) {
        let span = (
            u32::try_from(start).unwrap_or(u32::MAX),
            u32::try_from(end).unwrap_or(u32::MAX),
        );
        self.text.extend_from_slice(bytes);
        self.map.0.extend(std::iter::repeat_n(span, bytes.len()));
    }
}

/// What the bytes of a text ask for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Asks(u8);

impl Asks {
    /// One look at each byte of a text.
    pub(crate) fn of(text: &[u8]) -> Self {
        let class = |byte: &u8| CLASSES.get(usize::from(*byte)).copied().unwrap_or(0);
        let mut seen = text.iter().fold(0, |seen, byte| seen | class(byte));
        if seen & RUN != 0 && !has_run(text) {
            seen &= !RUN;
        }
        Self(seen)
    }

    /// Something in it may be an identifier by its shape or structure.
    pub(crate) fn shapes(self) -> bool {
        self.0 & (DIGIT | SIGN) != 0
    }

    pub(crate) fn digits(self) -> bool {
        self.0 & DIGIT != 0
    }

    /// Characters beyond ASCII, or an escape of a terminal.
    pub(crate) fn hidden(self) -> bool {
        self.0 & (HIGH | CONTROL) != 0
    }
}

/// Shortest run of letters and digits that is tried as base64 or hexadecimal.
const RUN_MIN: usize = 16;

/// The views of a text: at most one that undoes escapes and folds characters, and one for each encoded run. In a text
/// that is a view itself, an escape sign that was escaped again and again counts once, however often.
pub(crate) fn of(text: &[u8], asks: Asks, is_view: bool) -> Vec<View> {
    let mut views = Vec::new();
    if asks.0 & (ESCAPE | HIGH) != 0 {
        let again = if is_view { Again::Once } else { Again::Each };
        views.extend(plain::decoded(text, again));
    }
    if asks.0 & RUN != 0 {
        encoded::runs(text, &mut views);
    }
    views
}

/// Whether there is a run of [`RUN_MIN`]: looks at one byte of many, and behind the last that ends one.
fn has_run(text: &[u8]) -> bool {
    let mut at = 0;
    while let Some(window) = text.get(at..at + RUN_MIN) {
        match window.iter().rposition(|byte| !is_run(*byte)) {
            Some(end) => at += end + 1,
            None => return true,
        }
    }
    false
}

fn is_run(byte: u8) -> bool {
    CLASSES
        .get(usize::from(byte))
        .is_some_and(|class| class & RUN != 0)
}

const RUN: u8 = 1;
const ESCAPE: u8 = 2;
const HIGH: u8 = 4;
const DIGIT: u8 = 8;
const SIGN: u8 = 16;
const CONTROL: u8 = 32;

const CLASSES: [u8; 256] = {
    let mut classes = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        #[expect(
            clippy::indexing_slicing,
            reason = "the index is below 256, and this runs at compile time"
        )]
        {
            classes[byte] = match byte as u8 {
                b'0'..=b'9' => RUN | DIGIT,
                b'+' | b'-' => RUN | SIGN,
                b'A'..=b'Z' | b'a'..=b'z' | b'/' | b'_' => RUN,
                b'@' | b'.' | b':' => SIGN,
                b'\\' | b'%' | b'&' | b'<' | b'=' => ESCAPE,
                0x1b => CONTROL,
                0x80.. => HIGH,
                _ => 0,
            };
        }
        byte += 1;
    }
    classes
};
