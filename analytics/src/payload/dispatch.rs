//! The store's end: a thread that inspects payloads and sends them, a batch at a time.
//!
//! It is slow where the inspection is, and waits where the store does not answer; calls feel
//! neither. A batch is sent until the store has it, or refuses what is in it.

use std::{
    io,
    sync::Arc,
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use ::clickhouse::{Client, error::Error};
use tokio::{
    sync::{mpsc, watch},
    time,
};

use super::{
    Inspect, Outbox, Settings, TABLE, insert_statement,
    outbox::{Counters, Packed},
};
use crate::{
    Store,
    clickhouse::{ConnectError, describe, reason_of},
    delivery::{backoff::Backoff, deadline_of, insert},
    stats::FailureReason,
};

/// Most payloads of one insert.
const BATCH_ROWS_MAX: usize = 1_000;
/// Longest wait of a payload for others to travel with.
const LINGER: Duration = Duration::from_secs(1);
const BACKOFF_MIN: Duration = Duration::from_millis(200);
const BACKOFF_MAX: Duration = Duration::from_secs(30);
/// How often it is looked whether the thread has ended.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// Why payloads cannot be kept.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("cannot prepare the connection to the audit store")]
    Connect(#[from] ConnectError),
    #[error("cannot start the thread that stores payloads")]
    Start(#[from] io::Error),
}

/// The thread that stores payloads.
#[derive(Debug)]
pub struct Dispatch {
    stop: watch::Sender<Option<Instant>>,
    thread: JoinHandle<()>,
}

impl Dispatch {
    /// Starts the thread. A store that is not there is no error.
    ///
    /// # Errors
    /// [`StartError`] when a connection cannot even be tried, or there is no thread.
    pub fn start(
        store: &Store,
        settings: Settings,
        inspect: Inspect,
    ) -> Result<(Outbox, Self), StartError> {
        let clients: Vec<Client> = store.connect_shards()?.into_iter().flatten().collect();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let counters: Arc<Counters> = Arc::default();
        let (outbox, queue) = Outbox::open(Arc::clone(&counters));
        let (stop, stop_seen) = watch::channel(None);
        let sending = Sending {
            queue,
            clients,
            at: 0,
            statement: insert_statement(&store.local(TABLE)),
            settings,
            inspect,
            counters,
            backoff: Backoff::new(BACKOFF_MIN, BACKOFF_MAX),
            batches: 0,
            stop: stop_seen,
        };
        let thread = thread::Builder::new()
            .name("audit-payloads".to_owned())
            .spawn(move || runtime.block_on(sending.run()))?;
        Ok((outbox, Self { stop, thread }))
    }

    /// Takes no more payloads and waits until those in the queue are stored, at most for `deadline`.
    /// Blocks the thread.
    pub fn stop(self, deadline: Duration) {
        let until = Instant::now() + deadline;
        // A thread that has ended needs no telling.
        let _ = self.stop.send(Some(until));
        while !self.thread.is_finished() && Instant::now() < until + LOOK_EVERY {
            thread::sleep(LOOK_EVERY);
        }
    }
}

struct Sending {
    queue: mpsc::Receiver<Packed>,
    /// Any of them will do: what is read asks all shards.
    clients: Vec<Client>,
    at: usize,
    statement: String,
    settings: Settings,
    inspect: Inspect,
    counters: Arc<Counters>,
    backoff: Backoff,
    batches: u64,
    stop: watch::Receiver<Option<Instant>>,
}

impl Sending {
    async fn run(mut self) {
        let stop = self.stop.clone();
        tokio::select! {
            () = self.serve() => {}
            () = deadline_of(stop) => {
                tracing::warn!("audit payloads: stopped with payloads that were not stored");
            }
        }
    }

    async fn serve(&mut self) {
        loop {
            let batch = self.next_batch().await;
            if batch.is_empty() {
                return;
            }
            self.store(batch).await;
        }
    }

    /// What has come within a moment; nothing once there is no more to come.
    async fn next_batch(&mut self) -> Vec<Packed> {
        let mut batch = Vec::new();
        while batch.is_empty() {
            tokio::select! {
                count = self.queue.recv_many(&mut batch, BATCH_ROWS_MAX) => if count == 0 {
                    return batch;
                },
                // Also when nobody is left who could stop it.
                _ = self.stop.changed(), if !self.queue.is_closed() => self.queue.close(),
            }
        }
        if batch.len() < BATCH_ROWS_MAX && !self.queue.is_closed() {
            tokio::select! {
                () = time::sleep(LINGER) => {}
                _ = self.stop.changed() => self.queue.close(),
            }
        }
        while batch.len() < BATCH_ROWS_MAX
            && let Ok(packed) = self.queue.try_recv()
        {
            batch.push(packed);
        }
        batch
    }

    async fn store(&mut self, batch: Vec<Packed>) {
        let (rows, withheld) = self.rows(&batch);
        // No life of a gateway has the epoch of another.
        let first = batch.first().map(|packed| &packed.payload.id);
        let token = first.map_or_else(String::new, |id| {
            format!("payload/{}/{}/{}", id.gateway, id.epoch, self.batches)
        });
        self.batches += 1;
        let mut is_told = false;
        loop {
            let Err(error) = self.send(&token, &rows).await else {
                self.backoff.reset();
                return self.counters.delivered(batch.len(), withheld);
            };
            let reason = reason_of(&error);
            if reason == FailureReason::Data {
                let error = describe(&error);
                tracing::error!(%error, "audit payloads: the store does not take a batch; it is dropped");
                return self.counters.dropped(batch.len());
            }
            if !is_told {
                let (reason, error) = (reason.as_str(), describe(&error));
                tracing::warn!(reason, %error, "audit payloads: not stored yet; tried again, and dropped where there is no room");
                is_told = true;
            }
            self.pause().await;
        }
    }

    async fn send(&self, token: &str, rows: &[u8]) -> Result<(), Error> {
        let client = self.clients.get(self.at % self.clients.len().max(1));
        let client = client.ok_or(Error::TimedOut)?;
        let timeout = self.settings.insert_timeout;
        insert::send(client, &self.statement, token.to_owned(), rows, timeout).await
    }

    /// The next try asks another server. A stop ends the pause.
    async fn pause(&mut self) {
        self.at = self.at.wrapping_add(1);
        let pause = self.backoff.next();
        tokio::select! {
            () = time::sleep(pause) => {}
            // It stops once; after that only the deadline ends the tries.
            _ = self.stop.changed(), if !self.queue.is_closed() => self.queue.close(),
        }
    }

    /// The rows, and how many of them are without their text.
    fn rows(&self, batch: &[Packed]) -> (Vec<u8>, usize) {
        let mut withheld = 0;
        let mut rows = Vec::new();
        for Packed { payload, .. } in batch {
            let text = payload
                .text
                .as_deref()
                .and_then(|text| (self.inspect)(text));
            let text = text.and_then(|text| String::from_utf8(text).ok());
            withheld += usize::from(text.is_none());
            rows.extend(payload.encode(text.as_deref(), &self.settings));
        }
        (rows, withheld)
    }
}
