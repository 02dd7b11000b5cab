//! What writer and delivery share: the segments, how far each end has come, the figures.
//!
//! The lock is taken once for a drain of the queue and a few times for a batch, never for a row,
//! and never while the disk is read or written.

use std::{
    collections::VecDeque,
    io,
    sync::{Mutex, MutexGuard, PoisonError, atomic::Ordering::Relaxed},
    time::SystemTime,
};

use tokio::sync::Notify;

use super::{
    Position,
    backlog::Backlog,
    batch::{BATCH_ROWS_READY, Batch},
    cursor::{Cursor, Range},
    dead,
    directory::Directory,
    intents, recovery, seals,
    segment::Segment,
};
use crate::{
    seal::{Hash, Seal},
    stats::{Counters, Stats},
    subject::Links,
};

/// The log's state.
pub(crate) struct Spool {
    directory: Directory,
    bytes_max: u64,
    state: Mutex<State>,
    pub(crate) counters: Counters,
    /// Told when a whole batch is waiting.
    pub(crate) batch_ready: Notify,
    /// Told when there may be room again for those who wait for it.
    pub(crate) room: Notify,
    /// Who the pseudonyms of the rows are.
    pub(crate) links: Links,
}

struct State {
    /// Oldest first. The front one has the next row to deliver; the back one is the writer's.
    segments: VecDeque<Segment>,
    /// Where the next row to deliver starts in the front segment.
    offset: u64,
    cursor: Cursor,
    backlog: Backlog,
}

impl Spool {
    /// Goes on where an earlier process ended.
    pub(crate) fn open(directory: Directory, bytes_max: u64) -> io::Result<Self> {
        let left = recovery::recover(&directory)?;
        let counters = Counters::default();
        counters.lost_rows.store(left.rows_lost, Relaxed);
        counters.unsent_rows.store(left.unsent_rows(), Relaxed);
        counters.unsent_bytes.store(left.unsent_bytes(), Relaxed);
        let wal_bytes = left.segments.iter().map(|segment| segment.bytes).sum();
        counters.wal_bytes.store(wal_bytes, Relaxed);
        let mut backlog = Backlog::default();
        if let Some(written_at) = left.oldest_written_at {
            backlog.wrote(left.cursor.delivered, written_at);
        }
        Ok(Self {
            directory,
            bytes_max,
            state: Mutex::new(State {
                segments: left.segments,
                offset: left.offset,
                cursor: left.cursor,
                backlog,
            }),
            counters,
            batch_ready: Notify::new(),
            room: Notify::new(),
            links: Links::default(),
        })
    }

    /// The rows that stand for calls of which an earlier process has left no record.
    pub(crate) fn left_intents(&self) -> io::Result<Vec<Vec<u8>>> {
        let state = self.state();
        intents::left(&self.directory, |row| {
            let in_segment = |segment: &Segment| {
                segment.epoch == row.epoch
                    && (segment.first_seq..segment.end_seq()).contains(&row.seq)
            };
            row <= state.cursor.delivered || state.segments.iter().any(in_segment)
        })
    }

    pub(crate) fn directory(&self) -> &Directory {
        &self.directory
    }

    pub(crate) fn bytes_max(&self) -> u64 {
        self.bytes_max
    }

    pub(crate) fn wal_bytes(&self) -> u64 {
        self.counters.wal_bytes.load(Relaxed)
    }

    pub(crate) fn stats(&self) -> Stats {
        let age = self.state().backlog.age(SystemTime::now());
        self.counters.stats(age, self.bytes_max)
    }

    /// The writer goes on in a new segment.
    pub(crate) fn began(&self, segment: Segment) {
        self.counters.wal_bytes.fetch_add(segment.bytes, Relaxed);
        let mut state = self.state();
        if state.segments.is_empty() {
            state.offset = segment.header_bytes;
        }
        state.segments.push_back(segment);
    }

    /// The writer has written `rows` whole frames, the first of them `first`.
    pub(crate) fn wrote(&self, first: Position, rows: u64, bytes: u64) {
        {
            let mut state = self.state();
            if let Some(segment) = state.segments.back_mut() {
                segment.rows += rows;
                segment.bytes += bytes;
            }
            state.backlog.wrote(first, SystemTime::now());
        }
        let counters = &self.counters;
        counters.wal_bytes.fetch_add(bytes, Relaxed);
        counters.written_rows.fetch_add(rows, Relaxed);
        counters.unsent_bytes.fetch_add(bytes, Relaxed);
        let unsent_before = counters.unsent_rows.fetch_add(rows, Relaxed);
        if unsent_before + rows >= BATCH_ROWS_READY {
            self.batch_ready.notify_one();
        }
    }

    /// The next rows to deliver: the range that was pending when the process last ended, else as
    /// many as a batch may have. `None`: everything is delivered.
    pub(crate) fn next_batch(&self) -> io::Result<Option<Batch>> {
        self.retire_delivered();
        let (segment, offset, cursor) = {
            let state = self.state();
            let Some(front) = state.segments.front() else {
                return Ok(None);
            };
            (front.clone(), state.offset, state.cursor.clone())
        };
        if offset >= segment.bytes {
            return Ok(None);
        }
        Batch::read(segment, offset, cursor).map(Some)
    }

    /// The seal of the last range that went to ClickHouse; zeros before the first.
    pub(crate) fn last_seal(&self) -> Hash {
        self.state().cursor.seal
    }

    /// Makes the batch's rows and its range durable. Only then may its first byte be sent.
    pub(crate) fn pend(&self, batch: &Batch) -> io::Result<()> {
        let is_pending = self.state().cursor.pending.as_ref() == Some(&batch.range);
        if is_pending {
            return Ok(());
        }
        batch.segment.sync()?;
        self.pend_range(batch.range.clone())
    }

    /// Sends the first half of the pending range by itself. Only for a range of which nothing is
    /// in ClickHouse: its token is given up.
    pub(crate) fn halve(&self, batch: &Batch) -> io::Result<()> {
        let range = &batch.range;
        self.pend_range(Range {
            last_seq: range.first_seq + (range.last_seq - range.first_seq) / 2,
            ..range.clone()
        })
    }

    fn pend_range(&self, range: Range) -> io::Result<()> {
        let cursor = Cursor {
            pending: Some(range),
            ..self.state().cursor.clone()
        };
        cursor.store(&self.directory)?;
        self.state().cursor = cursor;
        Ok(())
    }

    /// ClickHouse has acknowledged the batch and its seal: moves the cursor.
    ///
    /// # Errors
    /// The cursor could not be made durable. The batch then counts as undelivered; sending it
    /// again is harmless, as its token is known.
    pub(crate) fn delivered(&self, batch: &Batch, seal: &Seal) -> io::Result<()> {
        self.advance(batch, seal)?;
        self.counters.delivered_rows.fetch_add(batch.rows, Relaxed);
        Ok(())
    }

    /// Whether one more row may be put aside.
    pub(crate) fn may_bury(&self) -> io::Result<bool> {
        Ok(dead::count(&self.directory)? < dead::ROWS_MAX)
    }

    /// ClickHouse has the seal of a row that it refuses: keeps the row in a file of its own, and
    /// moves the cursor past it.
    pub(crate) fn buried(&self, batch: &Batch, seal: &Seal) -> io::Result<()> {
        dead::bury(&self.directory, batch)?;
        self.advance(batch, seal)?;
        self.counters.dead_rows.fetch_add(batch.rows, Relaxed);
        Ok(())
    }

    fn advance(&self, batch: &Batch, seal: &Seal) -> io::Result<()> {
        let cursor = Cursor {
            delivered: batch.range.last(),
            pending: None,
            seal: seal.seal,
        };
        seals::append(&self.directory, seal)?;
        cursor.store(&self.directory)?;
        let mut state = self.state();
        state.cursor = cursor;
        let sent_bytes = batch.end_offset - state.offset;
        state.offset = batch.end_offset;
        let is_all = state.segments.len() == 1 && state.front_is_delivered();
        state.backlog.delivered(batch.range.last(), is_all);
        let counters = &self.counters;
        counters.unsent_rows.fetch_sub(batch.rows, Relaxed);
        counters.unsent_bytes.fetch_sub(sent_bytes, Relaxed);
        Ok(())
    }

    /// Deletes the segments that are wholly delivered and that the writer has left.
    fn retire_delivered(&self) {
        let retired = self.state().take_delivered();
        for segment in retired {
            match segment.retire() {
                Ok(()) => {
                    self.counters.wal_bytes.fetch_sub(segment.bytes, Relaxed);
                    self.room.notify_waiters();
                }
                // It still takes its space, and goes when the log is opened next.
                Err(error) => {
                    tracing::warn!(%error, segment = %segment.path.display(), "audit log: a delivered segment could not be deleted");
                }
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Every change of the state is complete before anything in it can panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn front_is_delivered(&self) -> bool {
        self.segments
            .front()
            .is_none_or(|front| self.offset >= front.bytes)
    }

    /// Removes the delivered segments that the writer has left.
    fn take_delivered(&mut self) -> Vec<Segment> {
        let mut taken = Vec::new();
        while self.segments.len() > 1 && self.front_is_delivered() {
            taken.extend(self.segments.pop_front());
            self.offset = self.segments.front().map_or(0, |front| front.header_bytes);
        }
        taken
    }
}
