//! Columns: which header a cell stands under, in CSV, in tables of text, in SQL, in HTML, in arrays of JSON and aligned
//! with spaces.

mod aligned;
mod bracketed;
mod html;
mod json;
mod sql;

use crate::work::Work;
use aligned::Aligned;
use bracketed::{Brackets, ROUND, SQUARE};

/// Where a cell begins and ends in the text.
type Cell = (usize, usize);

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
    header: Vec<Cell>,
    looked: usize,
    /// Of SQL.
    columns: Option<Vec<Cell>>,
    /// Of HTML.
    heads: Option<Vec<Cell>>,
    /// Of JSON.
    names: Option<Vec<Cell>>,
    /// Of columns that spaces align.
    aligned: Aligned,
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
    pub(crate) fn header(&mut self, text: &[u8], place: usize) -> Option<Cell> {
        while place >= self.end && self.looked < text.len() {
            self.next_table(text);
        }
        if place < self.start || place >= self.end {
            return ROUND
                .header(self.columns(text), text, place)
                .or_else(|| html::header(self.heads(text), text, place))
                .or_else(|| SQUARE.header(self.names(text), text, place))
                .or_else(|| self.aligned.header(text, place));
        }
        let line = line_start(text, place)?;
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
            _ if self.columns(text).is_empty()
                && self.heads(text).is_empty()
                && self.names(text).is_empty()
                && !self.aligned.may_be_in(text) =>
            {
                Reach::None
            }
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
        // The last line is no table's first.
        if end >= text.len() {
            return;
        }
        let line = text.get(first..end).unwrap_or_default();
        // Rows of SQL have their headers elsewhere.
        if is_ruler(line) || line.trim_ascii_start().starts_with(b"(") {
            return;
        }
        let mut second = end + 1;
        if is_ruler(line_at(text, second)) {
            second = line_end(text, second) + 1;
        }
        let next = line_at(text, second);
        let likely = [b'|', b'\t', b';', b','].into_iter().find(|delimiter| {
            if [line, next]
                .iter()
                .any(|line| memchr::memchr(*delimiter, line).is_none())
            {
                return false;
            }
            // Statements and members of an object, a line each, are no rows.
            if matches!(delimiter, b',' | b';') && line.trim_ascii_end().ends_with(&[*delimiter]) {
                return false;
            }
            let count = count(line, *delimiter);
            (2..=COLUMNS_MAX).contains(&count) && self::count(next, *delimiter) == count
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
            let is_row = is_ruler(row) || count(row, delimiter) == self.header.len();
            if row.len() > LINE_BYTES_MAX || !is_row {
                break;
            }
            at = end + 1;
        }
        self.end = at;
        self.looked = at;
    }

    /// The column whose header is at `place`.
    pub(crate) fn column_of(&mut self, text: &[u8], place: usize) -> Option<Column> {
        while place >= self.end && self.looked < text.len() {
            self.next_table(text);
        }
        let column = |form: Form, heads: &[Cell], end: usize| {
            let holds = |(start, end): &Cell| (*start..=*end).contains(&place);
            let number = heads.iter().position(holds)?;
            let is_name = heads.get(number).is_some_and(|head| is_name(text, *head));
            let start = heads.last().map_or(0, |head| head.1);
            is_name.then_some(Column {
                form,
                number,
                start,
                end,
            })
        };
        if (self.start..self.end).contains(&place) {
            return column(Form::Lines(self.delimiter), &self.header, self.end);
        }
        column(Form::Rows(ROUND), self.columns(text), text.len())
            .or_else(|| column(Form::Html, self.heads(text), text.len()))
            .or_else(|| column(Form::Rows(SQUARE), self.names(text), text.len()))
    }

    /// The columns that an insertion in SQL names.
    fn columns(&mut self, text: &[u8]) -> &[Cell] {
        self.columns
            .get_or_insert_with(|| sql::columns(text).unwrap_or_default())
    }

    /// The headers of a table in HTML.
    fn heads(&mut self, text: &[u8]) -> &[Cell] {
        self.heads
            .get_or_insert_with(|| html::heads(text).unwrap_or_default())
    }

    /// The names over arrays of JSON.
    fn names(&mut self, text: &[u8]) -> &[Cell] {
        self.names
            .get_or_insert_with(|| json::names(text).unwrap_or_default())
    }
}

/// What rows are written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// Lines with this delimiter.
    Lines(u8),
    /// Brackets.
    Rows(Brackets),
    Html,
}

/// A column, and where its rows are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Column {
    form: Form,
    number: usize,
    start: usize,
    end: usize,
}

impl Column {
    /// Tells `meet` of each of its cells, without quotes.
    pub(crate) fn cells(
        self,
        text: &[u8],
        work: &mut Work<'_>,
        mut meet: impl FnMut(usize, usize),
    ) {
        if !work.lasts(self.end.saturating_sub(self.start)) {
            return;
        }
        let mut row = |cells: &[Cell]| {
            let cell = cells.get(self.number).and_then(|cell| bare(text, *cell));
            if let Some((start, end)) = cell {
                meet(start, end);
            }
        };
        match self.form {
            Form::Lines(delimiter) => {
                let mut at = line_end(text, self.start) + 1;
                while at < self.end {
                    let line = line_at(text, at);
                    if !is_ruler(line) {
                        row(&moved(cells(line, delimiter), at));
                    }
                    at += line.len() + 1;
                }
            }
            Form::Rows(brackets) => brackets.rows(text, self.start, row),
            Form::Html => html::rows(text, self.start, row),
        }
    }
}

/// Whether a cell is a name, as headers are; what stands in a line of code is more.
fn is_name(text: &[u8], cell: Cell) -> bool {
    let cell = bare(text, cell).and_then(|(start, end)| text.get(start..end));
    let is = |byte: &u8| byte.is_ascii_alphanumeric() || b" _-.".contains(byte) || !byte.is_ascii();
    cell.is_some_and(|cell| cell.iter().all(is))
}

fn moved(cells: Vec<Cell>, by: usize) -> Vec<Cell> {
    let cells = cells.into_iter();
    cells.map(|(start, end)| (by + start, by + end)).collect()
}

/// What is in a cell, without space and quotes around it.
fn bare(text: &[u8], (start, end): Cell) -> Option<Cell> {
    let cell = text.get(start..end)?;
    let start = start + (cell.len() - cell.trim_ascii_start().len());
    let cell = cell.trim_ascii();
    let quoted = |quote: u8| Some(cell.strip_prefix(&[quote])?.strip_suffix(&[quote])?.len());
    match [b'"', b'\'', b'`'].into_iter().find_map(quoted) {
        Some(length) => Some((start + 1, start + 1 + length)),
        None => Some((start, start + cell.len())),
    }
}

/// A line that parts headers from rows: `-----+-----`, `|---|---|`.
fn is_ruler(line: &[u8]) -> bool {
    let is = |byte: &u8| matches!(byte, b'-' | b'+' | b'|' | b'=' | b':' | b' ');
    line.iter().all(is) && line.iter().any(|byte| matches!(byte, b'-' | b'='))
}

fn line_at(text: &[u8], from: usize) -> &[u8] {
    text.get(from..line_end(text, from)).unwrap_or_default()
}

/// Where the line of `place` begins, unless it is longer than a row.
fn line_start(text: &[u8], place: usize) -> Option<usize> {
    let from = place.saturating_sub(LINE_BYTES_MAX);
    match memchr::memrchr(b'\n', text.get(from..place)?) {
        Some(at) => Some(from + at + 1),
        None => (from == 0).then_some(0),
    }
}

fn line_end(text: &[u8], from: usize) -> usize {
    let from = from.min(text.len());
    from + memchr::memchr(b'\n', text.get(from..).unwrap_or_default()).unwrap_or(text.len() - from)
}

/// Where the delimiters of a line are, of no more columns than a table has and one.
fn ends(line: &[u8], delimiter: u8) -> impl Iterator<Item = usize> {
    let mut cells = Cells::default();
    let line = line.iter().enumerate().take(LINE_BYTES_MAX + 1);
    line.filter(move |(_, byte)| cells.ends(**byte, delimiter))
        .map(|(at, _)| at)
        .take(COLUMNS_MAX + 1)
}

/// How many cells a line has.
fn count(line: &[u8], delimiter: u8) -> usize {
    ends(line, delimiter).count() + 1
}

/// The cells of a line.
fn cells(line: &[u8], delimiter: u8) -> Vec<Cell> {
    let (mut found, mut start) = (Vec::new(), 0);
    for at in ends(line, delimiter) {
        found.push((start, at));
        start = at + 1;
    }
    found.push((start, line.len()));
    found
}
