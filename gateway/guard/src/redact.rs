//! Takes findings out of a message by splicing: bytes that hold nothing stay as they are.
//!
//! The result parses wherever the message did. A replacement must be ASCII without quotes, backslashes and control
//! characters, and must not be found again; what is not is written escaped.

use std::collections::HashMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::json::{self, Token};
use crate::kind::{HIDDEN_TEXT, INJECTION};
use crate::scanner::{Place, Scan, ScanError, Scanner, What};

/// What stands for a number that is taken out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Number {
    /// A string with the replacement: the type changes.
    #[default]
    Text,
    /// `0`: the type stays.
    Zero,
}

/// One replacement: bytes of a token's decoded text, and what stands there instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    /// The token.
    pub token: usize,
    /// First byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
    /// What stands there instead.
    pub text: String,
    /// Where the token is a number.
    pub number: Number,
}

/// The placeholder of a kind: `[EMAIL]`.
#[must_use]
pub fn placeholder(name: &str) -> String {
    ["[", name, "]"].concat()
}

/// Redacts every identifier and secret of a message with its placeholder. None where there is nothing to redact.
///
/// # Errors
/// As [`Scanner::scan_while`] and [`Scanner::settle`].
pub fn placeholders(
    scanner: &Scanner,
    message: &[u8],
    go_on: &dyn Fn() -> bool,
) -> Result<Option<Vec<u8>>, ScanError> {
    let mut scan = scanner.scan_while(message, go_on)?;
    let edits = scanner.settle(&mut scan, go_on, |scan, findings, edits| {
        for finding in findings {
            let What::Kind(kind) = finding.what else {
                continue;
            };
            if !matches!(kind.name(), HIDDEN_TEXT | INJECTION) && !scan.is_fixed(finding) {
                edits.push(Edit {
                    token: finding.token,
                    start: finding.start,
                    end: finding.end,
                    text: placeholder(kind.name()),
                    number: Number::Text,
                });
            }
        }
    })?;
    Ok((!edits.is_empty()).then(|| splice(&scan, edits)))
}

/// The message with `edits` applied. Edits that overlap become one, with the text of the first.
#[must_use]
pub fn splice(scan: &Scan<'_>, edits: Vec<Edit>) -> Vec<u8> {
    let merged = merged(edits);
    let mut out = Vec::with_capacity(scan.message.len());
    let mut kept = 0;
    let mut names = HashMap::new();
    for group in merged.chunk_by(|one, other| one.token == other.token) {
        let Some(place) = group
            .first()
            .and_then(|edit| scan.room.places.get(edit.token))
        else {
            continue;
        };
        let before = scan.message.get(kept..place.start as usize);
        out.extend_from_slice(before.unwrap_or_default());
        kept = place.end as usize;
        match (place.token, place.encoded) {
            (Token::Number, _) => number(group, &mut out),
            (_, Some(skip)) => encoded(scan, place, skip as usize, group, &mut out),
            (Token::Key, _) => {
                let from = out.len();
                string(scan.message, place, group, &mut out);
                distinct(place.node, from, &mut out, &mut names);
            }
            (Token::String, _) => string(scan.message, place, group, &mut out),
        }
    }
    out.extend_from_slice(scan.message.get(kept..).unwrap_or_default());
    out
}

/// The texts that edits change, before and after. The edits are such as [`Scanner::settle`] gives.
#[must_use]
pub fn texts(scan: &Scan<'_>, edits: &[Edit]) -> Vec<(Vec<u8>, Vec<u8>)> {
    let groups = edits.chunk_by(|one, other| one.token == other.token);
    let both = groups.map(|group| {
        let before = group.first().map_or(&[][..], |edit| scan.text(edit.token));
        let mut after = Vec::with_capacity(before.len());
        edited(before, group, &mut after);
        (before.to_vec(), after)
    });
    both.collect()
}

/// Edits in their order; those that overlap are one, with the text of the first.
pub(crate) fn merged(mut edits: Vec<Edit>) -> Vec<Edit> {
    edits.sort_by_key(|edit| (edit.token, edit.start));
    edits.dedup_by(|edit, last| {
        let one = last.token == edit.token && edit.start < last.end;
        if one {
            last.end = last.end.max(edit.end);
        }
        one
    });
    edits
}

/// A text with its merged edits.
pub(crate) fn edited(text: &[u8], edits: &[Edit], out: &mut Vec<u8>) {
    let mut kept = 0;
    for edit in edits {
        out.extend_from_slice(text.get(kept..edit.start).unwrap_or_default());
        out.extend_from_slice(edit.text.as_bytes());
        kept = edit.end;
    }
    out.extend_from_slice(text.get(kept..).unwrap_or_default());
}

fn number(edits: &[Edit], out: &mut Vec<u8>) {
    match edits.first() {
        Some(Edit {
            number: Number::Text,
            text,
            ..
        }) => {
            out.push(b'"');
            escaped(text, out);
            out.push(b'"');
        }
        _ => out.push(b'0'),
    }
}

fn string(message: &[u8], place: &Place, edits: &[Edit], out: &mut Vec<u8>) {
    let raw = place.raw(message);
    let mut sources = json::Sources::new(raw);
    // Where a decoded byte begins among the raw ones.
    let mut source = |at: usize| if place.escaped { sources.of(at) } else { at };
    let mut kept = 0;
    for edit in edits {
        out.extend_from_slice(raw.get(kept..source(edit.start)).unwrap_or_default());
        escaped(&edit.text, out);
        kept = source(edit.end);
    }
    out.extend_from_slice(raw.get(kept..).unwrap_or_default());
}

/// Decoded, redacted, encoded again.
fn encoded(scan: &Scan<'_>, place: &Place, skip: usize, edits: &[Edit], out: &mut Vec<u8>) {
    let raw = place.raw(scan.message);
    let mut whole = Vec::new();
    json::decode(raw, &mut whole);
    // The head of a data URI needs no escape.
    out.extend_from_slice(whole.get(..skip).unwrap_or_default());
    let token = edits.first().map_or(0, |edit| edit.token);
    let text = scan.text(token);
    let mut redacted = Vec::with_capacity(text.len());
    edited(text, edits, &mut redacted);
    out.extend_from_slice(STANDARD.encode(redacted).as_bytes());
}

/// Two names of one object that become the same stay two.
fn distinct(node: u32, from: usize, out: &mut Vec<u8>, names: &mut HashMap<(u32, Vec<u8>), usize>) {
    let name = out.get(from..).unwrap_or_default().to_vec();
    let count = names.entry((node, name)).or_insert(0);
    *count += 1;
    if *count > 1 {
        let bracket = out.last() == Some(&b']');
        if bracket {
            out.pop();
        }
        out.extend_from_slice(format!("_{count}").as_bytes());
        if bracket {
            out.push(b']');
        }
    }
}

fn escaped(text: &str, out: &mut Vec<u8>) {
    let is_plain = |byte: u8| matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\');
    if text.bytes().all(is_plain) {
        out.extend_from_slice(text.as_bytes());
        return;
    }
    for character in text.chars() {
        match character {
            '"' | '\\' => out.extend_from_slice(&[b'\\', character as u8]),
            control if control.is_control() => {
                out.extend_from_slice(format!("\\u{:04x}", u32::from(control)).as_bytes())
            }
            other => out.extend_from_slice(other.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
}
