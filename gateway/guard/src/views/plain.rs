//! One pass that undoes what keeps a text from being read: escapes of JSON and C, percent encoding, entities, inline
//! tags, Markdown's back-slashes, and characters that are not what they seem.

use super::View;
use super::fold::{Folded, fold};

/// What is made of an escape sign that was escaped itself, as every text in a text in a text has it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Again {
    /// One layer is undone.
    Each,
    /// All layers are undone at once.
    Once,
}

/// The decoded text, or none where nothing would change.
pub(super) fn decoded(text: &[u8], again: Again) -> Option<View> {
    let whole = std::str::from_utf8(text).ok()?;
    // Most texts with a percent sign or an angle bracket ask for nothing: look before memory is taken.
    let mut at = first_change(whole, 0, again)?;
    let mut view = View::with_capacity(text.len());
    let mut kept = 0;
    loop {
        keep(&mut view, text, kept, at);
        let used = change(whole, at, again, Some(&mut view)).unwrap_or(1);
        kept = at + used;
        match first_change(whole, kept, again) {
            Some(next) => at = next,
            None => break,
        }
    }
    keep(&mut view, text, kept, text.len());
    Some(view)
}

fn keep(view: &mut View, text: &[u8], from: usize, to: usize) {
    let bytes = text.get(from..to).unwrap_or_default();
    view.text.extend_from_slice(bytes);
    view.map.0.extend((from..to).map(|at| {
        (
            u32::try_from(at).unwrap_or(u32::MAX),
            u32::try_from(at + 1).unwrap_or(u32::MAX),
        )
    }));
}

/// Where the next change begins.
fn first_change(text: &str, from: usize, again: Again) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut at = from;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'\\' | b'%' | b'&' | b'<' | b'=' => {
                if change(text, at, again, None).is_some() {
                    return Some(at);
                }
                at += 1;
            }
            0x80.. => {
                if change(text, at, again, None).is_some() {
                    return Some(at);
                }
                at += text
                    .get(at..)
                    .and_then(|rest| rest.chars().next())
                    .map_or(1, char::len_utf8);
            }
            _ => at += 1,
        }
    }
    None
}

/// Applies the change that begins at `at`, if there is one, and says how many bytes it takes up.
fn change(text: &str, at: usize, again: Again, view: Option<&mut View>) -> Option<usize> {
    let rest = text.get(at..)?;
    if again == Again::Once
        && let Some(layers) = layers(rest)
    {
        return match layers {
            // The last one is met behind them, with what it escapes.
            Layers::Backslashes(count) => Some(count),
            Layers::After(sign, count) => one(view, sign, at, 1 + count),
        };
    }
    match rest.as_bytes().first()? {
        b'\\' => escape(rest, at, view),
        b'%' => percent(rest, at, view),
        b'&' => entity(rest, at, view),
        b'<' => tag(rest),
        // Quoted-printable writes the one sign that makes an address so.
        b'=' if rest.starts_with("=40") => one(view, '@', at, 3),
        b'=' => None,
        _ => folded(rest, at, view),
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

fn one(view: Option<&mut View>, character: char, at: usize, used: usize) -> Option<usize> {
    if let Some(view) = view {
        match fold(character) {
            _ if character.is_ascii() => view.put(character, at, at + used),
            Folded::Same => view.put(character, at, at + used),
            Folded::Nothing => {}
            Folded::Char(other) => view.put(other, at, at + used),
            Folded::Text(text) => view.bytes(text.as_bytes(), at, at + used),
        }
    }
    Some(used)
}

fn folded(rest: &str, at: usize, view: Option<&mut View>) -> Option<usize> {
    let character = rest.chars().next()?;
    match fold(character) {
        Folded::Same => None,
        _ => one(view, character, at, character.len_utf8()),
    }
}

fn escape(rest: &str, at: usize, view: Option<&mut View>) -> Option<usize> {
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
                return one(
                    view,
                    char::from_u32(0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00))?,
                    at,
                    12,
                );
            }
            one(view, char::from_u32(high)?, at, 6)
        }
        b'x' => one(view, char::from_u32(hex(2, 2)?)?, at, 4),
        b'n' | b'r' | b't' => one(view, '\n', at, 2),
        other if other.is_ascii_punctuation() => one(view, char::from(*other), at, 2),
        _ => None,
    }
}

/// A run of `%XX` that is UTF-8, one character at a time.
fn percent(rest: &str, at: usize, view: Option<&mut View>) -> Option<usize> {
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
    let bytes: Vec<u8> = (0..length).map_while(byte).collect();
    let character = std::str::from_utf8(&bytes)
        .ok()
        .and_then(|text| text.chars().next())?;
    one(view, character, at, 3 * length)
}

/// Longest entity, name and digits included.
const ENTITY_BYTES_MAX: usize = 12;

fn entity(rest: &str, at: usize, view: Option<&mut View>) -> Option<usize> {
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
    one(view, character, at, end + 1)
}

/// Longest inline tag or comment that is looked through.
const TAG_BYTES_MAX: usize = 64;

/// Tags that do not break a word, and comments: they show nothing.
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
