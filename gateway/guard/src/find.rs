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

/// What a byte is beside another: one bit each.
const ALPHANUMERIC: u8 = 1;
const HEXADECIMAL: u8 = 2;
const NAME: u8 = 4;
const OTHER: u8 = 8;
const ANY: u8 = ALPHANUMERIC | OTHER;

/// What a byte sets off, and what it is for the byte behind it.
#[derive(Clone, Copy)]
struct Sign {
    trigger: u8,
    /// What the byte before may be; nothing for a byte that sets nothing off.
    before: u8,
    is: u8,
}

const SIGNS: [Sign; 256] = {
    let mut signs = [sign(0); 256];
    let mut byte = 0;
    while byte < 256 {
        #[expect(
            clippy::indexing_slicing,
            reason = "the index is below 256, and this runs at compile time"
        )]
        {
            signs[byte] = sign(byte as u8);
        }
        byte += 1;
    }
    signs
};

const fn sign(byte: u8) -> Sign {
    let (trigger, before) = match byte {
        b'@' => (AT, ANY),
        b'.' => (DOT, NAME),
        b':' => (COLON, ANY),
        b'-' => (DASH, HEXADECIMAL),
        b'+' => (PLUS, ANY),
        // Neither a wallet nor a number begins inside of a word or a number.
        b'0' | b'1' | b'3' | b'b' | b'B' => (WALLET, OTHER),
        _ => (NONE, 0),
    };
    let is = match byte {
        b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F' => ALPHANUMERIC | HEXADECIMAL | NAME,
        b'g'..=b'z' | b'G'..=b'Z' => ALPHANUMERIC | NAME,
        b'_' | b'-' => NAME | OTHER,
        _ => OTHER,
    };
    Sign {
        trigger,
        before,
        is,
    }
}

fn sign_of(byte: u8) -> Sign {
    SIGNS.get(usize::from(byte)).copied().unwrap_or(sign(0))
}

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
#[inline(never)]
fn next_likely(text: &[u8], from: usize) -> Option<(usize, u8)> {
    let mut previous = sign_of(before(text, from)).is;
    for (place, byte) in (from..).zip(text.get(from..)?) {
        let sign = sign_of(*byte);
        if sign.before & previous != 0 && is_likely(sign.trigger, text, place) {
            return Some((place, sign.trigger));
        }
        previous = sign.is;
    }
    None
}

/// Whether something may be around a byte, as far as the byte behind it can tell.
fn is_likely(trigger: u8, text: &[u8], place: usize) -> bool {
    let behind = at(text, place + 1);
    let is = sign_of(behind).is;
    let colons = |byte: u8| byte.is_ascii_hexdigit() || byte == b':';
    match trigger {
        DOT => is & NAME != 0,
        COLON => behind == b':' || colons(behind) && colons(before(text, place)),
        DASH => is & HEXADECIMAL != 0,
        PLUS => behind.is_ascii_digit() || behind == b'(',
        // Neither is a single character.
        WALLET => is & ALPHANUMERIC != 0,
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
