//! Sending the log to ClickHouse: the same rows under the same token until they are acknowledged.
//!
//! It has its own thread and its own runtime, so neither a slow ClickHouse nor a long insert is
//! ever felt by a request. A batch that ClickHouse refuses for its data is halved until the row is
//! found that it refuses; that one is kept in a file of its own, sealed like the others and
//! counted, and the rest goes on. Rows are never dropped in silence, and never block for ever.

pub(crate) mod backoff;
mod courier;
pub(crate) mod insert;
mod shards;

use std::{
    io,
    sync::mpsc,
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use tokio::sync::watch;

use crate::{Log, Store, clickhouse::ConnectError, seal::Signer};
use courier::Courier;

/// What a stop waits beyond its deadline for the thread to see that it has passed.
const STOP_SLACK: Duration = Duration::from_secs(1);

/// How rows are delivered.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Longest wait of a row for others to travel with.
    pub linger: Duration,
    /// Longest time for sending a piece of a batch, and again for ClickHouse's answer.
    pub insert_timeout: Duration,
    /// Pause after a first failure; doubled with each one after it, with jitter.
    pub backoff_min: Duration,
    pub backoff_max: Duration,
    /// Signs the seals; without one they are chained and not signed.
    pub signer: Option<Signer>,
}

impl Default for Settings {
    /// Wait 1 s; time out after 30 s; pause 200 ms to 30 s.
    fn default() -> Self {
        Self {
            linger: Duration::from_secs(1),
            insert_timeout: Duration::from_secs(30),
            backoff_min: Duration::from_millis(200),
            backoff_max: Duration::from_secs(30),
            signer: None,
        }
    }
}

/// Resolves when a stop was asked for and its time is over.
pub(crate) async fn deadline_of(mut stop: watch::Receiver<Option<Instant>>) {
    let deadline = match stop.wait_for(Option::is_some).await {
        Ok(deadline) => *deadline,
        // The handle is gone without a stop: the process ends or nobody waits.
        Err(_) => None,
    };
    let deadline = deadline.unwrap_or_else(Instant::now);
    tokio::time::sleep_until(deadline.into()).await;
}

/// Why the delivery could not be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("cannot prepare the connection to the audit store")]
    Connect(#[from] ConnectError),
    #[error("cannot start the audit delivery's runtime")]
    Runtime(#[source] io::Error),
    #[error("cannot start the audit delivery's thread")]
    Thread(#[source] io::Error),
}

/// The running delivery.
#[derive(Debug)]
pub struct Delivery {
    stop: watch::Sender<Option<Instant>>,
    stopped: mpsc::Receiver<()>,
    thread: JoinHandle<()>,
}

impl Delivery {
    /// Starts delivering what is in the log, earlier epochs first.
    pub fn start(log: &Log, store: Store, settings: Settings) -> Result<Self, StartError> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(StartError::Runtime)?;
        let (stop, stop_seen) = watch::channel(None);
        let (stopped_sender, stopped) = mpsc::channel();
        let courier = Courier::new(log.spool().clone(), store, settings, stop_seen)?;
        let thread = thread::Builder::new()
            .name("audit-delivery".to_owned())
            .spawn(move || {
                runtime.block_on(courier.run());
                // Nobody is left to tell when the handle was dropped without a stop.
                let _ = stopped_sender.send(());
            })
            .map_err(StartError::Thread)?;
        Ok(Self {
            stop,
            stopped,
            thread,
        })
    }

    /// Delivers what is in the log, then ends; what is not acknowledged within `deadline`
    /// stays in the log. Blocks the thread.
    pub fn stop(self, deadline: Duration) {
        let _ = self.stop.send(Some(Instant::now() + deadline));
        match self.stopped.recv_timeout(deadline + STOP_SLACK) {
            Ok(()) | Err(mpsc::RecvTimeoutError::Disconnected) => {
                if self.thread.join().is_err() {
                    tracing::error!("audit delivery: its thread panicked");
                }
            }
            Err(mpsc::RecvTimeoutError::Timeout) => {
                tracing::warn!("audit delivery: its thread did not end in time");
            }
        }
    }
}
