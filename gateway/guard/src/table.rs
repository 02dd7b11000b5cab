//! Columns: which header a cell stands under, in CSV, in tables of text, and in SQL.

/// Most columns of a table.
const COLUMNS_MAX: usize = 128;
/// Longest line that is taken for a row.
const LINE_BYTES_MAX: usize = 8192;

/// A table found in a text. Lookups go forwards.
#[derive(Debug, Default)]
pub(crate) struct Tables {
    start: usize,
    end: usize,
    delimiter: u8,
    header: Vec<(usize, usize)>,
    looked: usize,
    columns: Option<Vec<(usize, usize)>>,
    row: Row,
}

/// Where headers may be looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// There are none.
    None,
    /// In this line.
    Line(usize, usize),
    /// Anywhere in the text.
    Any,
}

/// How far the cells of a row have been counted.
#[derive(Debug, Default)]
struct Row {
    line: usize,
    at: usize,
    cells: Cells,
}

/// Counts the cells of a line from its beginning; a delimiter inside of quotes does not count.
#[derive(Debug, Default)]
struct Cells {
    quoted: Option<u8>,
    /// Something other than space was met in the cell.
    filled: bool,
    ended: usize,
}

impl Cells {
    /// Takes the next byte; whether it ends a cell.
    fn ends(&mut self, byte: u8, delimiter: u8) -> bool {
        match self.quoted {
            Some(quote) if byte == quote => self.quoted = None,
            Some(_) => {}
            None if byte == delimiter => {
                self.filled = false;
                self.ended += 1;
                return true;
            }
            None if matches!(byte, b'"' | b'\'') && !self.filled => self.quoted = Some(byte),
            None => {}
        }
        self.filled |= !byte.is_ascii_whitespace();
        false
    }
}

impl Tables {
    /// The header's cell (`start..end` in the text) over the byte at `place`.
    pub(crate) fn header(&mut self, text: &[u8], place: usize) -> Option<(usize, usize)> {
        while place >= self.end && self.looked < text.len() {
            self.next_table(text);
        }
        if place < self.start || place >= self.end {
            return self.sql(text, place);
        }
        let line = line_start(text, place);
        if line == self.start {
            return None;
        }
        let column = self.column(text, line, place);
        self.header.get(column).copied()
    }

    /// The headers that may stand over something within `from..to`.
    pub(crate) fn reach(&mut self, text: &[u8], from: usize, to: usize) -> Reach {
        while from >= self.end && self.looked < text.len() {
            self.next_table(text);
        }
        match self.header.last().copied() {
            Some((_, end)) if from >= self.start && to <= self.end => Reach::Line(self.start, end),
            // It reaches into a table, or out of one.
            Some(_) if from < self.end && to > self.start => Reach::Any,
            _ if self.columns(text).is_empty() => Reach::None,
            _ => Reach::Any,
        }
    }

    /// The column of `place` in its line. Goes on where it ended the last time.
    fn column(&mut self, text: &[u8], line: usize, place: usize) -> usize {
        if self.row.line != line || self.row.at > place {
            self.row = Row {
                line,
                at: line,
                cells: Cells::default(),
            };
        }
        for byte in text.get(self.row.at..place).unwrap_or_default() {
            self.row.cells.ends(*byte, self.delimiter);
        }
        self.row.at = place;
        self.row.cells.ended
    }

    /// Looks for the next two lines with as many delimiters, and how far lines like them go on.
    fn next_table(&mut self, text: &[u8]) {
        let first = self.looked;
        let end = line_end(text, first);
        self.looked = end + 1;
        let line = text.get(first..end).unwrap_or_default();
        let next = text
            .get(end + 1..line_end(text, end + 1))
            .unwrap_or_default();
        let likely = [b'|', b'\t', b';', b','].into_iter().find(|delimiter| {
            if [line, next]
                .iter()
                .any(|line| memchr::memchr(*delimiter, line).is_none())
            {
                return false;
            }
            let count = cells(line, *delimiter).len();
            (2..=COLUMNS_MAX).contains(&count) && cells(next, *delimiter).len() == count
        });
        let Some(delimiter) = likely.filter(|_| line.len() <= LINE_BYTES_MAX) else {
            return;
        };
        self.header = cells(line, delimiter)
            .into_iter()
            .map(|(start, end)| (first + start, first + end))
            .collect();
        self.delimiter = delimiter;
        self.start = first;
        let mut at = end + 1;
        while at < text.len() {
            let end = line_end(text, at);
            let row = text.get(at..end).unwrap_or_default();
            if row.len() > LINE_BYTES_MAX || cells(row, delimiter).len() != self.header.len() {
                break;
            }
            at = end + 1;
        }
        self.end = at;
        self.looked = at;
    }

    /// `INSERT INTO t (a, b) VALUES (1, 2)`.
    fn sql(&mut self, text: &[u8], place: usize) -> Option<(usize, usize)> {
        if self.columns(text).is_empty() {
            return None;
        }
        let window = text.get(place.saturating_sub(512)..place)?;
        let open = window.iter().rposition(|byte| *byte == b'(')?;
        let column = cells(window.get(open + 1..)?, b',').len().checked_sub(1)?;
        self.columns(text).get(column).copied()
    }

    fn columns(&mut self, text: &[u8]) -> &[(usize, usize)] {
        self.columns
            .get_or_insert_with(|| sql_columns(text).unwrap_or_default())
    }
}

fn sql_columns(text: &[u8]) -> Option<Vec<(usize, usize)>> {
    let head = text.get(..text.len().min(LINE_BYTES_MAX))?;
    // Most texts have no bracket.
    memchr::memchr(b'(', head)?;
    let head = head.to_ascii_lowercase();
    let insert = memchr::memmem::find(&head, b"insert into")?;
    let open = insert + memchr::memchr(b'(', head.get(insert..)?)?;
    let close = open + memchr::memchr(b')', head.get(open..)?)?;
    memchr::memmem::find(head.get(close..)?, b"values")?;
    let list = text.get(open + 1..close)?;
    Some(
        cells(list, b',')
            .into_iter()
            .map(|(start, end)| (open + 1 + start, open + 1 + end))
            .collect(),
    )
}

fn line_start(text: &[u8], place: usize) -> usize {
    memchr::memrchr(b'\n', text.get(..place).unwrap_or_default()).map_or(0, |at| at + 1)
}

fn line_end(text: &[u8], from: usize) -> usize {
    let from = from.min(text.len());
    from + memchr::memchr(b'\n', text.get(from..).unwrap_or_default()).unwrap_or(text.len() - from)
}

/// The cells of a line.
fn cells(line: &[u8], delimiter: u8) -> Vec<(usize, usize)> {
    let (mut found, mut start, mut cells) = (Vec::new(), 0, Cells::default());
    for (at, byte) in line.iter().enumerate().take(LINE_BYTES_MAX + 1) {
        if cells.ends(*byte, delimiter) {
            found.push((start, at));
            start = at + 1;
            if found.len() > COLUMNS_MAX {
                break;
            }
        }
    }
    found.push((start, line.len()));
    found
}
