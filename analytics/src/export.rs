//! The trail as a file: every row of a span of time, in the order of its identity.

use std::io::Write;

use crate::{
    Store,
    query::{Limits, QueryError, reading},
};

/// Longest time for one export.
const EXPORT_SECONDS_MAX: &str = "86400";

/// How rows are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// One JSON object a line.
    #[default]
    Json,
    /// Comma-separated, with the columns' names first.
    Csv,
    Parquet,
}

impl Format {
    const fn name(self) -> &'static str {
        match self {
            Self::Json => "JSONEachRow",
            Self::Csv => "CSVWithNames",
            Self::Parquet => "Parquet",
        }
    }

    /// What of each row is written. Trace and span are bytes, which text cannot hold: it has them
    /// in lower-case hexadecimal.
    const fn columns(self) -> &'static str {
        match self {
            Self::Json | Self::Csv => {
                "* EXCEPT (trace_id, span_id), trace_hex, lower(hex(span_id)) AS span_hex, event_id"
            }
            Self::Parquet => "*, trace_hex, event_id",
        }
    }
}

/// Writes the rows from `since` up to and without `until` to `out`, piece by piece. Both are times
/// in UTC as ClickHouse reads them: `2026-11-22`, `2026-11-22 10:51:07`.
///
/// # Errors
/// The store could not be asked, did not understand a time, or `out` could not be written. What was
/// written until then is no whole export.
pub async fn export(
    store: &Store,
    since: &str,
    until: &str,
    format: Format,
    out: &mut impl Write,
) -> Result<(), QueryError> {
    let columns = format.columns();
    let sql = format!(
        "SELECT {columns} FROM audit_log \
        WHERE ts >= parseDateTime64BestEffort(?, 6, 'UTC') AND ts < parseDateTime64BestEffort(?, 6, 'UTC') \
        ORDER BY gateway, epoch, seq"
    );
    let readers = store.readers().await?;
    for client in readers {
        let mut answer = reading(client, Limits::default())
            .with_setting("max_execution_time", EXPORT_SECONDS_MAX)
            .with_setting("max_result_rows", "0")
            .with_setting("max_result_bytes", "0")
            .query(&sql)
            .bind(since)
            .bind(until)
            .fetch_bytes(format.name())?;
        while let Some(piece) = answer.next().await? {
            out.write_all(&piece)?;
        }
    }
    out.flush()?;
    Ok(())
}
