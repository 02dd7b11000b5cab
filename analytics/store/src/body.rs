//! A request's body put to use: decoded as it is read, bounded, and split into the statement's text and its
//! data. Data is bytes: nothing here asks what they mean.

use std::io::{self, Cursor, Read};

use bytes::Bytes;

use crate::exception::{Exception, code};
use crate::native::Frames;
use crate::request::Request;
use crate::{form, sql};

/// A body once decompressed, at most: a small body must not fill the memory.
const DATA_BYTES_MAX: u64 = 1 << 30;
/// A statement's text, at most. The engine has a bound of its own, `max_query_size`.
const TEXT_BYTES_MAX: usize = 16 << 20;
/// How much of a body is looked at to find an INSERT's FORMAT.
const PEEK_BYTES: usize = 256 << 10;

/// The body's `Content-Encoding`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Coding {
    Identity,
    Gzip,
    Lz4,
    Zstd,
}

impl Coding {
    /// Reads the header's value; refuses what cannot be decoded.
    pub(crate) fn of(header: Option<&str>) -> Result<Self, Exception> {
        match header.map(str::to_ascii_lowercase).as_deref() {
            None | Some("identity") => Ok(Self::Identity),
            Some("gzip" | "x-gzip") => Ok(Self::Gzip),
            Some("lz4") => Ok(Self::Lz4),
            Some("zstd") => Ok(Self::Zstd),
            Some(_) => Err(Exception::new(
                code::UNSUPPORTED_MEDIA_TYPE,
                "UNSUPPORTED_MEDIA_TYPE",
                "Unknown Content-Encoding; the store reads gzip, lz4, zstd and identity",
            )),
        }
    }
}

type Source = Box<dyn Read + Send>;

/// A statement, ready to run.
pub(crate) struct Statement {
    /// The text; of an INSERT with data, what stands before FORMAT.
    pub(crate) text: Vec<u8>,
    /// The answer's format.
    pub(crate) format: String,
    /// A SELECT, so to speak: its answer may be fetched in pieces.
    pub(crate) selects: bool,
    /// An INSERT of any kind.
    pub(crate) inserts: bool,
    pub(crate) data: Option<Data>,
}

/// An INSERT's data.
pub(crate) struct Data {
    pub(crate) format: String,
    source: Source,
}

impl Data {
    /// Fills `buffer` as far as the data reaches; returns how far.
    pub(crate) fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Exception> {
        let mut had = 0;
        while let Some(rest) = buffer.get_mut(had..).filter(|rest| !rest.is_empty()) {
            match self.source.read(rest).map_err(refused)? {
                0 => break,
                count => had += count,
            }
        }
        Ok(had)
    }
}

impl Statement {
    /// Puts URL and body together. Decoding the body happens here and in [`Data::read`], so this
    /// belongs on a thread that may block.
    pub(crate) fn read(request: &mut Request, body: Bytes) -> Result<Self, Exception> {
        let mut source = open(request, body)?;
        if let Some(boundary) = request.boundary.take() {
            let form = read_text(Vec::new(), &mut source, TEXT_BYTES_MAX)?;
            form::read(&form, &boundary, request)?;
        }
        // Where a text comes in two parts, a line end stands between them.
        let mut text = request
            .query
            .trim_end_matches(['\r', '\n'])
            .as_bytes()
            .to_vec();
        if !text.is_empty() {
            text.push(b'\n');
        }
        text = read_text(text, &mut source, PEEK_BYTES)?;
        if sql::sketch(&text).is_none_or(|sketch| sketch.insert.is_none()) {
            text = read_text(text, &mut source, TEXT_BYTES_MAX)?;
            if source.read(&mut [0]).map_err(refused)? > 0 {
                return Err(Exception::too_large("The statement's text is too large"));
            }
        }
        Self::split(text, source, &request.default_format)
    }

    fn split(text: Vec<u8>, source: Source, default_format: &str) -> Result<Self, Exception> {
        let sketch = sql::sketch(&text)
            .ok_or_else(|| Exception::new(code::SYNTAX_ERROR, "SYNTAX_ERROR", "Empty query"))?;
        if sketch.several {
            return Err(Exception::new(
                code::SYNTAX_ERROR,
                "SYNTAX_ERROR",
                "Syntax error (Multi-statements are not allowed)",
            ));
        }
        if sketch.touches_file {
            return Err(Exception::new(
                code::NOT_IMPLEMENTED,
                "NOT_IMPLEMENTED",
                "INTO OUTFILE and FROM INFILE are not for HTTP",
            ));
        }
        let format = sketch.format.unwrap_or(default_format).to_owned();
        let (selects, inserts) = (sketch.selects, sketch.inserts);
        let Some(target) = sketch.insert else {
            return Ok(Self {
                text,
                format,
                selects,
                inserts,
                data: None,
            });
        };
        let (head_bytes, data_at, data_format) =
            (target.head.len(), target.data_at, target.format.to_owned());
        let first = Cursor::new(text.get(data_at..).unwrap_or_default().to_vec());
        let data = Data {
            format: data_format,
            source: Box::new(first.chain(source)),
        };
        let mut text = text;
        text.truncate(head_bytes);
        Ok(Self {
            text,
            format,
            selects,
            inserts,
            data: Some(data),
        })
    }
}

/// Stacks the decoders that the request names, and the bound on what comes out of them.
fn open(request: &Request, body: Bytes) -> Result<Source, Exception> {
    let body = Cursor::new(body);
    let mut source: Source = match request.coding {
        Coding::Identity => Box::new(body),
        Coding::Gzip => Box::new(flate2::read::MultiGzDecoder::new(body)),
        Coding::Lz4 => Box::new(lz4_flex::frame::FrameDecoder::new(body)),
        Coding::Zstd => Box::new(zstd::stream::read::Decoder::new(body).map_err(refused)?),
    };
    if request.decompress {
        source = Box::new(Frames::new(source));
    }
    Ok(Box::new(Bounded {
        source,
        left: DATA_BYTES_MAX,
    }))
}

/// Reads until `text` has `bytes_max` bytes or the source ends.
fn read_text(
    mut text: Vec<u8>,
    source: &mut Source,
    bytes_max: usize,
) -> Result<Vec<u8>, Exception> {
    let room = bytes_max.saturating_sub(text.len());
    source
        .by_ref()
        .take(room as u64)
        .read_to_end(&mut text)
        .map_err(refused)?;
    Ok(text)
}

fn refused(error: io::Error) -> Exception {
    match error.kind() {
        io::ErrorKind::FileTooLarge => {
            Exception::too_large("The body is too large once decompressed")
        }
        _ => Exception::incorrect_data("The body cannot be decompressed"),
    }
}

/// Lets so many bytes through, and fails beyond.
struct Bounded {
    source: Source,
    left: u64,
}

impl Read for Bounded {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = self.source.read(into)?;
        self.left = self
            .left
            .checked_sub(count as u64)
            .ok_or(io::ErrorKind::FileTooLarge)?;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(url: &str, headers: &[(&str, &str)]) -> Request {
        let mut request = axum::http::Request::post(url);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        Request::read(&request.body(()).unwrap().into_parts().0).unwrap()
    }

    fn read(url: &str, body: &'static [u8]) -> Result<(String, Option<Vec<u8>>), Exception> {
        let statement = Statement::read(&mut request(url, &[]), Bytes::from_static(body))?;
        let data = statement.data.map(|mut data| {
            let mut all = vec![0; 100];
            let count = data.read(&mut all).unwrap();
            all.truncate(count);
            all
        });
        Ok((String::from_utf8(statement.text).unwrap(), data))
    }

    #[test]
    fn url_and_body_make_one_statement() {
        let data = |text: &str, data: &[u8]| Ok((text.to_owned(), Some(data.to_vec())));
        let head = "INSERT INTO t ";
        assert_eq!(read("/", b"INSERT INTO t FORMAT CSV\n1"), data(head, b"1"));
        assert_eq!(
            read("/?query=INSERT+INTO+t+FORMAT+CSV", b"\n1"),
            data(head, b"\n1")
        );
        assert_eq!(
            read("/?query=INSERT+INTO+t", b"FORMAT CSV\n1"),
            data("INSERT INTO t\n", b"1")
        );
        assert_eq!(
            read("/?query=INSERT+INTO+t+FORMAT+CSV%0A1", b"2"),
            data(head, b"1\n2")
        );
        assert_eq!(
            read("/?query=INSERT+INTO+t+FORMAT+CSV", b""),
            data(head, b"")
        );
        assert_eq!(
            read("/?query=SELECT", b"1"),
            Ok(("SELECT\n1".to_owned(), None))
        );
        assert_eq!(read("/", b" ").unwrap_err().code, code::SYNTAX_ERROR);
        assert_eq!(
            read("/", b"SELECT 1; SELECT 2").unwrap_err().code,
            code::SYNTAX_ERROR
        );
    }

    #[test]
    fn a_body_that_swells_too_far_is_refused() {
        let mut bounded = Bounded {
            source: Box::new(io::repeat(7)),
            left: 10,
        };
        let error = io::copy(&mut bounded, &mut io::sink()).unwrap_err();
        assert_eq!(refused(error).code, code::QUERY_IS_TOO_LARGE);
    }
}
