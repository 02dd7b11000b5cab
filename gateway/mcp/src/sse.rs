//! Event streams, read as they pass (WHATWG HTML, section 9.2 "Server-sent events").
//!
//! The reader says which bytes are an event's data and where events end. It keeps a few bytes of
//! state and no part of the stream: whatever the size of an event, nothing is buffered. It never
//! fails, because every sequence of bytes is an event stream.

use memchr::memchr2;

const BOM: &[u8] = b"\xef\xbb\xbf";
const DATA: &[u8] = b"data";

/// A piece of an event, in the order of the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece<'a> {
    /// Bytes of the event's data. Several `data` lines are joined by a line feed of their own.
    Data(&'a [u8]),
    /// The event is complete and is dispatched. Every event has at least one `data` line, which
    /// may be empty.
    End,
}

/// Where in a line the reader is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Line {
    /// At the very beginning; so many bytes of a byte order mark have been seen.
    Bom(usize),
    Start,
    /// In a field's name that agrees with `data` so far, up to this length.
    Name(usize),
    /// After `data:`, where one space is dropped.
    Colon,
    Data,
    /// In a comment or a field that carries no data.
    Other,
}

/// An incremental reader; chunks may be cut anywhere.
#[derive(Clone, Debug)]
pub struct Reader {
    line: Line,
    /// The last byte was a carriage return: a line feed now belongs to it.
    after_return: bool,
    /// The event under way has fields or comments of its own.
    open: bool,
    /// The event under way has a `data` line.
    has_data: bool,
    events: u64,
}

impl Default for Reader {
    fn default() -> Self {
        Self::new()
    }
}

impl Reader {
    pub fn new() -> Self {
        Reader {
            line: Line::Bom(0),
            after_return: false,
            open: false,
            has_data: false,
            events: 0,
        }
    }

    /// Events dispatched so far.
    pub fn events(&self) -> u64 {
        self.events
    }

    /// Whether the stream stands between two events, so that a comment of one's own may be inserted
    /// (`: \n\n`) without changing what any reader makes of the events around it. Before the first
    /// byte that holds for all streams but those that begin with a byte order mark.
    pub fn at_boundary(&self) -> bool {
        !self.open && matches!(self.line, Line::Start | Line::Bom(0))
    }

    /// Reads the next chunk and hands its pieces to `sink`.
    pub fn feed(&mut self, chunk: &[u8], mut sink: impl FnMut(Piece<'_>)) {
        let mut rest = chunk;
        while let Some((&byte, after)) = rest.split_first() {
            rest = match self.line {
                Line::Data | Line::Other => self.run(rest, &mut sink),
                _ => {
                    // A byte that turns out to be data is looked at again.
                    if self.step(byte, &mut sink) {
                        after
                    } else {
                        rest
                    }
                }
            };
        }
    }

    /// Passes over the rest of a line whose meaning is known.
    fn run<'a>(&mut self, rest: &'a [u8], sink: &mut impl FnMut(Piece<'_>)) -> &'a [u8] {
        let end = memchr2(b'\n', b'\r', rest).unwrap_or(rest.len());
        let (line, after) = rest.split_at(end);
        if self.line == Line::Data && !line.is_empty() {
            sink(Piece::Data(line));
        }
        match after.split_first() {
            Some((&byte, after)) => {
                self.end_line(byte);
                after
            }
            None => after,
        }
    }

    /// Takes one byte in a line whose meaning is open; false when the byte is still to be read.
    fn step(&mut self, byte: u8, sink: &mut impl FnMut(Piece<'_>)) -> bool {
        match (self.line, byte) {
            (Line::Bom(seen), _) if BOM.get(seen) == Some(&byte) => {
                self.line = if seen + 1 == BOM.len() {
                    Line::Start
                } else {
                    Line::Bom(seen + 1)
                };
            }
            (Line::Bom(0), _) => {
                self.line = Line::Start;
                return false;
            }
            // Part of a mark is no mark: it begins a field of an unknown name.
            (Line::Bom(_), _) => {
                self.open = true;
                self.line = Line::Other;
                return false;
            }
            (Line::Start, b'\n') if self.after_return => self.after_return = false,
            (Line::Start, b'\n' | b'\r') => self.blank_line(byte, sink),
            (Line::Start, _) => {
                self.after_return = false;
                self.open = true;
                self.line = Line::Name(0);
                return false;
            }
            (Line::Name(4), b':') => {
                self.begin_data(sink);
                self.line = Line::Colon;
            }
            (Line::Name(4), b'\n' | b'\r') => {
                self.begin_data(sink);
                self.end_line(byte);
            }
            (Line::Name(seen), _) if DATA.get(seen) == Some(&byte) => {
                self.line = Line::Name(seen + 1)
            }
            (Line::Name(_) | Line::Other, _) => {
                self.line = Line::Other;
                return false;
            }
            (Line::Colon, b' ') => self.line = Line::Data,
            (Line::Colon | Line::Data, _) => {
                self.line = Line::Data;
                return false;
            }
        }
        true
    }

    fn begin_data(&mut self, sink: &mut impl FnMut(Piece<'_>)) {
        if self.has_data {
            sink(Piece::Data(b"\n"));
        }
        self.has_data = true;
    }

    fn end_line(&mut self, byte: u8) {
        self.after_return = byte == b'\r';
        self.line = Line::Start;
    }

    fn blank_line(&mut self, byte: u8, sink: &mut impl FnMut(Piece<'_>)) {
        self.end_line(byte);
        self.open = false;
        if self.has_data {
            self.has_data = false;
            self.events += 1;
            sink(Piece::End);
        }
    }
}
