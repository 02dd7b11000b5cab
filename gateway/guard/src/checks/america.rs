//! Identifiers of the Americas.

use super::dates::yymmdd;
use super::{byte, digit, luhn, number, uniform, value, weighted};

/// United States, social security: areas, groups and serials that are given out, and none of the famous examples.
pub(crate) fn ssn(text: &[u8]) -> bool {
    let (area, group, serial) = (number(text, 0, 3), number(text, 3, 5), number(text, 5, 9));
    !matches!(area, 0 | 666 | 900..)
        && group != 0
        && serial != 0
        && !uniform(text)
        && text != b"123456789"
        && text != b"078051120"
}

/// United States, taxpayer without social security.
pub(crate) fn itin(text: &[u8]) -> bool {
    digit(text, 0) == 9
        && !uniform(text)
        && matches!(number(text, 3, 5), 50..=65 | 70..=88 | 90..=92 | 94..=99)
}

/// United States, employer: campuses that have issued numbers.
pub(crate) fn ein(text: &[u8]) -> bool {
    matches!(number(text, 0, 2), 1..=6 | 10..=16 | 20..=27 | 30..=48 | 50..=68 | 71..=77 | 80..=88 | 90..=95 | 98 | 99)
        && !uniform(text)
}

/// United States, health provider: Luhn's check with 80840 in front, which adds 24.
pub(crate) fn npi(text: &[u8]) -> bool {
    let prefixed: Vec<u8> = b"80840".iter().chain(text).copied().collect();
    matches!(digit(text, 0), 1 | 2) && luhn(&prefixed)
}

/// United States, Medicare: a class of characters for each place.
pub(crate) fn mbi(text: &[u8]) -> bool {
    let letter = |byte: u8| byte.is_ascii_uppercase() && !b"SLOIBZ".contains(&byte);
    text.iter().enumerate().all(|(at, byte)| match at {
        0 => (b'1'..=b'9').contains(byte),
        1 | 4 | 7 | 8 => letter(*byte),
        2 | 5 => byte.is_ascii_digit() || letter(*byte),
        _ => byte.is_ascii_digit(),
    })
}

/// Canada, social insurance.
pub(crate) fn sin(text: &[u8]) -> bool {
    !matches!(digit(text, 0), 0 | 8) && luhn(text)
}

/// Brazil, persons: two check digits.
pub(crate) fn cpf(text: &[u8]) -> bool {
    let check = |weights: &[u32]| weighted(text, weights) * 10 % 11 % 10;
    check(&[10, 9, 8, 7, 6, 5, 4, 3, 2]) == digit(text, 9)
        && check(&[11, 10, 9, 8, 7, 6, 5, 4, 3, 2]) == digit(text, 10)
        && !uniform(text)
}

/// Brazil, companies: two check digits; since 2026 letters count by their place in ASCII.
pub(crate) fn cnpj(text: &[u8]) -> bool {
    const WEIGHTS: [u32; 13] = [6, 5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2];
    let sum = |weights: &[u32]| -> u32 {
        text.iter()
            .zip(weights)
            .map(|(byte, weight)| u32::from(byte.saturating_sub(b'0')) * weight)
            .sum()
    };
    let check = |sum: u32| match sum % 11 {
        0 | 1 => 0,
        rest => 11 - rest,
    };
    check(sum(WEIGHTS.get(1..).unwrap_or_default())) == digit(text, 12)
        && check(sum(&WEIGHTS)) == digit(text, 13)
        && !uniform(text)
}

/// Mexico, persons: weights 18 to 2 over an alphabet with Ñ.
pub(crate) fn curp(text: &[u8]) -> bool {
    let place = |byte: u8| {
        if byte > b'N' {
            value(byte) + 1
        } else {
            value(byte)
        }
    };
    let sum: u32 = text
        .iter()
        .take(17)
        .zip((2..=18).rev())
        .map(|(byte, weight)| place(*byte) * weight)
        .sum();
    matches!(byte(text, 10), b'H' | b'M' | b'X')
        && yymmdd(text, 4)
        && (10 - sum % 10) % 10 == digit(text, 17)
}

/// Chile: modulo eleven, K for ten.
pub(crate) fn rut(text: &[u8]) -> bool {
    let (check, head) = text.split_last().unwrap_or((&0, &[]));
    let sum: u32 = head
        .iter()
        .rev()
        .zip([2, 3, 4, 5, 6, 7].iter().cycle())
        .map(|(byte, weight)| value(*byte) * weight)
        .sum();
    let expected = match 11 - sum % 11 {
        11 => b'0',
        10 => b'K',
        rest => b'0' + u8::try_from(rest).unwrap_or(0),
    };
    *check == expected && head.iter().all(u8::is_ascii_digit) && !uniform(head)
}

/// Argentina: kinds of holders and modulo eleven.
pub(crate) fn cuit(text: &[u8]) -> bool {
    let check = (11 - weighted(text, &[5, 4, 3, 2, 7, 6, 5, 4, 3, 2]) % 11) % 11;
    matches!(number(text, 0, 2), 20 | 23..=27 | 30 | 33 | 34)
        && if check == 10 { 9 } else { check } == digit(text, 10)
}
