//! The write-ahead log on disk: one directory, one writer, immutable ranges.
//!
//! ```text
//! dir/lock                                one process at a time
//! dir/epoch                               the newest epoch
//! dir/0000000007-00000000000000000001.wal segments: header, then frames
//! dir/cursor.json                         what ClickHouse has acknowledged, and what is on its way
//! dir/seals.jsonl                         the newest seals, to be compared with the store's
//! dir/intents                             calls that have begun and are not recorded yet
//! dir/dead/…                              rows that ClickHouse refuses, each a segment of its own
//! ```
//!
//! A row is acknowledged once it is in the page cache, so it survives the end of the process by
//! any means; what is sent to ClickHouse is made durable first. The log never rewrites a row and
//! never deletes a segment of which a row is undelivered.

pub(crate) mod backlog;
pub(crate) mod batch;
pub(crate) mod cursor;
pub(crate) mod dead;
pub(crate) mod directory;
pub(crate) mod frame;
pub(crate) mod intents;
mod recovery;
mod replay;
pub(crate) mod seals;
pub(crate) mod segment;
pub(crate) mod spool;
pub(crate) mod writer;

pub use frame::ROW_BYTES_MAX;
pub use replay::{ReplayError, replay};

/// A row's place in the log. Epochs grow from start to start, so places order rows over all of
/// the log's life.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    serde::Serialize,
    serde::Deserialize,
)]
pub(crate) struct Position {
    pub(crate) epoch: u32,
    pub(crate) seq: u64,
}
