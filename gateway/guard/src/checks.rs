//! Check digits and structures of identifiers: the public algorithms, over compact upper-case ASCII.
//!
//! Every function takes the identifier without separators, already of the right shape (`rules` says which), and
//! answers whether it can exist. None of them knows what surrounds the identifier.

pub(crate) mod america;
pub(crate) mod asia;
pub(crate) mod dates;
pub(crate) mod europe;
pub(crate) mod money;
pub(crate) mod nordic;
pub(crate) mod vat;

/// Any text of the shape.
pub(crate) fn any(_: &[u8]) -> bool {
    true
}

/// The value of a digit; letters count from 10, as in base 36.
pub(crate) fn value(byte: u8) -> u32 {
    char::from(byte).to_digit(36).unwrap_or(0)
}

/// The digit at `at`.
pub(crate) fn digit(text: &[u8], at: usize) -> u32 {
    text.get(at).map_or(0, |byte| value(*byte))
}

/// The letter or digit at `at`, NUL beyond the end.
pub(crate) fn byte(text: &[u8], at: usize) -> u8 {
    text.get(at).copied().unwrap_or(0)
}

/// The decimal number at `from..to`.
pub(crate) fn number(text: &[u8], from: usize, to: usize) -> u64 {
    text.get(from..to)
        .unwrap_or_default()
        .iter()
        .fold(0, |sum, byte| sum * 10 + u64::from(value(*byte)))
}

/// The sum of digits times `weights`.
pub(crate) fn weighted(text: &[u8], weights: &[u32]) -> u32 {
    text.iter()
        .zip(weights)
        .map(|(byte, weight)| value(*byte) * weight)
        .sum()
}

/// Whether all bytes are one and the same.
pub(crate) fn uniform(text: &[u8]) -> bool {
    text.windows(2).all(|pair| pair.first() == pair.last())
}

/// Luhn's check: every second digit from the right doubled, the sum a multiple of ten.
pub(crate) fn luhn(text: &[u8]) -> bool {
    let sum: u32 = text
        .iter()
        .rev()
        .enumerate()
        .map(|(at, byte)| {
            let doubled = value(*byte) << (at & 1);
            if doubled > 9 { doubled - 9 } else { doubled }
        })
        .sum();
    sum.is_multiple_of(10) && !uniform(text)
}

/// The remainder of a number in base 36 notation (letters as two digits) by `modulus`.
pub(crate) fn remainder(text: impl Iterator<Item = u8>, modulus: u32) -> u32 {
    text.fold(0, |rest, byte| {
        let value = value(byte);
        (rest * if value > 9 { 100 } else { 10 } + value) % modulus
    })
}

/// ISO 7064 MOD 11,10: the whole, check digit included.
pub(crate) fn mod_11_10(text: &[u8]) -> bool {
    let rest = text.iter().fold(5, |check, byte| {
        let doubled = if check == 0 { 10 } else { check } * 2 % 11;
        (doubled + value(*byte)) % 10
    });
    rest == 1
}

/// Verhoeff's check over the dihedral group of ten.
pub(crate) fn verhoeff(text: &[u8]) -> bool {
    let check = text.iter().rev().enumerate().fold(0, |check, (at, byte)| {
        multiply(check, permute(at % 8, value(*byte)))
    });
    check == 0 && !uniform(text)
}

/// The product of two elements of the dihedral group of order ten.
fn multiply(left: u32, right: u32) -> u32 {
    match (left < 5, right < 5) {
        (true, true) => (left + right) % 5,
        (true, false) => 5 + (left + right - 5) % 5,
        (false, true) => 5 + (left - 5 + 5 - right) % 5,
        (false, false) => (left + 5 - right) % 5,
    }
}

/// Verhoeff's permutation, applied `times` times.
fn permute(times: usize, digit: u32) -> u32 {
    const ONCE: [u32; 10] = [1, 5, 7, 6, 2, 8, 3, 0, 9, 4];
    (0..times).fold(digit, |digit, _| {
        ONCE.get(digit as usize).copied().unwrap_or(0)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_examples_pass_and_their_neighbours_do_not() {
        assert!(luhn(b"79927398713") && !luhn(b"79927398710"));
        assert!(
            verhoeff(b"2363") && !verhoeff(b"2364") && verhoeff(b"1428570") == verhoeff(b"1428570")
        );
        assert!(mod_11_10(b"36574261809") && !mod_11_10(b"36574261808"));
        assert_eq!(
            remainder(b"3214282912345698765432161182".iter().copied(), 97),
            1
        );
    }
}
