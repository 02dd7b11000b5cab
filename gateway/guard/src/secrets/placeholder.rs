//! What stands where a secret would stand, and is none.

use std::collections::HashSet;
use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, AhoCorasickKind};

use crate::kind::Kind;

/// Parts, in lower case, that only examples and references have.
static PARTS: LazyLock<Parts> = LazyLock::new(|| {
    Parts::new(&[
        "example",
        "xxxx",
        "****",
        "....",
        "....",
        "<",
        "${",
        "{{",
        "$(",
        "%(",
        "%{",
        "process.env",
        "os.environ",
        "getenv",
        "env.",
        "your_",
        "your-",
        "yourapi",
        "changeme",
        "change_me",
        "redacted",
        "placeholder",
        "dummy",
        "not-a-real",
        "notareal",
        "insert_",
        "todo",
        "fixme",
        "foobar",
        "12345678901234567890",
        "abcdefghijklmnop",
        "!ref",
        "vault:",
        "secretref",
    ])
});

pub(super) fn prepare() {
    LazyLock::force(&PARTS);
}

/// Longest value that is looked at in full; a longer one is no placeholder.
const BYTES_MAX: usize = 256;

/// Whether `value` is a placeholder, a reference or a mask.
pub(crate) fn is_placeholder(value: &[u8]) -> bool {
    if value.len() > BYTES_MAX {
        return false;
    }
    let uniform = value
        .windows(2)
        .filter(|pair| pair.first() != pair.last())
        .count()
        < 2;
    uniform
        || PARTS.occur_in(value)
        // Our own placeholders: redacting twice changes nothing.
        || value.starts_with(b"[") && value.contains(&b']')
        || has_own(value)
        || matches!(value.first(), Some(b'$' | b'%' | b'!' | b'(' | b'{' | b'@' | b'*' | b'&'))
            && value.iter().skip(1).all(|byte| byte.is_ascii_alphanumeric() || b"_.{}()$%/*-:".contains(byte))
            && !value.iter().any(u8::is_ascii_digit)
}

/// Short texts that are looked for all at once, in either case.
pub(crate) struct Parts(Option<AhoCorasick>);

impl Parts {
    pub(crate) fn new(parts: &[&str]) -> Self {
        let mut builder = AhoCorasick::builder();
        builder
            .ascii_case_insensitive(true)
            .kind(Some(AhoCorasickKind::DFA));
        Self(builder.build(parts).ok())
    }

    pub(crate) fn occur_in(&self, text: &[u8]) -> bool {
        self.0.as_ref().is_some_and(|parts| parts.is_match(text))
    }
}

/// Longest name of a kind, about; a longer one is none.
const NAME_BYTES_MAX: usize = 48;

/// Digits of a hash, or of a token behind its `t`.
const DIGITS: usize = 16;

/// Whether the word that ends at `end` is part of a placeholder of ours: `[US_SSN]`, `[PASSWORD:9f…]` with a hash,
/// `[EMAIL:t9f…]` with a token. What was put in the place of a value names none of its neighbours, or more would be
/// found in a message each time that it is redacted. `[PASSPORT:123456789]` is none.
#[inline]
pub(crate) fn is_in_placeholder(text: &[u8], end: usize) -> bool {
    // Most words are in small letters.
    let last = end.checked_sub(1).and_then(|last| text.get(last));
    last.is_some_and(is_of_name) && is_part_of_placeholder(text, end)
}

fn is_of_name(byte: &u8) -> bool {
    byte.is_ascii_uppercase() || byte.is_ascii_digit() || *byte == b'_'
}

#[inline(never)]
fn is_part_of_placeholder(text: &[u8], end: usize) -> bool {
    let is_name = |byte: &&u8| is_of_name(byte);
    let (head, tail) = text.split_at_checked(end).unwrap_or_default();
    let before = head.iter().rev().take(NAME_BYTES_MAX).take_while(is_name);
    let start = end - before.count();
    if start == end || !head.get(..start).is_some_and(|head| head.ends_with(b"[")) {
        return false;
    }
    let behind = tail.iter().take(NAME_BYTES_MAX).take_while(is_name).count();
    let name = text.get(start..end + behind).unwrap_or_default();
    let rest = tail.get(behind..).unwrap_or_default();
    (rest.starts_with(b"]") || rest.strip_prefix(b":").and_then(behind_hash).is_some())
        && std::str::from_utf8(name).is_ok_and(|name| Kind::named(name).is_some())
}

/// The names of an operator's patterns, whose placeholders are as those of the kinds. They have no `]` and no `:`.
#[derive(Debug, Default)]
pub(crate) struct OwnNames {
    names: HashSet<String>,
    bytes_max: usize,
}

impl OwnNames {
    pub(crate) fn new(names: impl Iterator<Item = String>) -> Self {
        let names: HashSet<_> = names.collect();
        let own_max = names.iter().map(String::len).max().unwrap_or(0);
        Self {
            bytes_max: own_max.max(NAME_BYTES_MAX),
            names,
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// Whether a placeholder stands in a text, of a kind or of a pattern of the operator, or a mask.
    pub(crate) fn occur_in(&self, text: &[u8]) -> bool {
        memchr::memchr_iter(b'[', text).any(|open| self.behind_name(text, open).is_some())
            || memchr::memmem::find(text, b"****").is_some()
    }

    /// Whether `start..end` lies in a placeholder.
    pub(crate) fn cover(&self, text: &[u8], start: usize, end: usize) -> bool {
        // Behind the name a colon, a hash or a token, and the end.
        let from = start.saturating_sub(self.bytes_max + DIGITS + 3);
        let before = text.get(from..start + 1).unwrap_or_default();
        let open = memchr::memrchr(b'[', before).map(|open| from + open);
        let rest = open.and_then(|open| self.behind_name(text, open));
        let rest = rest.and_then(|rest| {
            rest.strip_prefix(b"]")
                .or_else(|| rest.strip_prefix(b":").and_then(behind_hash))
        });
        rest.is_some_and(|rest| end <= text.len() - rest.len())
    }

    /// What follows the name that stands behind a bracket.
    fn behind_name<'a>(&self, text: &'a [u8], open: usize) -> Option<&'a [u8]> {
        let (name, rest) = name_behind(text, open, self.bytes_max)?;
        (Kind::named(name).is_some() || self.names.contains(name)).then_some(rest)
    }
}

/// What could be the name of a placeholder behind the bracket at `open`, and what follows it.
fn name_behind(text: &[u8], open: usize, bytes_max: usize) -> Option<(&str, &[u8])> {
    let inside = text.get(open + 1..)?;
    let ends = |byte: &u8| matches!(byte, b']' | b':');
    let length = inside.iter().take(bytes_max + 1).position(ends)?;
    let (name, rest) = inside.split_at_checked(length)?;
    Some((std::str::from_utf8(name).ok()?, rest))
}

/// What follows a hash or a token and the end of its placeholder. A hash without a letter, of which there is one in two
/// thousand, could be somebody's number.
fn behind_hash(rest: &[u8]) -> Option<&[u8]> {
    let rest = rest.strip_prefix(b"t").unwrap_or(rest);
    let (digits, rest) = rest.split_at_checked(DIGITS)?;
    let is_digit = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    let is_hash = digits.iter().all(is_digit) && digits.iter().any(u8::is_ascii_lowercase);
    rest.strip_prefix(b"]").filter(|_| is_hash)
}

/// Whether a placeholder of ours, such as `[EMAIL]`, stands in `value`: what was secret in it has been taken out.
fn has_own(value: &[u8]) -> bool {
    memchr::memchr_iter(b'[', value).any(|open| {
        name_behind(value, open, NAME_BYTES_MAX)
            .is_some_and(|(name, _)| Kind::named(name).is_some())
    })
}
