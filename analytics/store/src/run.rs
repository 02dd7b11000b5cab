//! Running one statement on the engine: a connection of its own, the data in, the answer out.
//!
//! Everything here blocks and belongs on a thread for it. A connection is never used twice, so no
//! setting, database or fault of one statement reaches another.

use std::ffi::CStr;
use std::time::Instant;

use bytes::Bytes;

use crate::body::{Data, Statement};
use crate::engine::{Answer, Connection, Engine};
use crate::exception::Exception;
use crate::native;
use crate::outlet::{Opening, Outlet, Summary};
use crate::request::Request;
use crate::select::{comes_apart, select};

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

/// A statement at work.
pub(crate) struct Work<'a> {
    pub(crate) request: &'a Request,
    pub(crate) statement: &'a Statement,
    started: Instant,
}

/// Runs the statement of a request and answers into `outlet`.
pub(crate) fn run(engine: &Engine, mut request: Request, body: Bytes, outlet: Outlet) {
    let started = Instant::now();
    let mut statement = match Statement::read(&mut request, body) {
        Ok(statement) => statement,
        Err(exception) => return outlet.answer(Err(exception)),
    };
    let data = statement.data.take();
    let work = Work {
        request: &request,
        statement: &statement,
        started,
    };
    let in_pieces = comes_apart(&request, &statement);
    let mut connection = match connect(engine, &work, data.is_some(), in_pieces) {
        Ok(connection) => connection,
        Err(exception) => return outlet.answer(Err(exception)),
    };
    match data {
        Some(data) => outlet.answer(insert(&work, &mut connection, data)),
        None if in_pieces => select(&work, &mut connection, outlet),
        None => outlet.answer(query(&work, &mut connection)),
    }
}

/// Runs a statement whose answer comes whole.
pub(crate) fn query(work: &Work<'_>, connection: &mut Connection) -> Result<Opening, Exception> {
    let statement = work.statement;
    let answer = connection.query(&statement.text, &statement.format, &work.request.parameters)?;
    Ok(work.opening(answer))
}

fn insert(
    work: &Work<'_>,
    connection: &mut Connection,
    mut data: Data,
) -> Result<Opening, Exception> {
    let mut insert =
        connection.insert(&work.statement.text, &data.format, &work.request.parameters)?;
    let mut buffer = vec![0; CHUNK_BYTES];
    loop {
        let count = data.read(&mut buffer)?;
        if count == 0 {
            return Ok(work.opening(insert.finish()?));
        }
        insert.append(buffer.get(..count).unwrap_or_default())?;
    }
}

/// Opens a connection with the request's settings and database.
fn connect(
    engine: &Engine,
    work: &Work<'_>,
    takes_data: bool,
    in_pieces: bool,
) -> Result<Connection, Exception> {
    let mut defaults = DEFAULTS.to_vec();
    if takes_data {
        defaults.extend(WHOLE_INSERT);
    }
    if !in_pieces {
        defaults.extend(WHOLE_ANSWER);
    }
    let mut connection = engine
        .connect(&defaults)
        .map_err(|error| Exception::from_engine(error.to_string()))?;
    let request = work.request;
    if !request.database.is_empty() {
        let text = format!("USE `{}`", escaped(&request.database, '`'));
        connection.query(text.as_bytes(), "Null", &[])?;
    }
    if !request.settings.is_empty() {
        // By SET and not as arguments, of which the engine ignores those that it does not know.
        connection.query(set_text(&request.settings).as_bytes(), "Null", &[])?;
    }
    Ok(connection)
}

fn set_text(settings: &[(String, String)]) -> String {
    // Last what forbids changes, or it would forbid the rest.
    let (locks, others): (Vec<_>, Vec<_>) =
        settings.iter().partition(|(name, _)| name == "readonly");
    let pairs: Vec<String> = others
        .into_iter()
        .chain(locks)
        .map(|(name, value)| format!("{name}='{}'", escaped(value, '\'')))
        .collect();
    format!("SET {}", pairs.join(", "))
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

impl Work<'_> {
    /// Opens with an answer that is whole.
    pub(crate) fn opening(&self, answer: Answer) -> Opening {
        let summary = self.summary(&answer);
        self.opening_of(summary, self.encode(answer, 0))
    }

    /// Opens with these bytes.
    pub(crate) fn opening_of(&self, summary: Summary, whole: Bytes) -> Opening {
        Opening {
            format: self.statement.format.clone(),
            summary,
            whole: Some(whole),
        }
    }

    /// An answer's bytes as the client wants them, without its first `head_bytes`.
    pub(crate) fn encode(&self, answer: Answer, head_bytes: usize) -> Bytes {
        if self.request.compress {
            let data = answer.as_ref().get(head_bytes..).unwrap_or_default();
            return native::compress(data).into();
        }
        // No copy: the engine's buffer is freed when the socket has taken it.
        Bytes::from_owner(answer).slice(head_bytes..)
    }

    /// The counts of an answer, or of its first piece.
    pub(crate) fn summary(&self, answer: &Answer) -> Summary {
        let rows = answer.rows_read();
        // Of an INSERT … SELECT the engine counts the rows that passed, not those it wrote.
        let (written_rows, result_rows) = if self.statement.inserts {
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
            elapsed: self.started.elapsed(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_cannot_leave_their_quotes() {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let settings = [pair("readonly", "1"), pair("a", r"x'y\"), pair("b", "")];
        assert_eq!(set_text(&settings), r"SET a='x\'y\\', b='', readonly='1'");
        assert_eq!(escaped("a`; DROP", '`'), r"a\`; DROP");
    }
}
