//! Addresses of wallets, each with the check that its chain has.

use sha2::{Digest, Sha256};
use sha3::Keccak256;

use super::{ahead, at, before};

/// The address that begins at `place`.
pub(super) fn wallet(text: &[u8], place: usize) -> Option<(usize, usize)> {
    let previous = before(text, place);
    if previous.is_ascii_alphanumeric() || previous == b'_' {
        return None;
    }
    let end = match at(text, place) {
        b'0' if matches!(at(text, place + 1), b'x' | b'X') => ethereum(text, place),
        b'1' | b'3' => bitcoin(text, place),
        b'b' | b'B' => segwit(text, place),
        _ => None,
    }?;
    (!at(text, end).is_ascii_alphanumeric()).then_some((place, end))
}

/// Forty hexadecimal digits; in mixed case the case is the check (EIP-55).
fn ethereum(text: &[u8], start: usize) -> Option<usize> {
    let digits = ahead(text, start + 2, 41, |byte| byte.is_ascii_hexdigit());
    let address = text.get(start + 2..start + 42).filter(|_| digits == 40)?;
    let mixed =
        address.iter().any(u8::is_ascii_uppercase) && address.iter().any(u8::is_ascii_lowercase);
    let blank = address.iter().all(|byte| *byte == b'0');
    (!blank && (!mixed || checksummed(address))).then_some(start + 42)
}

fn checksummed(address: &[u8]) -> bool {
    let hash = Keccak256::digest(address.to_ascii_lowercase());
    let nibbles = hash.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    address.iter().zip(nibbles).all(|(byte, nibble)| {
        !byte.is_ascii_alphabetic() || byte.is_ascii_uppercase() == (nibble > 7)
    })
}

/// Base58 with four bytes of double SHA-256.
fn bitcoin(text: &[u8], start: usize) -> Option<usize> {
    const ALPHABET: &[u8; 58] = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
    let length = ahead(text, start, 36, |byte| byte.is_ascii_alphanumeric());
    let address = text.get(start..start + length)?;
    // Digits only would be somebody's number; the sum is dear, the look is not.
    if !(26..=35).contains(&length) || address.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let mut bytes = [0_u8; 25];
    for byte in address {
        let mut carry = ALPHABET.iter().position(|known| known == byte)?;
        for place in bytes.iter_mut().rev() {
            carry += usize::from(*place) * 58;
            *place = u8::try_from(carry % 256).unwrap_or(0);
            carry /= 256;
        }
        if carry > 0 {
            return None;
        }
    }
    let (payload, check) = bytes.split_at_checked(21)?;
    let sum = Sha256::digest(Sha256::digest(payload));
    sum.starts_with(check).then_some(start + length)
}

/// Bech32 and Bech32m of the main chain.
fn segwit(text: &[u8], start: usize) -> Option<usize> {
    const ALPHABET: &[u8; 32] = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l";
    if !text.get(start..start + 3)?.eq_ignore_ascii_case(b"bc1") {
        return None;
    }
    let length = ahead(text, start, 91, |byte| byte.is_ascii_alphanumeric());
    if !(14..=90).contains(&length) {
        return None;
    }
    let data = text.get(start + 3..start + length)?;
    let mut check = [3, 3, 0, 2, 3]
        .iter()
        .fold(1, |check, value| polymod(check, *value));
    for byte in data {
        let byte = byte.to_ascii_lowercase();
        let value = ALPHABET.iter().position(|known| *known == byte)?;
        check = polymod(check, u32::try_from(value).unwrap_or(0));
    }
    matches!(check, 1 | 0x2bc8_30a3).then_some(start + length)
}

fn polymod(check: u32, value: u32) -> u32 {
    const GENERATORS: [u32; 5] = [
        0x3b6a_57b2,
        0x2650_8e6d,
        0x1ea1_19fa,
        0x3d42_33dd,
        0x2a14_62b3,
    ];
    let top = check >> 25;
    let next = ((check & 0x1ff_ffff) << 5) ^ value;
    GENERATORS
        .iter()
        .enumerate()
        .filter(|(bit, _)| top >> bit & 1 == 1)
        .fold(next, |next, (_, generator)| next ^ generator)
}
