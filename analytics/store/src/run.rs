//! Running one statement on the engine: a connection of its own, the data in, the answer out.
//!
//! Everything here blocks and belongs on a thread for it. The answer leaves through a channel that
//! holds a few pieces; a client that stops reading stops the engine, and one that goes away, or
//! reads nothing for a minute, cancels the statement.

use std::ffi::CStr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};

use crate::body::{Data, Statement};
use crate::engine::{Answer, Connection, Engine};
use crate::exception::Exception;
use crate::native;
use crate::request::Request;

/// Pieces of an answer between the engine and the socket, at most.
pub(crate) const PIECES_MAX: usize = 4;
/// How long a client may leave an answer unread.
const STALL_MAX: Duration = Duration::from_secs(60);
/// Data handed to the engine at once.
const CHUNK_BYTES: usize = 1 << 20;

/// What holds for every statement unless its request says otherwise: a memory bound, a time bound.
const DEFAULTS: [&CStr; 3] = [
    c"--implicit_select=0",
    c"--max_memory_usage=4294967296",
    c"--max_execution_time=600",
];
/// An answer that must be held whole, before formatting, at most. Formatted it may be ten times that.
const WHOLE_ANSWER: [&CStr; 1] = [c"--max_result_bytes=67108864"];
/// One block from start to end, so that an INSERT whose data turns out broken stores nothing. The
/// body's own bound limits the block.
const WHOLE_INSERT: [&CStr; 2] = [
    c"--min_insert_block_size_rows=1000000000000",
    c"--min_insert_block_size_bytes=1000000000000",
];

/// Counts of a statement, for `X-ClickHouse-Summary`.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Summary {
    pub(crate) read_rows: u64,
    pub(crate) read_bytes: u64,
    pub(crate) written_rows: u64,
    pub(crate) written_bytes: u64,
    pub(crate) result_rows: u64,
    pub(crate) result_bytes: u64,
    pub(crate) elapsed: Duration,
}

/// The beginning of an answer that succeeds, at least so far.
pub(crate) struct Opening {
    pub(crate) format: String,
    pub(crate) summary: Summary,
    pub(crate) content: Content,
}

/// How the answer's bytes come.
pub(crate) enum Content {
    /// All of them.
    Whole(Bytes),
    /// Through the channel.
    Pieces,
}

/// One piece of an answer, or the exception that ends it early.
pub(crate) type Piece = Result<Bytes, Exception>;

/// Where an answer goes.
pub(crate) struct Outlet {
    pub(crate) opening: oneshot::Sender<Result<Opening, Exception>>,
    pub(crate) pieces: mpsc::Sender<Piece>,
}

/// Runs the statement of a request and answers into `outlet`.
pub(crate) fn run(engine: &Engine, mut request: Request, body: Bytes, outlet: Outlet) {
    let started = Instant::now();
    let work = Statement::read(&mut request, body).and_then(|statement| {
        let connection = connect(engine, &request, &statement)?;
        Ok((statement, connection))
    });
    let (mut statement, mut connection) = match work {
        Ok(work) => work,
        Err(exception) => return drop(outlet.opening.send(Err(exception))),
    };
    if let Some(data) = statement.data.take() {
        let answer = insert(&mut connection, &statement, data, &request);
        return open_whole(outlet, &request, &statement, started, answer);
    }
    if comes_apart(&statement) {
        return select(&mut connection, &statement, &request, started, outlet);
    }
    let answer = connection.query(&statement.text, &statement.format, &request.parameters);
    open_whole(outlet, &request, &statement, started, answer);
}

/// Opens a connection with the request's settings and database.
fn connect(
    engine: &Engine,
    request: &Request,
    statement: &Statement,
) -> Result<Connection, Exception> {
    let mut defaults = DEFAULTS.to_vec();
    if statement.data.is_some() {
        defaults.extend(WHOLE_INSERT);
    }
    if !comes_apart(statement) {
        defaults.extend(WHOLE_ANSWER);
    }
    let mut connection = engine
        .connect(&defaults)
        .map_err(|error| Exception::from_engine(error.to_string()))?;
    if !request.database.is_empty() {
        let text = format!("USE `{}`", escaped(&request.database, '`'));
        connection.query(text.as_bytes(), "Null", &[])?;
    }
    if !request.settings.is_empty() {
        // Last what forbids changes, or it would forbid the rest.
        let (locks, others): (Vec<_>, Vec<_>) = request
            .settings
            .iter()
            .partition(|(name, _)| name == "readonly");
        let pairs: Vec<String> = others
            .into_iter()
            .chain(locks)
            .map(|(name, value)| format!("{name}='{}'", escaped(value, '\'')))
            .collect();
        connection.query(format!("SET {}", pairs.join(", ")).as_bytes(), "Null", &[])?;
    }
    Ok(connection)
}

fn escaped(text: &str, quote: char) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c == '\\' || c == quote {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

fn insert(
    connection: &mut Connection,
    statement: &Statement,
    mut data: Data,
    request: &Request,
) -> Result<Answer, Exception> {
    let mut insert = connection.insert(&statement.text, &data.format, &request.parameters)?;
    let mut buffer = vec![0; CHUNK_BYTES];
    loop {
        let count = data.read(&mut buffer)?;
        if count == 0 {
            return insert.finish();
        }
        insert.append(buffer.get(..count).unwrap_or_default())?;
    }
}

/// Whether the answer can be fetched in pieces that are put one after another. Most formats have a
/// head or a foot, and the engine gives every piece its own.
fn comes_apart(statement: &Statement) -> bool {
    if !statement.selects {
        return false;
    }
    let json_array = || memchr::memmem::find(&statement.text, b"array_of_rows").is_some();
    match statement.format.to_ascii_lowercase().as_str() {
        "rowbinary" | "rowbinarywithnamesandtypes" | "native" | "tabseparated" | "tsv" | "csv" => {
            true
        }
        "jsoneachrow" | "jsonlines" | "ndjson" => !json_array(),
        _ => false,
    }
}

fn select(
    connection: &mut Connection,
    statement: &Statement,
    request: &Request,
    started: Instant,
    outlet: Outlet,
) {
    let stream = connection.stream(&statement.text, &statement.format, &request.parameters);
    if stream
        .as_ref()
        .is_err_and(|exception| exception.text.contains("Streaming query is not supported"))
    {
        // A WITH … INSERT, say. It has not run yet.
        drop(stream);
        let answer = connection.query(&statement.text, &statement.format, &request.parameters);
        return open_whole(outlet, request, statement, started, answer);
    }
    let mut stream = match stream {
        Ok(stream) => stream,
        Err(exception) => return drop(outlet.opening.send(Err(exception))),
    };
    // An answer of one piece, as most are, goes out whole, with its length and its counts. So two
    // are fetched before anything is said.
    let first = match stream.fetch() {
        Ok(Some(first)) => first,
        Ok(None) => {
            return open(
                outlet.opening,
                statement,
                Summary {
                    elapsed: started.elapsed(),
                    ..Summary::default()
                },
                Content::Whole(Bytes::new()),
            );
        }
        Err(exception) => return drop(outlet.opening.send(Err(exception))),
    };
    let mut second = match stream.fetch() {
        Ok(Some(second)) => second,
        Ok(None) => return open_whole(outlet, request, statement, started, Ok(first)),
        Err(exception) => return drop(outlet.opening.send(Err(exception))),
    };
    let head_bytes = repeated_head(&statement.format, first.as_ref());
    let summary = summary_of(&first, statement, started);
    open(outlet.opening, statement, summary, Content::Pieces);
    if !send(&outlet.pieces, Ok(encode(request, first, 0))) {
        return;
    }
    loop {
        if second.as_ref().len() > head_bytes
            && !send(&outlet.pieces, Ok(encode(request, second, head_bytes)))
        {
            return;
        }
        second = match stream.fetch() {
            Ok(Some(next)) => next,
            Ok(None) => return,
            Err(exception) => {
                send(&outlet.pieces, Err(exception));
                return;
            }
        };
    }
}

/// `RowBinaryWithNamesAndTypes` begins with the number of columns, their names and their types; how
/// many bytes that takes. The engine repeats it before every piece.
fn repeated_head(format: &str, piece: &[u8]) -> usize {
    if !format.eq_ignore_ascii_case("RowBinaryWithNamesAndTypes") {
        return 0;
    }
    let mut rest = piece;
    let columns = take_varint(&mut rest).unwrap_or(0);
    for _ in 0..columns.saturating_mul(2) {
        let Some(after) = take_varint(&mut rest).and_then(|length| rest.get(length..)) else {
            return 0;
        };
        rest = after;
    }
    piece.len() - rest.len()
}

/// An unsigned LEB128 number.
fn take_varint(rest: &mut &[u8]) -> Option<usize> {
    let mut value = 0_usize;
    for shift in (0..usize::BITS).step_by(7) {
        let (&byte, after) = rest.split_first()?;
        *rest = after;
        value |= usize::from(byte & 0x7f).checked_shl(shift)?;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

/// Sends a piece, waiting for a slow reader as long as is decent. `false`: nobody wants the rest.
fn send(pieces: &mpsc::Sender<Piece>, piece: Piece) -> bool {
    Handle::current().block_on(async {
        matches!(
            tokio::time::timeout(STALL_MAX, pieces.send(piece)).await,
            Ok(Ok(()))
        )
    })
}

fn encode(request: &Request, piece: Answer, head_bytes: usize) -> Bytes {
    if request.compress {
        return native::compress(piece.as_ref().get(head_bytes..).unwrap_or_default()).into();
    }
    // No copy: the engine's buffer is freed when the socket has taken it.
    Bytes::from_owner(piece).slice(head_bytes..)
}

fn open_whole(
    outlet: Outlet,
    request: &Request,
    statement: &Statement,
    started: Instant,
    answer: Result<Answer, Exception>,
) {
    match answer {
        Ok(answer) => {
            let summary = summary_of(&answer, statement, started);
            open(
                outlet.opening,
                statement,
                summary,
                Content::Whole(encode(request, answer, 0)),
            );
        }
        Err(exception) => drop(outlet.opening.send(Err(exception))),
    }
}

fn open(
    opening: oneshot::Sender<Result<Opening, Exception>>,
    statement: &Statement,
    summary: Summary,
    content: Content,
) {
    // Nobody may be waiting any more; the statement has run all the same.
    drop(opening.send(Ok(Opening {
        format: statement.format.clone(),
        summary,
        content,
    })));
}

fn summary_of(answer: &Answer, statement: &Statement, started: Instant) -> Summary {
    let rows = answer.rows_read();
    // Of an INSERT … SELECT the engine counts the rows that passed, not those it wrote.
    let (written_rows, result_rows) = if statement.inserts {
        (answer.rows_written().max(rows), 0)
    } else {
        (0, rows)
    };
    Summary {
        read_rows: rows,
        read_bytes: answer.bytes_read(),
        written_rows,
        written_bytes: answer.bytes_written(),
        result_rows,
        result_bytes: answer.as_ref().len() as u64,
        elapsed: started.elapsed(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn measures_the_repeated_head() {
        let piece = b"\x02\x01n\x01s\x06UInt64\x06String\x07\0\0\0\0\0\0\0\x01x";
        assert_eq!(repeated_head("RowBinaryWithNamesAndTypes", piece), 19);
        assert_eq!(repeated_head("RowBinary", piece), 0);
        for length in 0..19 {
            assert_eq!(
                repeated_head("RowBinaryWithNamesAndTypes", &piece[..length]),
                0,
                "cut to {length}"
            );
        }
    }

    #[test]
    fn settings_cannot_leave_their_quotes() {
        assert_eq!(escaped(r"a'b\", '\''), r"a\'b\\");
        assert_eq!(escaped("a`; DROP", '`'), r"a\`; DROP");
    }
}
