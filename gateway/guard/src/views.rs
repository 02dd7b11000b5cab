//! What a text says once it is decoded, for the texts that ask for it.
//!
//! A plain ASCII text without escapes has no view and costs one look at its bytes.

mod encoded;
mod fold;
mod plain;

pub(crate) use encoded::{base64_bytes, data_uri};
pub(crate) use fold::{invisible as fold_invisible, is_same as folds_to_itself, prepare};
use plain::Again;

use crate::block::{BLOCK_BYTES, Block, Of};

/// Bytes of a view, and what they stand for in the text that it is of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Piece {
    /// The first byte in the view; it goes on to the next piece.
    at: u32,
    /// What it stands for begins here.
    start: u32,
    /// And ends here, for all of its bytes; none where each stands for itself.
    end: Option<u32>,
}

/// The bytes that `start..end` of a view stands for.
pub(crate) fn span(pieces: &[Piece], start: usize, end: usize) -> (usize, usize) {
    let source = |byte: usize| {
        let behind = pieces.partition_point(|piece| piece.at as usize <= byte);
        let piece = behind.checked_sub(1).and_then(|at| pieces.get(at));
        piece.map_or((0, 0), |piece| match piece.end {
            Some(end) => (piece.start as usize, end as usize),
            None => {
                let same = piece.start as usize + byte - piece.at as usize;
                (same, same + 1)
            }
        })
    };
    let first = source(start).0;
    match end.checked_sub(1).filter(|last| *last >= start) {
        Some(last) => (first, source(last).1),
        None => (first, first),
    }
}

/// A decoded text and where its bytes come from.
#[derive(Debug, Default)]
pub(crate) struct View {
    pub(crate) text: Vec<u8>,
    pub(crate) pieces: Vec<Piece>,
}

impl View {
    pub(crate) const fn new() -> Self {
        Self {
            text: Vec::new(),
            pieces: Vec::new(),
        }
    }

    /// Adds `from..to` of the source as it is.
    fn keep(&mut self, source: &[u8], from: usize, to: usize) {
        if from < to {
            self.piece(from, None);
            let bytes = source.get(from..to).unwrap_or_default();
            self.text.extend_from_slice(bytes);
        }
    }

    /// Adds a character that stands for `start..end` of the source.
    fn put(&mut self, character: char, start: usize, end: usize) {
        let mut buffer = [0; 4];
        self.bytes(character.encode_utf8(&mut buffer).as_bytes(), start, end);
    }

    /// Adds bytes that stand for `start..end` of the source.
    fn bytes(&mut self, bytes: &[u8], start: usize, end: usize) {
        self.piece(start, Some(offset(end)));
        self.text.extend_from_slice(bytes);
    }

    /// All that was added to the text alone stands for `start..end` of the source.
    fn stands_for(&mut self, start: usize, end: usize) {
        self.pieces.push(Piece {
            at: 0,
            start: offset(start),
            end: Some(offset(end)),
        });
    }

    fn piece(&mut self, start: usize, end: Option<u32>) {
        self.pieces.push(Piece {
            at: offset(self.text.len()),
            start: offset(start),
            end,
        });
    }
}

/// Texts are shorter than what 32 bits count: the engine could not look at them otherwise.
fn offset(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

/// What the bytes of a text ask for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Asks(u8);

impl Asks {
    /// One look at each block of a text, of which the last is padded with NUL.
    pub(crate) fn of(padded: &[u8]) -> Self {
        let (mut digits, mut marks, mut signs) = (Of::NONE, Of::NONE, Of::NONE);
        let (mut escaped, mut control, mut high) = (Of::NONE, Of::NONE, Of::NONE);
        let (mut run, mut long) = (0, false);
        let blocks: &[[u8; BLOCK_BYTES]] = padded.as_chunks().0;
        for block in blocks {
            let block = Block::new(*block);
            digits = digits | block.digits();
            marks = marks | block.is(b'+') | block.is(b'-') | block.is(b'.');
            signs = signs | block.is(b'@') | block.is(b':');
            escaped = escaped | escapes(block);
            control = control | block.is(0x1b);
            high = high | block.high();
            // How long the run is that goes on into the block, and the one that goes on behind it.
            let runs = runs(block);
            long |= run + runs.trailing_ones() >= RUN_MIN;
            run = runs.leading_ones() + if runs == u16::MAX { run } else { 0 };
        }
        let any = |of: Of, class: u8| if of.any() { class } else { 0 };
        Self(
            any(digits, DIGIT)
                | any(marks, MARK)
                | any(signs, SIGN)
                | any(escaped, ESCAPE)
                | any(control, CONTROL)
                | any(high, HIGH)
                | if long { RUN } else { 0 },
        )
    }

    /// It may say something else once it is decoded.
    pub(crate) fn views(self) -> bool {
        self.0 & (ESCAPE | HIGH | RUN) != 0
    }

    /// Something in it may be an identifier by its shape or structure. Without digits, points and dashes are of
    /// sentences, unless there is something long around them.
    pub(crate) fn shapes(self) -> bool {
        self.0 & (DIGIT | SIGN) != 0 || self.0 & (MARK | RUN) == MARK | RUN
    }

    pub(crate) fn digits(self) -> bool {
        self.0 & DIGIT != 0
    }

    /// Characters beyond ASCII, or an escape of a terminal.
    pub(crate) fn hidden(self) -> bool {
        self.0 & (HIGH | CONTROL) != 0
    }
}

/// The bytes that may be of base64 or hexadecimal.
fn runs(block: Block) -> u16 {
    (block.digits()
        | block.letters()
        | block.is(b'+')
        | block.is(b'-')
        | block.is(b'/')
        | block.is(b'_'))
    .bits()
}

/// The bytes that a change can begin with.
fn signs(block: Block) -> u16 {
    (escapes(block) | block.high()).bits()
}

fn escapes(block: Block) -> Of {
    block.is(b'\\') | block.is(b'%') | block.is(b'&') | block.is(b'<') | block.is(b'=')
}

/// Shortest run of letters and digits that is tried as base64 or hexadecimal: a block.
const RUN_MIN: u32 = 16;

/// Where to look for the next view of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// The text as a whole: escapes undone and characters folded, all at once.
    First,
    /// Encoded runs, each a view, from this byte on.
    Run(usize),
    /// Runs of tag characters, each a view, from this byte on.
    Tags(usize),
    /// There is no other.
    None,
}

/// Makes the next view of a text. In a text that is a view itself, an escape sign that was escaped again and again
/// counts once, however often.
pub(crate) fn next(text: &[u8], asks: Asks, is_view: bool, from: Next, made: &mut View) -> Next {
    made.text.clear();
    made.pieces.clear();
    let again = if is_view { Again::Once } else { Again::Each };
    let run = match from {
        Next::First if asks.0 & (ESCAPE | HIGH) != 0 && plain::decode(text, again, made) => {
            return Next::Run(0);
        }
        Next::First => Some(0),
        Next::Run(from) => Some(from),
        Next::Tags(_) => None,
        Next::None => return Next::None,
    };
    let run = run.filter(|_| asks.0 & RUN != 0);
    if let Some(next) = run.and_then(|from| encoded::run(text, from, made)) {
        return Next::Run(next);
    }
    let from = match from {
        Next::Tags(from) => from,
        _ => 0,
    };
    let tags = Some(from).filter(|_| asks.0 & HIGH != 0);
    let next = tags.and_then(|from| encoded::tags(text, from, made));
    next.map_or(Next::None, Next::Tags)
}

const RUN: u8 = 1;
const ESCAPE: u8 = 2;
const HIGH: u8 = 4;
const DIGIT: u8 = 8;
const SIGN: u8 = 16;
const CONTROL: u8 = 32;
const MARK: u8 = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_asks_for_its_own() {
        for byte in 0..=u8::MAX {
            for place in 0..BLOCK_BYTES {
                let mut bytes = [0; 2 * BLOCK_BYTES];
                bytes[place] = byte;
                let asks = Asks::of(&bytes);
                let class = |class: u8, expected: bool| {
                    assert_eq!(asks.0 & class != 0, expected, "{byte}");
                };
                class(DIGIT, byte.is_ascii_digit());
                class(MARK, b"+-.".contains(&byte));
                class(SIGN, b"@:".contains(&byte));
                class(ESCAPE, b"\\%&<=".contains(&byte));
                class(CONTROL, byte == 0x1b);
                class(HIGH, !byte.is_ascii());
                class(RUN, false);
            }
        }
    }

    #[test]
    fn a_run_is_seen_wherever_it_begins() {
        for length in 14..18 {
            for before in 0..40 {
                for behind in [0, 1, 15, 16] {
                    let text =
                        [" ".repeat(before), "a".repeat(length), " ".repeat(behind)].concat();
                    let padded = [text.as_bytes(), &[0; BLOCK_BYTES]].concat();
                    assert_eq!(Asks::of(&padded).0 & RUN != 0, length >= 16, "{text}");
                }
            }
        }
    }
}
