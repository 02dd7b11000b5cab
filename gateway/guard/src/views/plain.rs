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
    let mut kept = 0;
    while let Some((at, change)) = next_change(text, kept, again) {
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
fn next_change(text: &[u8], from: usize, again: Again) -> Option<(usize, Change)> {
    let mut at = from;
    loop {
        at = next_sign(text, at)?;
        if let Some(change) = change(text.get(at..)?, again) {
            return Some((at, change));
        }
        // No byte of a character but its first begins a change.
        at += 1;
        while text.get(at).is_some_and(|byte| is_inside(*byte)) {
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

/// The change that `rest` begins with, if there is one.
fn change(rest: &[u8], again: Again) -> Option<Change> {
    if again == Again::Once
        && let Some(layers) = layers(rest)
    {
        return Some(match layers {
            // The last one is met behind them, with what it escapes.
            Layers::Backslashes(count) => Change::to_nothing(count),
            Layers::After(sign, count) => Change::to_char(sign, 1 + count),
        });
    }
    match rest.first()? {
        b'\\' => escape(rest),
        b'%' => percent(rest),
        b'&' => entity(rest),
        b'<' => tag(rest).map(Change::to_nothing),
        // Quoted-printable writes the one sign that makes an address so.
        b'=' => rest
            .starts_with(b"=40")
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
fn layers(rest: &[u8]) -> Option<Layers> {
    let (sign, unit): (char, &[u8]) = match rest.first()? {
        b'\\' => ('\\', b"\\"),
        b'&' => ('&', b"amp;"),
        b'%' => ('%', b"25"),
        _ => return None,
    };
    let units = rest.get(1..)?.chunks_exact(unit.len());
    let bytes = units.take_while(|chunk| *chunk == unit).count() * unit.len();
    match sign {
        '\\' => (bytes > 1).then_some(Layers::Backslashes(bytes)),
        _ => (bytes > unit.len()).then_some(Layers::After(sign, bytes)),
    }
}

fn folded(rest: &[u8]) -> Option<Change> {
    let (character, used) = character(rest)?;
    match fold(character) {
        Folded::Same => None,
        becomes => Some(Change { used, becomes }),
    }
}

/// A byte of a character of several, but its first.
fn is_inside(byte: u8) -> bool {
    byte & 0xc0 == 0x80
}

/// The character that a text begins with, and its bytes. None where it is no UTF-8.
fn character(text: &[u8]) -> Option<(char, usize)> {
    let first = *text.first()?;
    let (length, bits) = match first {
        0..0x80 => (1, first),
        0xc2..0xe0 => (2, first & 0x1f),
        0xe0..0xf0 => (3, first & 0x0f),
        0xf0..0xf5 => (4, first & 0x07),
        _ => return None,
    };
    let mut code = u32::from(bits);
    for byte in text.get(1..length)? {
        if !is_inside(*byte) {
            return None;
        }
        code = code << 6 | u32::from(byte & 0x3f);
    }
    Some((char::from_u32(code)?, length))
}

/// The number that `digits` hexadecimal digits at the beginning of a text are.
fn hexadecimal(text: &[u8], digits: usize) -> Option<u32> {
    text.get(..digits)?.iter().try_fold(0, |number, byte| {
        Some(number << 4 | char::from(*byte).to_digit(16)?)
    })
}

fn escape(rest: &[u8]) -> Option<Change> {
    let hex = |from: usize, digits: usize| hexadecimal(rest.get(from..)?, digits);
    match rest.get(1)? {
        b'u' => {
            let high = hex(2, 4)?;
            if (0xd800..0xdc00).contains(&high) && rest.get(6..8) == Some(b"\\u") {
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
fn percent(rest: &[u8]) -> Option<Change> {
    let (mut bytes, mut length) = ([0; 4], 0);
    for (byte, escape) in bytes.iter_mut().zip(rest.chunks_exact(3)) {
        let decoded = escape
            .strip_prefix(b"%")
            .and_then(|digits| hexadecimal(digits, 2))
            .and_then(|byte| u8::try_from(byte).ok());
        let Some(decoded) = decoded else { break };
        *byte = decoded;
        length += 1;
    }
    let (character, used) = character(bytes.get(..length)?)?;
    Some(Change::to_char(character, 3 * used))
}

/// Longest entity, name and digits included.
const ENTITY_BYTES_MAX: usize = 12;

fn entity(rest: &[u8]) -> Option<Change> {
    let end = rest
        .iter()
        .take(ENTITY_BYTES_MAX)
        .position(|byte| *byte == b';')?;
    let name = rest.get(1..end)?;
    let character = match name.strip_prefix(b"#") {
        Some(number) => {
            let (digits, radix) = match number {
                [b'x' | b'X', hex @ ..] => (hex, 16),
                decimal => (decimal, 10),
            };
            let digits = std::str::from_utf8(digits).ok()?;
            char::from_u32(u32::from_str_radix(digits, radix).ok()?)?
        }
        None => match name {
            b"amp" => '&',
            b"lt" => '<',
            b"gt" => '>',
            b"quot" => '"',
            b"apos" | b"rsquo" | b"lsquo" => '\'',
            b"nbsp" | b"ensp" | b"emsp" | b"thinsp" => ' ',
            b"commat" => '@',
            b"period" => '.',
            b"num" => '#',
            b"sol" => '/',
            b"colon" => ':',
            b"lowbar" => '_',
            b"plus" => '+',
            b"percnt" => '%',
            b"equals" => '=',
            b"dash" | b"hyphen" | b"ndash" | b"mdash" | b"middot" | b"minus" => '-',
            b"shy" | b"zwnj" | b"zwj" | b"lrm" | b"rlm" => '\u{ad}',
            _ => return None,
        },
    };
    Some(Change::to_char(character, end + 1))
}

/// Longest inline tag or comment that is looked through.
const TAG_BYTES_MAX: usize = 64;

/// The length of a tag that does not break a word, or of a comment: they show nothing.
fn tag(rest: &[u8]) -> Option<usize> {
    const INLINE: [&[u8]; 20] = [
        b"b", b"i", b"u", b"s", b"a", b"em", b"strong", b"span", b"wbr", b"font", b"sup", b"sub",
        b"mark", b"code", b"small", b"big", b"tt", b"kbd", b"bdi", b"bdo",
    ];
    let window = rest.get(..rest.len().min(TAG_BYTES_MAX))?;
    if rest.starts_with(b"<!--") {
        return memchr::memmem::find(window, b"-->").map(|end| end + 3);
    }
    rest.get(1)
        .filter(|byte| **byte == b'/' || byte.is_ascii_alphabetic())?;
    let end = memchr::memchr(b'>', window)?;
    let slashes = |byte: &&u8| **byte == b'/';
    let inside = rest.get(1..end)?;
    let inside = inside.get(inside.iter().take_while(slashes).count()..)?;
    let last = inside.len() - inside.iter().rev().take_while(slashes).count();
    let name = inside.get(..last)?.split(|byte| *byte == b' ').next()?;
    INLINE
        .iter()
        .any(|tag| tag.eq_ignore_ascii_case(name))
        .then_some(end + 1)
}
