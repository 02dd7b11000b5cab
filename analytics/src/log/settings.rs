//! How a log is kept: where, how large, and what it promises.

use std::path::PathBuf;

use crate::subject::Pseudonyms;

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
    pub ack: Ack,
    pub on_full: OnFull,
    /// Makes pseudonyms; without one every person is nobody.
    pub pseudonyms: Option<Pseudonyms>,
}

impl Settings {
    /// 1 GiB in segments of 64 MiB, a queue of 8192 rows, written before acknowledged, closed
    /// when full.
    pub fn new(dir: impl Into<PathBuf>, gateway: impl Into<String>) -> Self {
        Self {
            dir: dir.into(),
            gateway: gateway.into(),
            bytes_max: 1024 * 1024 * 1024,
            segment_bytes: 64 * 1024 * 1024,
            queue_max: 8192,
            beside: None,
            ack: Ack::default(),
            on_full: OnFull::default(),
            pseudonyms: None,
        }
    }
}

/// What a row has survived when its caller may go on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ack {
    /// Nothing: it is in the queue. The end of the process can lose it.
    Memory,
    /// The end of the process by any means: it is in the page cache.
    #[default]
    Written,
    /// The loss of power: it is on the disk. Rows that come together share one `fdatasync`.
    Synced,
}

/// What becomes of a call that the log has no room for, or cannot be written for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnFull {
    /// It waits for room, and is refused when that takes too long.
    Block,
    /// It is refused: a call that leaves no record is not made.
    #[default]
    FailClosed,
    /// It goes on without a record, and is counted as dropped.
    Degrade,
}
