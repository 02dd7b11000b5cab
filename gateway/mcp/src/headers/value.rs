//! The value of a mirroring header (2026-07-28, Streamable HTTP, "Value Encoding"; SEP-2243).

use std::borrow::Cow;

use base64::{Engine, engine::general_purpose::STANDARD};

/// The longest value that is looked at.
pub const VALUE_BYTES_MAX: usize = 8192;

/// Why a header's value cannot be compared. The texts go on after the header's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadValue {
    #[error("is longer than {VALUE_BYTES_MAX} bytes")]
    TooLong,
    #[error("has characters other than visible ASCII, space and tab")]
    Characters,
    #[error("is not valid base64")]
    Base64,
    #[error("is not UTF-8 within its base64")]
    Utf8,
}

/// The text that a raw header value stands for: surrounding spaces and tabs are dropped, and
/// `=?base64?...?=` (in exactly these letters) is decoded as standard, padded base64 of UTF-8.
/// Anything else is literal.
///
/// # Errors
/// [`BadValue`] when the value is too long, has other characters, or is not what it claims to be.
pub fn decode_value(raw: &[u8]) -> Result<Cow<'_, str>, BadValue> {
    let text = checked(raw)?;
    let encoded = text
        .strip_prefix("=?base64?")
        .and_then(|rest| rest.strip_suffix("?="));
    let Some(encoded) = encoded else {
        return Ok(Cow::Borrowed(text));
    };
    let bytes = STANDARD.decode(encoded).map_err(|_| BadValue::Base64)?;
    String::from_utf8(bytes)
        .map(Cow::Owned)
        .map_err(|_| BadValue::Utf8)
}

/// `text` as the raw value of a mirroring header: as it is where it can be, else in base64.
pub fn encode_value(text: &str) -> String {
    let plain = text.bytes().all(|byte| matches!(byte, 0x20..=0x7e))
        && text.trim_matches([' ', '\t']) == text
        && !(text.starts_with("=?base64?") && text.ends_with("?="));
    if plain {
        return text.to_owned();
    }
    format!("=?base64?{}?=", STANDARD.encode(text))
}

/// The literal value, without surrounding spaces and tabs.
pub(super) fn checked(raw: &[u8]) -> Result<&str, BadValue> {
    if raw.len() > VALUE_BYTES_MAX {
        return Err(BadValue::TooLong);
    }
    if !raw.iter().all(|byte| matches!(byte, b'\t' | 0x20..=0x7e)) {
        return Err(BadValue::Characters);
    }
    let text = std::str::from_utf8(raw).map_err(|_| BadValue::Characters)?;
    Ok(text.trim_matches([' ', '\t']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_encoded_is_decoded() {
        for text in [
            "",
            "a",
            "a b",
            " a",
            "a\t",
            "é",
            "=?base64?YQ==?=",
            "=?base64?",
            "a\nb",
        ] {
            let raw = encode_value(text);
            assert!(raw.bytes().all(|byte| matches!(byte, 0x20..=0x7e)), "{raw}");
            assert_eq!(decode_value(raw.as_bytes()).unwrap(), text);
        }
    }
}
