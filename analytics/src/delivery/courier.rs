//! The delivery's loop: wait, read, make durable, send, acknowledge.

use std::{
    io,
    sync::Arc,
    time::{Duration, Instant},
};

use ::clickhouse::Client;
use bytes::Bytes;
use tokio::{sync::watch, time};

use super::{Settings, backoff::Backoff};
use crate::{
    Store,
    clickhouse::{ConnectError, describe, reason_of},
    columns::insert_statement,
    migrate,
    stats::FailureReason,
    wal::spool::{BATCH_ROWS_MAX, Batch, Spool},
};

/// Bytes handed to the connection at a time; each piece is one compressed block.
const PIECE_BYTES: usize = 1024 * 1024;

pub(super) struct Courier {
    spool: Arc<Spool>,
    client: Client,
    statement: String,
    settings: Settings,
    backoff: Backoff,
    stop: watch::Receiver<Option<Instant>>,
    is_schema_known: bool,
}

/// Why a batch was not delivered.
#[derive(Debug, thiserror::Error)]
enum DeliverError {
    #[error("cannot {operation}")]
    Log {
        operation: &'static str,
        source: io::Error,
    },
    #[error("cannot look at the store's schema")]
    Schema(#[source] ::clickhouse::error::Error),
    #[error("{missing} migrations are not applied")]
    NotMigrated { missing: usize },
    #[error("cannot insert batch {token}")]
    Insert {
        token: String,
        source: ::clickhouse::error::Error,
    },
}

impl DeliverError {
    fn reason(&self) -> FailureReason {
        match self {
            Self::Log { .. } => FailureReason::Log,
            Self::NotMigrated { .. } => FailureReason::MissingTable,
            Self::Schema(source) | Self::Insert { source, .. } => reason_of(source),
        }
    }

    /// What happened and why, for the log.
    fn words(&self) -> String {
        match self {
            Self::Log { source, .. } => format!("{self}: {source}"),
            Self::NotMigrated { .. } => self.to_string(),
            Self::Schema(source) | Self::Insert { source, .. } => {
                format!("{self}: {}", describe(source))
            }
        }
    }
}

impl Courier {
    pub(super) fn new(
        spool: Arc<Spool>,
        store: Store,
        settings: Settings,
        stop: watch::Receiver<Option<Instant>>,
    ) -> Result<Self, ConnectError> {
        Ok(Self {
            spool,
            client: store.connect()?,
            statement: insert_statement(),
            backoff: Backoff::new(settings.backoff_min, settings.backoff_max),
            settings,
            stop,
            is_schema_known: false,
        })
    }

    /// Delivers until told to stop, then what is left, until nothing is or the time is over.
    ///
    /// Given up at any await, the batch on its way stays the pending range.
    pub(super) async fn run(mut self) {
        let stop = self.stop.clone();
        tokio::select! {
            () = self.serve() => {}
            () = deadline_of(stop) => {
                tracing::warn!("audit delivery: stopped with rows left in the log");
            }
        }
    }

    async fn serve(&mut self) {
        loop {
            let is_stopping = self.stop.borrow_and_update().is_some();
            match self.deliver_next().await {
                Ok(rows) => {
                    self.backoff.reset();
                    if is_stopping && rows == 0 {
                        return;
                    }
                    if !is_stopping && rows < BATCH_ROWS_MAX {
                        self.linger().await;
                    }
                }
                Err(error) => self.retreat(&error).await,
            }
        }
    }

    /// Sends one batch; returns how many rows it had, 0 when nothing waits.
    async fn deliver_next(&mut self) -> Result<u64, DeliverError> {
        let failed = |operation| move |source| DeliverError::Log { operation, source };
        let Some(batch) = self
            .spool
            .next_batch()
            .map_err(failed("read the audit log"))?
        else {
            return Ok(0);
        };
        self.require_schema().await?;
        self.spool
            .pend(&batch)
            .map_err(failed("make a batch durable"))?;
        let started = Instant::now();
        self.insert(&batch)
            .await
            .map_err(|source| DeliverError::Insert {
                token: batch.range.token(),
                source,
            })?;
        self.spool.counters.inserted(batch.rows, started.elapsed());
        self.spool
            .delivered(&batch)
            .map_err(failed("move the audit log's cursor"))?;
        Ok(batch.rows)
    }

    /// Looks once whether the tables are as this version needs them: a row inserted before its
    /// roll-ups exist would never be counted in them.
    async fn require_schema(&mut self) -> Result<(), DeliverError> {
        if self.is_schema_known {
            return Ok(());
        }
        let look = migrate::missing(&self.client);
        let missing = time::timeout(self.settings.insert_timeout, look)
            .await
            .unwrap_or(Err(::clickhouse::error::Error::TimedOut))
            .map_err(DeliverError::Schema)?;
        if !missing.is_empty() {
            return Err(DeliverError::NotMigrated {
                missing: missing.len(),
            });
        }
        self.is_schema_known = true;
        Ok(())
    }

    /// A synchronous insert: when it returns, ClickHouse has the batch and its roll-ups.
    async fn insert(&self, batch: &Batch) -> ::clickhouse::error::Result<()> {
        let timeout = Some(self.settings.insert_timeout);
        let mut insert = self
            .client
            .insert_formatted_with(self.statement.as_str())
            .with_setting("async_insert", "0")
            .with_setting("insert_deduplicate", "1")
            .with_setting("deduplicate_blocks_in_dependent_materialized_views", "1")
            .with_setting("insert_deduplication_token", batch.range.token())
            .with_timeouts(timeout, timeout);
        for piece in batch.bytes.chunks(PIECE_BYTES) {
            insert.send(Bytes::copy_from_slice(piece)).await?;
        }
        insert.end().await
    }

    /// Counts and reports a failure, then waits before the next try.
    async fn retreat(&mut self, error: &DeliverError) {
        let reason = error.reason();
        self.spool.counters.insert_failed(reason);
        if reason == FailureReason::Data {
            self.backoff.exhaust();
        }
        let pause = self.backoff.next();
        let advice = match reason {
            FailureReason::MissingTable => "run `gantry audit migrate`; rows are kept until then",
            FailureReason::Data => {
                "ClickHouse refuses the rows themselves; they are kept and tried again"
            }
            _ => "rows are kept and tried again",
        };
        tracing::warn!(
            reason = reason.as_str(),
            error = error.words(),
            retry_ms = pause.as_millis() as u64,
            "audit delivery: {advice}"
        );
        self.pause(pause).await;
    }

    /// Waits for more rows to travel with the next ones.
    async fn linger(&mut self) {
        tokio::select! {
            () = time::sleep(self.settings.linger) => {}
            () = self.spool.batch_ready.notified() => {}
            _ = self.stop.changed() => {}
        }
    }

    /// A stop ends the pause: the last tries are made at once.
    async fn pause(&mut self, pause: Duration) {
        tokio::select! {
            () = time::sleep(pause) => {}
            _ = self.stop.changed() => {}
        }
    }
}

/// Resolves when a stop was asked for and its time is over.
async fn deadline_of(mut stop: watch::Receiver<Option<Instant>>) {
    let deadline = match stop.wait_for(Option::is_some).await {
        Ok(deadline) => *deadline,
        // The handle is gone without a stop: the process ends or nobody waits.
        Err(_) => None,
    };
    let deadline = deadline.unwrap_or_else(Instant::now);
    time::sleep_until(deadline.into()).await;
}
