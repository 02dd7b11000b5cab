//! The one thread that writes: it drains the queue, numbers the rows, writes them with one
//! write(2) and acknowledges them.
//!
//! Rows that come together cost 1.5 to 3 us of CPU each, a row by itself about 6 us and two
//! changes of thread (`examples/append_cost.rs`, two cores). Writing on the callers' threads would
//! save those, and would stop everything else on them whenever the disk does.
//!
//! A row is acknowledged with its identity or refused with a reason, never neither. A failed
//! write takes no numbers: what it left behind is cut off and the next segment starts with the
//! number that the first failed row would have had.

use std::{
    fs::File,
    io::{self, Seek, SeekFrom, Write},
    sync::{
        Arc, Condvar, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread,
    time::Duration,
};

use tokio::sync::{mpsc, oneshot};

use super::{
    Position,
    frame::{self, ROW_BYTES_MAX},
    intents::Intents,
    segment::Segment,
    spool::Spool,
};
use crate::log::AppendError;

/// Most rows acknowledged by one write(2).
const DRAIN_ROWS_MAX: usize = 1024;
/// A drain ends when it has this many bytes.
const DRAIN_BYTES_MAX: usize = 1024 * 1024;
/// Time between two tries to go on after a failed write.
const RETRY_EVERY: Duration = Duration::from_secs(1);

/// Tells a row's number, or why it has none.
pub(crate) type Written = oneshot::Sender<Result<u64, AppendError>>;

/// What a request hands to the writer.
pub(crate) enum Entry {
    Row {
        row: Vec<u8>,
        /// The intent that ends with this record.
        ends: Option<u64>,
        /// Who waits for the row's number; nobody under `ack: memory`.
        written: Option<Written>,
    },
    /// A row that stands for a call from its beginning to its record; its number is not the row's.
    Intent { row: Vec<u8>, written: Written },
    /// Look at the state again.
    Wake,
}

/// What the other threads see of the writer.
#[derive(Default)]
pub(crate) struct Switches {
    /// The disk refused a row; nothing is taken until a new segment could be made.
    pub(crate) failed: AtomicBool,
    pub(crate) closing: AtomicBool,
    closed: Mutex<bool>,
    closed_changed: Condvar,
}

impl Switches {
    /// Waits until the writer has ended; false when it had not within `deadline`.
    pub(crate) fn wait_closed(&self, deadline: Duration) -> bool {
        let closed = self.closed.lock().unwrap_or_else(PoisonError::into_inner);
        let (closed, _) = self
            .closed_changed
            .wait_timeout_while(closed, deadline, |closed| !*closed)
            .unwrap_or_else(PoisonError::into_inner);
        *closed
    }

    fn set_closed(&self) {
        *self.closed.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.closed_changed.notify_all();
    }
}

/// Ends the wait for the writer however its thread ends.
struct ClosedOnDrop(Arc<Switches>);

impl Drop for ClosedOnDrop {
    fn drop(&mut self) {
        self.0.failed.store(true, Relaxed);
        self.0.set_closed();
    }
}

/// What the writer is asked to write, and how.
pub(crate) struct Terms {
    pub(crate) gateway: Arc<str>,
    pub(crate) epoch: u32,
    pub(crate) segment_bytes: u64,
    /// Rows are on the disk before they are acknowledged.
    pub(crate) is_synced: bool,
}

/// The writer's own state.
pub(crate) struct Writer {
    queue: mpsc::Receiver<Entry>,
    spool: Arc<Spool>,
    switches: Arc<Switches>,
    terms: Terms,
    next: Position,
    file: File,
    /// Whole bytes in the segment, and those of its header alone.
    file_bytes: u64,
    header_bytes: u64,
    frames: Vec<u8>,
    waiting: Vec<Option<Written>>,
    intents: Intents,
    begun: Vec<(u64, Written)>,
}

impl Writer {
    /// Makes the epoch's first segment, whose first rows are those that stand for calls of which
    /// an earlier process has left no record.
    pub(crate) fn begin(
        queue: mpsc::Receiver<Entry>,
        spool: Arc<Spool>,
        switches: Arc<Switches>,
        terms: Terms,
    ) -> io::Result<Self> {
        let left = spool.left_intents()?;
        let is_synced = terms.is_synced;
        let intents = Intents::begin(spool.directory(), terms.epoch, left, is_synced)?;
        let next = Position {
            epoch: terms.epoch,
            seq: 1,
        };
        let (segment, file) = create(&spool, &terms, next)?;
        let header_bytes = segment.header_bytes;
        spool.began(segment);
        let mut writer = Self {
            queue,
            spool,
            switches,
            terms,
            next,
            file,
            file_bytes: header_bytes,
            header_bytes,
            frames: Vec::with_capacity(DRAIN_BYTES_MAX),
            waiting: Vec::with_capacity(DRAIN_ROWS_MAX),
            intents,
            begun: Vec::new(),
        };
        writer.record_left()?;
        Ok(writer)
    }

    /// Whatever was under way when a process ended was made, and nobody knows how it ended.
    fn record_left(&mut self) -> io::Result<()> {
        let left = self.intents.open();
        for chunk in left.chunks(DRAIN_ROWS_MAX) {
            for (number, row) in chunk {
                self.spool.counters.accepted_rows.fetch_add(1, Relaxed);
                self.take(row, Some(*number), None);
            }
            self.write_all()?;
            self.wrote();
            self.intents.settle(self.spool.directory())?;
        }
        if !left.is_empty() {
            tracing::warn!(
                calls = left.len(),
                "audit log: calls were under way when the process before this one ended"
            );
        }
        Ok(())
    }

    /// Runs until the log is closed or every handle to it is gone.
    pub(crate) fn run(self) {
        // Told last, when the directory's lock is no longer held here.
        let _closed = ClosedOnDrop(Arc::clone(&self.switches));
        self.serve();
    }

    fn serve(mut self) {
        while let Some(entry) = self.queue.blocking_recv() {
            // The caller that woke this thread may share its core and be about to hand over more
            // rows: letting it go on first, they come together instead of one by one.
            thread::yield_now();
            self.drain(entry);
            if self.switches.failed.load(Relaxed) {
                self.recover();
            }
            if self.switches.closing.load(Relaxed) {
                self.queue.close();
            }
        }
        self.finish();
    }

    /// Takes what is in the queue, up to a drain's bounds, and writes it.
    fn drain(&mut self, first: Entry) {
        let mut entry = Some(first);
        while let Some(taken) = entry {
            match taken {
                Entry::Row { row, ends, written } => self.take(&row, ends, written),
                Entry::Intent { row, written } => self.intend(row, written),
                Entry::Wake => {}
            }
            let is_full = self.waiting.len() + self.begun.len() >= DRAIN_ROWS_MAX
                || self.frames.len() >= DRAIN_BYTES_MAX;
            entry = if is_full {
                None
            } else {
                self.queue.try_recv().ok()
            };
        }
        if !self.waiting.is_empty() || !self.begun.is_empty() {
            self.write();
        }
    }

    /// Takes a row that stands for a call, or refuses it.
    fn intend(&mut self, row: Vec<u8>, written: Written) {
        let row_bytes = row.len();
        if self.switches.failed.load(Relaxed) {
            self.refuse(Some(written), AppendError::Failed);
        } else if row_bytes > ROW_BYTES_MAX {
            self.refuse(Some(written), AppendError::RowTooLong { row_bytes });
        } else if let Some(number) = self.intents.begins(row) {
            self.begun.push((number, written));
        } else {
            self.refuse(Some(written), AppendError::Full);
        }
    }

    /// Frames one row, or refuses it.
    fn take(&mut self, row: &[u8], ends: Option<u64>, written: Option<Written>) {
        let row_bytes = frame::identity_bytes(&self.terms.gateway) + row.len();
        let log_bytes = self.spool.wal_bytes() + self.frames.len() as u64;
        let refusal = if self.switches.failed.load(Relaxed) {
            Some(AppendError::Failed)
        } else if row_bytes > ROW_BYTES_MAX {
            Some(AppendError::RowTooLong { row_bytes })
        } else if log_bytes + row_bytes as u64 > self.spool.bytes_max() {
            Some(AppendError::Full)
        } else {
            None
        };
        if let Some(refusal) = refusal {
            self.refuse(written, refusal);
            return;
        }
        let seq = self.next.seq + self.waiting.len() as u64;
        frame::push(
            &mut self.frames,
            &self.terms.gateway,
            self.next.epoch,
            seq,
            row,
        );
        if let Some(number) = ends {
            self.intents.ends(number, seq);
        }
        self.waiting.push(written);
    }

    /// Writes the framed rows and answers those who wait for them.
    fn write(&mut self) {
        if let Err(error) = self.write_all() {
            self.fail(error);
            return;
        }
        self.wrote();
        for (number, written) in self.begun.drain(..) {
            // Whoever waited may have gone; the row stays until the end of the process.
            let _ = written.send(Ok(number));
        }
        if let Err(error) = self.intents.settle(self.spool.directory()) {
            self.fail(error);
        }
    }

    /// Intents first: what ends one is written behind the note that it does.
    fn write_all(&mut self) -> io::Result<()> {
        self.intents.write()?;
        if self.frames.is_empty() {
            return Ok(());
        }
        self.rotate_if_full()?;
        self.file.write_all(&self.frames)?;
        if self.terms.is_synced {
            self.file.sync_data()?;
        }
        Ok(())
    }

    fn wrote(&mut self) {
        let bytes = self.frames.len() as u64;
        self.frames.clear();
        let first = self.next;
        let rows = self.waiting.len() as u64;
        if rows == 0 {
            return;
        }
        self.file_bytes += bytes;
        self.next.seq += rows;
        self.spool.wrote(first, rows, bytes);
        for (seq, written) in (first.seq..).zip(self.waiting.drain(..)) {
            if let Some(written) = written {
                // Whoever waited may have gone; the row stays.
                let _ = written.send(Ok(seq));
            }
        }
    }

    fn rotate_if_full(&mut self) -> io::Result<()> {
        let is_empty = self.file_bytes == self.header_bytes;
        let would_fit = self.file_bytes + self.frames.len() as u64 <= self.terms.segment_bytes;
        if is_empty || would_fit {
            return Ok(());
        }
        self.rotate()
    }

    /// Goes on in a new segment and gives the old one's unused space back.
    fn rotate(&mut self) -> io::Result<()> {
        let (segment, file) = create(&self.spool, &self.terms, self.next)?;
        let left = std::mem::replace(&mut self.file, file);
        left.set_len(self.file_bytes)?;
        self.file_bytes = segment.header_bytes;
        self.header_bytes = segment.header_bytes;
        self.spool.began(segment);
        Ok(())
    }

    /// Refuses the rows of a failed write and takes no more.
    fn fail(&mut self, error: io::Error) {
        tracing::error!(%error, rows = self.waiting.len(), "audit log: rows could not be written; refusing calls");
        self.switches.failed.store(true, Relaxed);
        self.frames.clear();
        self.intents.abandon();
        let error = Arc::new(error);
        let begun = std::mem::take(&mut self.begun);
        let begun = begun.into_iter().map(|(_, written)| Some(written));
        let waiting = std::mem::take(&mut self.waiting);
        for written in waiting.into_iter().chain(begun) {
            self.refuse(written, AppendError::Write(Arc::clone(&error)));
        }
    }

    /// Tries until a new segment is there; refuses what comes meanwhile.
    fn recover(&mut self) {
        while !self.switches.closing.load(Relaxed) {
            thread::sleep(RETRY_EVERY);
            while let Ok(entry) = self.queue.try_recv() {
                match entry {
                    Entry::Row { written, .. } => self.refuse(written, AppendError::Failed),
                    Entry::Intent { written, .. } => {
                        self.refuse(Some(written), AppendError::Failed);
                    }
                    Entry::Wake => {}
                }
            }
            match self.resume() {
                Ok(()) => {
                    self.switches.failed.store(false, Relaxed);
                    self.spool.room.notify_waiters();
                    tracing::info!("audit log: rows can be written again");
                    return;
                }
                Err(error) => tracing::warn!(%error, "audit log: still cannot be written"),
            }
        }
    }

    /// Cuts off what the failed write left behind, then goes on in a new segment; in the same
    /// one if it has no row yet, for the new one would bear its name.
    fn resume(&mut self) -> io::Result<()> {
        self.file.set_len(self.file_bytes)?;
        // A row that was not written has left its number to another one.
        self.intents.rewrite(self.spool.directory())?;
        if self.file_bytes > self.header_bytes {
            return self.rotate();
        }
        self.file.seek(SeekFrom::Start(self.file_bytes)).map(drop)
    }

    fn refuse(&self, written: Option<Written>, refusal: AppendError) {
        let counters = &self.spool.counters;
        let Some(written) = written else {
            // Its call has long been answered.
            counters.dropped_rows.fetch_add(1, Relaxed);
            return;
        };
        counters.refused_rows.fetch_add(1, Relaxed);
        // Whoever waited may have gone; the refusal is counted.
        let _ = written.send(Err(refusal));
    }

    /// Makes everything durable and gives unused space back.
    fn finish(&mut self) {
        let outcome = self
            .file
            .set_len(self.file_bytes)
            .and_then(|()| self.file.sync_all());
        if let Err(error) = outcome {
            tracing::error!(%error, "audit log: could not be synced at its end");
        }
    }
}

/// Makes a segment; under `ack: synced` its name must survive the loss of power, too.
fn create(spool: &Spool, terms: &Terms, first: Position) -> io::Result<(Segment, File)> {
    let directory = spool.directory();
    let made = Segment::create(directory.path(), &terms.gateway, first, terms.segment_bytes)?;
    if terms.is_synced {
        directory.sync()?;
    }
    Ok(made)
}
