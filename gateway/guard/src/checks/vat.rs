//! Value added tax numbers of the European Union and the United Kingdom, by country.

use super::{byte, digit, europe, luhn, mod_11_10, number, uniform, weighted};

/// A country's letters and a number of its form, checked where the check is public and holds for all.
pub(crate) fn eu_vat(text: &[u8]) -> bool {
    let (country, rest) = text.split_at_checked(2).unwrap_or((text, &[]));
    let digits = rest.iter().all(u8::is_ascii_digit);
    !uniform(rest)
        && match (country, rest.len()) {
            (b"AT", 9) => byte(rest, 0) == b'U' && at(rest),
            (b"BE", 10) => {
                digits && digit(rest, 0) < 2 && 97 - number(rest, 0, 8) % 97 == number(rest, 8, 10)
            }
            (b"BG", 9 | 10)
            | (b"CZ", 8..=10)
            | (b"EE", 9)
            | (b"LT", 9 | 12)
            | (b"LV", 11)
            | (b"SK", 10)
            | (b"RO", 6..=10) => digits,
            (b"MT", 8) | (b"HU", 8) | (b"SI", 8) => digits,
            (b"CY", 9) => {
                rest.iter().take(8).all(u8::is_ascii_digit) && byte(rest, 8).is_ascii_alphabetic()
            }
            (b"DE", 9) => digits && mod_11_10(rest),
            (b"DK", 8) => digits && weighted(rest, &[2, 7, 6, 5, 4, 3, 2, 1]).is_multiple_of(11),
            (b"EL" | b"GR", 9) => {
                digits
                    && weighted(rest, &[256, 128, 64, 32, 16, 8, 4, 2]) % 11 % 10 == digit(rest, 8)
            }
            (b"ES", 9) => es(rest),
            (b"FI", 8) => digits && weighted(rest, &[7, 9, 10, 5, 8, 4, 2, 1]).is_multiple_of(11),
            (b"FR", 11) => rest.iter().skip(2).all(u8::is_ascii_digit) && fr(rest),
            (b"GB" | b"XI", 9 | 12) => digits && gb(rest),
            (b"HR", 11) => digits && mod_11_10(rest),
            (b"IE", 8 | 9) => {
                rest.iter()
                    .take(7)
                    .filter(|byte| byte.is_ascii_digit())
                    .count()
                    >= 6
            }
            (b"IT", 11) => digits && luhn(rest),
            (b"LU", 8) => digits && number(rest, 0, 6) % 89 == number(rest, 6, 8),
            (b"NL", 12) => byte(rest, 9) == b'B' && rest.iter().take(9).all(u8::is_ascii_digit),
            (b"PL", 10) => {
                digits && weighted(rest, &[6, 5, 7, 2, 3, 4, 5, 6, 7]) % 11 == digit(rest, 9)
            }
            (b"PT", 9) => digits && europe::pt_nif(rest),
            (b"SE", 12) => {
                digits && rest.ends_with(b"01") && luhn(rest.get(..10).unwrap_or_default())
            }
            _ => false,
        }
}

fn at(rest: &[u8]) -> bool {
    let sum: u32 = rest
        .iter()
        .skip(1)
        .take(7)
        .enumerate()
        .map(|(at, byte)| {
            let product = super::value(*byte) * if at % 2 == 0 { 1 } else { 2 };
            product / 10 + product % 10
        })
        .sum();
    rest.iter().skip(1).all(u8::is_ascii_digit) && (10 - (sum + 4) % 10) % 10 == digit(rest, 8)
}

/// Spain: persons by the letter, companies by their form.
fn es(rest: &[u8]) -> bool {
    let middle = rest
        .get(1..8)
        .unwrap_or_default()
        .iter()
        .all(u8::is_ascii_digit);
    let company = b"ABCDEFGHJNPQRSUVW".contains(&byte(rest, 0));
    middle && (company || europe::es_nif(rest))
}

/// France: two digits by the company's number, which has Luhn's check.
fn fr(rest: &[u8]) -> bool {
    let siren = rest.get(2..).unwrap_or_default();
    let key = (12 + 3 * (number(siren, 0, 9) % 97)) % 97;
    luhn(siren) && (number(rest, 0, 2) == key || !rest.iter().take(2).all(u8::is_ascii_digit))
}

/// United Kingdom: modulo 97, old and new.
fn gb(rest: &[u8]) -> bool {
    let sum = u64::from(weighted(rest, &[8, 7, 6, 5, 4, 3, 2])) + number(rest, 7, 9);
    matches!(sum % 97, 0 | 42 | 55)
}
