//! Calls that are under way together.

use std::time::Duration;

use super::{Size, Wait};
use crate::limits::{
    Moment,
    table::{Slot, Table},
};

/// Nobody knows when a call under way will end.
const TRY_AGAIN: Duration = Duration::from_secs(1);

/// Calls under way of each key. A key without any is not kept.
pub(in crate::limits) struct Concurrent {
    table: Table<UnderWay>,
}

#[derive(Debug, Clone, Copy, Default)]
struct UnderWay(u32);

impl Slot for UnderWay {
    fn is_idle(&self, _: Moment) -> bool {
        self.0 == 0
    }
}

impl Concurrent {
    pub(in crate::limits) fn new() -> Self {
        Self {
            table: Table::default(),
        }
    }

    /// Begins a call where fewer than `most` are under way.
    ///
    /// # Errors
    /// The time after which to try again.
    pub(in crate::limits) fn begin(&self, key: u64, most: u32, now: Moment) -> Result<(), Wait> {
        self.table.with(key, now, |slot| {
            if slot.0 >= most {
                return Err(TRY_AGAIN);
            }
            slot.0 += 1;
            Ok(())
        })
    }

    /// Ends a call that was begun.
    pub(in crate::limits) fn end(&self, key: u64) {
        let now = Moment::default();
        self.table
            .end(key, now, |slot| slot.0 = slot.0.saturating_sub(1));
    }

    pub(in crate::limits) fn sweep(&self, now: Moment) {
        self.table.sweep(now);
    }

    pub(in crate::limits) fn size(&self) -> Size {
        Size::of(&self.table)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::at_ms;

    #[test]
    fn as_many_as_allowed_and_no_trace_of_them() {
        let calls = Concurrent::new();
        for _ in 0..3 {
            assert_eq!(calls.begin(1, 3, at_ms(0)), Ok(()));
        }
        assert_eq!(calls.begin(1, 3, at_ms(0)), Err(TRY_AGAIN));
        assert_eq!(calls.begin(2, 3, at_ms(0)), Ok(()), "another key");
        calls.end(1);
        assert_eq!(calls.begin(1, 3, at_ms(0)), Ok(()));
        for key in [1, 1, 1, 2] {
            calls.end(key);
        }
        assert_eq!(calls.size().keys, 0);
    }
}
