//! The log's and the delivery's figures, as plain numbers for whoever shows them.

use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

/// Why an insert did not happen. The word is the metric label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum FailureReason {
    /// No connection, or it broke.
    Network = 0,
    Timeout = 1,
    /// User, password or rights are wrong.
    Access = 2,
    /// The database or a table is not there: `gantry audit migrate` was not run.
    MissingTable = 3,
    /// Overloaded, read-only or out of memory for now.
    Busy = 4,
    /// ClickHouse refuses the rows themselves.
    Data = 5,
    /// The log or its cursor could not be read, synced or written.
    Log = 6,
    Other = 7,
}

impl FailureReason {
    /// Every reason, in the order of its number.
    pub const ALL: [Self; 8] = [
        Self::Network,
        Self::Timeout,
        Self::Access,
        Self::MissingTable,
        Self::Busy,
        Self::Data,
        Self::Log,
        Self::Other,
    ];

    /// The metric label.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Network => "network",
            Self::Timeout => "timeout",
            Self::Access => "access",
            Self::MissingTable => "missing_table",
            Self::Busy => "busy",
            Self::Data => "data",
            Self::Log => "log",
            Self::Other => "other",
        }
    }
}

/// The figures at one moment. Counters count since the log was opened.
#[derive(Clone, Debug, PartialEq)]
pub struct Stats {
    /// Rows that entered the queue.
    pub accepted_rows: u64,
    /// Rows acknowledged as written.
    pub written_rows: u64,
    /// Rows not taken: the log was full, closed or failing, or the row was too long.
    pub refused_rows: u64,
    /// Rows of calls that went on without a record: `on_full: degrade`, or `ack: memory` and a
    /// disk that refused.
    pub dropped_rows: u64,
    /// Rows acknowledged by ClickHouse.
    pub delivered_rows: u64,
    /// Rows that ClickHouse will not take, kept in files of their own.
    pub dead_rows: u64,
    /// Rows in the log that ClickHouse has not acknowledged, earlier epochs' included.
    pub unsent_rows: u64,
    pub unsent_bytes: u64,
    /// How long the oldest of them has been waiting, to about a second.
    pub oldest_unsent: Duration,
    /// Rows of damaged segments that can be read no more.
    pub lost_rows: u64,
    pub wal_bytes: u64,
    /// What the log may still grow by.
    pub wal_free_bytes: u64,
    /// Inserts that ClickHouse acknowledged, and the time that they took together.
    pub inserts: u64,
    pub insert_time: Duration,
    pub last_insert_time: Duration,
    pub last_insert_rows: u64,
    /// Failed tries to deliver a batch, in the order of [`FailureReason::ALL`].
    pub insert_failures: [(FailureReason, u64); FailureReason::ALL.len()],
}

/// The counters behind [`Stats`].
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) accepted_rows: AtomicU64,
    pub(crate) written_rows: AtomicU64,
    pub(crate) refused_rows: AtomicU64,
    pub(crate) dropped_rows: AtomicU64,
    pub(crate) delivered_rows: AtomicU64,
    pub(crate) dead_rows: AtomicU64,
    pub(crate) lost_rows: AtomicU64,
    pub(crate) unsent_rows: AtomicU64,
    pub(crate) unsent_bytes: AtomicU64,
    pub(crate) wal_bytes: AtomicU64,
    inserts: AtomicU64,
    insert_us: AtomicU64,
    last_insert_us: AtomicU64,
    last_insert_rows: AtomicU64,
    insert_failures: [AtomicU64; FailureReason::ALL.len()],
}

impl Counters {
    pub(crate) fn inserted(&self, rows: u64, took: Duration) {
        let took_us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.inserts.fetch_add(1, Relaxed);
        self.insert_us.fetch_add(took_us, Relaxed);
        self.last_insert_us.store(took_us, Relaxed);
        self.last_insert_rows.store(rows, Relaxed);
    }

    pub(crate) fn insert_failed(&self, reason: FailureReason) {
        if let Some(count) = self.insert_failures.get(reason as usize) {
            count.fetch_add(1, Relaxed);
        }
    }

    pub(crate) fn stats(&self, oldest_unsent: Duration, bytes_max: u64) -> Stats {
        let wal_bytes = self.wal_bytes.load(Relaxed);
        let mut insert_failures = FailureReason::ALL.map(|reason| (reason, 0));
        for ((_, shown), count) in insert_failures.iter_mut().zip(&self.insert_failures) {
            *shown = count.load(Relaxed);
        }
        Stats {
            accepted_rows: self.accepted_rows.load(Relaxed),
            written_rows: self.written_rows.load(Relaxed),
            refused_rows: self.refused_rows.load(Relaxed),
            dropped_rows: self.dropped_rows.load(Relaxed),
            delivered_rows: self.delivered_rows.load(Relaxed),
            dead_rows: self.dead_rows.load(Relaxed),
            unsent_rows: self.unsent_rows.load(Relaxed),
            unsent_bytes: self.unsent_bytes.load(Relaxed),
            oldest_unsent,
            lost_rows: self.lost_rows.load(Relaxed),
            wal_bytes,
            wal_free_bytes: bytes_max.saturating_sub(wal_bytes),
            inserts: self.inserts.load(Relaxed),
            insert_time: Duration::from_micros(self.insert_us.load(Relaxed)),
            last_insert_time: Duration::from_micros(self.last_insert_us.load(Relaxed)),
            last_insert_rows: self.last_insert_rows.load(Relaxed),
            insert_failures,
        }
    }
}
