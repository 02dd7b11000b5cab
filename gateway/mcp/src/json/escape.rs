//! Escapes in JSON strings: checked once, decoded only where a value is wanted.
//!
//! A surrogate stands for nothing by itself, so only pairs are accepted (RFC 7493, section 2.1).

/// The length of the escape that `bytes` begin with, or what is missing there. A pair of surrogates
/// is one escape.
pub(super) fn escape_bytes(bytes: &[u8]) -> Result<usize, &'static str> {
    let digits = match bytes {
        [
            b'\\',
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't',
            ..,
        ] => return Ok(2),
        [b'\\', b'u', digits @ ..] => digits,
        _ => return Err("a valid escape"),
    };
    match code_unit(digits) {
        Some(0xd800..=0xdbff) => match digits.get(4..) {
            Some([b'\\', b'u', low @ ..]) if matches!(code_unit(low), Some(0xdc00..=0xdfff)) => {
                Ok(12)
            }
            _ => Err("a pair of surrogates"),
        },
        Some(0xdc00..=0xdfff) => Err("a pair of surrogates"),
        Some(_) => Ok(6),
        None => Err("four hexadecimal digits"),
    }
}

/// The value of a string whose escapes have been checked.
pub(super) fn unescape(inner: &str) -> String {
    let mut out = String::with_capacity(inner.len());
    let mut rest = inner;
    loop {
        let plain = memchr::memchr(b'\\', rest.as_bytes()).unwrap_or(rest.len());
        let (plain, escape) = rest.split_at(plain);
        out.push_str(plain);
        if escape.is_empty() {
            return out;
        }
        let length = escape_bytes(escape.as_bytes()).unwrap_or(escape.len());
        let (escape, after) = escape.split_at(length);
        out.push(character(escape.as_bytes()));
        rest = after;
    }
}

/// What one whole escape stands for.
fn character(escape: &[u8]) -> char {
    match escape {
        [_, b'b'] => '\u{8}',
        [_, b'f'] => '\u{c}',
        [_, b'n'] => '\n',
        [_, b'r'] => '\r',
        [_, b't'] => '\t',
        [_, plain] => char::from(*plain),
        [_, b'u', digits @ ..] => {
            let units = [digits, digits.get(6..).unwrap_or_default()]
                .into_iter()
                .filter_map(code_unit);
            let mut characters = char::decode_utf16(units).filter_map(Result::ok);
            characters.next().unwrap_or(char::REPLACEMENT_CHARACTER)
        }
        _ => char::REPLACEMENT_CHARACTER,
    }
}

/// The number that four hexadecimal digits write.
fn code_unit(digits: &[u8]) -> Option<u16> {
    digits.get(..4)?.iter().try_fold(0, |unit, digit| {
        let value = char::from(*digit).to_digit(16)?;
        Some(unit << 4 | u16::try_from(value).ok()?)
    })
}
