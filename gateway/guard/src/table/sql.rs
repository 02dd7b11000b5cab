//! Insertions: `INSERT INTO t (a, b) VALUES (1, 2), (3, 4)`.

use super::{Cell, Cells, LINE_BYTES_MAX, cells, moved};

/// Most bytes of a row before a value in it.
const ROW_BYTES_MAX: usize = 512;

/// The columns that the first insertion of a text names.
pub(super) fn columns(text: &[u8]) -> Option<Vec<Cell>> {
    let head = text.get(..text.len().min(LINE_BYTES_MAX))?;
    // Most texts have no bracket.
    memchr::memchr(b'(', head)?;
    let head = head.to_ascii_lowercase();
    let insert = memchr::memmem::find(&head, b"insert into")?;
    let open = insert + memchr::memchr(b'(', head.get(insert..)?)?;
    let close = open + memchr::memchr(b')', head.get(open..)?)?;
    memchr::memmem::find(head.get(close..)?, b"values")?;
    let list = text.get(open + 1..close)?;
    Some(moved(cells(list, b','), open + 1))
}

/// The column of a value.
pub(super) fn header(columns: &[Cell], text: &[u8], place: usize) -> Option<Cell> {
    if columns.is_empty() {
        return None;
    }
    let window = text.get(place.saturating_sub(ROW_BYTES_MAX)..place)?;
    let open = window.iter().rposition(|byte| *byte == b'(')?;
    let column = cells(window.get(open + 1..)?, b',').len().checked_sub(1)?;
    columns.get(column).copied()
}

/// Tells `meet` of the values of each row behind the list of columns that ends at `from`.
pub(super) fn rows(text: &[u8], from: usize, mut meet: impl FnMut(&[Cell])) {
    let mut at = from + 1;
    while let Some(open) = memchr::memchr(b'(', text.get(at..).unwrap_or_default()) {
        let start = at + open + 1;
        let mut row = Cells::default();
        let rest = text.get(start..).unwrap_or_default().iter();
        let length = rest
            .take(LINE_BYTES_MAX)
            .take_while(|byte| {
                let goes_on = row.quoted.is_some() || **byte != b')';
                row.ends(**byte, b',');
                goes_on
            })
            .count();
        let values = text.get(start..start + length).unwrap_or_default();
        meet(&moved(cells(values, b','), start));
        at = start + length;
    }
}
