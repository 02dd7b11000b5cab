//! Runs of base64 and hexadecimal that say something readable.

use std::ops::Range;

use base64::Engine;
use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};

use super::{View, runs};
use crate::block::{BLOCK_BYTES, Block};

const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_padding_mode(DecodePaddingMode::Indifferent)
    .with_decode_allow_trailing_bits(true);
static PLAIN: GeneralPurpose = GeneralPurpose::new(&STANDARD, LENIENT);
static URL: GeneralPurpose = GeneralPurpose::new(&URL_SAFE, LENIENT);

/// Bytes of a run that are decoded first, to see whether the rest is worth it.
const SAMPLE: usize = 16;

/// Makes the view of the first run from `from` on that decodes to text, and says where to look for the next. A view
/// stands for its whole run.
pub(super) fn run(text: &[u8], from: usize, made: &mut View) -> Option<usize> {
    let mut at = from;
    while let Some(run) = next_run(text, at) {
        at = run.end;
        let bytes = text.get(run.clone()).unwrap_or_default();
        // A path or a name in front of a slash is not part of what is encoded; try the run as a whole only.
        if hexadecimal(bytes, &mut made.text) || base64_text(bytes, &mut made.text) {
            let behind = text.get(run.end..).unwrap_or_default().iter().take(2);
            let padding = behind.take_while(|byte| **byte == b'=').count();
            made.stands_for(run.start, run.end + padding);
            return Some(run.end);
        }
    }
    None
}

/// Fewest tag characters that say something: the flags of nations have five and an end.
const TAGS_MIN: usize = 8;

/// Makes the view of the first run of tag characters from `from` on, which show nothing and which a model reads as the
/// ASCII that they repeat (Unicode 23.9), and says where to look for the next.
pub(super) fn tags(text: &[u8], from: usize, made: &mut View) -> Option<usize> {
    let mut at = from;
    loop {
        at += memchr::memmem::find(text.get(at..)?, b"\xf3\xa0")?;
        let characters = text.get(at..)?.chunks_exact(4).map_while(tag);
        let start = at;
        for character in characters {
            made.put(char::from(character), at, at + 4);
            at += 4;
        }
        if made.text.len() >= TAGS_MIN {
            return Some(at);
        }
        made.text.clear();
        made.pieces.clear();
        at = at.max(start + 1);
    }
}

/// The character of ASCII that a tag character repeats.
fn tag(bytes: &[u8]) -> Option<u8> {
    let code = match bytes {
        [0xf3, 0xa0, 0x80, last] => last & 0x3f,
        [0xf3, 0xa0, 0x81, last] => 0x40 | last & 0x3f,
        _ => return None,
    };
    (b' '..=b'~').contains(&code).then_some(code)
}

/// The next run that is long enough. A byte that belongs to none, in a block, ends what could have begun before it.
fn next_run(text: &[u8], from: usize) -> Option<Range<usize>> {
    let mut at = from;
    while at + BLOCK_BYTES <= text.len() {
        let others = !runs(Block::at(text, at));
        if others != 0 {
            at += BLOCK_BYTES - others.leading_zeros() as usize;
            continue;
        }
        let mut end = at + BLOCK_BYTES;
        loop {
            let more = runs(Block::at(text, end)).trailing_ones() as usize;
            end += more;
            if more < BLOCK_BYTES {
                return Some(at..end);
            }
        }
    }
    None
}

/// Decodes a run of hexadecimal digits that says something in ASCII onto `out`, which is empty.
fn hexadecimal(run: &[u8], out: &mut Vec<u8>) -> bool {
    if !run.len().is_multiple_of(2) {
        return false;
    }
    let value = |byte: u8| {
        char::from(byte)
            .to_digit(16)
            .and_then(|digit| u8::try_from(digit).ok())
    };
    for pair in run.chunks_exact(2) {
        let byte = match pair {
            [high, low] => value(*high).zip(value(*low)),
            _ => None,
        };
        match byte.map(|(high, low)| high << 4 | low) {
            Some(byte) if byte.is_ascii() && readable(char::from(byte)) => out.push(byte),
            _ => {
                out.clear();
                return false;
            }
        }
    }
    true
}

/// Decodes a run of base64 that says something onto `out`, which is empty.
fn base64_text(run: &[u8], out: &mut Vec<u8>) -> bool {
    let is_text =
        |whole: &[u8]| std::str::from_utf8(whole).is_ok_and(|text| text.chars().all(readable));
    let engine = engine(run);
    let says = starts_readable(run, engine) && decode(run, engine, out) && is_text(out);
    if !says {
        out.clear();
    }
    says
}

/// Whether the beginning of a run decodes to text.
fn starts_readable(run: &[u8], engine: &GeneralPurpose) -> bool {
    let mut sample = [0; SAMPLE];
    let Some(length) = run
        .get(..SAMPLE)
        .and_then(|start| engine.decode_slice(start, &mut sample).ok())
    else {
        return false;
    };
    let sample = sample.get(..length).unwrap_or_default();
    let start = match std::str::from_utf8(sample) {
        Ok(text) => text,
        // A character may be cut by the sample's end.
        Err(error) if error.error_len().is_none() => sample
            .get(..error.valid_up_to())
            .and_then(|start| std::str::from_utf8(start).ok())
            .unwrap_or("\0"),
        Err(_) => return false,
    };
    start.chars().all(readable)
}

/// Which of the two alphabets a run is written in.
fn engine(run: &[u8]) -> &'static GeneralPurpose {
    let url = run.iter().any(|byte| matches!(byte, b'-' | b'_'));
    if url { &URL } else { &PLAIN }
}

fn readable(character: char) -> bool {
    !character.is_control() || matches!(character, '\n' | '\r' | '\t')
}

/// Decodes a run onto `out`, which is empty; whether it is base64 to its end.
fn decode(run: &[u8], engine: &GeneralPurpose, out: &mut Vec<u8>) -> bool {
    // One digit too many cannot be base64; what precedes it can.
    let whole = run.len() - usize::from(run.len() % 4 == 1);
    let run = run.get(..whole).unwrap_or_default();
    engine.decode_vec(run, out).is_ok()
}

/// Decodes a whole base64 text (of a blob), padding or not.
pub(crate) fn base64_bytes(text: &[u8]) -> Option<Vec<u8>> {
    let trimmed = text.trim_ascii();
    let end = trimmed
        .iter()
        .position(|byte| *byte == b'=')
        .unwrap_or(trimmed.len());
    let text = trimmed.get(..end)?;
    let mut bytes = Vec::new();
    decode(text, engine(text), &mut bytes).then_some(bytes)
}

/// Whether a `data:` URI with base64 begins at the text's first byte; where its data begins.
pub(crate) fn data_uri(text: &[u8]) -> Option<(&[u8], usize)> {
    const HEAD_BYTES_MAX: usize = 128;
    let head = text.get(..text.len().min(HEAD_BYTES_MAX))?;
    let media = head.strip_prefix(b"data:")?;
    let comma = memchr::memchr(b',', head)?;
    let kind = media.get(..comma.checked_sub(5)?)?;
    kind.ends_with(b";base64").then_some((kind, comma + 1))
}
