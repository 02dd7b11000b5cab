//! The four ways of counting, each over a bounded table of keys.
//!
//! They are told the time and know nothing else: not what is counted, nor why.

mod budget;
mod calls;
mod concurrent;
mod debt;

use std::time::Duration;

pub(super) use budget::{Budget, ends_s};
pub(super) use calls::Calls;
pub(super) use concurrent::Concurrent;
pub(super) use debt::Debt;

use super::{
    Moment,
    table::{Slot, Table},
};

/// Nanoseconds of a second.
const SECOND: u64 = 1_000_000_000;

/// Until when a bucket has something to make up for. An idle bucket is full.
#[derive(Debug, Clone, Copy, Default)]
struct Until {
    nanos: u64,
}

impl Slot for Until {
    fn is_idle(&self, now: Moment) -> bool {
        self.nanos <= now.nanos
    }
}

/// When to try again.
type Wait = Duration;

/// What a table holds, for the metrics.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Size {
    pub(super) keys: usize,
    pub(super) overflows: u64,
}

impl Size {
    fn of<S: Slot>(table: &Table<S>) -> Self {
        Self {
            keys: table.keys(),
            overflows: table.overflows(),
        }
    }
}
