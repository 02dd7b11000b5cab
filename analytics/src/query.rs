//! Reading the trail back with any SELECT, within limits.
//!
//! The statement goes to the store as it is; that it can only read, and only so much for so
//! long, is settings that it cannot change (`readonly = 2`), not our reading of its text.

use std::io::{self, Write};

use ::clickhouse::{Client, error::Error, query::Query};

use crate::{Store, clickhouse::ConnectError};

/// Longest time for one statement.
pub const QUERY_SECONDS_MAX: u32 = 60;
/// Most rows and most bytes of one answer.
pub const RESULT_ROWS_MAX: u32 = 100_000;
pub const RESULT_BYTES_MAX: u32 = 256 * 1024 * 1024;

/// How an answer is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// Columns under their names, for people.
    #[default]
    Table,
    /// One JSON object a line, for programs.
    Json,
    /// One JSON document: names and types of the columns, then rows as arrays, for pages.
    Columns,
}

impl Format {
    /// ClickHouse's name for it.
    const fn name(self) -> &'static str {
        match self {
            Self::Table => "PrettyCompactMonoBlock",
            Self::Json => "JSONEachRow",
            Self::Columns => "JSONCompact",
        }
    }
}

/// What one statement may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Longest time, in seconds.
    pub seconds: u32,
    /// Most rows of the answer.
    pub rows: u32,
    /// Most bytes of the answer, as ClickHouse holds it in memory.
    pub bytes: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            seconds: QUERY_SECONDS_MAX,
            rows: RESULT_ROWS_MAX,
            bytes: RESULT_BYTES_MAX,
        }
    }
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    #[error("cannot prepare the connection to the store")]
    Connect(#[from] ConnectError),
    #[error("the store did not answer the query")]
    Store(#[from] Error),
    #[error("cannot write the answer")]
    Write(#[from] io::Error),
}

/// Runs one statement that reads and writes its answer to `out`, piece by piece.
pub async fn query(
    store: &Store,
    sql: &str,
    format: Format,
    out: &mut impl Write,
) -> Result<(), QueryError> {
    query_within(store, sql, format, Limits::default(), out).await
}

/// As [`query()`], within limits of the asker's own. They are settings of the request, so that they
/// hold for the whole statement.
pub async fn query_within(
    store: &Store,
    sql: &str,
    format: Format,
    limits: Limits,
    out: &mut impl Write,
) -> Result<(), QueryError> {
    let sql = sql.trim().trim_end_matches(';');
    let client = reading(store.reader().await?, limits);
    write(client.query_raw(sql), format, out).await
}

/// Writes what a statement answers.
pub(crate) async fn write(
    statement: Query,
    format: Format,
    out: &mut impl Write,
) -> Result<(), QueryError> {
    let mut answer = statement
        .with_setting("output_format_pretty_color", "0")
        .with_setting("output_format_pretty_row_numbers", "0")
        .with_setting("output_format_pretty_max_rows", RESULT_ROWS_MAX.to_string())
        .fetch_bytes(format.name())?;
    while let Some(piece) = answer.next().await? {
        match format {
            Format::Table => out.write_all(&without_controls(&piece))?,
            // JSON escapes them.
            Format::Json | Format::Columns => out.write_all(&piece)?,
        }
    }
    out.flush()?;
    Ok(())
}

/// A table is for a terminal, and names and error texts in it come from strangers: an escape
/// sequence must not reach it.
fn without_controls(piece: &[u8]) -> Vec<u8> {
    let shown = |byte: &u8| match byte {
        b'\n' => b'\n',
        byte if byte.is_ascii_control() => b'?',
        byte => *byte,
    };
    piece.iter().map(shown).collect()
}

/// A client that can only read, within the limits.
pub(crate) async fn reading_client(store: &Store) -> Result<Client, ConnectError> {
    Ok(reading(store.reader().await?, Limits::default()))
}

/// The limits, on a client.
pub(crate) fn reading(client: Client, limits: Limits) -> Client {
    client
        .with_setting("readonly", "2")
        .with_setting("max_execution_time", limits.seconds.to_string())
        .with_setting("max_result_rows", limits.rows.to_string())
        .with_setting("max_result_bytes", limits.bytes.to_string())
        .with_setting("result_overflow_mode", "throw")
}
