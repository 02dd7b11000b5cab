//! The delivery's loop: wait, read, make durable, send, acknowledge.

use std::{
    io,
    sync::Arc,
    time::{Duration, Instant},
};

use ::clickhouse::{Client, error::Error};
use tokio::{sync::watch, time};

use super::{Settings, backoff::Backoff, deadline_of, insert, shards::Shards};
use crate::{
    Store,
    clickhouse::{ConnectError, describe, reason_of},
    columns::{SEAL_TABLE, SUBJECT_TABLE, TABLE, insert_statement},
    migrate,
    seal::{Kind, Seal},
    stats::FailureReason,
    wal::{
        batch::{BATCH_ROWS_READY, Batch},
        spool::Spool,
    },
};

/// Most rows that are put aside one after the other: beyond it the table is wrong, not the rows.
const DEAD_IN_A_ROW_MAX: u32 = 100;

pub(super) struct Courier {
    spool: Arc<Spool>,
    shards: Shards,
    table: String,
    seal_table: String,
    rows_statement: String,
    seal_statement: String,
    links_statement: String,
    settings: Settings,
    backoff: Backoff,
    stop: watch::Receiver<Option<Instant>>,
    /// Rows put aside since ClickHouse last took one.
    dead_in_a_row: u32,
    /// Whether a server keeps a batch's token apart from its rows, as one does whose tables are not replicated.
    is_token_apart: bool,
    /// What was sent last may have been cut off: by the end of the gateway before this one, or of the server.
    is_uncertain: bool,
}

/// What one look at the log came to.
enum Progress {
    /// Everything is delivered.
    Nothing,
    /// A batch that had room for more went out.
    Some,
    /// There is more to do at once.
    Full,
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
    Schema(#[source] Error),
    #[error("{missing} migrations are not applied")]
    NotMigrated { missing: usize },
    #[error("cannot insert batch {token}")]
    Insert { token: String, source: Error },
    #[error("cannot seal batch {token}")]
    Seal { token: String, source: Error },
    #[error("{token} is no row of the table")]
    Unreadable { token: String },
    #[error("there is no server for batch {token}")]
    NoShard { token: String },
}

impl DeliverError {
    fn reason(&self) -> FailureReason {
        match self {
            Self::Log { .. } => FailureReason::Log,
            Self::NotMigrated { .. } => FailureReason::MissingTable,
            Self::NoShard { .. } => FailureReason::Network,
            Self::Unreadable { .. } => FailureReason::Data,
            Self::Schema(source) | Self::Insert { source, .. } | Self::Seal { source, .. } => {
                reason_of(source)
            }
        }
    }

    /// What happened and why, for the log.
    fn words(&self) -> String {
        match self {
            Self::Log { source, .. } => format!("{self}: {source}"),
            Self::NotMigrated { .. } | Self::NoShard { .. } | Self::Unreadable { .. } => {
                self.to_string()
            }
            Self::Schema(source) | Self::Insert { source, .. } | Self::Seal { source, .. } => {
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
            shards: Shards::connect(&store)?,
            rows_statement: insert_statement(&store.local(TABLE)),
            seal_statement: insert::seal_statement(&store.local(SEAL_TABLE)),
            links_statement: insert::links_statement(&store.local(SUBJECT_TABLE)),
            table: store.local(TABLE),
            seal_table: store.local(SEAL_TABLE),
            is_token_apart: store.cluster.is_none(),
            is_uncertain: true,
            backoff: Backoff::new(settings.backoff_min, settings.backoff_max),
            settings,
            stop,
            dead_in_a_row: 0,
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
                Ok(progress) => {
                    self.backoff.reset();
                    match progress {
                        Progress::Nothing if is_stopping => return,
                        Progress::Full => {}
                        _ if is_stopping => {}
                        Progress::Nothing | Progress::Some => self.linger().await,
                    }
                }
                Err(error) => self.retreat(&error).await,
            }
        }
    }

    /// Sends one batch.
    async fn deliver_next(&mut self) -> Result<Progress, DeliverError> {
        let failed = |operation| move |source| DeliverError::Log { operation, source };
        let Some(mut batch) = self
            .spool
            .next_batch()
            .map_err(failed("read the audit log"))?
        else {
            return Ok(Progress::Nothing);
        };
        let shard = match batch.range.shard {
            Some(shard) => shard,
            None => self.shards.choose(&batch.range).await,
        };
        batch.range.shard = Some(shard);
        let outcome = self.deliver(&batch, shard).await;
        self.is_uncertain = outcome.is_err();
        if self.is_uncertain {
            self.shards.failed(shard);
        }
        outcome
    }

    async fn deliver(&mut self, batch: &Batch, shard: u32) -> Result<Progress, DeliverError> {
        let failed = |operation| move |source| DeliverError::Log { operation, source };
        self.require_schema(shard, batch).await?;
        let client = self.client(shard, batch)?;
        self.spool
            .pend(batch)
            .map_err(failed("make a batch durable"))?;
        if !batch.is_readable {
            let token = batch.range.token();
            let why = DeliverError::Unreadable { token };
            self.put_aside(&client, batch, why).await?;
            return Ok(Progress::Full);
        }
        let started = Instant::now();
        match self.insert_rows(&client, batch).await {
            Ok(()) => {}
            Err(error) if reason_of(&error) == FailureReason::Data => {
                self.isolate(&client, batch, error).await?;
                return Ok(Progress::Full);
            }
            Err(source) => return Err(insert_failed(batch, source)),
        }
        let seal = self.seal(&client, batch, Kind::Batch).await?;
        self.tell_links(&client).await;
        self.spool.counters.inserted(batch.rows, started.elapsed());
        self.dead_in_a_row = 0;
        self.spool
            .delivered(batch, &seal)
            .map_err(failed("move the audit log's cursor"))?;
        Ok(if batch.rows < BATCH_ROWS_READY {
            Progress::Some
        } else {
            Progress::Full
        })
    }

    /// Who the pseudonyms are: beside the rows, and without holding them up.
    async fn tell_links(&self, client: &Client) {
        let links = self.spool.links.take();
        if links.is_empty() {
            return;
        }
        let timeout = self.settings.insert_timeout;
        let told = insert::send_links(client, &self.links_statement, &links, timeout).await;
        if let Err(error) = told {
            self.spool.counters.insert_failed(reason_of(&error));
            self.spool.links.give_back(links);
        }
    }

    fn client(&self, shard: u32, batch: &Batch) -> Result<Client, DeliverError> {
        let client = self.shards.client(shard).cloned();
        client.ok_or_else(|| DeliverError::NoShard {
            token: batch.range.token(),
        })
    }

    async fn insert_rows(&self, client: &Client, batch: &Batch) -> Result<(), Error> {
        let token = batch.range.token();
        let stored = async || insert::stored_rows(client, &self.table, &batch.range).await;
        self.insert(client, &self.rows_statement, token, &batch.bytes, stored)
            .await
    }

    /// Sends bytes under a token, and once more under another where they are acknowledged and not there.
    ///
    /// A server that is killed may have written down a token and not yet what came under it, and then takes that for
    /// sent before. So what may have been cut off once is looked for, and sent under another token where it is missing.
    /// Roll-ups may then have counted it twice; the record itself has it once.
    async fn insert(
        &self,
        client: &Client,
        statement: &str,
        token: String,
        bytes: &[u8],
        stored: impl AsyncFn() -> Result<u64, Error>,
    ) -> Result<(), Error> {
        let timeout = self.settings.insert_timeout;
        insert::send(client, statement, token.clone(), bytes, timeout).await?;
        if !(self.is_uncertain && self.is_token_apart) {
            return Ok(());
        }
        let look = time::timeout(timeout, stored()).await;
        if look.unwrap_or(Err(Error::TimedOut))? > 0 {
            return Ok(());
        }
        tracing::warn!(
            token,
            "audit delivery: the store has acknowledged what it does not have; it is sent again under another token"
        );
        let again = format!("{token}/again");
        insert::send(client, statement, again, bytes, timeout).await
    }

    /// Chains and signs what was delivered, or put aside.
    async fn seal(&self, client: &Client, batch: &Batch, kind: Kind) -> Result<Seal, DeliverError> {
        let seal = Seal::new(
            &batch.range,
            kind,
            batch.digests.clone(),
            self.spool.last_seal(),
            self.settings.signer.as_ref(),
        );
        let row = insert::seal_row(&seal);
        let token = insert::seal_token(batch);
        let stored = async || insert::stored_seals(client, &self.seal_table, &batch.range).await;
        self.insert(client, &self.seal_statement, token, &row, stored)
            .await
            .map_err(|source| DeliverError::Seal {
                token: batch.range.token(),
                source,
            })?;
        Ok(seal)
    }

    /// ClickHouse refuses the rows themselves: halves the batch until one row is left, and puts
    /// that one aside. A batch of which anything is stored keeps its token and is tried again.
    async fn isolate(
        &mut self,
        client: &Client,
        batch: &Batch,
        refusal: Error,
    ) -> Result<(), DeliverError> {
        let failed = |operation| move |source| DeliverError::Log { operation, source };
        self.spool.counters.insert_failed(FailureReason::Data);
        let stored = insert::stored_rows(client, &self.table, &batch.range)
            .await
            .map_err(|source| insert_failed(batch, source))?;
        if stored > 0 {
            return Err(insert_failed(batch, refusal));
        }
        if batch.rows > 1 {
            return self
                .spool
                .halve(batch)
                .map_err(failed("halve a refused batch"));
        }
        let why = insert_failed(batch, refusal);
        self.put_aside(client, batch, why).await
    }

    /// Takes a range of one row out of the log, into a file of its own.
    async fn put_aside(
        &mut self,
        client: &Client,
        batch: &Batch,
        why: DeliverError,
    ) -> Result<(), DeliverError> {
        let failed = |operation| move |source| DeliverError::Log { operation, source };
        let may_bury = self
            .spool
            .may_bury()
            .map_err(failed("count the rows put aside"))?;
        if !may_bury || self.dead_in_a_row >= DEAD_IN_A_ROW_MAX {
            return Err(why);
        }
        let seal = self.seal(client, batch, Kind::Dead).await?;
        self.spool
            .buried(batch, &seal)
            .map_err(failed("put a refused row aside"))?;
        self.dead_in_a_row += 1;
        tracing::error!(
            row = batch.range.token(),
            error = why.words(),
            "audit delivery: a row is not taken; it is kept in the spool's `dead` folder"
        );
        Ok(())
    }

    /// Looks once whether the tables are as this version needs them: a row inserted before its
    /// roll-ups exist would never be counted in them.
    async fn require_schema(&mut self, shard: u32, batch: &Batch) -> Result<(), DeliverError> {
        if self.shards.is_schema_known(shard) {
            return Ok(());
        }
        let client = self.client(shard, batch)?;
        let look = migrate::missing(&client);
        let missing = time::timeout(self.settings.insert_timeout, look)
            .await
            .unwrap_or(Err(Error::TimedOut))
            .map_err(DeliverError::Schema)?;
        if !missing.is_empty() {
            return Err(DeliverError::NotMigrated {
                missing: missing.len(),
            });
        }
        self.shards.schema_is_known(shard);
        Ok(())
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

fn insert_failed(batch: &Batch, source: Error) -> DeliverError {
    DeliverError::Insert {
        token: batch.range.token(),
        source,
    }
}
