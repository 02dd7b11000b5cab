//! Dates inside identifiers.

use super::number;

/// Whether a day of that month exists; `year` decides about 29 February.
pub(crate) fn exists(year: u64, month: u64, day: u64) -> bool {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let days = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 => 28 + u64::from(leap),
        _ => 0,
    };
    (1..=days).contains(&day)
}

/// `YYMMDD` at `at`, of this or the last century.
pub(crate) fn yymmdd(text: &[u8], at: usize) -> bool {
    let (year, month, day) = (
        number(text, at, at + 2),
        number(text, at + 2, at + 4),
        number(text, at + 4, at + 6),
    );
    exists(1900 + year, month, day) || exists(2000 + year, month, day)
}

/// `DDMMYY` at `at`, of this or the last century.
pub(crate) fn ddmmyy(text: &[u8], at: usize) -> bool {
    let (day, month, year) = (
        number(text, at, at + 2),
        number(text, at + 2, at + 4),
        number(text, at + 4, at + 6),
    );
    exists(1900 + year, month, day) || exists(2000 + year, month, day)
}

/// `YYYYMMDD` at `at`, not before 1890 and not after 2050.
pub(crate) fn yyyymmdd(text: &[u8], at: usize) -> bool {
    let year = number(text, at, at + 4);
    (1890..2051).contains(&year)
        && exists(
            year,
            number(text, at + 4, at + 6),
            number(text, at + 6, at + 8),
        )
}
