//! Requests, cut out of a connection's bytes.

use bytes::{Bytes, BytesMut};
use memchr::memmem;

const HEAD_BYTES_MAX: usize = 64 * 1024;
const BODY_BYTES_MAX: usize = 64 * 1024 * 1024;

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Request {
    pub(super) verb: Verb,
    pub(super) body: Bytes,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verb {
    Post,
    Get,
    Delete,
}

/// A whole HTTP answer for a request that is not understood; the connection ends with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Refusal(&'static str);

impl Refusal {
    const BAD: Self =
        Self("HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
    const LENGTH: Self =
        Self("HTTP/1.1 411 Length Required\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
    const LARGE: Self =
        Self("HTTP/1.1 413 Content Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");

    pub(super) fn as_bytes(self) -> &'static [u8] {
        self.0.as_bytes()
    }
}

/// Takes the next request off `input`, when it has arrived whole.
pub(super) fn cut(input: &mut BytesMut) -> Result<Option<Request>, Refusal> {
    let Some(end) = memmem::find(input, b"\r\n\r\n") else {
        return if input.len() > HEAD_BYTES_MAX {
            Err(Refusal::BAD)
        } else {
            Ok(None)
        };
    };
    let (verb, body_bytes) = read_head(input.get(..end).unwrap_or_default())?;
    let head_bytes = end + 4;
    if input.len() < head_bytes + body_bytes {
        return Ok(None);
    }
    let mut whole = input.split_to(head_bytes + body_bytes);
    Ok(Some(Request {
        verb,
        body: whole.split_off(head_bytes).freeze(),
    }))
}

fn read_head(head: &[u8]) -> Result<(Verb, usize), Refusal> {
    let text = std::str::from_utf8(head).map_err(|_| Refusal::BAD)?;
    let mut lines = text.split("\r\n");
    let verb = match lines.next().and_then(|line| line.split(' ').next()) {
        Some("POST") => Verb::Post,
        Some("GET") => Verb::Get,
        Some("DELETE") => Verb::Delete,
        _ => return Err(Refusal::BAD),
    };
    let mut body_bytes = None;
    for line in lines {
        let (name, value) = line.split_once(':').ok_or(Refusal::BAD)?;
        if name.eq_ignore_ascii_case("content-length") {
            body_bytes = Some(value.trim().parse().map_err(|_| Refusal::BAD)?);
        }
    }
    match body_bytes {
        Some(bytes) if bytes > BODY_BYTES_MAX => Err(Refusal::LARGE),
        Some(bytes) => Ok((verb, bytes)),
        None if verb == Verb::Post => Err(Refusal::LENGTH),
        None => Ok((verb, 0)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_cut_one_by_one() {
        let two = "POST /mcp HTTP/1.1\r\nHost: a\r\ncontent-length: 2\r\n\r\n{}GET /mcp HTTP/1.1\r\nHost: a\r\n\r\n";
        let mut input = BytesMut::new();
        let mut cuts = Vec::new();
        for byte in two.bytes() {
            input.extend_from_slice(&[byte]);
            cuts.extend(cut(&mut input).expect("well formed"));
        }
        let post = Request {
            verb: Verb::Post,
            body: Bytes::from_static(b"{}"),
        };
        assert_eq!(
            cuts,
            [
                post,
                Request {
                    verb: Verb::Get,
                    body: Bytes::new()
                }
            ]
        );
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        let table = [
            ("PUT / HTTP/1.1\r\n\r\n", Refusal::BAD),
            (
                "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
                Refusal::LENGTH,
            ),
            ("POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n", Refusal::BAD),
            (
                "POST / HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n",
                Refusal::LARGE,
            ),
        ];
        for (text, refusal) in table {
            assert_eq!(cut(&mut BytesMut::from(text)), Err(refusal), "{text:?}");
        }
    }
}
