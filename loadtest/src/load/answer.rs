//! HTTP/1.1 answers, cut out of a stream of bytes (RFC 9112).
//!
//! No socket here: bytes go in as they arrive, the body comes out with its framing removed.

use bytes::{Buf, BytesMut};
use memchr::{memchr, memmem};

/// An answer's head may be this large.
pub(super) const HEAD_BYTES_MAX: usize = 256 * 1024;
/// A chunk's size line or a trailer line may be this long.
const LINE_BYTES_MAX: usize = 8 * 1024;

/// What the head of an answer says, as far as a call needs it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) status: u16,
    /// The body is `text/event-stream`.
    pub(super) streams: bool,
    pub(super) session: Option<String>,
    /// The connection ends with this answer.
    pub(super) closes: bool,
    length: Option<u64>,
    chunked: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    More,
    End,
}

/// Why bytes are no HTTP answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(super) struct Malformed(pub(super) &'static str);

#[derive(Clone, Copy, Debug)]
enum State {
    Head,
    Sized(u64),
    ChunkSize,
    Chunk(u64),
    ChunkEnd,
    Trailer,
    UntilClose,
    Done,
}

/// Reads one answer.
pub(super) struct Decoder {
    state: State,
    head: Head,
}

impl Decoder {
    pub(super) fn new() -> Self {
        Self {
            state: State::Head,
            head: Head::default(),
        }
    }

    /// The head, once it has been read.
    pub(super) fn head(&self) -> Option<&Head> {
        (!matches!(self.state, State::Head)).then_some(&self.head)
    }

    /// Takes what it can from `input` and appends the part of it that is body to `body`.
    pub(super) fn push(
        &mut self,
        input: &mut BytesMut,
        body: &mut Vec<u8>,
    ) -> Result<Progress, Malformed> {
        loop {
            self.state = match self.state {
                State::Head => {
                    let Some(end) = memmem::find(input, b"\r\n\r\n") else {
                        return within(input, HEAD_BYTES_MAX, "the head is too large");
                    };
                    self.head = Head::read(&input.split_to(end + 4))?;
                    self.head.body_state()
                }
                State::Sized(0) => State::Done,
                State::Sized(left) => match take(input, left, body) {
                    Some(left) => State::Sized(left),
                    None => return Ok(Progress::More),
                },
                State::ChunkSize => match line(input)? {
                    Some(size) => match chunk_size(&size)? {
                        0 => State::Trailer,
                        size => State::Chunk(size),
                    },
                    None => return Ok(Progress::More),
                },
                State::Chunk(0) => State::ChunkEnd,
                State::Chunk(left) => match take(input, left, body) {
                    Some(left) => State::Chunk(left),
                    None => return Ok(Progress::More),
                },
                State::ChunkEnd => match line(input)? {
                    Some(end) if end.is_empty() => State::ChunkSize,
                    Some(_) => return Err(Malformed("a chunk is longer than its size")),
                    None => return Ok(Progress::More),
                },
                State::Trailer => match line(input)? {
                    Some(end) if end.is_empty() => State::Done,
                    Some(_) => State::Trailer,
                    None => return Ok(Progress::More),
                },
                State::UntilClose => {
                    body.extend_from_slice(input);
                    input.clear();
                    return Ok(Progress::More);
                }
                State::Done => return Ok(Progress::End),
            };
        }
    }

    /// Whether the answer is whole now that the peer has closed.
    pub(super) fn ends_with_close(&self) -> bool {
        matches!(self.state, State::UntilClose | State::Done)
    }
}

impl Head {
    fn read(bytes: &[u8]) -> Result<Self, Malformed> {
        let text = std::str::from_utf8(bytes).map_err(|_| Malformed("the head is not text"))?;
        let mut lines = text.split("\r\n");
        let status = lines.next().and_then(|line| line.strip_prefix("HTTP/1.1 "));
        let status = status
            .and_then(|rest| rest.get(..3))
            .and_then(|code| code.parse().ok());
        let mut head = Self {
            status: status.ok_or(Malformed("no status line"))?,
            ..Self::default()
        };
        for line in lines.filter(|line| !line.is_empty()) {
            let (name, value) = line
                .split_once(':')
                .ok_or(Malformed("a header without a colon"))?;
            head.note(name, value.trim_matches([' ', '\t']))?;
        }
        if head.chunked && head.length.is_some() {
            return Err(Malformed("both Content-Length and Transfer-Encoding"));
        }
        Ok(head)
    }

    fn note(&mut self, name: &str, value: &str) -> Result<(), Malformed> {
        if name.eq_ignore_ascii_case("content-length") {
            let length = value
                .parse()
                .map_err(|_| Malformed("Content-Length is no number"))?;
            if self
                .length
                .replace(length)
                .is_some_and(|earlier| earlier != length)
            {
                return Err(Malformed("two different Content-Lengths"));
            }
        } else if name.eq_ignore_ascii_case("transfer-encoding") {
            self.chunked = value.eq_ignore_ascii_case("chunked");
            if !self.chunked {
                return Err(Malformed("an unknown Transfer-Encoding"));
            }
        } else if name.eq_ignore_ascii_case("content-type") {
            self.streams = value
                .get(..17)
                .is_some_and(|media| media.eq_ignore_ascii_case("text/event-stream"));
        } else if name.eq_ignore_ascii_case("mcp-session-id") {
            self.session = Some(value.to_owned());
        } else if name.eq_ignore_ascii_case("connection") {
            self.closes = value.eq_ignore_ascii_case("close");
        }
        Ok(())
    }

    fn body_state(&self) -> State {
        match (self.status, self.chunked, self.length) {
            // An interim answer such as 100 Continue: the real one follows.
            (100..=199, ..) => State::Head,
            (204 | 304, ..) => State::Done,
            (_, true, _) => State::ChunkSize,
            (_, false, Some(length)) => State::Sized(length),
            (_, false, None) => State::UntilClose,
        }
    }
}

/// Moves at most `left` bytes to `body` and says how many are still to come; None when there was nothing to move.
fn take(input: &mut BytesMut, left: u64, body: &mut Vec<u8>) -> Option<u64> {
    let count = input.len().min(usize::try_from(left).unwrap_or(usize::MAX));
    if count == 0 {
        return None;
    }
    body.extend_from_slice(input.get(..count)?);
    input.advance(count);
    Some(left - count as u64)
}

/// The next line without its end, when it has arrived.
fn line(input: &mut BytesMut) -> Result<Option<BytesMut>, Malformed> {
    let Some(end) = memchr(b'\n', input) else {
        return within(input, LINE_BYTES_MAX, "a line is too long").map(|_| None);
    };
    let mut line = input.split_to(end + 1);
    if line.len() > LINE_BYTES_MAX {
        return Err(Malformed("a line is too long"));
    }
    line.truncate(end);
    match line.split_last() {
        Some((b'\r', rest)) => {
            let length = rest.len();
            line.truncate(length);
            Ok(Some(line))
        }
        _ => Err(Malformed("a line ends without a carriage return")),
    }
}

fn chunk_size(line: &[u8]) -> Result<u64, Malformed> {
    let digits = line
        .split(|b| *b == b';')
        .next()
        .unwrap_or_default()
        .trim_ascii();
    let text = std::str::from_utf8(digits)
        .ok()
        .filter(|t| t.bytes().all(|b| b.is_ascii_hexdigit()));
    text.and_then(|t| u64::from_str_radix(t, 16).ok())
        .ok_or(Malformed("a chunk's size is no number"))
}

fn within(input: &BytesMut, bytes_max: usize, why: &'static str) -> Result<Progress, Malformed> {
    if input.len() > bytes_max {
        Err(Malformed(why))
    } else {
        Ok(Progress::More)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Read = Result<(u16, String, usize), Malformed>;

    /// Status, body and the number of bytes left for the next answer.
    fn read(pieces: &[&[u8]]) -> Option<Read> {
        let (mut decoder, mut input, mut body) = (Decoder::new(), BytesMut::new(), Vec::new());
        let mut ended = false;
        for piece in pieces {
            input.extend_from_slice(piece);
            match decoder.push(&mut input, &mut body) {
                Ok(progress) => ended = progress == Progress::End,
                Err(malformed) => return Some(Err(malformed)),
            }
        }
        let status = decoder.head()?.status;
        ended.then(|| {
            Ok((
                status,
                String::from_utf8_lossy(&body).into_owned(),
                input.len(),
            ))
        })
    }

    const GOOD: [(&str, u16, &str, usize); 8] = [
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
            200,
            "hello",
            0,
        ),
        (
            "HTTP/1.1 200 OK\r\ncontent-length:5\r\n\r\nhelloHTTP",
            200,
            "hello",
            4,
        ),
        (
            "HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n",
            202,
            "",
            0,
        ),
        ("HTTP/1.1 204 No Content\r\n\r\n", 204, "", 0),
        (
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na",
            200,
            "a",
            0,
        ),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
            200,
            "hello",
            0,
        ),
        (
            "HTTP/1.1 200 OK\r\ntransfer-encoding: Chunked\r\n\r\n00A;x=y\r\n0123456789\r\n1\r\n!\r\n0\r\nT: v\r\n\r\nN",
            200,
            "0123456789!",
            1,
        ),
        (
            "HTTP/1.1 404 Not Found\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            404,
            "",
            0,
        ),
    ];

    #[test]
    fn any_cutting_of_an_answer_gives_the_same_body() {
        for (text, status, body, left) in GOOD {
            let bytes = text.as_bytes();
            for first in 0..=bytes.len() {
                for second in first..=bytes.len() {
                    let pieces = [&bytes[..first], &bytes[first..second], &bytes[second..]];
                    let expected = Some(Ok((status, body.to_owned(), left)));
                    assert_eq!(
                        read(&pieces),
                        expected,
                        "{text:?} cut at {first} and {second}"
                    );
                }
            }
        }
    }

    #[test]
    fn no_answer_is_whole_before_its_last_byte() {
        for (text, _, _, left) in GOOD {
            let whole = text.len() - left;
            for end in 0..whole {
                assert_eq!(
                    read(&[&text.as_bytes()[..end]]),
                    None,
                    "{text:?} up to {end}"
                );
            }
        }
    }

    #[test]
    fn malformed_answers_are_refused() {
        let table = [
            "HTTP/1.0 200 OK\r\n\r\n",
            "nonsense\r\n\r\n",
            "HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n+5\r\nhello\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhello\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\nhe\r\n",
        ];
        for text in table {
            assert!(matches!(read(&[text.as_bytes()]), Some(Err(_))), "{text:?}");
        }
    }

    #[test]
    fn a_body_without_a_length_ends_with_the_connection() {
        let (mut decoder, mut body) = (Decoder::new(), Vec::new());
        let mut input = BytesMut::from(
            &b"HTTP/1.1 200 OK\r\nContent-Type: Text/Event-Stream; charset=utf-8\r\n\r\nab"[..],
        );
        assert_eq!(decoder.push(&mut input, &mut body), Ok(Progress::More));
        assert!(decoder.ends_with_close() && decoder.head().expect("a head").streams);
        assert_eq!(body, b"ab");
    }
}
