//! Tables whose columns are aligned with spaces, under a line of headers and a ruler.

use memchr::memmem;

use super::{COLUMNS_MAX, Cell, LINE_BYTES_MAX, is_ruler, line_at, line_start};

/// Whether a text may have such a table: most have no ruler.
pub(super) fn may_be_in(text: &[u8]) -> bool {
    let head = text
        .get(..text.len().min(LINE_BYTES_MAX))
        .unwrap_or_default();
    memmem::find(head, b"====").is_some() || memmem::find(head, b"----").is_some()
}

/// The header over the byte at `place`: the last one that does not begin behind it.
pub(super) fn header(text: &[u8], place: usize) -> Option<Cell> {
    let row = line_start(text, place);
    let floor = place.saturating_sub(LINE_BYTES_MAX);
    let mut line = row;
    while line > floor {
        line = line_start(text, line - 1);
        let ruler = line_at(text, line);
        if ruler.trim_ascii().is_empty() {
            return None;
        }
        if !is_ruler(ruler) {
            continue;
        }
        let head = line_start(text, line.checked_sub(1)?);
        let under = head + (place - row);
        let cells = columns(line_at(text, head));
        let over = cells.map(|(start, end)| (head + start, head + end));
        return over.take_while(|(start, _)| *start <= under).last();
    }
    None
}

/// What stands in a line between two spaces or more.
fn columns(line: &[u8]) -> impl Iterator<Item = Cell> {
    let mut at = 0;
    let next = move || {
        let rest = line.get(at..)?;
        let start = at + rest.iter().position(|byte| *byte != b' ')?;
        let length = memmem::find(line.get(start..)?, b"  ").unwrap_or(line.len() - start);
        at = start + length;
        Some((start, at))
    };
    std::iter::from_fn(next).take(COLUMNS_MAX)
}
