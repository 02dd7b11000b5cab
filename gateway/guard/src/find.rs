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
use crate::work::Work;

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

/// Steps that a byte costs which sets something off.
const SIGN_STEPS: usize = 64;

/// Tells `meet` of everything in `text` that is known by its structure.
pub(crate) fn structures(text: &[u8], work: &mut Work<'_>, mut meet: impl FnMut(Found)) {
    let (mut from, mut counted) = (0, 0);
    while let Some((place, trigger)) = next_likely(text, from) {
        from = place + 1;
        let found = match trigger {
            AT => mail::address(text, place).map(|(start, end)| ("EMAIL", start, end)),
            DOT => network::dotted(text, place).or_else(|| secrets::dotted(text, place + 1, ".")),
            COLON => network::colons(text, place),
            DASH => {
                network::hardware(text, place, b'-').map(|(start, end)| ("MAC_ADDRESS", start, end))
            }
            PLUS => phone::international(text, place).map(|(start, end)| ("PHONE", start, end)),
            _ => crypto::wallet(text, place)
                .map(|(start, end)| ("CRYPTO", start, end))
                .or_else(|| {
                    phone::double_zero(text, place).map(|(start, end)| ("PHONE", start, end))
                }),
        };
        match found {
            Some(found) => {
                from = from.max(found.2);
                meet(found);
            }
            // All colons of a run are of the same address, or of none.
            None if trigger == COLON => from = network::last_colon(text, place) + 1,
            None => {}
        }
        if !work.lasts(SIGN_STEPS + place - counted) {
            return;
        }
        counted = place;
    }
}

/// The next byte that sets something off, and what. Most signs are of a sentence, and most digits and letters are
/// inside of a word: what is beside them tells.
fn next_likely(text: &[u8], from: usize) -> Option<(usize, u8)> {
    let mut previous = before(text, from);
    for (place, byte) in (from..).zip(text.get(from..)?) {
        let trigger = TRIGGERS.get(usize::from(*byte)).copied().unwrap_or(NONE);
        if trigger != NONE && is_likely(trigger, previous, at(text, place + 1)) {
            return Some((place, trigger));
        }
        previous = *byte;
    }
    None
}

/// Whether something may be around a byte, as far as the bytes beside it can tell.
#[inline]
fn is_likely(trigger: u8, before: u8, behind: u8) -> bool {
    let hexadecimal = |byte: u8| byte.is_ascii_hexdigit() || byte == b':';
    let name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    match trigger {
        DOT => name(before) && name(behind),
        COLON => hexadecimal(before) && hexadecimal(behind) || behind == b':',
        DASH => before.is_ascii_hexdigit() && behind.is_ascii_hexdigit(),
        PLUS => behind.is_ascii_digit() || behind == b'(',
        // Neither a wallet nor a number begins inside of a word or a number, or is a single character.
        WALLET => !before.is_ascii_alphanumeric() && behind.is_ascii_alphanumeric(),
        _ => true,
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
