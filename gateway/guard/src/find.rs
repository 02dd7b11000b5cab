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

/// Makes ready what places are told by.
pub(crate) fn prepare() {
    place::prepare();
}

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
    Bracket,
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
            b'(' => Self::Bracket,
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
            Trigger::Bracket => phone::area(text, place).map(|(start, end)| ("PHONE", start, end)),
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

/// What a byte is beside another: one bit each.
const ALPHANUMERIC: u8 = 1;
const HEXADECIMAL: u8 = 2;
const NAME: u8 = 4;
const COLON: u8 = 8;
/// What begins a number behind a plus.
const OPENING: u8 = 16;
const DIGIT: u8 = 32;

const BESIDE: [u8; 256] = {
    let mut beside = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        #[expect(
            clippy::indexing_slicing,
            reason = "the index is below 256, and this runs at compile time"
        )]
        {
            beside[byte] = match byte as u8 {
                b'0'..=b'9' => ALPHANUMERIC | HEXADECIMAL | NAME | OPENING | DIGIT,
                b'a'..=b'f' | b'A'..=b'F' => ALPHANUMERIC | HEXADECIMAL | NAME,
                b'g'..=b'z' | b'G'..=b'Z' => ALPHANUMERIC | NAME,
                b'_' | b'-' => NAME,
                b':' => COLON,
                b'(' => OPENING,
                _ => 0,
            };
        }
        byte += 1;
    }
    beside
};

/// Which bytes of the block at `start` set something off, as far as the bytes beside them can tell.
fn likely(text: &[u8], start: usize) -> u16 {
    let block = Block::at(text, start);
    let is = |byte: u8| BESIDE.get(usize::from(byte)).copied().unwrap_or(0);
    let first = is(before(text, start));
    let last = is(at(text, start + BLOCK_BYTES));
    let behind = |of: u16, class: u8| of << 1 | u16::from(first & class != 0);
    let ahead = |of: u16, class: u8| of >> 1 | u16::from(last & class != 0) << 15;
    let digits = block.digits();
    let alphanumeric = (digits | block.letters()).bits();
    let hexadecimal = (digits | block.within(b'a', b'f') | block.within(b'A', b'F')).bits();
    let (dashes, colons) = (block.is(b'-').bits(), block.is(b':').bits());
    let name = alphanumeric | dashes | block.is(b'_').bits();
    let bracket = block.is(b'(');
    let opening = (digits | bracket).bits();
    // Neither a wallet nor a number begins inside of a word or a number, nor is a single character.
    let begins = block.is(b'0') | block.is(b'1') | block.is(b'3') | block.is(b'b') | block.is(b'B');
    let address = hexadecimal | colons;
    let in_address = behind(address, HEXADECIMAL | COLON) & ahead(address, HEXADECIMAL | COLON);
    block.is(b'@').bits()
        | block.is(b'.').bits() & behind(name, NAME) & ahead(name, NAME)
        | colons & (ahead(colons, COLON) | in_address)
        | dashes & behind(hexadecimal, HEXADECIMAL) & ahead(hexadecimal, HEXADECIMAL)
        | block.is(b'+').bits() & ahead(opening, OPENING)
        | bracket.bits() & ahead(digits.bits(), DIGIT)
        | begins.bits() & !behind(alphanumeric, ALPHANUMERIC) & ahead(alphanumeric, ALPHANUMERIC)
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
