//! Identifiers of Asia, Oceania, Africa and the Middle East.

use super::dates::{exists, yymmdd, yyyymmdd};
use super::{byte, digit, luhn, number, uniform, value, verhoeff, weighted};

/// China, resident: a date, and ISO 7064 MOD 11-2 with X for ten.
pub(crate) fn cn_ric(text: &[u8]) -> bool {
    let sum = weighted(
        text.get(..17).unwrap_or_default(),
        &[7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2],
    );
    (11..=82).contains(&number(text, 0, 2))
        && yyyymmdd(text, 6)
        && byte(b"10X98765432", (sum % 11) as usize) == byte(text, 17)
}

/// Korea, resident: a date and the century's digit; its check digit has not held for all since October 2020.
pub(crate) fn kr_rrn(text: &[u8]) -> bool {
    yymmdd(text, 0) && !uniform(text.get(6..).unwrap_or_default())
}

/// Japan, individual: weights by place from the right.
pub(crate) fn my_number(text: &[u8]) -> bool {
    let rest = weighted(text, &[6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2]) % 11;
    (if rest < 2 { 0 } else { 11 - rest }) == digit(text, 11) && !uniform(text)
}

/// Singapore: a letter by series.
pub(crate) fn nric(text: &[u8]) -> bool {
    let sum = weighted(text.get(1..8).unwrap_or_default(), &[2, 7, 6, 5, 4, 3, 2]) as usize;
    let expected = match byte(text, 0) {
        b'S' => byte(b"JZIHGFEDCBA", sum % 11),
        b'T' => byte(b"JZIHGFEDCBA", (sum + 4) % 11),
        b'F' => byte(b"XWUTRQPNMLK", sum % 11),
        b'G' => byte(b"XWUTRQPNMLK", (sum + 4) % 11),
        b'M' => byte(b"KLJNPQRTUWX", 10 - (sum + 3) % 11),
        _ => 0,
    };
    expected == byte(text, 8)
}

/// Taiwan: the letter as a two-digit number, weights 1, 9, 8 … 1.
pub(crate) fn tw_id(text: &[u8]) -> bool {
    const LETTERS: &[u8; 26] = b"ABCDEFGHJKLMNPQRSTUVXYWZIO";
    let code = LETTERS
        .iter()
        .position(|letter| *letter == byte(text, 0))
        .map_or(0, |place| place + 10);
    let head = u32::try_from(code / 10 + code % 10 * 9).unwrap_or(0);
    let sum = head
        + weighted(
            text.get(1..).unwrap_or_default(),
            &[8, 7, 6, 5, 4, 3, 2, 1, 1],
        );
    sum.is_multiple_of(10) && matches!(byte(text, 1), b'1' | b'2' | b'8' | b'9')
}

/// Hong Kong: one letter or two, weights 9 to 1, modulo eleven.
pub(crate) fn hkid(text: &[u8]) -> bool {
    let padded = if text.len() == 8 { 36 * 9 } else { 0 };
    let weights = [9_u32, 8, 7, 6, 5, 4, 3, 2, 1];
    let sum: u32 = text
        .iter()
        .rev()
        .zip(weights.iter().rev())
        .map(|(byte, weight)| value(*byte) * weight)
        .sum();
    (padded + sum).is_multiple_of(11)
        && matches!(byte(text, text.len().saturating_sub(1)), b'0'..=b'9' | b'A')
}

/// Thailand.
pub(crate) fn th_id(text: &[u8]) -> bool {
    let sum = weighted(text, &[13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2]);
    (11 - sum % 11) % 10 == digit(text, 12) && digit(text, 0) != 0 && !uniform(text)
}

/// Malaysia: a date and a place of birth.
pub(crate) fn my_nric(text: &[u8]) -> bool {
    yymmdd(text, 0) && matches!(number(text, 6, 8), 1..=16 | 21..=68 | 71..=79 | 82..=93 | 98 | 99)
}

/// Indonesia: a province and a date; the day of women is raised by 40.
pub(crate) fn nik(text: &[u8]) -> bool {
    let day = number(text, 6, 8);
    let day = if day > 40 { day - 40 } else { day };
    (11..=96).contains(&number(text, 0, 2))
        && exists(2000 + number(text, 10, 12), number(text, 8, 10), day)
}

/// India, Aadhaar.
pub(crate) fn aadhaar(text: &[u8]) -> bool {
    digit(text, 0) > 1 && verhoeff(text)
}

/// India, taxpayer: the fourth letter is the kind of holder.
pub(crate) fn in_pan(text: &[u8]) -> bool {
    b"ABCFGHJLPTEK".contains(&byte(text, 3))
}

/// India, goods and services tax: a taxpayer inside, and modulo 36.
pub(crate) fn gstin(text: &[u8]) -> bool {
    let sum: u32 = text
        .iter()
        .take(14)
        .enumerate()
        .map(|(at, byte)| {
            let product = value(*byte) * if at % 2 == 0 { 1 } else { 2 };
            product / 36 + product % 36
        })
        .sum();
    matches!(number(text, 0, 2), 1..=38 | 97 | 99) && (36 - sum % 36) % 36 == digit(text, 14)
}

/// Australia, taxpayer.
pub(crate) fn tfn(text: &[u8]) -> bool {
    let sum = match text.len() {
        9 => weighted(text, &[1, 4, 3, 7, 5, 8, 6, 9, 10]),
        _ => weighted(text, &[10, 7, 8, 4, 6, 3, 5, 1]),
    };
    sum.is_multiple_of(11) && !uniform(text)
}

/// Australia, Medicare: the ninth digit is the check.
pub(crate) fn au_medicare(text: &[u8]) -> bool {
    matches!(digit(text, 0), 2..=6)
        && weighted(text, &[1, 3, 7, 9, 1, 3, 7, 9]) % 10 == digit(text, 8)
}

/// Australia, business: one less in front, modulo 89.
pub(crate) fn abn(text: &[u8]) -> bool {
    let sum = weighted(text, &[10, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19]);
    digit(text, 0) != 0 && sum % 89 == 10
}

/// New Zealand, revenue: a second pass where the first gives ten.
pub(crate) fn ird(text: &[u8]) -> bool {
    let skip = usize::from(text.len() == 8);
    let check = |weights: [u32; 8]| {
        (11 - weighted(text, weights.get(skip..).unwrap_or_default()) % 11) % 11
    };
    let first = check([3, 2, 7, 6, 5, 4, 3, 2]);
    let expected = if first == 10 {
        check([7, 4, 3, 2, 5, 2, 7, 6])
    } else {
        first
    };
    (10_000_000..150_000_000).contains(&number(text, 0, text.len()))
        && expected == digit(text, text.len().saturating_sub(1))
}

/// South Africa: a date, the status, Luhn's check.
pub(crate) fn za_id(text: &[u8]) -> bool {
    yymmdd(text, 0) && matches!(digit(text, 10), 0..=2) && luhn(text)
}

/// Israel: Luhn's check.
pub(crate) fn il_id(text: &[u8]) -> bool {
    luhn(text)
}

/// Nigeria.
pub(crate) fn nin(text: &[u8]) -> bool {
    verhoeff(text)
}
