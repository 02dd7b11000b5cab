//! Mail addresses, from the `@` outwards.

use super::{ahead, at, back, before};

/// Longest local part, and longest domain, in bytes: more than RFC 5321 has, for other scripts.
const PART_BYTES_MAX: usize = 255;

/// The address around the `@` at `place`.
pub(super) fn address(text: &[u8], place: usize) -> Option<(usize, usize)> {
    let start = local(text, place)?;
    let end = domain(text, place + 1)?;
    let name = text.get(start..place)?;
    // Somebody has masked it.
    if memchr::memmem::find(text.get(start..end)?, "\u{2022}".as_bytes()).is_some() {
        return None;
    }
    // `git@host:path` is a place of code, `user:word@host` in an address is a credential (`secrets`).
    if name == b"git" && at(text, end) == b':' || is_userinfo(text, start) {
        return None;
    }
    Some((start, end))
}

fn local(text: &[u8], place: usize) -> Option<usize> {
    if before(text, place) == b'"' {
        let length = back(text, place - 1, 64, |byte| byte != b'"' && byte != b'\n');
        let open = (place - 1).checked_sub(length + 1)?;
        return (length > 0 && at(text, open) == b'"').then_some(open);
    }
    let length = back(text, place, PART_BYTES_MAX, |byte| {
        byte.is_ascii_alphanumeric()
            || matches!(
                byte,
                b'.' | b'_' | b'%' | b'+' | b'\'' | b'-' | b'#' | b'!' | b'&' | b'~' | b'*' | b'^'
            )
            || byte >= 0x80
    });
    let mut start = place - length;
    // What encloses or precedes an address is not of it.
    while start < place && !is_first(at(text, start)) {
        start += 1;
    }
    let start = character_start(text, start, place);
    (start < place && before(text, place) != b'.').then_some(start)
}

fn is_first(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte >= 0x80 || byte == b'_'
}

/// Punctuation of other scripts before the address: `：`, `（`, `「`.
fn character_start(text: &[u8], start: usize, place: usize) -> usize {
    let Ok(local) = std::str::from_utf8(text.get(start..place).unwrap_or_default()) else {
        return start;
    };
    let last = local
        .char_indices()
        .rev()
        .find(|(_, character)| !character.is_ascii() && !character.is_alphanumeric());
    let after = last.map_or(0, |(offset, character)| offset + character.len_utf8());
    let rest = local.get(after..).unwrap_or_default();
    let script = |character: char| {
        ('\u{3040}'..='\u{9fff}').contains(&character)
            || ('\u{ac00}'..='\u{d7a3}').contains(&character)
    };
    // Text without spaces runs into an ASCII address: `メールはa@b.jp`.
    let ascii = rest.bytes().rev().take_while(u8::is_ascii).count();
    if rest.chars().any(script) && ascii > 0 {
        place - ascii
    } else {
        start + after
    }
}

fn domain(text: &[u8], from: usize) -> Option<usize> {
    let part = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte >= 0x80;
    let mut end = from;
    let mut last = from;
    let mut labels = 0;
    loop {
        let length = ahead(text, end, 63, part);
        // No label begins with a dash, which masks may be made of.
        if length == 0 || at(text, end) == b'-' {
            break;
        }
        last = end;
        end += length;
        labels += 1;
        if at(text, end) != b'.' || !part(at(text, end + 1)) || end - from > PART_BYTES_MAX {
            break;
        }
        end += 1;
    }
    if at(text, end.wrapping_sub(1)) == b'.' {
        end -= 1;
    }
    let top = text.get(last..end)?;
    let (top, end) = ascii_top(top, end);
    // `A@B.conj()` multiplies.
    (labels > 1 && is_top(top) && at(text, end) != b'(').then_some(end)
}

/// Text without spaces may run on after an ASCII domain.
fn ascii_top(top: &[u8], end: usize) -> (&[u8], usize) {
    let letters = top.iter().take_while(|byte| byte.is_ascii()).count();
    match top.get(..letters) {
        Some(ascii) if letters >= 2 && letters < top.len() => (ascii, end - (top.len() - letters)),
        _ => (top, end),
    }
}

fn is_top(top: &[u8]) -> bool {
    // Endings of files, and units of systemd: `getty@tty1.service`.
    const OTHERS: [&[u8]; 22] = [
        b"service", b"socket", b"timer", b"mount", b"slice", b"scope", b"png", b"jpg", b"jpeg",
        b"gif", b"svg", b"webp", b"js", b"css", b"json", b"ts", b"mjs", b"html", b"ico", b"tgz",
        b"gz", b"zip",
    ];
    let ascii = top.is_ascii();
    let letters = top.iter().all(u8::is_ascii_alphabetic) || top.starts_with(b"xn--");
    let length = top.len();
    !OTHERS.iter().any(|file| top.eq_ignore_ascii_case(file))
        && if ascii {
            letters && (2..=24).contains(&length)
        } else {
            length <= 63
        }
}

/// Whether what begins at `start` is the end of a `scheme://name:word`.
fn is_userinfo(text: &[u8], start: usize) -> bool {
    let length = back(text, start, 256, |byte| {
        !byte.is_ascii_whitespace() && !matches!(byte, b'"' | b'\'' | b'<' | b'(' | b',')
    });
    let head = text.get(start - length..start).unwrap_or_default();
    match memchr::memmem::rfind(head, b"://") {
        Some(scheme) => !head
            .get(scheme + 3..)
            .unwrap_or_default()
            .iter()
            .any(|byte| matches!(byte, b'/' | b'?' | b'#')),
        None => false,
    }
}
