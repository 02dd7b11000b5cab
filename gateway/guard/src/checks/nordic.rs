//! Identifiers of the Nordic countries: a date of birth first.

use super::dates::{ddmmyy, exists};
use super::{byte, digit, luhn, number, weighted};

/// Sweden: Luhn's check over the last ten digits; days above 60 are coordination numbers.
pub(crate) fn personnummer(text: &[u8]) -> bool {
    let ten = text
        .get(text.len().saturating_sub(10)..)
        .unwrap_or_default();
    let day = number(ten, 4, 6);
    let century = text.len() == 10 || matches!(number(text, 0, 2), 18..=20);
    century
        && luhn(ten)
        && exists(
            2000 + number(ten, 0, 2),
            number(ten, 2, 4),
            if day > 60 { day - 60 } else { day },
        )
}

/// Denmark: a date; its check digit has not held for all since 2007.
pub(crate) fn cpr(text: &[u8]) -> bool {
    ddmmyy(text, 0)
}

/// Finland: the remainder by 31 as a character.
pub(crate) fn hetu(text: &[u8]) -> bool {
    let (serial, check) = if text.len() == 11 { (7, 10) } else { (6, 9) };
    let century = text.len() == 10 || b"ABCDEFUVWXY".contains(&byte(text, 6));
    let whole = number(text, 0, 6) * 1000 + number(text, serial, serial + 3);
    let expected = byte(
        b"0123456789ABCDEFHJKLMNPRSTUVWXY",
        usize::try_from(whole % 31).unwrap_or(0),
    );
    century && ddmmyy(text, 0) && expected == byte(text, check)
}

/// Norway: two check digits; days of D-numbers are raised by 40, months of others by 40 or 80.
pub(crate) fn fnr(text: &[u8]) -> bool {
    let (day, month) = (number(text, 0, 2), number(text, 2, 4));
    let date = exists(
        2000 + number(text, 4, 6),
        month % 40,
        if day > 40 { day - 40 } else { day },
    );
    let first = (11 - weighted(text, &[3, 7, 6, 1, 8, 9, 4, 5, 2]) % 11) % 11;
    let second = (11 - weighted(text, &[5, 4, 3, 2, 7, 6, 5, 4, 3, 2]) % 11) % 11;
    date && first == digit(text, 9) && second == digit(text, 10)
}
