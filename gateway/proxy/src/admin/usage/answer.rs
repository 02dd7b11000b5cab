//! One statement at the store, for one panel: it can only read, and only so much for so long.

use std::{
    io::{self, Write},
    time::Duration,
};

use gantry_analytics::query::{self, Format, Limits};
use tokio::{sync::Semaphore, time::timeout};

use super::Fault;
use crate::config::Checked;

/// What one statement may take. A page has a dozen panels, and a person looks at none of them longer.
const LIMITS: Limits = Limits {
    seconds: 10,
    rows: 20_000,
    bytes: 16 << 20,
};
/// Longest for one answer, waiting for a turn included: a store that stands still keeps no reader.
const ANSWER_MAX: Duration = Duration::from_secs(20);
/// The largest answer as JSON, in bytes.
const ANSWER_BYTES_MAX: usize = 32 << 20;

/// The answer to `sql` as ClickHouse's `JSONCompact`. `asking` has the turns.
pub(super) async fn ask(sql: &str, config: &Checked, asking: &Semaphore) -> Result<Vec<u8>, Fault> {
    let clickhouse = config.audit.clickhouse.as_ref().ok_or(Fault::NoStore)?;
    let store = clickhouse.store();
    let mut answer = Answer::default();
    let asked = async {
        // It is never closed.
        let _turn = asking.acquire().await.map_err(|_| Fault::Store)?;
        query::query_within(&store, sql, Format::Columns, LIMITS, &mut answer)
            .await
            .map_err(|error| {
                // Without its source: ClickHouse quotes values, and those of the trail are personal.
                tracing::warn!(%error, "a panel of /usage has no answer");
                Fault::Store
            })
    };
    match timeout(ANSWER_MAX, asked).await {
        Ok(asked) => asked?,
        Err(_) => {
            tracing::warn!("a panel of /usage has no answer within its time");
            return Err(Fault::Store);
        }
    }
    Ok(answer.0)
}

/// An answer of at most [`ANSWER_BYTES_MAX`].
#[derive(Default)]
struct Answer(Vec<u8>);

impl Write for Answer {
    fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
        if self.0.len().saturating_add(piece.len()) > ANSWER_BYTES_MAX {
            return Err(io::Error::other("the answer is too large"));
        }
        self.0.extend_from_slice(piece);
        Ok(piece.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
