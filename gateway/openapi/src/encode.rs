//! Percent-encoding (RFC 3986, section 2).

const HEX: &[u8; 16] = b"0123456789ABCDEF";

/// Characters left as they are besides the unreserved ones (RFC 3986, section 2.3).
pub(crate) const NOTHING: &[u8] = b"";
/// Reserved characters that cannot end a value or a query, nor begin an escape; `;` ends a value for some servers.
pub(crate) const RESERVED: &[u8] = b":/?@!$'()*,";

/// Appends a text, everything but unreserved characters and those of `kept` percent-encoded.
pub(crate) fn encode(text: &str, kept: &[u8], out: &mut String) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric()
            || matches!(byte, b'-' | b'.' | b'_' | b'~')
            || kept.contains(&byte)
        {
            out.push(char::from(byte));
        } else {
            out.push('%');
            for half in [byte >> 4, byte & 15] {
                out.push(char::from(
                    HEX.get(usize::from(half)).copied().unwrap_or(b'0'),
                ));
            }
        }
    }
}

pub(crate) fn encoded(text: &str, kept: &[u8]) -> String {
    let mut out = String::with_capacity(text.len());
    encode(text, kept, &mut out);
    out
}

/// The text with its escapes decoded; what is no escape, or would be no UTF-8, stays or is replaced.
pub(crate) fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let digit = |at: usize| {
            after
                .get(at)
                .and_then(|byte| char::from(*byte).to_digit(16))
        };
        match (first, digit(0), digit(1)) {
            (b'%', Some(high), Some(low)) => {
                bytes.push(u8::try_from(high * 16 + low).unwrap_or_default());
                rest = after.get(2..).unwrap_or_default();
            }
            _ => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
