//! The request path's end of the write-ahead log: one bounded push, one acknowledgement.
//!
//! `Log` never touches the disk on the caller's thread after `open`, and it never takes a row
//! silently: `append` answers with the row's identity or with the reason why it is not kept.

mod settings;

use std::{
    fmt, io,
    path::PathBuf,
    sync::{Arc, atomic::Ordering::Relaxed},
    thread,
    time::Duration,
};

use tokio::{
    sync::{mpsc, oneshot},
    time,
};

pub use settings::{Ack, OnFull, Settings};

use crate::{
    stats::Stats,
    subject::{Link, Pseudonyms},
    wal::{
        directory::Directory,
        segment::GATEWAY_BYTES_MAX,
        spool::Spool,
        writer::{Entry, Switches, Terms, Writer},
    },
};

/// Room kept for calls that were admitted before the log filled up: an eighth of the log, but
/// never more than this.
pub const HEADROOM_BYTES_MAX: u64 = 8 * 1024 * 1024;
/// A log has at least this many segments' worth of room, so that delivered ones can be deleted
/// long before it is full.
const SEGMENTS_MIN: u64 = 4;

/// Longest wait for room under [`OnFull::Block`].
pub const BLOCK_MAX: Duration = Duration::from_secs(30);

/// Why a log could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error(
        "the gateway's name must have 1 to {GATEWAY_BYTES_MAX} bytes and no '/', not {gateway:?}"
    )]
    Gateway { gateway: String },
    #[error("the audit log needs room for at least one row and a queue of at least one row")]
    Empty,
    #[error("the audit log's directory {} belongs to another running process", dir.display())]
    Locked { dir: PathBuf },
    #[error("cannot {operation} in the audit log's directory {}", dir.display())]
    Io {
        operation: &'static str,
        dir: PathBuf,
        source: io::Error,
    },
}

/// Why a row is not kept.
#[derive(Clone, Debug, thiserror::Error)]
pub enum AppendError {
    #[error("the audit log has reached its maximum size")]
    Full,
    #[error("the audit log is closed")]
    Closed,
    #[error("the audit log cannot be written at present")]
    Failed,
    #[error("a row of {row_bytes} bytes is too long for the audit log")]
    RowTooLong { row_bytes: usize },
    #[error("the row could not be written to the audit log")]
    Write(#[source] Arc<io::Error>),
}

/// A row's identity: unique over all gateways and all time, dense within an epoch.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct EventId {
    pub gateway: Arc<str>,
    /// Which start of the gateway: at least its second since the Unix epoch.
    pub epoch: u32,
    /// Counts from 1 within the epoch.
    pub seq: u64,
}

impl fmt::Display for EventId {
    /// `gateway/epoch/seq`, as the table's `event_id` shows it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.gateway, self.epoch, self.seq)
    }
}

impl EventId {
    /// Reads `gateway/epoch/seq`.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.rsplitn(3, '/');
        let (seq, epoch, gateway) = (parts.next()?, parts.next()?, parts.next()?);
        Some(Self {
            gateway: Arc::from(gateway),
            epoch: epoch.parse().ok()?,
            seq: seq.parse().ok()?,
        })
    }
}

/// A call that has begun, as [`Log::intend`] noted it.
#[derive(Debug, PartialEq, Eq)]
pub struct Intent(u64);

/// A handle to the log; clones are handles to the same one.
#[derive(Clone)]
pub struct Log {
    queue: mpsc::Sender<Entry>,
    switches: Arc<Switches>,
    spool: Arc<Spool>,
    gateway: Arc<str>,
    epoch: u32,
    accepting_bytes_max: u64,
    ack: Ack,
    on_full: OnFull,
    pseudonyms: Option<Pseudonyms>,
}

impl fmt::Debug for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Log")
            .field("gateway", &self.gateway)
            .field("epoch", &self.epoch)
            .finish_non_exhaustive()
    }
}

impl Log {
    /// Takes the directory over: locks it, reads what an earlier process left, begins a new
    /// epoch and starts the writer's thread.
    pub fn open(settings: Settings) -> Result<Self, OpenError> {
        check(&settings)?;
        let Settings {
            dir,
            gateway,
            bytes_max,
            segment_bytes,
            queue_max,
            beside,
            ack,
            on_full,
            pseudonyms,
        } = settings;
        let failed = |operation| {
            let dir = dir.clone();
            move |source| OpenError::Io {
                operation,
                dir,
                source,
            }
        };
        let directory = Directory::lock(&dir)
            .map_err(failed("take the lock"))?
            .ok_or_else(|| OpenError::Locked { dir: dir.clone() })?;
        let spool = Spool::open(directory, bytes_max).map_err(failed("read earlier rows"))?;
        let epoch = spool
            .directory()
            .next_epoch(beside.as_deref())
            .map_err(failed("begin an epoch"))?;
        let spool = Arc::new(spool);
        let switches = Arc::new(Switches::default());
        let gateway: Arc<str> = Arc::from(gateway);
        let (queue, entries) = mpsc::channel(queue_max);
        let terms = Terms {
            gateway: Arc::clone(&gateway),
            epoch,
            segment_bytes: segment_bytes.min(bytes_max / SEGMENTS_MIN),
            is_synced: ack == Ack::Synced,
        };
        let writer = Writer::begin(entries, Arc::clone(&spool), Arc::clone(&switches), terms)
            .map_err(failed("make a segment"))?;
        thread::Builder::new()
            .name("audit-log".to_owned())
            .spawn(move || writer.run())
            .map_err(failed("start the writer"))?;
        Ok(Self {
            queue,
            switches,
            spool,
            gateway,
            epoch,
            accepting_bytes_max: bytes_max - HEADROOM_BYTES_MAX.min(bytes_max / 8),
            ack,
            on_full,
            pseudonyms,
        })
    }

    /// Hands one encoded row over; resolves when it is as safe as [`Settings::ack`] asks for, with
    /// its identity where that is known by then.
    ///
    /// Dropped before the queue had room, the row is not kept; dropped later, it is.
    ///
    /// # Errors
    /// The row is not kept. Under [`OnFull::Degrade`] that is counted and is no error.
    pub async fn append(&self, row: Vec<u8>) -> Result<Option<EventId>, AppendError> {
        self.conclude(None, row).await
    }

    /// Notes that a call begins: should the process end before the call is concluded, `row` is
    /// its record, in the next process's epoch. Resolves when it is as safe as rows are, but never
    /// before it is written.
    ///
    /// # Errors
    /// It is not noted. Under [`OnFull::Degrade`] that is no error.
    pub async fn intend(&self, row: Vec<u8>) -> Result<Option<Intent>, AppendError> {
        match self.hand_over_intent(row).await {
            Err(_) if self.on_full == OnFull::Degrade => Ok(None),
            outcome => outcome.map(Some),
        }
    }

    async fn hand_over_intent(&self, row: Vec<u8>) -> Result<Intent, AppendError> {
        self.refuse_if_failed()?;
        let (written, answer) = oneshot::channel();
        let sent = self.queue.send(Entry::Intent { row, written }).await;
        sent.map_err(|_| AppendError::Closed)?;
        let number = answer.await.map_err(|_| AppendError::Closed)??;
        Ok(Intent(number))
    }

    /// As [`Log::append`], with the record that stands for a call from now on in place of the one
    /// that was given when it began.
    ///
    /// # Errors
    /// The row is not kept, and the intent goes on standing for it.
    pub async fn conclude(
        &self,
        intent: Option<Intent>,
        row: Vec<u8>,
    ) -> Result<Option<EventId>, AppendError> {
        match self.hand_over(intent, row).await {
            Err(_) if self.on_full == OnFull::Degrade => {
                self.spool.counters.dropped_rows.fetch_add(1, Relaxed);
                Ok(None)
            }
            outcome => outcome,
        }
    }

    /// The writer sleeps between two tries; its queue must not fill up meanwhile.
    fn refuse_if_failed(&self) -> Result<(), AppendError> {
        if self.switches.failed.load(Relaxed) && !self.queue.is_closed() {
            self.spool.counters.refused_rows.fetch_add(1, Relaxed);
            return Err(AppendError::Failed);
        }
        Ok(())
    }

    async fn hand_over(
        &self,
        intent: Option<Intent>,
        row: Vec<u8>,
    ) -> Result<Option<EventId>, AppendError> {
        self.refuse_if_failed()?;
        let ends = intent.map(|Intent(number)| number);
        let (written, answer) = if self.ack == Ack::Memory {
            (None, None)
        } else {
            let (written, answer) = oneshot::channel();
            (Some(written), Some(answer))
        };
        if self
            .queue
            .send(Entry::Row { row, ends, written })
            .await
            .is_err()
        {
            self.spool.counters.refused_rows.fetch_add(1, Relaxed);
            return Err(AppendError::Closed);
        }
        self.spool.counters.accepted_rows.fetch_add(1, Relaxed);
        let Some(answer) = answer else {
            return Ok(None);
        };
        let seq = answer.await.map_err(|_| AppendError::Closed)??;
        Ok(Some(EventId {
            gateway: Arc::clone(&self.gateway),
            epoch: self.epoch,
            seq,
        }))
    }

    /// Whether a new call may begin: at once, or, under [`OnFull::Block`], as soon as there is
    /// room for it and at most after [`BLOCK_MAX`].
    pub async fn admit(&self) -> bool {
        match self.on_full {
            OnFull::FailClosed => self.accepting(),
            OnFull::Degrade => true,
            OnFull::Block if self.accepting() => true,
            OnFull::Block => time::timeout(BLOCK_MAX, self.room()).await.is_ok(),
        }
    }

    /// Resolves when the log accepts calls again.
    async fn room(&self) {
        loop {
            let room = self.spool.room.notified();
            if self.accepting() {
                return;
            }
            room.await;
        }
    }

    /// Whether the log has room for a new call and can be written. Calls that have begun still
    /// find the headroom.
    pub fn accepting(&self) -> bool {
        !self.switches.failed.load(Relaxed)
            && !self.switches.closing.load(Relaxed)
            && self.spool.wal_bytes() < self.accepting_bytes_max
    }

    /// The pseudonym of a person; 0 for nobody. Who it is is delivered beside the rows.
    pub fn subject(&self, tenant: &str, person: &str, issuer: &str) -> u64 {
        let Some(pseudonyms) = &self.pseudonyms else {
            return 0;
        };
        let subject = pseudonyms.subject(tenant, person);
        if subject != 0 {
            self.spool.links.note(subject, || Link {
                tenant: tenant.to_owned(),
                subject,
                display: person.to_owned(),
                issuer: issuer.to_owned(),
            });
        }
        subject
    }

    /// The keyed hash of a call's arguments; 0 for none.
    pub fn arguments(&self, arguments: &[u8]) -> u64 {
        let pseudonyms = self.pseudonyms.as_ref();
        pseudonyms.map_or(0, |pseudonyms| pseudonyms.arguments(arguments))
    }

    /// The figures at this moment.
    pub fn stats(&self) -> Stats {
        self.spool.stats()
    }

    /// Takes no more rows, writes those in the queue, makes them durable; returns when that is
    /// done or `deadline` has passed. Blocks the thread.
    pub fn close(&self, deadline: Duration) {
        self.switches.closing.store(true, Relaxed);
        // A full queue needs no waking: the writer looks at the switch after each drain.
        let _ = self.queue.try_send(Entry::Wake);
        if !self.switches.wait_closed(deadline) {
            tracing::error!("audit log: not closed within its deadline");
        }
    }

    pub(crate) fn spool(&self) -> &Arc<Spool> {
        &self.spool
    }
}

fn check(settings: &Settings) -> Result<(), OpenError> {
    let gateway = &settings.gateway;
    // A slash would make the batches' tokens ambiguous.
    if gateway.is_empty() || gateway.len() > GATEWAY_BYTES_MAX || gateway.contains('/') {
        return Err(OpenError::Gateway {
            gateway: gateway.clone(),
        });
    }
    if settings.bytes_max == 0 || settings.segment_bytes == 0 || settings.queue_max == 0 {
        return Err(OpenError::Empty);
    }
    Ok(())
}
