//! Rows in brackets, whose values commas part: `(1, 'a')` of SQL, `[1, "a"]` of JSON.

use super::{Cell, Cells, LINE_BYTES_MAX, cells, moved};

/// Most bytes of a row before a value in it.
const ROW_BYTES_MAX: usize = 2048;

/// What a row is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Brackets {
    open: u8,
    close: u8,
}

pub(super) const ROUND: Brackets = Brackets {
    open: b'(',
    close: b')',
};
pub(super) const SQUARE: Brackets = Brackets {
    open: b'[',
    close: b']',
};

impl Brackets {
    /// The header over the value at `place`, which is behind the headers.
    pub(super) fn header(self, heads: &[Cell], text: &[u8], place: usize) -> Option<Cell> {
        let behind = heads.last()?.1;
        let from = place.saturating_sub(ROW_BYTES_MAX).max(behind);
        let window = text.get(from..place)?;
        let open = memchr::memrchr(self.open, window)?;
        if !self.is_row(text, from + open) {
            return None;
        }
        let (mut row, mut closed) = (Cells::default(), false);
        for byte in window.get(open + 1..)? {
            closed |= *byte == self.close && row.quoted.is_none();
            row.ends(*byte, b',');
        }
        heads.get(row.ended).copied().filter(|_| !closed)
    }

    /// Whether the bracket at `open` begins a row: an array of JSON that is a member has no columns.
    fn is_row(self, text: &[u8], open: usize) -> bool {
        const SPACE_BYTES_MAX: usize = 256;
        let before = text.get(open.saturating_sub(SPACE_BYTES_MAX)..open);
        let before = before.unwrap_or_default().trim_ascii_end();
        self != SQUARE || matches!(before.last(), Some(b'[' | b','))
    }

    /// Tells `meet` of the values of each row behind `from`.
    pub(super) fn rows(self, text: &[u8], from: usize, mut meet: impl FnMut(&[Cell])) {
        let mut at = from + 1;
        while let Some(open) = memchr::memchr(self.open, text.get(at..).unwrap_or_default()) {
            let start = at + open + 1;
            let rest = text.get(start..).unwrap_or_default();
            if !self.is_row(text, start - 1) || rest.trim_ascii_start().first() == Some(&self.open)
            {
                at = start;
                continue;
            }
            let mut row = Cells::default();
            let is_of_row = |byte: &&u8| {
                let goes_on = row.quoted.is_some() || **byte != self.close;
                row.ends(**byte, b',');
                goes_on
            };
            let length = rest
                .iter()
                .take(LINE_BYTES_MAX)
                .take_while(is_of_row)
                .count();
            let values = rest.get(..length).unwrap_or_default();
            meet(&moved(cells(values, b','), start));
            at = start + length;
        }
    }
}
