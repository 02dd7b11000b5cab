//! One pass that undoes what keeps a text from being read: escapes of JSON and C, percent encoding, entities, inline
//! tags, Markdown's back-slashes, and characters that are not what they seem.

use super::fold::{Folded, fold};
use super::{View, signs};
use crate::block::{BLOCK_BYTES, Block};

/// What is made of an escape sign that was escaped itself, as every text in a text in a text has it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Again {
    /// One layer is undone.
    Each,
    /// All layers are undone at once.
    Once,
}

/// What stands in place of some bytes.
struct Change {
    /// So many bytes are replaced.
    used: usize,
    becomes: Folded,
}

impl Change {
    fn to_char(character: char, used: usize) -> Self {
        Self {
            used,
            becomes: match character {
                ascii if ascii.is_ascii() => Folded::Char(ascii),
                other => match fold(other) {
                    Folded::Same => Folded::Char(other),
                    becomes => becomes,
                },
            },
        }
    }

    fn to_nothing(used: usize) -> Self {
        Self {
            used,
            becomes: Folded::Nothing,
        }
    }
}

/// Makes the decoded text; false where nothing would change.
pub(super) fn decode(text: &[u8], again: Again, made: &mut View) -> bool {
    let Ok(whole) = std::str::from_utf8(text) else {
        return false;
    };
    let mut kept = 0;
    while let Some((at, change)) = next_change(whole, kept, again) {
        made.keep(text, kept, at);
        kept = at + change.used;
        match change.becomes {
            Folded::Char(character) => made.put(character, at, kept),
            Folded::Text(characters) => made.bytes(characters.as_bytes(), at, kept),
            Folded::Nothing | Folded::Same => {}
        }
    }
    if kept == 0 {
        return false;
    }
    made.keep(text, kept, text.len());
    true
}

/// The next change, and where it begins.
fn next_change(text: &str, from: usize, again: Again) -> Option<(usize, Change)> {
    let bytes = text.as_bytes();
    let mut at = from;
    loop {
        at = next_sign(bytes, at)?;
        if let Some(change) = change(text, at, again) {
            return Some((at, change));
        }
        // No byte of a character but its first begins a change.
        at += 1;
        while bytes
            .get(at)
            .is_some_and(|byte| (0x80..0xc0).contains(byte))
        {
            at += 1;
        }
    }
}

/// Where the next byte is that a change can begin with.
fn next_sign(text: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    while at < text.len() {
        let found = signs(Block::at(text, at));
        if found != 0 {
            return Some(at + found.trailing_zeros() as usize);
        }
        at += BLOCK_BYTES;
    }
    None
}

/// The change that begins at `at`, if there is one.
fn change(text: &str, at: usize, again: Again) -> Option<Change> {
    let rest = text.get(at..)?;
    if again == Again::Once
        && let Some(layers) = layers(rest)
    {
        return Some(match layers {
            // The last one is met behind them, with what it escapes.
            Layers::Backslashes(count) => Change::to_nothing(count),
            Layers::After(sign, count) => Change::to_char(sign, 1 + count),
        });
    }
    match rest.as_bytes().first()? {
        b'\\' => escape(rest),
        b'%' => percent(rest),
        b'&' => entity(rest),
        b'<' => tag(rest).map(Change::to_nothing),
        // Quoted-printable writes the one sign that makes an address so.
        b'=' => rest
            .starts_with("=40")
            .then(|| Change::to_char('@', "=40".len())),
        _ => folded(rest),
    }
}

/// Bytes that do nothing but escape an escape sign.
enum Layers {
    /// So many back-slashes before one that is left.
    Backslashes(usize),
    /// So many bytes behind this sign: `amp;amp;`, `2525`.
    After(char, usize),
}

/// The layers at the beginning of `rest`, where there are at least two.
fn layers(rest: &str) -> Option<Layers> {
    let (sign, unit): (char, &str) = match rest.as_bytes().first()? {
        b'\\' => ('\\', "\\"),
        b'&' => ('&', "amp;"),
        b'%' => ('%', "25"),
        _ => return None,
    };
    let behind = rest.get(1..)?;
    let bytes = behind.len() - behind.trim_start_matches(unit).len();
    match sign {
        '\\' => (bytes > 1).then_some(Layers::Backslashes(bytes)),
        _ => (bytes > unit.len()).then_some(Layers::After(sign, bytes)),
    }
}

fn folded(rest: &str) -> Option<Change> {
    let character = rest.chars().next()?;
    match fold(character) {
        Folded::Same => None,
        becomes => Some(Change {
            used: character.len_utf8(),
            becomes,
        }),
    }
}

fn escape(rest: &str) -> Option<Change> {
    let bytes = rest.as_bytes();
    let hex = |from: usize, digits: usize| {
        let text = rest.get(from..from + digits)?;
        text.bytes()
            .all(|byte| byte.is_ascii_hexdigit())
            .then(|| u32::from_str_radix(text, 16).ok())?
    };
    match bytes.get(1)? {
        b'u' => {
            let high = hex(2, 4)?;
            if (0xd800..0xdc00).contains(&high) && rest.get(6..8) == Some("\\u") {
                let low = hex(8, 4).filter(|low| (0xdc00..0xe000).contains(low))?;
                let code = 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
                return Some(Change::to_char(char::from_u32(code)?, 12));
            }
            Some(Change::to_char(char::from_u32(high)?, 6))
        }
        b'x' => Some(Change::to_char(char::from_u32(hex(2, 2)?)?, 4)),
        b'n' | b'r' | b't' => Some(Change::to_char('\n', 2)),
        other if other.is_ascii_punctuation() => Some(Change::to_char(char::from(*other), 2)),
        _ => None,
    }
}

/// A run of `%XX` that is UTF-8, one character at a time.
fn percent(rest: &str) -> Option<Change> {
    let byte = |place: usize| {
        let text = rest.get(place * 3..place * 3 + 3)?;
        let digits = text.strip_prefix('%')?;
        digits
            .bytes()
            .all(|byte| byte.is_ascii_hexdigit())
            .then(|| u8::from_str_radix(digits, 16).ok())?
    };
    let first = byte(0)?;
    let length = match first {
        0..0x80 => 1,
        0xc2..0xe0 => 2,
        0xe0..0xf0 => 3,
        0xf0..0xf5 => 4,
        _ => return None,
    };
    let mut bytes = [0; 4];
    for (place, slot) in bytes.iter_mut().enumerate().take(length) {
        *slot = byte(place)?;
    }
    let character = std::str::from_utf8(bytes.get(..length)?)
        .ok()
        .and_then(|text| text.chars().next())?;
    Some(Change::to_char(character, 3 * length))
}

/// Longest entity, name and digits included.
const ENTITY_BYTES_MAX: usize = 12;

fn entity(rest: &str) -> Option<Change> {
    let end = rest
        .bytes()
        .take(ENTITY_BYTES_MAX)
        .position(|byte| byte == b';')?;
    let name = rest.get(1..end)?;
    let character = match name.strip_prefix('#') {
        Some(number) => match number.strip_prefix(['x', 'X']) {
            Some(hex) => char::from_u32(u32::from_str_radix(hex, 16).ok()?)?,
            None => char::from_u32(number.parse().ok()?)?,
        },
        None => match name {
            "amp" => '&',
            "lt" => '<',
            "gt" => '>',
            "quot" => '"',
            "apos" | "rsquo" | "lsquo" => '\'',
            "nbsp" | "ensp" | "emsp" | "thinsp" => ' ',
            "commat" => '@',
            "period" => '.',
            "num" => '#',
            "sol" => '/',
            "colon" => ':',
            "lowbar" => '_',
            "plus" => '+',
            "percnt" => '%',
            "equals" => '=',
            "dash" | "hyphen" | "ndash" | "mdash" | "middot" | "minus" => '-',
            "shy" | "zwnj" | "zwj" | "lrm" | "rlm" => '\u{ad}',
            _ => return None,
        },
    };
    Some(Change::to_char(character, end + 1))
}

/// Longest inline tag or comment that is looked through.
const TAG_BYTES_MAX: usize = 64;

/// The length of a tag that does not break a word, or of a comment: they show nothing.
fn tag(rest: &str) -> Option<usize> {
    const INLINE: [&str; 20] = [
        "b", "i", "u", "s", "a", "em", "strong", "span", "wbr", "font", "sup", "sub", "mark",
        "code", "small", "big", "tt", "kbd", "bdi", "bdo",
    ];
    let bytes = rest.as_bytes();
    if rest.starts_with("<!--") {
        let window = bytes.get(..bytes.len().min(TAG_BYTES_MAX))?;
        return memchr::memmem::find(window, b"-->").map(|end| end + 3);
    }
    bytes
        .get(1)
        .filter(|byte| **byte == b'/' || byte.is_ascii_alphabetic())?;
    let end = bytes
        .iter()
        .take(TAG_BYTES_MAX)
        .position(|byte| *byte == b'>')?;
    let inside = rest
        .get(1..end)?
        .trim_start_matches('/')
        .trim_end_matches('/');
    let name = inside.split(' ').next()?;
    INLINE
        .iter()
        .any(|tag| tag.eq_ignore_ascii_case(name))
        .then_some(end + 1)
}
