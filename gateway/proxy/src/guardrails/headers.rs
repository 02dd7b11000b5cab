//! Headers that mirror parameters (SEP-2243): what a rule rewrote in the body is rewritten in them.

use base64::{Engine, engine::general_purpose::STANDARD};
use http::{HeaderMap, HeaderName, HeaderValue};

/// Whether a header repeats a parameter.
pub(super) fn mirrors(name: &HeaderName) -> bool {
    name == "mcp-name" || name.as_str().starts_with("mcp-param-")
}

/// Rewrites the values of `Mcp-Name` and `Mcp-Param-*` that mirror a rewritten text.
pub(super) fn mirror(headers: &mut HeaderMap, rewritten: &[(Vec<u8>, Vec<u8>)]) {
    if rewritten.is_empty() {
        return;
    }
    for (name, value) in headers.iter_mut() {
        let text = if mirrors(name) {
            decoded(value.as_bytes())
        } else {
            None
        };
        let after = text.and_then(|text| {
            rewritten
                .iter()
                .find(|(before, _)| *before == text)
                .map(|(_, after)| after)
        });
        if let Some(after) = after {
            *value = encoded(after);
        }
    }
}

/// The value's text: `=?base64?…?=` is undone.
fn decoded(value: &[u8]) -> Option<Vec<u8>> {
    match value
        .strip_prefix(b"=?base64?")
        .and_then(|rest| rest.strip_suffix(b"?="))
    {
        Some(inside) => STANDARD.decode(inside).ok(),
        None => Some(value.to_vec()),
    }
}

fn encoded(text: &[u8]) -> HeaderValue {
    let plain = text.iter().all(|byte| matches!(byte, b' '..=b'~'))
        && !text.starts_with(b" ")
        && !text.ends_with(b" ");
    let value = if plain {
        HeaderValue::from_bytes(text)
    } else {
        HeaderValue::try_from(format!("=?base64?{}?=", STANDARD.encode(text)))
    };
    // Neither form can be refused; an empty value says nothing, which is safe.
    value.unwrap_or(HeaderValue::from_static(""))
}
