//! Insertions: `INSERT INTO t (a, b) VALUES (1, 2), (3, 4)`.

use super::{Cell, LINE_BYTES_MAX, cells, moved};

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
