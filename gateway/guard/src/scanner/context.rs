//! Which identifiers the words around a place speak of.

use super::heads::Heads;
use super::judge::Met;
use super::{Place, Scan};
use crate::block::{BLOCK_BYTES, Block};
use crate::injection;
use crate::json::Token;
use crate::secrets::{Assignment, OwnNames};
use crate::table::{Reach, Tables};
use crate::vocabulary::{Hit, rules_of};

/// Bytes before a candidate in which a word names it.
const BEFORE_BYTES: usize = 72;
/// The same for identifiers that have nothing but their word.
const CLOSE_BYTES: usize = 44;
/// Bytes after it.
const AFTER_BYTES: usize = 32;
const CLOSE_AFTER_BYTES: usize = 20;

/// What is known of each token once its texts have been judged.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Known {
    /// Words in the token, one bit a rule.
    pub(super) words: u128,
    /// What a key promises about its value.
    pub(super) promises: Option<Assignment>,
}

/// What a token's keys say about it.
pub(super) fn of_keys(
    scan: &Scan<'_>,
    names: &OwnNames,
    known: &[Known],
    heads: &Heads,
    token: usize,
) -> Known {
    let Some(place) = scan.room.places.get(token) else {
        return Known::default();
    };
    let at = |key: Option<u32>| {
        key.and_then(|key| known.get(key as usize))
            .copied()
            .unwrap_or_default()
    };
    let own = at(place.key);
    let mut words = own.words;
    let mut node = scan.room.nodes.get(place.node as usize);
    // The names of two containers around it: `{"passport": {"number": …}}`, `{"ssns": […]}`.
    let mut promises = own.promises;
    for _ in 0..2 {
        let Some(container) = node else { break };
        words |= at(container.key).words;
        if place.key.is_none() && !container.object || is_said(scan, place.key()) {
            promises = promises.or(at(container.key).promises);
        }
        node = container
            .parent
            .and_then(|parent| scan.room.nodes.get(parent as usize));
    }
    words |= sibling(scan, names, known, token);
    let over = heads.over(scan, place);
    Known {
        words: words | over.words,
        promises: promises.or(over.promises),
    }
}

/// Whether the sign at `at` ends what is said before what follows the window.
fn ends_sentence(window: &[u8], at: usize) -> bool {
    let behind = window.get(at + 1..).unwrap_or_default();
    let next = |ahead: usize| behind.get(ahead).copied().unwrap_or(0);
    let ends = match window.get(at) {
        // The next member of an object.
        Some(b',') => {
            let is_member = matches!(next(0), b'"' | b'\'')
                || next(0) == b' ' && matches!(next(1), b'"' | b'\'');
            is_member && !is_in_list(window.get(..at).unwrap_or_default())
        }
        // The next array.
        Some(b']') => next(0) == b',',
        // A line break counts where the line before it has words of its own after the name, and asks for no answer.
        Some(b'\n') => {
            let line = window.get(..at).unwrap_or_default().trim_ascii_end();
            behind.iter().any(u8::is_ascii_alphanumeric)
                && !line.ends_with(b"?")
                && !line.ends_with(b"=>")
                && memchr::memmem::find(behind, b"input_value=").is_none()
        }
        Some(b'<') => behind.starts_with(b"tr"),
        sign => sign.is_some(),
    };
    ends && !is_value(behind)
}

/// Whether a list of values goes on that SQL compares with: `ssn IN ('…', '…'`.
fn is_in_list(text: &[u8]) -> bool {
    let open = memchr::memrchr(b'(', text).map(|open| text.get(..open).unwrap_or_default());
    open.is_some_and(|before| {
        let word = before.trim_ascii_end();
        word.len() > 3
            && word
                .get(word.len() - 3..)
                .is_some_and(|word| word.eq_ignore_ascii_case(b" in"))
    })
}

/// Names of members that say nothing: what is around them names their values.
const VALUES: [&[u8]; 9] = [
    b"value", b"content", b"text", b"data", b"answer", b"val", b"number", b"input", b"raw",
];

/// Whether what follows in a text is the name of a member that says nothing, as in `"value": …`.
fn is_value(text: &[u8]) -> bool {
    let text = text.trim_ascii_start();
    let Some(quote @ (b'"' | b'\'')) = text.first() else {
        return false;
    };
    let rest = text.get(1..).unwrap_or_default();
    VALUES.iter().any(|value| {
        let behind = rest
            .strip_prefix(*value)
            .and_then(|rest| rest.strip_prefix(&[*quote]));
        behind.is_some_and(|behind| behind.trim_ascii_start().starts_with(b":"))
    })
}

/// Whether a member has what its container's name promises: `{"api_key": {"default": …}}`.
fn is_said(scan: &Scan<'_>, key: Option<usize>) -> bool {
    const NAMES: [&[u8]; 4] = [b"value", b"raw", b"val", b"default"];
    let place = key.and_then(|key| scan.room.places.get(key));
    place.is_some_and(|place| {
        let name = super::walk::name(scan.message, Some(place));
        NAMES.iter().any(|known| name.eq_ignore_ascii_case(known))
    })
}

/// `{"label": "SSN", "value": …}`: the member before names the member after.
fn sibling(scan: &Scan<'_>, names: &OwnNames, known: &[Known], token: usize) -> u128 {
    let place = scan.room.places.get(token);
    let (Some(key), Some(place)) = (place.and_then(Place::key), place) else {
        return 0;
    };
    let Some(before) = key.checked_sub(1) else {
        return 0;
    };
    let words = known.get(before).map_or(0, |known| known.words);
    if words == 0 {
        return 0;
    }
    let name = super::walk::name(scan.message, scan.room.places.get(key));
    if !VALUES.iter().any(|value| name.eq_ignore_ascii_case(value)) {
        return 0;
    }
    let labels = |label: &Place| {
        label.node == place.node && label.token == Token::String && is_label(scan, names, label)
    };
    let is_named = scan.room.places.get(before).is_some_and(labels);
    if is_named { words } else { 0 }
}

/// Whether a string is as short as labels are, and was not longer before something was taken out of it.
pub(super) fn is_label(scan: &Scan<'_>, names: &OwnNames, place: &Place) -> bool {
    const LABEL_BYTES_MAX: usize = 48;
    shown_bytes(scan, place) < LABEL_BYTES_MAX && !names.occur_in(place.raw(scan.message))
}

/// How long a string is without what cannot be seen of it, which may be taken out.
fn shown_bytes(scan: &Scan<'_>, place: &Place) -> usize {
    let text = super::walk::name(scan.message, Some(place));
    let mut shown = text.len();
    if !text.is_ascii() {
        injection::hidden(&text, |start, end| shown -= end - start);
    }
    shown
}

/// Whether a word is the known one, with a number behind it or none: `ean13`.
pub(super) fn is_word(word: &[u8], known: &[u8]) -> bool {
    let (start, behind) = word.split_at_checked(known.len()).unwrap_or_default();
    start.eq_ignore_ascii_case(known) && behind.iter().all(u8::is_ascii_digit)
}

/// Whether a token's key names numbers that are counted, given out or measured.
pub(super) fn is_otherwise(scan: &Scan<'_>, token: usize) -> bool {
    const NAMES: [&[u8]; 30] = [
        b"id",
        b"ts",
        b"sha",
        b"hash",
        b"seq",
        b"count",
        b"version",
        b"ref",
        b"tracking",
        b"order",
        b"invoice",
        b"timestamp",
        b"time",
        b"nonce",
        b"size",
        b"offset",
        b"bytes",
        b"build",
        b"commit",
        b"ticket",
        b"sku",
        b"isbn",
        b"ean",
        b"gtin",
        b"barcode",
        b"duration",
        b"created",
        b"updated",
        b"etag",
        b"checksum",
    ];
    let place = scan.room.places.get(token);
    let Some(key) = place.and_then(|place| scan.room.places.get(place.key()?)) else {
        return false;
    };
    let name = super::walk::name(scan.message, Some(key));
    let mut words = name.split(|byte| !byte.is_ascii_alphanumeric());
    words.any(|word| NAMES.iter().any(|known| is_word(word, known)))
        || name.ends_with(b"Id")
        || name.ends_with(b"At")
}

/// The words of one text, and its tables.
pub(super) struct Around<'a> {
    pub(super) text: &'a [u8],
    /// Offset of the text in the buffer.
    base: usize,
    hits: &'a [Hit],
    pub(super) keys: u128,
    tables: Tables,
    /// All of the text's words, and those of its keys.
    pub(super) any: u128,
    /// Where the line of headers begins that was met last, and its words.
    line: (usize, u128),
}

/// Words near and nearer.
#[derive(Clone, Copy, Default)]
pub(super) struct Nearby {
    pub(super) near: u128,
    pub(super) close: u128,
}

impl<'a> Around<'a> {
    pub(super) fn new(text: &'a [u8], base: usize, met: &Met<'a>, keys: u128) -> Self {
        Self {
            text,
            base,
            hits: met.hits,
            keys,
            tables: Tables::default(),
            any: keys | met.words,
            line: (usize::MAX, 0),
        }
    }

    /// Begins anew with the tables, which are looked through forwards.
    pub(super) fn rewind(&mut self) {
        self.tables = Tables::default();
    }

    /// All words that may speak of something within `start..end`, and more.
    pub(super) fn possible(&mut self, start: usize, end: usize) -> u128 {
        if self.any == 0 {
            return 0;
        }
        // A check character in brackets may be one byte further on.
        let near = self.words(start.saturating_sub(BEFORE_BYTES), end + 1 + AFTER_BYTES);
        let over = match self.tables.reach(self.text, start, end) {
            Reach::None => 0,
            Reach::Any => self.any,
            Reach::Line(start, _) if self.line.0 == start => self.line.1,
            Reach::Line(start, end) => {
                self.line = (start, self.words(start, end));
                self.line.1
            }
        };
        self.keys | near | over
    }

    /// The words that speak of `start..end`.
    pub(super) fn nearby(&mut self, start: usize, end: usize) -> Nearby {
        let mut found = Nearby {
            near: self.keys,
            close: self.keys,
        };
        if self.any == 0 {
            return found;
        }
        let header = self.header(start);
        // Whatever stands under a header is named by the line of the header alone.
        let from = self.sentence(start, header.is_some());
        let header = header.unwrap_or(0);
        found.near |= self.words(from.max(start.saturating_sub(BEFORE_BYTES)), start + 1);
        found.close |= self.words(from.max(start.saturating_sub(CLOSE_BYTES)), start + 1);
        let behind = self.clause(end);
        let after = header | self.words(end, behind);
        found.near |= after;
        found.close |= header | self.words(end, behind.min(end + CLOSE_AFTER_BYTES));
        found
    }

    /// The words that speak of `start..end` in the same clause of prose.
    pub(super) fn told(&mut self, start: usize, end: usize) -> u128 {
        let from = self.sentence(start, false).max(self.telling(start));
        let around = self.words(from, start + 1) | self.words(end, self.clause(end));
        self.keys | around | self.header(start).unwrap_or(0)
    }

    /// Where what precedes `start` and belongs to it begins: not in another member, nor in another line, in the `row` of a
    /// table whatever the line says.
    fn sentence(&self, start: usize, row: bool) -> usize {
        let from = start.saturating_sub(BEFORE_BYTES);
        let window = self.text.get(from..start).unwrap_or_default();
        let mut end = window.len();
        while end > 0 {
            let block = Block::before(window, end);
            let signs = block.is(b',') | block.is(b'\n') | block.is(b'<') | block.is(b'&');
            let signs = signs | block.is(b'{') | block.is(b'}') | block.is(b']');
            let mut signs = signs.bits();
            while signs != 0 {
                let bit = signs.ilog2();
                signs &= !(1 << bit);
                let behind = end - (BLOCK_BYTES - 1 - bit as usize);
                let is_line = row && window.get(behind - 1) == Some(&b'\n');
                if is_line || ends_sentence(window, behind - 1) {
                    return from + behind;
                }
            }
            end = end.saturating_sub(BLOCK_BYTES);
        }
        from
    }

    /// Where the clause of prose begins that goes on at `start`: behind a semicolon, or with a capital behind a point.
    fn telling(&self, start: usize) -> usize {
        let from = start.saturating_sub(BEFORE_BYTES);
        let window = self.text.get(from..start).unwrap_or_default();
        let ends = |at: usize| match window.get(at) {
            Some(b';') => true,
            Some(b'.') => {
                window.get(at + 1) == Some(&b' ')
                    && window.get(at + 2).is_some_and(u8::is_ascii_uppercase)
            }
            _ => false,
        };
        from + (0..window.len())
            .rev()
            .find(|at| ends(*at))
            .map_or(0, |at| at + 1)
    }

    /// Where what follows `end` and belongs to it ends.
    fn clause(&self, end: usize) -> usize {
        let window = self
            .text
            .get(end..(end + AFTER_BYTES).min(self.text.len()))
            .unwrap_or_default();
        let cut = window
            .iter()
            .position(|byte| matches!(byte, b'\n' | b'.' | b';' | b',' | b'|' | b'&' | b'}'));
        end + cut.unwrap_or(window.len())
    }

    /// Words that end in `from..=to` and begin at `from` or later, as far as ends can tell.
    fn words(&self, from: usize, to: usize) -> u128 {
        let (from, to) = (self.base + from, self.base + to);
        let first = self.hits.partition_point(|hit| hit.end as usize <= from);
        let hits = self
            .hits
            .get(first..)
            .unwrap_or_default()
            .iter()
            .take_while(|hit| hit.end as usize <= to + 1);
        hits.fold(0, |words, hit| words | rules_of(hit))
    }

    /// The words of the header over `place`, if there is one.
    fn header(&mut self, place: usize) -> Option<u128> {
        let (start, end) = self.tables.header(self.text, place)?;
        Some(self.words(start, end))
    }
}
