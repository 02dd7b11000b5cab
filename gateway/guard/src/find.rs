//! Finders for what has a structure of its own rather than a shape: addresses, numbers with a country code, dates,
//! places, wallets. Each looks at a bounded window around the byte that sets it off.

mod crypto;
mod date;
mod mail;
mod network;
mod phone;
mod place;

pub(crate) use date::dates;
pub(crate) use phone::national;
pub(crate) use place::{coordinates, decimals};

use crate::secrets;

/// A kind's name and its place in the text.
pub(crate) type Found = (&'static str, usize, usize);

const NONE: u8 = 0;
const AT: u8 = 1;
const DOT: u8 = 2;
const COLON: u8 = 3;
const DASH: u8 = 4;
const PLUS: u8 = 5;
const WALLET: u8 = 6;

/// What each byte sets off.
const TRIGGERS: [u8; 256] = {
    let mut triggers = [NONE; 256];
    let mut byte = 0;
    while byte < 256 {
        #[expect(
            clippy::indexing_slicing,
            reason = "the index is below 256, and this runs at compile time"
        )]
        {
            triggers[byte] = match byte as u8 {
                b'@' => AT,
                b'.' => DOT,
                b':' => COLON,
                b'-' => DASH,
                b'+' => PLUS,
                b'0' | b'1' | b'3' | b'b' | b'B' => WALLET,
                _ => NONE,
            };
        }
        byte += 1;
    }
    triggers
};

/// Tells `meet` of everything in `text` that is known by its structure.
pub(crate) fn structures(text: &[u8], mut meet: impl FnMut(Found)) {
    let trigger_at = |at: usize| {
        let byte = text.get(at).copied().unwrap_or(0);
        TRIGGERS.get(usize::from(byte)).copied().unwrap_or(NONE)
    };
    let next = |from: usize| {
        let sets_off = |byte: &u8| {
            TRIGGERS
                .get(usize::from(*byte))
                .is_some_and(|one| *one != NONE)
        };
        let place = text.get(from..)?.iter().position(sets_off)?;
        Some(from + place)
    };
    let mut from = 0;
    while let Some(at) = next(from) {
        from = at + 1;
        let found = match trigger_at(at) {
            AT => mail::address(text, at).map(|(start, end)| ("EMAIL", start, end)),
            DOT => network::dotted(text, at).or_else(|| secrets::dotted(text, at + 1, ".")),
            COLON => network::colons(text, at),
            DASH => {
                network::hardware(text, at, b'-').map(|(start, end)| ("MAC_ADDRESS", start, end))
            }
            PLUS => phone::international(text, at).map(|(start, end)| ("PHONE", start, end)),
            // Neither begins inside of a word or a number.
            _ if before(text, at).is_ascii_alphanumeric() => None,
            _ => {
                let wallet = crypto::wallet(text, at).map(|(start, end)| ("CRYPTO", start, end));
                wallet.or_else(|| {
                    phone::double_zero(text, at).map(|(start, end)| ("PHONE", start, end))
                })
            }
        };
        if let Some(found) = found {
            from = from.max(found.2);
            meet(found);
        }
    }
}

/// The byte before `at`, NUL at the beginning.
fn before(text: &[u8], at: usize) -> u8 {
    at.checked_sub(1)
        .and_then(|at| text.get(at))
        .copied()
        .unwrap_or(0)
}

/// The byte at `at`, NUL beyond the end.
fn at(text: &[u8], at: usize) -> u8 {
    text.get(at).copied().unwrap_or(0)
}

/// How many bytes from `from` on are `allowed`, at most `max`.
fn ahead(text: &[u8], from: usize, max: usize, allowed: impl Fn(u8) -> bool) -> usize {
    text.get(from..)
        .unwrap_or_default()
        .iter()
        .take(max)
        .take_while(|byte| allowed(**byte))
        .count()
}

/// How many bytes before `to` are `allowed`, at most `max`.
fn back(text: &[u8], to: usize, max: usize, allowed: impl Fn(u8) -> bool) -> usize {
    text.get(..to)
        .unwrap_or_default()
        .iter()
        .rev()
        .take(max)
        .take_while(|byte| allowed(**byte))
        .count()
}
