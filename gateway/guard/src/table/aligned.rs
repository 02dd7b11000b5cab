//! Tables whose columns are aligned with spaces, under a line of headers and a ruler, or under headers in capitals.

use memchr::memmem;

use super::{COLUMNS_MAX, Cell, LINE_BYTES_MAX, is_ruler, line_at, line_start};

/// The row that was looked at last, and the line of headers over it. Rows are asked for in their order, so that no line
/// between them is looked at twice.
#[derive(Debug, Default)]
pub(super) struct Aligned {
    /// Whether the text may have such a table: most have no ruler and begin with no headers.
    may_be: Option<bool>,
    row: Option<usize>,
    head: Option<usize>,
}

impl Aligned {
    /// Whether there may be headers in a text.
    pub(super) fn may_be_in(&mut self, text: &[u8]) -> bool {
        *self.may_be.get_or_insert_with(|| {
            let head = text
                .get(..text.len().min(LINE_BYTES_MAX))
                .unwrap_or_default();
            // Most texts are a single line.
            memchr::memchr(b'\n', head).is_some_and(|end| {
                memmem::find(head, b"====").is_some()
                    || memmem::find(head, b"----").is_some()
                    || is_heading(head.get(..end).unwrap_or_default())
            })
        })
    }

    /// The header over the byte at `place`: the last one that does not begin behind it.
    pub(super) fn header(&mut self, text: &[u8], place: usize) -> Option<Cell> {
        if !self.may_be_in(text) {
            return None;
        }
        let row = line_start(text, place)?;
        if self.row != Some(row) {
            self.head = self.head_over(text, row);
            self.row = Some(row);
        }
        let head = self.head?;
        let under = head + (place - row);
        let cells = columns(line_at(text, head)).map(|(start, end)| (head + start, head + end));
        cells.take_while(|(start, _)| *start <= under).last()
    }

    /// The line of headers over a row, as far as nothing parts them.
    fn head_over(&self, text: &[u8], row: usize) -> Option<usize> {
        let floor = row.saturating_sub(LINE_BYTES_MAX);
        let mut line = row;
        while line > floor {
            line = line_start(text, line - 1)?;
            if Some(line) == self.row {
                return self.head;
            }
            let above = line_at(text, line);
            if above.trim_ascii().is_empty() {
                return None;
            }
            if is_ruler(above) {
                return line_start(text, line.checked_sub(1)?);
            }
            if line == 0 && is_heading(above) {
                return Some(line);
            }
        }
        None
    }
}

/// Whether a line is of headers in capitals, as programs print them: `NAME   STATUS   AGE`.
fn is_heading(line: &[u8]) -> bool {
    line.first().is_some_and(u8::is_ascii_uppercase)
        && !line.iter().any(u8::is_ascii_lowercase)
        && columns(line).nth(1).is_some()
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
