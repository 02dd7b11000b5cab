//! Runs of base64 and hexadecimal that say something readable.

use base64::Engine;
use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};

use super::{RUN_MIN, View, is_run};

const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_padding_mode(DecodePaddingMode::Indifferent)
    .with_decode_allow_trailing_bits(true);
static PLAIN: GeneralPurpose = GeneralPurpose::new(&STANDARD, LENIENT);
static URL: GeneralPurpose = GeneralPurpose::new(&URL_SAFE, LENIENT);

/// Bytes of a run that are decoded first, to see whether the rest is worth it.
const SAMPLE: usize = 16;

/// Adds the view of each run that decodes to text. A view stands for its whole run.
pub(super) fn runs(text: &[u8], views: &mut Vec<View>) {
    let mut at = 0;
    while at < text.len() {
        let rest = text.get(at..).unwrap_or_default();
        // A byte that belongs to no run, among the next few, ends what could have begun before it.
        let window = rest.get(..rest.len().min(RUN_MIN)).unwrap_or_default();
        if let Some(end) = window.iter().rposition(|byte| !is_run(*byte)) {
            at += end + 1;
            continue;
        }
        let length = rest
            .iter()
            .position(|byte| !is_run(*byte))
            .unwrap_or(rest.len());
        if length >= RUN_MIN {
            let run = rest.get(..length).unwrap_or_default();
            let padding = rest
                .iter()
                .skip(length)
                .take(2)
                .take_while(|byte| **byte == b'=')
                .count();
            // A path or a name in front of a slash is not part of what is encoded; try the run as a whole only.
            if let Some(decoded) = hexadecimal(run).or_else(|| base64_text(run)) {
                let mut view = View::with_capacity(decoded.len());
                view.bytes(&decoded, at, at + length + padding);
                views.push(view);
            }
        }
        at += length.max(1);
    }
}

fn hexadecimal(run: &[u8]) -> Option<Vec<u8>> {
    if !run.len().is_multiple_of(2) || !run.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    let value = |byte: u8| {
        char::from(byte)
            .to_digit(16)
            .and_then(|digit| u8::try_from(digit).ok())
    };
    let byte = |pair: &[u8]| Some((value(*pair.first()?)? << 4) | value(*pair.last()?)?);
    let ascii = |byte: &u8| readable(char::from(*byte)) && byte.is_ascii();
    run.chunks_exact(2)
        .map(|pair| byte(pair).filter(|byte| ascii(byte)))
        .collect()
}

fn base64_text(run: &[u8]) -> Option<Vec<u8>> {
    let mut sample = [0; SAMPLE];
    let length = engine(run)
        .decode_slice(run.get(..SAMPLE)?, &mut sample)
        .ok()?;
    let sample = sample.get(..length)?;
    let start = match std::str::from_utf8(sample) {
        Ok(text) => text,
        // A character may be cut by the sample's end.
        Err(error) if error.error_len().is_none() => {
            std::str::from_utf8(sample.get(..error.valid_up_to())?).ok()?
        }
        Err(_) => return None,
    };
    if !start.chars().all(readable) {
        return None;
    }
    let whole = decode(run)?;
    std::str::from_utf8(&whole)
        .ok()?
        .chars()
        .all(readable)
        .then_some(whole)
}

/// Which of the two alphabets a run is written in.
fn engine(run: &[u8]) -> &'static GeneralPurpose {
    let url = run.iter().any(|byte| matches!(byte, b'-' | b'_'));
    if url { &URL } else { &PLAIN }
}

fn readable(character: char) -> bool {
    !character.is_control() || matches!(character, '\n' | '\r' | '\t')
}

fn decode(run: &[u8]) -> Option<Vec<u8>> {
    // One digit too many cannot be base64; what precedes it can.
    let run = if run.len() % 4 == 1 {
        run.get(..run.len() - 1)?
    } else {
        run
    };
    engine(run).decode(run).ok()
}

/// Decodes a whole base64 text (of a blob), padding or not.
pub(crate) fn base64_bytes(text: &[u8]) -> Option<Vec<u8>> {
    let trimmed = text.trim_ascii();
    let end = trimmed
        .iter()
        .position(|byte| *byte == b'=')
        .unwrap_or(trimmed.len());
    decode(trimmed.get(..end)?)
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
