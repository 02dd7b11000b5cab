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

use crate::block::{BLOCK_BYTES, Block};
use crate::secrets;
use crate::work::Work;

/// A kind's name and its place in the text.
pub(crate) type Found = (&'static str, usize, usize);

/// What a byte sets off.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Trigger {
    At,
    Dot,
    Colon,
    Dash,
    Plus,
    /// Of a wallet, or of a number with two zeros.
    Wallet,
}

impl Trigger {
    fn of(byte: u8) -> Self {
        match byte {
            b'@' => Self::At,
            b'.' => Self::Dot,
            b':' => Self::Colon,
            b'-' => Self::Dash,
            b'+' => Self::Plus,
            _ => Self::Wallet,
        }
    }
}

/// Steps that a byte costs which sets something off.
const SIGN_STEPS: usize = 64;

/// Tells `meet` of everything in `text` that is known by its structure. Behind the text, `padded` goes on with NUL.
pub(crate) fn structures(
    text: &[u8],
    padded: &[u8],
    work: &mut Work<'_>,
    mut meet: impl FnMut(Found),
) {
    let (mut from, mut counted) = (0, 0);
    let mut likely = Likely::new(padded, text.len());
    while let Some(place) = likely.next(from) {
        from = place + 1;
        let trigger = Trigger::of(at(text, place));
        let found = match trigger {
            Trigger::At => mail::address(text, place).map(|(start, end)| ("EMAIL", start, end)),
            Trigger::Dot => {
                network::dotted(text, place).or_else(|| secrets::dotted(text, place + 1, "."))
            }
            Trigger::Colon => network::colons(text, place),
            Trigger::Dash => {
                network::hardware(text, place, b'-').map(|(start, end)| ("MAC_ADDRESS", start, end))
            }
            Trigger::Plus => {
                phone::international(text, place).map(|(start, end)| ("PHONE", start, end))
            }
            Trigger::Wallet => crypto::wallet(text, place)
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
            None if trigger == Trigger::Colon => from = network::last_colon(text, place) + 1,
            None => {}
        }
        if !work.lasts(SIGN_STEPS + place - counted) {
            return;
        }
        counted = place;
    }
}

/// The bytes of a text that set something off. Most signs are of a sentence, and most digits and letters are inside of
/// a word: what is beside them tells.
struct Likely<'a> {
    /// Behind the text's end is NUL.
    padded: &'a [u8],
    end: usize,
    /// Where the block begins that is looked at, and what is left of it.
    block: usize,
    left: u16,
}

impl<'a> Likely<'a> {
    fn new(padded: &'a [u8], end: usize) -> Self {
        Self {
            padded,
            end,
            block: 0,
            left: likely(padded, 0),
        }
    }

    /// The next one from `from` on, which does not fall.
    fn next(&mut self, from: usize) -> Option<usize> {
        loop {
            let passed = u32::try_from(from.saturating_sub(self.block)).unwrap_or(u32::MAX);
            self.left &= u16::MAX.checked_shl(passed).unwrap_or(0);
            if self.left != 0 {
                let place = self.block + self.left.trailing_zeros() as usize;
                return (place < self.end).then_some(place);
            }
            self.block = from.max(self.block + BLOCK_BYTES);
            if self.block >= self.end {
                return None;
            }
            self.left = likely(self.padded, self.block);
        }
    }
}

/// Which bytes of the block at `start` set something off, as far as the bytes beside them can tell.
fn likely(text: &[u8], start: usize) -> u16 {
    let block = Block::at(text, start);
    let (first, last) = (before(text, start), at(text, start + BLOCK_BYTES));
    let behind = |of: u16, is: fn(&u8) -> bool| of << 1 | u16::from(is(&first));
    let ahead = |of: u16, is: fn(&u8) -> bool| of >> 1 | u16::from(is(&last)) << 15;
    let digits = block.digits();
    let alphanumeric = (digits | block.letters()).bits();
    let hexadecimal = (digits | block.within(b'a', b'f') | block.within(b'A', b'F')).bits();
    let (dashes, colons) = (block.is(b'-').bits(), block.is(b':').bits());
    let name = alphanumeric | dashes | block.is(b'_').bits();
    let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let is_address = |byte: &u8| byte.is_ascii_hexdigit() || *byte == b':';
    let (hex_before, hex_behind) = (
        behind(hexadecimal, u8::is_ascii_hexdigit),
        ahead(hexadecimal, u8::is_ascii_hexdigit),
    );
    let address = hexadecimal | colons;
    let opens = (digits | block.is(b'(')).bits();
    // Neither a wallet nor a number begins inside of a word or a number, nor is a single character.
    let begins = block.is(b'0') | block.is(b'1') | block.is(b'3') | block.is(b'b') | block.is(b'B');
    block.is(b'@').bits()
        | block.is(b'.').bits() & behind(name, is_name) & ahead(name, is_name)
        | colons
            & (ahead(colons, |byte| *byte == b':')
                | ahead(address, is_address) & behind(address, is_address))
        | dashes & hex_before & hex_behind
        | block.is(b'+').bits() & ahead(opens, |byte| byte.is_ascii_digit() || *byte == b'(')
        | begins.bits()
            & !behind(alphanumeric, u8::is_ascii_alphanumeric)
            & ahead(alphanumeric, u8::is_ascii_alphanumeric)
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
