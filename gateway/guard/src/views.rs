//! What a text says once it is decoded, for the texts that ask for it.
//!
//! A plain ASCII text without escapes has no view and costs one look at its bytes.

mod encoded;
mod fold;
mod plain;

pub(crate) use encoded::{base64_bytes, data_uri};
pub(crate) use fold::invisible as fold_invisible;

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
#[derive(Default)]
struct Asks {
    escapes: bool,
    folding: bool,
    run: bool,
}

/// Shortest run of letters and digits that is tried as base64 or hexadecimal.
const RUN_MIN: usize = 16;

/// The views of a text: at most one that undoes escapes and folds characters, and one for each encoded run.
pub(crate) fn of(text: &[u8]) -> Vec<View> {
    let asks = look(text);
    let mut views = Vec::new();
    if asks.escapes || asks.folding {
        views.extend(plain::decoded(text));
    }
    if asks.run {
        encoded::runs(text, &mut views);
    }
    views
}

fn look(text: &[u8]) -> Asks {
    let mut asks = Asks::default();
    let mut run = 0;
    for byte in text {
        let class = CLASSES.get(*byte as usize).copied().unwrap_or(0);
        if class == 0 {
            run = 0;
        } else if class == RUN {
            run += 1;
            asks.run |= run >= RUN_MIN;
        } else {
            run = 0;
            asks.escapes |= class == ESCAPE;
            asks.folding |= class == HIGH;
        }
    }
    asks
}

const RUN: u8 = 1;
const ESCAPE: u8 = 2;
const HIGH: u8 = 3;

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
                b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'+' | b'/' | b'-' | b'_' => RUN,
                b'\\' | b'%' | b'&' | b'<' | b'=' => ESCAPE,
                0x80.. => HIGH,
                _ => 0,
            };
        }
        byte += 1;
    }
    classes
};
