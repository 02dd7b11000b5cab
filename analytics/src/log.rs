//! The request path's end of the write-ahead log: one bounded push, one acknowledgement.
//!
//! `Log` never touches the disk on the caller's thread after `open`, and it never takes a row
//! silently: `append` answers with the row's identity or with the reason why it is not kept.

use std::{
    fmt, io,
    path::PathBuf,
    sync::{Arc, atomic::Ordering::Relaxed},
    thread,
    time::Duration,
};

use tokio::sync::{mpsc, oneshot};

use crate::{
    stats::Stats,
    wal::{
        directory::Directory,
        segment::GATEWAY_BYTES_MAX,
        spool::Spool,
        writer::{Entry, Switches, Writer},
    },
};

/// Room kept for calls that were admitted before the log filled up: an eighth of the log, but
/// never more than this.
pub const HEADROOM_BYTES_MAX: u64 = 8 * 1024 * 1024;
/// A log has at least this many segments' worth of room, so that delivered ones can be deleted
/// long before it is full.
const SEGMENTS_MIN: u64 = 4;

/// How a log is kept.
#[derive(Clone, Debug)]
pub struct Settings {
    /// One directory for one gateway process.
    pub dir: PathBuf,
    /// This gateway's name: the first part of every row's identity. At most 127 bytes.
    pub gateway: String,
    /// The log never grows beyond this.
    pub bytes_max: u64,
    /// Size at which a new segment is begun; at most a quarter of `bytes_max` is used.
    pub segment_bytes: u64,
    /// Most rows that wait for the writer.
    pub queue_max: usize,
    /// Directory of another log of the same gateway, whose epochs this one does not use again.
    pub beside: Option<PathBuf>,
}

impl Settings {
    /// 1 GiB in segments of 64 MiB, a queue of 8192 rows.
    pub fn new(dir: impl Into<PathBuf>, gateway: impl Into<String>) -> Self {
        Self {
            dir: dir.into(),
            gateway: gateway.into(),
            bytes_max: 1024 * 1024 * 1024,
            segment_bytes: 64 * 1024 * 1024,
            queue_max: 8192,
            beside: None,
        }
    }
}

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

/// A handle to the log; clones are handles to the same one.
#[derive(Clone)]
pub struct Log {
    queue: mpsc::Sender<Entry>,
    switches: Arc<Switches>,
    spool: Arc<Spool>,
    gateway: Arc<str>,
    epoch: u32,
    accepting_bytes_max: u64,
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
        let writer = Writer::begin(
            entries,
            Arc::clone(&spool),
            Arc::clone(&switches),
            Arc::clone(&gateway),
            epoch,
            segment_bytes.min(bytes_max / SEGMENTS_MIN),
        )
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
        })
    }

    /// Hands one encoded row over; resolves when it is in the page cache, so that it survives
    /// the end of this process by any means.
    ///
    /// Dropped before the queue had room, the row is not kept; dropped later, it is.
    pub async fn append(&self, row: Vec<u8>) -> Result<EventId, AppendError> {
        let (written, answer) = oneshot::channel();
        if self.queue.send(Entry::Row { row, written }).await.is_err() {
            self.spool.counters.refused_rows.fetch_add(1, Relaxed);
            return Err(AppendError::Closed);
        }
        self.spool.counters.accepted_rows.fetch_add(1, Relaxed);
        let seq = answer.await.map_err(|_| AppendError::Closed)??;
        Ok(EventId {
            gateway: Arc::clone(&self.gateway),
            epoch: self.epoch,
            seq,
        })
    }

    /// Whether a new call may begin: the log has room for it and can be written. Calls that have
    /// begun still find the headroom.
    pub fn accepting(&self) -> bool {
        !self.switches.failed.load(Relaxed)
            && !self.switches.closing.load(Relaxed)
            && self.spool.wal_bytes() < self.accepting_bytes_max
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
