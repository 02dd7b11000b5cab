//! Words and phrases that name identifiers, and what stands around them.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::LazyLock;

use super::forms::forms;
use crate::rules;
use crate::secrets::is_in_placeholder;

/// Each word once.
pub(super) static WORDS: LazyLock<Vec<Word>> = LazyLock::new(|| {
    let words = words().into_iter();
    words.map(|(text, rules)| Word::new(text, rules)).collect()
});

/// The rules of each word, one bit each.
pub(super) static RULES: LazyLock<Vec<u128>> =
    LazyLock::new(|| WORDS.iter().map(|word| word.rules).collect());

/// All words, in the forms that they are written in.
fn words() -> BTreeMap<String, u128> {
    let mut words = BTreeMap::<String, u128>::new();
    for (number, rule) in rules::all().enumerate() {
        for text in rule.words {
            for form in forms(text) {
                *words.entry(form).or_default() |= 1 << number;
            }
        }
    }
    words
}

/// Longest word, in characters, behind which there may be no letter: a longer one may be declined.
const SHORT_CHARACTERS_MAX: usize = 7;

/// Words that name identifiers in capitals, or as a field with a sign behind it, and that sentences and formulas have in
/// small letters.
const ACRONYMS: [&str; 5] = ["ein", "sin", "run", "fin", "dl"];

/// A word or phrase that names identifiers.
///
/// The engine looks for two of its parts alone, the core, since literals compile and match fastest. What is around the
/// core is compared here: the other parts, with one separator or none for each space, nothing of the same script before
/// them, and no letter behind a short word.
pub(super) struct Word {
    text: String,
    rules: u128,
    core: Range<usize>,
    pub(super) borders: Borders,
}

/// What stands beside a word's core, as far as the next byte on either side tells: most cores are within another word,
/// or of another word than theirs.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Borders {
    /// The length of the core.
    core: u16,
    /// The last byte of the part before it and the first of the part behind it, in lower case; NUL where there is none.
    before: u8,
    behind: u8,
    /// No letter or digit before a core that begins the word.
    latin: bool,
    /// No letter behind a core that ends it.
    short: bool,
    /// It is a word of its own in small letters: `ein`, `sin`, `dL`.
    acronym: bool,
}

impl Borders {
    /// The end of the word whose core ends at `end`, and of the byte that ends a short one; none where the core stands
    /// in another text.
    #[inline]
    pub(super) fn end<'w>(
        self,
        buffer: &[u8],
        end: usize,
        word: impl FnOnce() -> Option<&'w Word>,
    ) -> Option<usize> {
        if !self.fit(buffer, end) || is_in_placeholder(buffer, end) {
            return None;
        }
        if self.before | self.behind == 0 {
            return Some(end + usize::from(self.short));
        }
        word()?.around(buffer, end.checked_sub(usize::from(self.core))?, end)
    }

    /// Whether the core that ends at `end` may be of the word.
    #[inline]
    fn fit(self, buffer: &[u8], end: usize) -> bool {
        let at = |place: usize| buffer.get(place).copied().unwrap_or(0);
        let start = end - usize::from(self.core).min(end);
        let (before, behind) = (at(start.wrapping_sub(1)), at(end));
        let before_fits = if self.before == 0 {
            !self.latin || begins(before, at(start))
        } else {
            at(behind_part(start, at).wrapping_sub(1)).to_ascii_lowercase() == self.before
        };
        if self.acronym
            && at(start).is_ascii_lowercase()
            && (before == b'/' || matches!(behind, b' ' | b'(' | b'.'))
        {
            return false;
        }
        let behind_fits = if self.behind == 0 {
            !self.short || ends(at(end.wrapping_sub(1)), behind, at(end + 1))
        } else {
            at(before_part(end, at)).to_ascii_lowercase() == self.behind
        };
        before_fits && behind_fits
    }
}

impl Word {
    fn new(text: String, rules: u128) -> Self {
        let core = core(&text);
        let latin = text.chars().all(|character| u32::from(character) < 0x250);
        let byte = |place: Option<usize>| {
            let byte = place.and_then(|place| text.as_bytes().get(place));
            byte.map_or(0, u8::to_ascii_lowercase)
        };
        Self {
            rules,
            borders: Borders {
                core: 0,
                before: byte(core.start.checked_sub(2)),
                behind: byte(Some(core.end + 1)),
                latin,
                short: latin && text.chars().count() <= SHORT_CHARACTERS_MAX,
                acronym: ACRONYMS.contains(&text.as_str()),
            },
            core,
            text,
        }
    }

    fn core(&self) -> &str {
        self.text.get(self.core.clone()).unwrap_or_default()
    }

    /// The core as it may stand in a text, with one separator or none for each space, and what stands beside it then.
    pub(super) fn literals(&self) -> impl Iterator<Item = (String, Borders)> {
        let mut parts = self.core().split(' ');
        let mut literals = vec![parts.next().unwrap_or_default().to_owned()];
        for part in parts {
            let with = |start: String| BETWEEN.map(|between| format!("{start}{between}{part}"));
            literals = literals.into_iter().flat_map(with).collect();
        }
        literals.into_iter().map(|literal| {
            let mut borders = self.borders;
            borders.core = u16::try_from(literal.len()).unwrap_or(u16::MAX);
            (literal, borders)
        })
    }

    /// As [`Borders::end`], of a word that has other parts.
    fn around(&self, buffer: &[u8], start: usize, end: usize) -> Option<usize> {
        let word = self.text.as_bytes();
        let at = |place: usize| buffer.get(place).copied().unwrap_or(0);
        let mut start = start;
        for byte in word.get(..self.core.start)?.iter().rev() {
            let before = start.checked_sub(1)?;
            if *byte == b' ' {
                start = behind_part(start, at);
            } else if at(before).eq_ignore_ascii_case(byte) {
                start = before;
            } else {
                return None;
            }
        }
        if self.borders.latin && !begins(at(start.checked_sub(1)?), at(start)) {
            return None;
        }
        let mut end = end;
        for byte in word.get(self.core.end..)? {
            let found = *buffer.get(end)?;
            if *byte == b' ' {
                end = before_part(end, at);
            } else if found.eq_ignore_ascii_case(byte) {
                end += 1;
            } else {
                return None;
            }
        }
        if !self.borders.short {
            return Some(end);
        }
        ends(at(end - 1), *buffer.get(end)?, at(end + 1)).then_some(end + 1)
    }
}

/// Whether a word may begin with `first`: behind no letter and no digit, or with a hump as in `customerSsn`.
fn begins(before: u8, first: u8) -> bool {
    !before.is_ascii_alphanumeric() || before.is_ascii_lowercase() && first.is_ascii_uppercase()
}

/// Whether a short word may end with `last`: before no letter, before a hump as in `vinNumber`, or before the `s` of a
/// field of many. What somebody `calls` or `runs` is something else.
fn ends(last: u8, behind: u8, next: u8) -> bool {
    !behind.is_ascii_alphabetic()
        || last.is_ascii_lowercase() && behind.is_ascii_uppercase()
        || behind == b's' && matches!(next, b'"' | b'\'' | b':' | b'=' | b'_' | b'[' | b'|' | 0)
}

/// Fewest letters of a core, where the word has as many.
const CORE_LETTERS: usize = 3;

/// What the engine looks for of a word: the longest two parts beside each other, or more of an abbreviation, since a
/// part alone (a number, an account, a letter) is in many texts that have nothing of the word.
fn core(text: &str) -> Range<usize> {
    let spaces = || text.match_indices(' ').map(|(space, _)| space);
    let starts = || [0].into_iter().chain(spaces().map(|space| space + 1));
    let ends = || spaces().chain([text.len()]);
    let is_enough = |core: &Range<usize>| {
        let letters = text.get(core.clone()).unwrap_or_default().chars();
        letters.filter(|letter| *letter != ' ').count() >= CORE_LETTERS
    };
    let parts = ends().count();
    (2..=parts)
        .find_map(|parts| {
            let cores = starts().zip(ends().skip(parts - 1));
            let cores = cores.map(|(start, end)| start..end);
            cores.filter(is_enough).max_by_key(Range::len)
        })
        .unwrap_or(0..text.len())
}

/// What may stand for a space: nothing, one of these, or a point and a space as in `No. KP`.
const BETWEEN: [&str; 7] = ["", " ", "_", ".", ":", "-", ". "];

/// Where the part before `start` ends.
fn behind_part(start: usize, at: impl Fn(usize) -> u8) -> usize {
    let before = |bytes: usize| at(start.wrapping_sub(bytes));
    match (is_separator(before(1)), before(1), before(2)) {
        (true, b' ', b'.') => start.saturating_sub(2),
        (true, ..) => start.saturating_sub(1),
        (false, ..) => start,
    }
}

/// Where the part behind `end` begins.
fn before_part(end: usize, at: impl Fn(usize) -> u8) -> usize {
    match (is_separator(at(end)), at(end), at(end + 1)) {
        (true, b'.', b' ') => end + 2,
        (true, ..) => end + 1,
        (false, ..) => end,
    }
}

/// What may stand for a space.
fn is_separator(byte: u8) -> bool {
    matches!(byte, b' ' | b'_' | b'.' | b':' | b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_met_with_its_parts_and_its_borders() {
        for (word, text, end) in [
            ("tax id", "\0tax id\0", Some(8)),
            ("tax id", "\0my Tax_ID: 5\0", Some(11)),
            ("tax id", "\0taxid\0", Some(7)),
            ("tax id", "\0tax  id\0", None),
            ("no kp", "\0No. KP 1\0", Some(8)),
            ("social security no", "\0social. security. no\0", Some(21)),
            ("tax id", "\0syntax id\0", None),
            ("tax id", "\0tax idea\0", None),
            ("passport", "\0passports\0", Some(9)),
            ("date of birth", "\0DATE-OF-BIRTH\0", Some(14)),
            ("date of birth", "\0day of birth\0", None),
            ("身份证", "\0你的身份证号\0", Some(16)),
            ("phone", "\0phone\0", Some(7)),
            ("phone", "\0phones\0", Some(7)),
            ("phone", "\0phones \0", None),
            ("ssn", "\0customerSsn:\0", Some(13)),
            ("vin", "\0vinNumber\0", Some(5)),
            ("vin", "\0VINNUMBER\0", None),
            ("nhs no", "\0patientNhsNo\0", Some(14)),
            ("sin", "\0usinG\0", None),
            ("ein", "\0ein 27\0", None),
            ("ein", "\0EIN 27\0", Some(5)),
            ("ein", "\0ein: 27\0", Some(5)),
            ("dl", "\0g/dL; 3\0", None),
            ("pesel", "\0pesels\0", Some(7)),
            ("pesel", "\0peselsa\0", None),
            ("phone", "\0iphone\0", None),
            ("phone", "\0[phone]\0", Some(8)),
            ("phone", "\0[PHONE \0", Some(8)),
            ("phone", "\0PHONE]\0", Some(7)),
            ("phone", "\0[PHONE]\0", None),
            ("phone", "\0[PHONE:0123456789abcdef]\0", None),
            ("phone", "\0[PHONE:t0123456789abcdef]\0", None),
            ("phone", "\0[PHONE:0791234567]\0", Some(8)),
            ("phone", "\0[PHONE:1234567890123456]\0", Some(8)),
            ("ssn", "\0[SSN]\0", Some(6)),
            ("phone", "\0[PHONE: 0791234567]\0", Some(8)),
            ("ssn", "\0[US_SSN]\0", None),
            ("date of birth", "\0[DATE_OF_BIRTH]\0", None),
            ("birth", "\0[DATE_OF_BIRTH]\0", None),
        ] {
            let word = Word::new(word.to_owned(), 1);
            let folded = text.to_ascii_lowercase();
            let met = word.literals().find_map(|(literal, borders)| {
                let core = folded.find(&literal)? + literal.len();
                borders.end(text.as_bytes(), core, || Some(&word))
            });
            assert_eq!(met, end, "{} {text}", word.text);
        }
    }

    #[test]
    fn a_core_is_of_two_parts_or_of_three_letters() {
        for (text, core) in [
            ("passport", "passport"),
            ("nhs number", "nhs number"),
            ("tax file number", "file number"),
            ("national identity number", "national identity"),
            ("d o b", "d o b"),
            ("t c kimlik", "c kimlik"),
            ("ת ז", "ת ז"),
            ("α μ κ α", "μ κ α"),
        ] {
            assert_eq!(text.get(super::core(text)), Some(core));
        }
    }

    /// A part that plain texts have in every line would be met in each.
    #[test]
    fn no_core_is_a_single_letter() {
        for word in WORDS.iter() {
            let letters = word
                .core()
                .chars()
                .filter(|letter| letter.is_alphanumeric());
            assert!(letters.count() > 1, "{}", word.text);
        }
    }
}
