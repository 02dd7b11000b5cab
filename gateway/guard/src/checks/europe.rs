//! Identifiers of Western, Central and Southern Europe.

use super::dates::{exists, yymmdd};
use super::{byte, digit, luhn, mod_11_10, number, remainder, uniform, value, weighted};

/// United Kingdom, National Insurance: letters that are never given out.
pub(crate) fn nino(text: &[u8]) -> bool {
    const NEVER: [&[u8]; 7] = [b"BG", b"GB", b"NK", b"KN", b"TN", b"NT", b"ZZ"];
    let (first, second) = (byte(text, 0), byte(text, 1));
    !b"DFIQUV".contains(&first)
        && !b"DFIOQUV".contains(&second)
        && !NEVER.iter().any(|prefix| text.starts_with(prefix))
        && (b'A'..=b'D').contains(&byte(text, 8))
}

/// United Kingdom, health service.
pub(crate) fn nhs(text: &[u8]) -> bool {
    let check = (11 - weighted(text, &[10, 9, 8, 7, 6, 5, 4, 3, 2]) % 11) % 11;
    check == digit(text, 9) && !uniform(text)
}

/// United Kingdom, taxpayer reference: the check digit comes first.
pub(crate) fn utr(text: &[u8]) -> bool {
    let rest = weighted(
        text.get(1..).unwrap_or_default(),
        &[6, 7, 8, 9, 10, 5, 4, 3, 2],
    ) % 11;
    byte(text, 0) == byte(b"21987654321", rest as usize) && !uniform(text)
}

/// Germany, tax: exactly one digit of the first ten occurs twice or three times.
pub(crate) fn de_tax(text: &[u8]) -> bool {
    let head = text.get(..10).unwrap_or_default();
    let counts = (b'0'..=b'9').map(|wanted| head.iter().filter(|byte| **byte == wanted).count());
    let repeated: Vec<usize> = counts.filter(|count| *count > 1).collect();
    byte(text, 0) != b'0' && matches!(repeated.as_slice(), [2 | 3]) && mod_11_10(text)
}

/// Germany, pension insurance: digit sums, the letter as two digits.
pub(crate) fn de_social(text: &[u8]) -> bool {
    let letter = u32::from(byte(text, 8).wrapping_sub(b'A')) + 1;
    let head = text.iter().take(8).map(|byte| value(*byte));
    let tail = text.iter().skip(9).take(2).map(|byte| value(*byte));
    let sum: u32 = head
        .chain([letter / 10, letter % 10])
        .chain(tail)
        .zip([2, 1, 2, 5, 7, 1, 2, 1, 2, 1, 2, 1])
        .map(|(digit, weight)| digit * weight / 10 + digit * weight % 10)
        .sum();
    let (day, month) = (number(text, 2, 4), number(text, 4, 6));
    sum % 10 == digit(text, 11) && (1..=81).contains(&day) && (1..=12).contains(&month)
}

/// Germany, identity card: weights 7, 3, 1 over letters and digits.
pub(crate) fn de_card(text: &[u8]) -> bool {
    sevens(text, 9)
        && text.iter().any(u8::is_ascii_alphabetic)
        && !text.iter().any(|byte| b"AEIOUBDQS".contains(byte))
}

/// Weights 7, 3, 1 over the first `length` characters, checked by the next: travel documents.
pub(crate) fn sevens(text: &[u8], length: usize) -> bool {
    let sum: u32 = text
        .iter()
        .take(length)
        .zip([7, 3, 1].iter().cycle())
        .map(|(byte, weight)| value(*byte) * weight)
        .sum();
    sum % 10 == digit(text, length)
}

/// France, social security: 97 minus the remainder; Corsica's letters stand for numbers.
pub(crate) fn nir(text: &[u8]) -> bool {
    let (department, less) = match byte(text, 6) {
        b'A' => (b"19".as_slice(), true),
        b'B' => (b"18".as_slice(), true),
        _ => (text.get(5..7).unwrap_or_default(), false),
    };
    if less && byte(text, 5) != b'2' {
        return false;
    }
    let head = text
        .iter()
        .take(5)
        .chain(department)
        .chain(text.iter().skip(7).take(6));
    let month = number(text, 3, 5);
    matches!(digit(text, 0), 1..=4 | 7 | 8)
        && matches!(month, 1..=12 | 20..=42 | 50..=99)
        && u64::from(97 - remainder(head.copied(), 97)) == number(text, 13, 15)
}

/// Spain: the letter by the number modulo 23; `X`, `Y`, `Z` of foreigners count 0, 1, 2.
pub(crate) fn es_nif(text: &[u8]) -> bool {
    let first = match byte(text, 0) {
        letter @ b'X'..=b'Z' => u64::from(letter - b'X'),
        other => u64::from(value(other)),
    };
    let rest = (first * 10_000_000 + number(text, 1, 8)) % 23;
    byte(
        b"TRWAGMYFPDXBNJZSQVHLCKE",
        usize::try_from(rest).unwrap_or(0),
    ) == byte(text, 8)
        && (byte(text, 0).is_ascii_digit() || matches!(byte(text, 0), b'X'..=b'Z'))
}

/// Italy: odd places by a table, even places by value.
pub(crate) fn it_code(text: &[u8]) -> bool {
    const ODD: [u32; 26] = [
        1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24,
        23,
    ];
    let place = |byte: u8| {
        if byte.is_ascii_digit() {
            value(byte)
        } else {
            u32::from(byte.wrapping_sub(b'A'))
        }
    };
    let sum: u32 = text
        .iter()
        .take(15)
        .enumerate()
        .map(|(at, byte)| match at % 2 {
            0 => ODD.get(place(*byte) as usize).copied().unwrap_or(0),
            _ => place(*byte),
        })
        .sum();
    let digits = [6, 7, 9, 10, 12, 13, 14].iter().all(|at| {
        let byte = byte(text, *at);
        byte.is_ascii_digit() || b"LMNPQRSTUV".contains(&byte)
    });
    digits && sum % 26 == place(byte(text, 15)) && b"ABCDEHLMPRST".contains(&byte(text, 8))
}

/// The Netherlands: the test of eleven.
pub(crate) fn bsn(text: &[u8]) -> bool {
    let sum = weighted(text, &[9, 8, 7, 6, 5, 4, 3, 2]) + 11 * 10 - digit(text, 8);
    sum.is_multiple_of(11) && !uniform(text)
}

/// Belgium: 97 minus the remainder, with a 2 in front for those born since 2000.
pub(crate) fn be_number(text: &[u8]) -> bool {
    let (head, check) = (number(text, 0, 9), number(text, 9, 11));
    let month = number(text, 2, 4) % 20;
    [head, 2_000_000_000 + head]
        .iter()
        .any(|number| 97 - number % 97 == check)
        && month <= 12
}

/// Portugal.
pub(crate) fn pt_nif(text: &[u8]) -> bool {
    let check = 11 - weighted(text, &[9, 8, 7, 6, 5, 4, 3, 2]) % 11;
    matches!(digit(text, 0), 1 | 2 | 3 | 5 | 6 | 7 | 8 | 9)
        && if check > 9 { 0 } else { check } == digit(text, 8)
}

/// Poland: a date whose month tells the century.
pub(crate) fn pesel(text: &[u8]) -> bool {
    let month = number(text, 2, 4) % 20;
    let sum = weighted(text, &[1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1]);
    sum.is_multiple_of(10)
        && exists(2000 + number(text, 0, 2), month, number(text, 4, 6))
        && !uniform(text)
}

/// Austria: the check digit is the fourth.
pub(crate) fn at_svnr(text: &[u8]) -> bool {
    let sum = weighted(text, &[3, 7, 9, 0, 5, 8, 4, 2, 1, 6]) % 11;
    sum == digit(text, 3)
        && digit(text, 0) != 0
        && (1..=31).contains(&number(text, 4, 6))
        && (1..=16).contains(&number(text, 6, 8))
}

/// Switzerland: an EAN-13 that begins with 756.
pub(crate) fn ahv(text: &[u8]) -> bool {
    text.starts_with(b"756")
        && weighted(text, &[1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1]).is_multiple_of(10)
}

/// Ireland: modulo 23, the ninth character included.
pub(crate) fn ie_pps(text: &[u8]) -> bool {
    let second = match byte(text, 8) {
        letter @ b'A'..=b'I' => u32::from(letter - b'A') + 1,
        0 | b'W' => 0,
        _ => return false,
    };
    let sum = weighted(text, &[8, 7, 6, 5, 4, 3, 2]) + second * 9;
    byte(b"WABCDEFGHIJKLMNOPQRSTUV", (sum % 23) as usize) == byte(text, 7)
}

/// Czechia and Slovakia: a date and, since 1954, divisible by eleven.
pub(crate) fn cz_rc(text: &[u8]) -> bool {
    let month = match number(text, 2, 4) {
        month @ (1..=12) => month,
        month @ (21..=32) => month - 20,
        month @ (51..=62) => month - 50,
        month @ (71..=82) => month - 70,
        _ => return false,
    };
    let date = exists(2000 + number(text, 0, 2), month, number(text, 4, 6));
    let (head, check) = (number(text, 0, 9) % 11, u64::from(digit(text, 9)));
    date && (text.len() == 9 || head % 10 == check)
}

/// Romania.
pub(crate) fn cnp(text: &[u8]) -> bool {
    let rest = weighted(text, &[2, 7, 9, 1, 4, 6, 3, 5, 8, 2, 7, 9]) % 11;
    digit(text, 0) != 0 && yymmdd(text, 1) && if rest == 10 { 1 } else { rest } == digit(text, 12)
}

/// Bulgaria.
pub(crate) fn egn(text: &[u8]) -> bool {
    let month = number(text, 2, 4) % 20;
    let rest = weighted(text, &[2, 4, 8, 5, 10, 9, 7, 3, 6]) % 11 % 10;
    rest == digit(text, 9) && exists(2000 + number(text, 0, 2), month, number(text, 4, 6))
}

/// Croatia.
pub(crate) fn oib(text: &[u8]) -> bool {
    mod_11_10(text) && !uniform(text)
}

/// Hungary, social security.
pub(crate) fn taj(text: &[u8]) -> bool {
    weighted(text, &[3, 7, 3, 7, 3, 7, 3, 7]) % 10 == digit(text, 8) && !uniform(text)
}

/// Greece: a date and Luhn's check.
pub(crate) fn amka(text: &[u8]) -> bool {
    super::dates::ddmmyy(text, 0) && luhn(text)
}

/// Estonia and Lithuania: a second pass where the first gives ten.
pub(crate) fn isikukood(text: &[u8]) -> bool {
    let first = weighted(text, &[1, 2, 3, 4, 5, 6, 7, 8, 9, 1]) % 11;
    let second = weighted(text, &[3, 4, 5, 6, 7, 8, 9, 1, 2, 3]) % 11;
    let check = if first < 10 { first } else { second % 10 };
    (1..=8).contains(&digit(text, 0)) && yymmdd(text, 1) && check == digit(text, 10)
}

/// Turkey: two check digits.
pub(crate) fn tckn(text: &[u8]) -> bool {
    let odd: u32 = [0, 2, 4, 6, 8].iter().map(|at| digit(text, *at)).sum();
    let even: u32 = [1, 3, 5, 7].iter().map(|at| digit(text, *at)).sum();
    let tenth = (odd * 7 + 10 * 9 - even) % 10;
    digit(text, 0) != 0 && tenth == digit(text, 9) && (odd + even + tenth) % 10 == digit(text, 10)
}

/// Ukraine, taxpayer.
pub(crate) fn rntrc(text: &[u8]) -> bool {
    let sum = 11 * 10
        + weighted(
            text.get(1..).unwrap_or_default(),
            &[5, 7, 9, 4, 6, 10, 5, 7],
        )
        - digit(text, 0);
    sum % 11 % 10 == digit(text, 9) && !uniform(text)
}

/// Russia, taxpayer: one check digit for organisations, two for people.
pub(crate) fn inn(text: &[u8]) -> bool {
    const WEIGHTS: [u32; 11] = [3, 7, 2, 4, 10, 3, 5, 9, 4, 6, 8];
    let check = |skip: usize| weighted(text, WEIGHTS.get(skip..).unwrap_or_default()) % 11 % 10;
    // The weights of a shorter text are the tail of the table.
    let checked = match text.len() {
        10 => check(2) == digit(text, 9),
        _ => {
            let eleventh = weighted(text, &[7, 2, 4, 10, 3, 5, 9, 4, 6, 8]) % 11 % 10;
            eleventh == digit(text, 10) && check(0) == digit(text, 11)
        }
    };
    checked && !uniform(text)
}
