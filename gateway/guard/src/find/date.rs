//! Dates of a calendar, as people write them.

use super::{ahead, at, before};
use crate::checks::dates::exists;

/// First and last year in which somebody alive can have been born.
const YEARS: std::ops::RangeInclusive<u64> = 1900..=2030;

/// Beginnings of months' names, in lower case: three letters or more tell them apart.
const MONTHS: &[(&str, u64)] = &[
    ("jan", 1),
    ("ene", 1),
    ("gen", 1),
    ("janv", 1),
    ("sty", 1),
    ("tam", 1),
    ("янв", 1),
    ("feb", 2),
    ("fév", 2),
    ("fev", 2),
    ("fév", 2),
    ("lut", 2),
    ("hel", 2),
    ("фев", 2),
    ("mar", 3),
    ("mär", 3),
    ("mrz", 3),
    ("maa", 3),
    ("maj", 5),
    ("мар", 3),
    ("apr", 4),
    ("abr", 4),
    ("avr", 4),
    ("kwi", 4),
    ("huh", 4),
    ("апр", 4),
    ("may", 5),
    ("mai", 5),
    ("mag", 5),
    ("mei", 5),
    ("tou", 5),
    ("мая", 5),
    ("май", 5),
    ("jun", 6),
    ("giu", 6),
    ("juin", 6),
    ("cze", 6),
    ("kes", 6),
    ("июн", 6),
    ("jul", 7),
    ("lug", 7),
    ("juil", 7),
    ("lip", 7),
    ("hei", 7),
    ("июл", 7),
    ("aug", 8),
    ("ago", 8),
    ("aoû", 8),
    ("aou", 8),
    ("sie", 8),
    ("elo", 8),
    ("авг", 8),
    ("sep", 9),
    ("set", 9),
    ("wrz", 9),
    ("syy", 9),
    ("сен", 9),
    ("oct", 10),
    ("okt", 10),
    ("ott", 10),
    ("out", 10),
    ("paź", 10),
    ("lok", 10),
    ("окт", 10),
    ("nov", 11),
    ("lis", 11),
    ("mar", 3),
    ("ноя", 11),
    ("dec", 12),
    ("dez", 12),
    ("dic", 12),
    ("déc", 12),
    ("gru", 12),
    ("jou", 12),
    ("дек", 12),
];

/// Tells `meet` of each date between 1900 and now.
pub(crate) fn dates(text: &[u8], mut meet: impl FnMut(usize, usize)) {
    let mut place = 0;
    while place < text.len() {
        let byte = at(text, place);
        let boundary = !before(text, place).is_ascii_alphanumeric();
        let end = match byte {
            b'0'..=b'9' if boundary => numeric(text, place).or_else(|| day_first(text, place)),
            b'A'..=b'Z' | b'a'..=b'z' if boundary => month_first(text, place),
            _ => None,
        };
        match end {
            Some(end) if !at(text, end).is_ascii_alphanumeric() => {
                meet(place, end);
                place = end;
            }
            _ if boundary && byte.is_ascii_alphanumeric() => {
                place += ahead(text, place, 64, |byte| byte.is_ascii_alphanumeric())
            }
            _ => place += 1,
        }
    }
}

/// A number of at most four digits: its value and its end.
fn number(text: &[u8], from: usize) -> Option<(u64, usize)> {
    let length = ahead(text, from, 5, |byte| byte.is_ascii_digit());
    let digits = text.get(from..from + length)?;
    let value = digits
        .iter()
        .fold(0, |value, digit| value * 10 + u64::from(digit - b'0'));
    (1..=4).contains(&length).then_some((value, from + length))
}

/// `YYYY-MM-DD`, `DD.MM.YYYY`, `MM/DD/YYYY`, `YYYY年MM月DD日`, and eight digits in a row.
fn numeric(text: &[u8], from: usize) -> Option<usize> {
    if ahead(text, from, 9, |byte| byte.is_ascii_digit()) == 8 {
        let digits = text.get(from..from + 8)?;
        let is = crate::checks::dates::yyyymmdd(digits, 0);
        return is.then_some(from + 8);
    }
    let (first, after) = number(text, from)?;
    let (separator, from) = separator(text, after)?;
    let (second, after) = number(text, from)?;
    let (_, from) = self::separator(text, after).filter(|(next, _)| *next == separator)?;
    let (third, end) = number(text, from)?;
    let is = |year: u64, month: u64, day: u64| YEARS.contains(&year) && exists(year, month, day);
    let found = is(first, second, third)
        || is(third, second, first)
        || is(third, first, second)
        || third < 100
            && end - from == 2
            && (is(1900 + third, second, first) || is(1900 + third, first, second));
    let end = if text.get(end..end + 3) == Some("日".as_bytes()) {
        end + 3
    } else {
        end
    };
    found.then_some(end)
}

fn separator(text: &[u8], at_byte: usize) -> Option<(u8, usize)> {
    match at(text, at_byte) {
        byte @ (b'-' | b'.' | b'/' | b' ') => Some((
            byte,
            at_byte + 1 + usize::from(byte == b'.' && at(text, at_byte + 1) == b' '),
        )),
        _ => {
            let sign = text.get(at_byte..at_byte + 3)?;
            ["年", "月"]
                .iter()
                .any(|wanted| wanted.as_bytes() == sign)
                .then_some((0, at_byte + 3))
        }
    }
}

/// `12 March 1987`, `12. März 1987`, `12 de marzo de 1987`.
fn day_first(text: &[u8], from: usize) -> Option<usize> {
    let (day, after) = number(text, from)?;
    let from = spaces(text, after);
    let from = if text.get(from..from + 3) == Some(b"de ") {
        from + 3
    } else {
        from
    };
    let (month, after) = month(text, from)?;
    let from = spaces(text, after);
    let from = if text.get(from..from + 3) == Some(b"de ") {
        from + 3
    } else {
        from
    };
    let (year, end) = number(text, from)?;
    (from > after && YEARS.contains(&year) && exists(year, month, day)).then_some(end)
}

/// `March 12, 1987`. Behind most words is another one, not a number.
fn month_first(text: &[u8], from: usize) -> Option<usize> {
    let after = from + letters(text, from);
    let (day, behind) = number(text, spaces(text, after))?;
    let (month, _) = month(text, from)?;
    let (year, end) = number(text, spaces(text, behind))?;
    (YEARS.contains(&year) && exists(year, month, day)).then_some(end)
}

fn spaces(text: &[u8], from: usize) -> usize {
    from + ahead(text, from, 4, |byte| {
        matches!(byte, b' ' | b'.' | b',' | b'-' | b'/')
    })
}

/// The length of a word.
fn letters(text: &[u8], from: usize) -> usize {
    ahead(text, from, 24, |byte| {
        byte.is_ascii_alphabetic() || byte >= 0x80
    })
}

fn month(text: &[u8], from: usize) -> Option<(u64, usize)> {
    let length = letters(text, from);
    let word = text.get(from..from + length)?;
    let month = if word.is_ascii() {
        month_of(word)
    } else {
        month_of(std::str::from_utf8(word).ok()?.to_lowercase().as_bytes())
    };
    Some((month?, from + length))
}

/// The month that a word, in lower case beyond ASCII, begins as.
fn month_of(word: &[u8]) -> Option<u64> {
    let first = word.first()?.to_ascii_lowercase();
    let begins = |start: &str| {
        let start = start.as_bytes();
        start.first() == Some(&first)
            && word
                .get(..start.len())
                .is_some_and(|beginning| beginning.eq_ignore_ascii_case(start))
    };
    MONTHS
        .iter()
        .find(|(start, _)| begins(start))
        .map(|(_, month)| *month)
}
