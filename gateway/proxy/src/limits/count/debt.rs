//! Amounts that are known only after the answer: tokens and bytes per span of time.
//!
//! A bucket that is refilled evenly and may go below empty. Whoever finds something in it is
//! admitted, and is charged for what it turns out to have used; the next one waits until that has
//! been made up for.

use std::time::Duration;

use super::{SECOND, Size, Until, Wait};
use crate::{
    config::Rate,
    limits::{Moment, table::Table},
};

/// Holds one span's amount.
pub(in crate::limits) struct Debt {
    table: Table<Until>,
    rate: Rate,
}

impl Debt {
    pub(in crate::limits) fn new(rate: Rate) -> Self {
        Self {
            table: Table::default(),
            rate,
        }
    }

    /// Looks whether anything is left.
    ///
    /// # Errors
    /// The time until something is.
    pub(in crate::limits) fn check(&self, key: u64, now: Moment) -> Result<(), Wait> {
        let until = self.table.with(key, now, |slot| slot.nanos);
        // Empty is a bucket that takes its whole span to fill.
        let latest = now
            .nanos
            .saturating_add(self.span_ns())
            .saturating_sub(self.ns(1));
        if until <= latest {
            return Ok(());
        }
        Err(Duration::from_nanos(until - latest))
    }

    /// Takes what was used, also what is not there.
    pub(in crate::limits) fn charge(&self, key: u64, amount: u64, now: Moment) {
        let ns = self.ns(amount);
        self.table.with(key, now, |slot| {
            slot.nanos = slot.nanos.max(now.nanos).saturating_add(ns);
        });
    }

    pub(in crate::limits) fn sweep(&self, now: Moment) {
        self.table.sweep(now);
    }

    pub(in crate::limits) fn size(&self) -> Size {
        Size::of(&self.table)
    }

    fn span_ns(&self) -> u64 {
        self.rate.span.seconds() * SECOND
    }

    /// In which so much is refilled, rounded up.
    fn ns(&self, amount: u64) -> u64 {
        let exact = u128::from(amount) * u128::from(self.span_ns());
        u64::try_from(exact.div_ceil(u128::from(self.rate.amount.max(1)))).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{config::Span, limits::at_ms};

    fn debt(amount: u64, span: Span) -> Debt {
        Debt::new(Rate { amount, span })
    }

    #[test]
    fn one_call_may_go_beyond_and_the_next_one_waits() {
        let debt = debt(1_000, Span::Second);
        assert_eq!(debt.check(1, at_ms(0)), Ok(()));
        debt.charge(1, 3_000, at_ms(0));
        // 2,000 are owed, and one must be there.
        assert_eq!(debt.check(1, at_ms(0)), Err(Duration::from_millis(2_001)));
        assert_eq!(debt.check(1, at_ms(2_000)), Err(Duration::from_millis(1)));
        assert_eq!(debt.check(1, at_ms(2_001)), Ok(()));
        assert_eq!(debt.check(2, at_ms(0)), Ok(()), "another key");
    }

    #[test]
    fn it_is_spent_to_the_last_one() {
        let debt = debt(10, Span::Hour);
        for _ in 0..10 {
            assert_eq!(debt.check(1, at_ms(0)), Ok(()));
            debt.charge(1, 1, at_ms(0));
        }
        assert_eq!(debt.check(1, at_ms(0)), Err(Duration::from_secs(360)));
        assert_eq!(debt.check(1, at_ms(360_000)), Ok(()));
    }

    #[test]
    fn the_largest_amounts_do_not_wrap_around() {
        let debt = debt(1, Span::Day);
        debt.charge(1, u64::MAX, at_ms(0));
        debt.charge(1, u64::MAX, at_ms(0));
        assert!(debt.check(1, at_ms(1_000_000_000_000)).is_err());
    }

    proptest! {
        /// The bucket agrees with one that is counted out plainly, to the rounding of a nanosecond
        /// per charge.
        #[test]
        fn agrees_with_plain_counting(
            amount in 1_u64..10_000,
            steps in prop::collection::vec((0_u64..5_000, 0_u64..20_000), 1..60),
        ) {
            let debt = debt(amount, Span::Second);
            let (mut now_ms, mut level) = (0_u64, amount as f64);
            for (pause, used) in steps {
                now_ms += pause;
                level = (level + amount as f64 * pause as f64 / 1e3).min(amount as f64);
                let admitted = debt.check(1, at_ms(now_ms)).is_ok();
                // Near the very edge either is right.
                if (level - 1.0).abs() > 1e-3 {
                    prop_assert_eq!(admitted, level > 1.0, "{}", level);
                }
                debt.charge(1, used, at_ms(now_ms));
                level -= used as f64;
            }
        }
    }
}
