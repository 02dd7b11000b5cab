//! Server-sent events, cut out of a stream of bytes (WHATWG HTML, section 9.2.6).
//!
//! Only what an event carries is kept: its data. Names, ids, retry times and comments are read over.

use memchr::memchr2;

/// Reads events from pieces of a stream, wherever the pieces were cut.
#[derive(Default)]
pub(super) struct Events {
    /// The line that the last piece broke off in.
    partial: Vec<u8>,
    /// A carriage return ended the last piece: a line feed that follows belongs to it.
    after_cr: bool,
    begun: bool,
    data: Vec<u8>,
}

impl Events {
    /// Gives each event's data, its lines joined by line feeds, to `each`. An event without data is none.
    pub(super) fn push(&mut self, mut bytes: &[u8], mut each: impl FnMut(&[u8])) {
        while !bytes.is_empty() {
            if std::mem::take(&mut self.after_cr) && bytes.first() == Some(&b'\n') {
                bytes = bytes.get(1..).unwrap_or_default();
                continue;
            }
            let Some(end) = memchr2(b'\n', b'\r', bytes) else {
                self.partial.extend_from_slice(bytes);
                return;
            };
            let (line, rest) = bytes.split_at(end);
            self.after_cr = rest.first() == Some(&b'\r');
            bytes = rest.get(1..).unwrap_or_default();
            if self.partial.is_empty() {
                self.line(line, &mut each);
            } else {
                let mut whole = std::mem::take(&mut self.partial);
                whole.extend_from_slice(line);
                self.line(&whole, &mut each);
                whole.clear();
                self.partial = whole;
            }
        }
    }

    /// Bytes held until their event is complete.
    pub(super) fn held_bytes(&self) -> usize {
        self.partial.len() + self.data.len()
    }

    fn line(&mut self, mut line: &[u8], each: &mut impl FnMut(&[u8])) {
        if !std::mem::replace(&mut self.begun, true) {
            line = line.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(line);
        }
        if line.is_empty() {
            // The last line feed joins nothing. Data that is empty is no event.
            if let Some((_, data)) = self.data.split_last().filter(|(_, data)| !data.is_empty()) {
                each(data);
            }
            self.data.clear();
        } else if let Some(value) = line.strip_prefix(b"data:") {
            self.data
                .extend_from_slice(value.strip_prefix(b" ").unwrap_or(value));
            self.data.push(b'\n');
        } else if line == b"data" {
            self.data.push(b'\n');
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pieces: &[&[u8]]) -> Vec<String> {
        let (mut events, mut seen) = (Events::default(), Vec::new());
        for piece in pieces {
            events.push(piece, |data| {
                seen.push(String::from_utf8_lossy(data).into_owned())
            });
        }
        seen
    }

    const TABLE: [(&str, &[&str]); 10] = [
        ("data: a\n\n", &["a"]),
        ("data:a\r\n\r\ndata: b\r\r", &["a", "b"]),
        ("event: message\nid: 7\nretry: 3000\ndata: a\n\n", &["a"]),
        ("data: a\ndata: b\n\n", &["a\nb"]),
        ("data:  two spaces\n\n", &[" two spaces"]),
        (": comment\n\ndata: a\n\n", &["a"]),
        ("data: \nid: 0\nretry: 3000\n\ndata\n\ndata: a\n\n", &["a"]),
        ("\u{feff}data: a\n\n", &["a"]),
        ("data: never ended\n", &[]),
        ("database: no\ndata: a\r\n\ndata: b\n\n", &["a", "b"]),
    ];

    #[test]
    fn events_are_read_as_the_standard_says() {
        for (stream, expected) in TABLE {
            assert_eq!(read(&[stream.as_bytes()]), expected, "{stream:?}");
        }
    }

    #[test]
    fn any_cutting_of_a_stream_gives_the_same_events() {
        for (stream, expected) in TABLE {
            let bytes = stream.as_bytes();
            for first in 0..=bytes.len() {
                for second in first..=bytes.len() {
                    let pieces = [&bytes[..first], &bytes[first..second], &bytes[second..]];
                    assert_eq!(
                        read(&pieces),
                        expected,
                        "{stream:?} cut at {first} and {second}"
                    );
                }
            }
        }
    }
}
