//! Text made fit for one line.
//!
//! Every character that could end a line, move a cursor or hide what follows is written as an
//! escape: the control characters of Unicode (C0, DEL, C1), the line and paragraph separators, and
//! the marks that turn the direction of text.

use std::fmt::{self, Write};

/// A longer value is cut. Most of what the log holds is far shorter.
pub(super) const VALUE_BYTES_MAX: usize = 8 * 1024;

/// Writes `text` as it stands within the quotes of a JSON string (RFC 8259, section 7).
pub(super) fn write_escaped(out: &mut impl Write, text: &str) -> fmt::Result {
    let kept = cut(text);
    let mut plain_from = 0;
    for (at, character) in kept.char_indices() {
        if !needs_escape(character) {
            continue;
        }
        out.write_str(kept.get(plain_from..at).unwrap_or_default())?;
        plain_from = at + character.len_utf8();
        match character {
            '"' => out.write_str("\\\"")?,
            '\\' => out.write_str("\\\\")?,
            '\n' => out.write_str("\\n")?,
            '\r' => out.write_str("\\r")?,
            '\t' => out.write_str("\\t")?,
            // All others are in the Basic Multilingual Plane, so one escape is enough.
            other => write!(out, "\\u{:04x}", u32::from(other))?,
        }
    }
    out.write_str(kept.get(plain_from..).unwrap_or_default())?;
    if kept.len() < text.len() {
        out.write_str("…")?;
    }
    Ok(())
}

fn needs_escape(character: char) -> bool {
    matches!(character, '"' | '\\' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
        || character.is_control()
}

fn cut(text: &str) -> &str {
    let end = text.floor_char_boundary(VALUE_BYTES_MAX);
    text.get(..end).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn escaped(text: &str) -> String {
        let mut out = String::new();
        write_escaped(&mut out, text).unwrap();
        out
    }

    #[test]
    fn nothing_ends_the_line_or_the_string() {
        for (text, expected) in [
            ("plain ünïcode 🚗", "plain ünïcode 🚗"),
            ("a\"b\\c", "a\\\"b\\\\c"),
            ("a\nb\r\tc", "a\\nb\\r\\tc"),
            (
                "\u{0}\u{1b}[2J\u{7f}\u{85}",
                "\\u0000\\u001b[2J\\u007f\\u0085",
            ),
            (
                "\u{2028}\u{2029}\u{202e}\u{2066}",
                "\\u2028\\u2029\\u202e\\u2066",
            ),
            ("", ""),
        ] {
            assert_eq!(escaped(text), expected);
            let back: String = serde_json::from_str(&format!("\"{}\"", escaped(text))).unwrap();
            assert_eq!(back, text);
        }
    }

    #[test]
    fn a_long_value_is_cut_between_characters() {
        let long = "é".repeat(VALUE_BYTES_MAX);
        let kept = escaped(&long);
        assert_eq!(kept.len(), VALUE_BYTES_MAX + "…".len());
        assert!(kept.ends_with("é…"));
    }
}
