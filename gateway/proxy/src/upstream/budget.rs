//! How much of a server's traffic may be repetitions.
//!
//! Without it, a server that fails gets every call several times, just when it can bear it least.

use std::sync::atomic::{AtomicI64, Ordering::Relaxed};

/// What one repetition costs; a call earns so many hundredths of it.
const PRICE: i64 = 100;
/// Repetitions that are possible before any call has earned one, and the most that can be saved.
const SAVED_MAX: i64 = 20;

/// The repetitions that a server's calls have earned.
#[derive(Debug)]
pub(super) struct Budget {
    percent: i64,
    saved: AtomicI64,
}

impl Budget {
    pub(super) fn new(percent: u32) -> Self {
        let saved = if percent == 0 { 0 } else { SAVED_MAX * PRICE };
        Self {
            percent: i64::from(percent),
            saved: AtomicI64::new(saved),
        }
    }

    pub(super) fn percent(&self) -> u32 {
        self.percent as u32
    }

    /// A call is made.
    pub(super) fn earn(&self) {
        // Two calls at once may save a little more than the most; the next one corrects it.
        let saved = self.saved.fetch_add(self.percent, Relaxed) + self.percent;
        if saved > SAVED_MAX * PRICE {
            self.saved.store(SAVED_MAX * PRICE, Relaxed);
        }
    }

    /// Takes one repetition, if there is one.
    pub(super) fn spend(&self) -> bool {
        let pay = |saved: i64| (saved >= PRICE).then_some(saved - PRICE);
        self.saved.fetch_update(Relaxed, Relaxed, pay).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repetitions_are_a_share_of_the_calls() {
        let budget = Budget::new(20);
        let repeat = |calls: usize| {
            (0..calls)
                .filter(|_| {
                    budget.earn();
                    budget.spend()
                })
                .count()
        };
        assert_eq!(repeat(1_000), 20 - 1 + 200);
        assert_eq!(repeat(1_000), 200);
        let none = Budget::new(0);
        none.earn();
        assert!(!none.spend());
    }
}
