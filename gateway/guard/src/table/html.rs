//! Tables of a page: `<tr><th>A</th><th>B</th></tr><tr><td>1</td><td>2</td></tr>`.

use memchr::memmem;

use super::{COLUMNS_MAX, Cell, LINE_BYTES_MAX};

/// Most bytes of a row before a cell in it.
const ROW_BYTES_MAX: usize = 2048;

/// The headers of a text's first table.
pub(super) fn heads(text: &[u8]) -> Option<Vec<Cell>> {
    let head = text.get(..text.len().min(LINE_BYTES_MAX))?;
    // Most texts have no tag.
    memchr::memchr(b'<', head)?;
    let first = memmem::find(head, b"<th>").or_else(|| memmem::find(head, b"<th "))?;
    let row = row(head, first);
    Some(cells(head, row, b"<th", b"</th"))
}

/// The header of the cell that `place` is in.
pub(super) fn header(heads: &[Cell], text: &[u8], place: usize) -> Option<Cell> {
    if heads.is_empty() {
        return None;
    }
    let before = text.get(place.saturating_sub(ROW_BYTES_MAX)..place)?;
    let row = before.get(memmem::rfind(before, b"<tr")?..)?;
    let column = memmem::find_iter(row, b"<td").count().checked_sub(1)?;
    heads.get(column).copied()
}

/// Tells `meet` of the cells of each row behind the headers, which end at `from`.
pub(super) fn rows(text: &[u8], from: usize, mut meet: impl FnMut(&[Cell])) {
    let mut at = from;
    while let Some(next) = memmem::find(text.get(at..).unwrap_or_default(), b"<tr") {
        let row = row(text, at + next);
        at = row.1.max(at + next + 1);
        meet(&cells(text, row, b"<td", b"</td"));
    }
}

/// The row that goes on at `start`.
fn row(text: &[u8], start: usize) -> Cell {
    let rest = text.get(start..).unwrap_or_default();
    let rest = rest
        .get(..rest.len().min(LINE_BYTES_MAX))
        .unwrap_or_default();
    let length = memmem::find(rest, b"</tr").unwrap_or(rest.len());
    (start, start + length)
}

/// What stands between the tags of a row's cells.
fn cells(text: &[u8], (start, end): Cell, open: &[u8], close: &[u8]) -> Vec<Cell> {
    let row = text.get(start..end).unwrap_or_default();
    let opened = memmem::find_iter(row, open).take(COLUMNS_MAX);
    let cell = |tag: usize| {
        let inside = tag + 1 + memchr::memchr(b'>', row.get(tag..)?)?;
        let length = memmem::find(row.get(inside..)?, close)?;
        Some((start + inside, start + inside + length))
    };
    opened.filter_map(cell).collect()
}
