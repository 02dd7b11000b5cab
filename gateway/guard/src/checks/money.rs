//! Cards, accounts, devices and vehicles.

use super::{byte, luhn, number, remainder, uniform, value, weighted};

/// A payment card: an issuer's range of the right length, and Luhn's check.
pub(crate) fn card(text: &[u8]) -> bool {
    issuer(text) && luhn(text)
}

fn issuer(text: &[u8]) -> bool {
    let (two, three, four, six) = (
        number(text, 0, 2),
        number(text, 0, 3),
        number(text, 0, 4),
        number(text, 0, 6),
    );
    match text.len() {
        12 => matches!(two, 50 | 56..=58 | 63 | 67),
        13 => byte(text, 0) == b'4' || matches!(four, 5018 | 5020 | 5038 | 6304),
        14 => matches!(two, 36 | 38 | 39) || matches!(three, 300..=305),
        15 => matches!(two, 34 | 37) || matches!(four, 5018 | 5020 | 5038 | 2014 | 2149),
        16 => {
            byte(text, 0) == b'4'
                || matches!(two, 30 | 36 | 38 | 39 | 50..=58 | 60..=65 | 67..=69 | 81)
                || matches!(four, 2200..=2204 | 2221..=2720 | 3528..=3589 | 9792)
        }
        17..=19 => {
            matches!(two, 62 | 64 | 65 | 67)
                || matches!(
                    four,
                    6011 | 3528..=3589 | 5018 | 5020 | 5038 | 5893 | 6304 | 6759
                )
                || (text.len() == 19 && byte(text, 0) == b'4')
                || matches!(six, 506_099..=506_198)
        }
        _ => false,
    }
}

/// Lengths of IBANs by country.
const IBAN: &[(&[u8; 2], usize)] = &[
    (b"AD", 24),
    (b"AE", 23),
    (b"AL", 28),
    (b"AT", 20),
    (b"AZ", 28),
    (b"BA", 20),
    (b"BE", 16),
    (b"BG", 22),
    (b"BH", 22),
    (b"BI", 27),
    (b"BR", 29),
    (b"BY", 28),
    (b"CH", 21),
    (b"CR", 22),
    (b"CY", 28),
    (b"CZ", 24),
    (b"DE", 22),
    (b"DJ", 27),
    (b"DK", 18),
    (b"DO", 28),
    (b"EE", 20),
    (b"EG", 29),
    (b"ES", 24),
    (b"FI", 18),
    (b"FK", 18),
    (b"FO", 18),
    (b"FR", 27),
    (b"GB", 22),
    (b"GE", 22),
    (b"GI", 23),
    (b"GL", 18),
    (b"GR", 27),
    (b"GT", 28),
    (b"HN", 28),
    (b"HR", 21),
    (b"HU", 28),
    (b"IE", 22),
    (b"IL", 23),
    (b"IQ", 23),
    (b"IS", 26),
    (b"IT", 27),
    (b"JO", 30),
    (b"KW", 30),
    (b"KZ", 20),
    (b"LB", 28),
    (b"LC", 32),
    (b"LI", 21),
    (b"LT", 20),
    (b"LU", 20),
    (b"LV", 21),
    (b"LY", 25),
    (b"MC", 27),
    (b"MD", 24),
    (b"ME", 22),
    (b"MK", 19),
    (b"MN", 20),
    (b"MR", 27),
    (b"MT", 31),
    (b"MU", 30),
    (b"NI", 28),
    (b"NL", 18),
    (b"NO", 15),
    (b"OM", 23),
    (b"PK", 24),
    (b"PL", 28),
    (b"PS", 29),
    (b"PT", 25),
    (b"QA", 29),
    (b"RO", 24),
    (b"RS", 22),
    (b"RU", 33),
    (b"SA", 24),
    (b"SC", 31),
    (b"SD", 18),
    (b"SE", 24),
    (b"SI", 19),
    (b"SK", 24),
    (b"SM", 27),
    (b"SO", 23),
    (b"ST", 25),
    (b"SV", 28),
    (b"TL", 23),
    (b"TN", 24),
    (b"TR", 26),
    (b"UA", 29),
    (b"VA", 22),
    (b"VG", 24),
    (b"XK", 20),
    (b"YE", 30),
];

/// An IBAN: the country's length, and ISO 7064 MOD 97-10 with the first four characters moved to the end.
pub(crate) fn iban(text: &[u8]) -> bool {
    let country = IBAN.iter().find(|(code, _)| text.starts_with(*code));
    let (head, tail) = text.split_at_checked(4).unwrap_or((text, &[]));
    country.is_some_and(|(_, length)| *length == text.len())
        && head.iter().skip(2).all(u8::is_ascii_digit)
        && remainder(tail.iter().chain(head).copied(), 97) == 1
}

/// Country codes that banks and tax offices use.
const COUNTRIES: &[u8] = b"AD AE AF AG AI AL AM AO AR AT AU AW AZ BA BB BD BE BF BG BH BI BJ BM BN BO BR BS BT BW BY BZ CA CD CF CG CH CI CL CM CN CO CR CU CV CW CY CZ DE DJ DK DM DO DZ EC EE EG ER ES ET FI FJ FO FR GA GB GD GE GH GI GL GM GN GQ GR GT GW GY HK HN HR HT HU ID IE IL IM IN IQ IR IS IT JE JM JO JP KE KG KH KM KN KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MG MK ML MM MN MO MR MT MU MV MW MX MY MZ NA NE NG NI NL NO NP NZ OM PA PE PF PG PH PK PL PR PS PT PY QA RO RS RU RW SA SB SC SD SE SG SI SK SL SM SN SO SR SS ST SV SY SZ TD TG TH TJ TL TM TN TO TR TT TW TZ UA UG US UY UZ VA VC VE VG VN VU WS XK YE ZA ZM ZW";

/// A bank's code: the country's letters in the middle.
pub(crate) fn bic(text: &[u8]) -> bool {
    text.get(4..6).is_some_and(|code| {
        COUNTRIES
            .chunks(3)
            .any(|country| country.get(..2) == Some(code))
    }) && text.iter().take(6).all(u8::is_ascii_alphabetic)
}

/// A bank's routing number of the United States: weights 3, 7, 1.
pub(crate) fn aba(text: &[u8]) -> bool {
    weighted(text, &[3, 7, 1, 3, 7, 1, 3, 7, 1]).is_multiple_of(10) && !uniform(text)
}

/// An account number: nothing to check but that it is not a filler.
pub(crate) fn account(text: &[u8]) -> bool {
    !uniform(text)
}

/// A mobile device: Luhn's check.
pub(crate) fn imei(text: &[u8]) -> bool {
    luhn(text)
}

/// A vehicle: no I, O, Q; the ninth character is the check digit.
pub(crate) fn vin(text: &[u8]) -> bool {
    const WEIGHTS: [u32; 17] = [8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2];
    let transliterate = |byte: u8| match byte {
        b'A'..=b'H' => u32::from(byte - b'A') + 1,
        b'J'..=b'R' => u32::from(byte - b'J') + 1,
        b'S'..=b'Z' => u32::from(byte - b'S') + 2,
        _ => value(byte),
    };
    let sum: u32 = text
        .iter()
        .zip(WEIGHTS)
        .map(|(byte, weight)| transliterate(*byte) * weight)
        .sum();
    let check = match sum % 11 {
        10 => b'X',
        rest => b'0' + u8::try_from(rest).unwrap_or(0),
    };
    !text.iter().any(|byte| matches!(byte, b'I' | b'O' | b'Q'))
        && byte(text, 8) == check
        && text.iter().any(u8::is_ascii_alphabetic)
}
