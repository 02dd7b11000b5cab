//! Headers of rows in JSON: `{"columns": ["a", "b"], "rows": [[1, 2]]}`, and `[["a", "b"], [1, 2]]`.

use super::context::{Known, is_label};
use super::{Place, Scan};
use crate::json::Token;
use crate::secrets::OwnNames;

/// How many headers back one is looked for: as many as a table has columns.
const HEADS_MAX: usize = 128;

/// A header that says something of its column.
#[derive(Clone, Copy, Debug)]
struct Head {
    /// The container that its rows' container is in, or is.
    over: u32,
    column: u32,
    known: Known,
}

/// The headers that were met, in the order of the message.
#[derive(Debug, Default)]
pub(super) struct Heads(Vec<Head>);

impl Heads {
    pub(super) const fn new() -> Self {
        Self(Vec::new())
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    pub(super) fn capacity(&self) -> usize {
        self.0.capacity()
    }

    /// Steps that it costs to look for the headers over a value.
    pub(super) fn steps(&self) -> usize {
        self.0.len().min(HEADS_MAX)
    }

    /// Keeps what a string says, where it is a header by its place. Whether it is one.
    pub(super) fn learn(
        &mut self,
        scan: &Scan<'_>,
        names: &OwnNames,
        token: usize,
        says: impl FnOnce() -> Known,
    ) -> bool {
        let place = scan.room.places.get(token);
        let Some(place) = place.filter(|place| place.token == Token::String) else {
            return false;
        };
        let head = column(scan, place).filter(|_| is_label(scan, names, place));
        self.0.extend(head.map(|(over, column)| Head {
            over,
            column,
            known: says(),
        }));
        head.is_some()
    }

    /// What the headers over an element of a row say.
    pub(super) fn over(&self, scan: &Scan<'_>, place: &Place) -> Known {
        let mut found = Known::default();
        let nodes = &scan.room.nodes;
        let row = nodes.get(place.node as usize);
        let Some(row) = row.filter(|row| !self.0.is_empty() && !row.object) else {
            return found;
        };
        let rows = row.parent.and_then(|rows| nodes.get(rows as usize));
        let Some(rows) = rows.filter(|rows| !rows.object) else {
            return found;
        };
        for head in self.0.iter().rev().take(HEADS_MAX) {
            let is_over = Some(head.over) == rows.parent
                // The first row is the headers itself.
                || Some(head.over) == row.parent && row.index > 0;
            if is_over && head.column == place.index {
                found.words |= head.known.words;
                found.promises = found.promises.or(head.known.promises);
            }
        }
        found
    }
}

/// The container that a header's rows are in and the column, where a string stands as headers do: in the first of some
/// arrays, or in an array whose name says that it describes columns.
fn column(scan: &Scan<'_>, place: &Place) -> Option<(u32, u32)> {
    let nodes = &scan.room.nodes;
    let node = |number: u32| nodes.get(number as usize);
    let (mut list, mut column) = (place.node, place.index);
    if node(list)?.object {
        column = node(list)?.index;
        list = node(list)?.parent?;
    }
    let array = node(list).filter(|list| !list.object)?;
    let mut around = array.parent?;
    if !node(around)?.object {
        // A row of objects names none.
        return (array.index == 0 && list == place.node).then_some((around, column));
    }
    if !describes(scan, array.key) {
        return None;
    }
    // `{"schema": {"fields": […]}, "rows": […]}`
    if describes(scan, node(around)?.key) {
        around = node(around)?.parent?;
    }
    Some((around, column))
}

/// Whether a member's name says that its value describes columns.
fn describes(scan: &Scan<'_>, key: Option<u32>) -> bool {
    const PARTS: [&[u8]; 6] = [b"col", b"field", b"head", b"schema", b"meta", b"names"];
    let Some(key) = key.and_then(|key| scan.room.places.get(key as usize)) else {
        return false;
    };
    let name = super::walk::name(scan.message, Some(key)).to_ascii_lowercase();
    PARTS
        .iter()
        .any(|part| memchr::memmem::find(&name, part).is_some())
}
