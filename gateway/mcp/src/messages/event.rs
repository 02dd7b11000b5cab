//! Finding where events end, and reading and replacing their data (WHATWG HTML, section 9.2
//! "Server-sent events").

use std::borrow::Cow;

use bytes::Bytes;
use memchr::memchr2;

use super::Cut;

const BOM: &[u8] = b"\xef\xbb\xbf";

/// How far an event stream has been read.
#[derive(Debug, Default)]
pub(super) struct Cutter {
    /// Where the line under way begins.
    line: usize,
    /// How far that line has been searched for its end.
    at: usize,
    /// The event under way has fields.
    begun: bool,
    /// The event under way has data that is not empty.
    has_data: bool,
    /// The beginning of the stream, where a byte order mark may stand, has been read.
    past_mark: bool,
}

impl Cutter {
    /// Reads on to the end of the next event, or of a comment or blank line between events.
    pub(super) fn cut(&mut self, bytes: &[u8], ended: bool) -> Option<Cut> {
        if !self.past_mark {
            if bytes.len() < BOM.len() && BOM.starts_with(bytes) && !ended {
                return None;
            }
            self.past_mark = true;
            if bytes.starts_with(BOM) {
                return Some(Cut::Plain(BOM.len()));
            }
        }
        loop {
            let rest = bytes.get(self.at..)?;
            let Some(offset) = memchr2(b'\n', b'\r', rest) else {
                self.at = bytes.len();
                return None;
            };
            let end = self.at + offset;
            let after = end_of_line(bytes, end, ended)?;
            let line = bytes.get(self.line..end).unwrap_or_default();
            (self.line, self.at) = (after, after);
            if line.is_empty() {
                let cut = if self.has_data {
                    Cut::Message(after)
                } else {
                    Cut::Plain(after)
                };
                return Some(self.done(cut));
            }
            if line.starts_with(b":") && !self.begun {
                return Some(self.done(Cut::Plain(after)));
            }
            self.begun = true;
            self.has_data |= data_of(line).is_some_and(|data| !data.is_empty());
        }
    }

    fn done(&mut self, cut: Cut) -> Cut {
        *self = Self {
            past_mark: true,
            ..Self::default()
        };
        cut
    }
}

/// The place behind the line end that begins at `end`; `None` while a carriage return may still be
/// followed by its line feed.
fn end_of_line(bytes: &[u8], end: usize, ended: bool) -> Option<usize> {
    match (bytes.get(end)?, bytes.get(end + 1)) {
        (b'\r', Some(b'\n')) => Some(end + 2),
        (b'\r', None) if !ended => None,
        _ => Some(end + 1),
    }
}

/// The value of a `data` field.
fn data_of(line: &[u8]) -> Option<&[u8]> {
    let value = match line.strip_prefix(b"data")? {
        [] => return Some(&[]),
        [b':', value @ ..] => value,
        _ => return None,
    };
    Some(value.strip_prefix(b" ").unwrap_or(value))
}

/// The lines of an event, each with its end.
fn lines(event: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    let mut rest = event;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let end = memchr2(b'\n', b'\r', rest).unwrap_or(rest.len());
        let after = end_of_line(rest, end, true).unwrap_or(rest.len());
        let (whole, next) = rest.split_at(after);
        rest = next;
        Some(whole.split_at(end))
    })
}

/// The data of a whole event: its `data` lines, joined by line feeds.
pub(super) fn data(event: &[u8]) -> Cow<'_, [u8]> {
    let mut found = lines(event).filter_map(|(line, _)| data_of(line));
    let first = found.next().unwrap_or_default();
    let Some(second) = found.next() else {
        return Cow::Borrowed(first);
    };
    let mut joined = first.to_vec();
    for more in std::iter::once(second).chain(found) {
        joined.push(b'\n');
        joined.extend_from_slice(more);
    }
    Cow::Owned(joined)
}

/// The same lines with `name` and a slash before each event's id.
pub(super) fn with_names(bytes: &[u8], name: &str) -> Option<Bytes> {
    let id_of = |line: &[u8]| {
        let id = line.strip_prefix(b"id:")?;
        let id = id.strip_prefix(b" ").unwrap_or(id);
        (!id.is_empty()).then(|| id.to_vec())
    };
    lines(bytes).find(|(line, _)| id_of(line).is_some())?;
    let mut out = Vec::with_capacity(bytes.len() + name.len() + 8);
    for (line, end) in lines(bytes) {
        match id_of(line) {
            Some(id) => out.extend([b"id: ", name.as_bytes(), b"/", &id].concat()),
            None => out.extend_from_slice(line),
        }
        out.extend_from_slice(end);
    }
    Some(out.into())
}

/// The same event with other data, in the place of its first `data` line.
pub(super) fn with_data(event: &[u8], data: &[u8]) -> Bytes {
    let mut out = Vec::with_capacity(event.len() + data.len());
    let mut written = false;
    for (line, end) in lines(event) {
        if data_of(line).is_none() {
            out.extend_from_slice(line);
            out.extend_from_slice(end);
        } else if !std::mem::replace(&mut written, true) {
            // White space of JSON may hold line ends, which end a `data` line.
            for (at, line) in data.split(|byte| matches!(byte, b'\n' | b'\r')).enumerate() {
                if at > 0 && end.is_empty() {
                    out.push(b'\n');
                }
                out.extend_from_slice(b"data: ");
                out.extend_from_slice(line);
                out.extend_from_slice(end);
            }
        }
    }
    out.into()
}
