//! Calls per span of time: the generic cell rate algorithm of the crate `governor`.
//!
//! Governor decides; where its state lives and what time it is are ours, so that keys are bounded,
//! time is an argument, and a call that came to nothing can be given back.

use std::{
    num::NonZeroU32,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use governor::{
    Quota, RateLimiter, clock, middleware::NoOpMiddleware, nanos::Nanos, state::StateStore,
};

use super::{SECOND, Size, Until, Wait};
use crate::{
    config::Rate,
    limits::{Moment, table::Table},
};

/// `burst` calls at once, refilled evenly.
pub(in crate::limits) struct Calls {
    limiter: RateLimiter<u64, Store, Clock, NoOpMiddleware<Nanos>>,
    store: Store,
    /// In which one call is refilled.
    interval_ns: u64,
}

impl Calls {
    pub(in crate::limits) fn new(rate: Rate, burst: u32) -> Self {
        let interval_ns = (rate.span.seconds() * SECOND / rate.amount.max(1)).max(1);
        let burst = NonZeroU32::new(burst).unwrap_or(NonZeroU32::MIN);
        let quota = Quota::with_period(Duration::from_nanos(interval_ns));
        let quota = quota.unwrap_or(Quota::per_second(burst)).allow_burst(burst);
        let store = Store::default();
        Self {
            limiter: RateLimiter::new(quota, store.clone(), store.clock.clone()),
            store,
            interval_ns,
        }
    }

    /// Takes one call.
    ///
    /// # Errors
    /// The time until the next one is there.
    pub(in crate::limits) fn take(&self, key: u64, now: Moment) -> Result<(), Wait> {
        let now = self.store.clock.advance(now.nanos);
        self.limiter
            .check_key(&key)
            .map_err(|refused| refused.wait_time_from(now))
    }

    /// Gives back a call that was taken at `taken`, less what has been refilled since: a bucket
    /// that has filled up meanwhile must not hold one more for it.
    pub(in crate::limits) fn give_back(&self, key: u64, taken: Moment, now: Moment) {
        let refilled = now.nanos.saturating_sub(taken.nanos);
        let rest = self.interval_ns.saturating_sub(refilled);
        self.store.table.with(key, now, |slot| {
            slot.nanos = slot.nanos.saturating_sub(rest);
        });
    }

    pub(in crate::limits) fn sweep(&self, now: Moment) {
        self.store.table.sweep(now);
    }

    pub(in crate::limits) fn size(&self) -> Size {
        Size::of(&self.store.table)
    }
}

/// Where governor keeps the moment at which each key's bucket is full.
#[derive(Clone, Default)]
struct Store {
    table: Arc<Table<Until>>,
    clock: Clock,
}

impl StateStore for Store {
    type Key = u64;

    fn measure_and_replace<T, F, E>(&self, key: &u64, decide: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let now = Moment {
            nanos: clock::Clock::now(&self.clock).as_u64(),
            unix_s: 0,
        };
        self.table.with(*key, now, |slot| {
            let (outcome, full) = decide(Some(Nanos::new(slot.nanos)))?;
            slot.nanos = full.as_u64();
            Ok(outcome)
        })
    }
}

/// The latest time that anybody was admitted at.
#[derive(Clone, Default)]
struct Clock(Arc<AtomicU64>);

impl Clock {
    /// Moves on, never back.
    fn advance(&self, nanos: u64) -> Nanos {
        let before = self.0.fetch_max(nanos, Ordering::Relaxed);
        Nanos::new(before.max(nanos))
    }
}

impl clock::Clock for Clock {
    type Instant = Nanos;

    fn now(&self) -> Nanos {
        Nanos::new(self.0.load(Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{config::Span, limits::at_ms};

    fn calls(amount: u64, span: Span, burst: u32) -> Calls {
        Calls::new(Rate { amount, span }, burst)
    }

    #[test]
    fn a_burst_then_one_per_interval() {
        let calls = calls(60, Span::Min, 3);
        for _ in 0..3 {
            assert_eq!(calls.take(1, at_ms(5)), Ok(()));
        }
        assert_eq!(calls.take(1, at_ms(5)), Err(Duration::from_secs(1)));
        assert_eq!(calls.take(1, at_ms(505)), Err(Duration::from_millis(500)));
        assert_eq!(calls.take(1, at_ms(1_005)), Ok(()));
        assert!(calls.take(1, at_ms(1_005)).is_err());
        assert_eq!(calls.take(2, at_ms(1_005)), Ok(()), "another key");
    }

    #[test]
    fn what_is_given_back_at_once_is_as_if_it_never_was() {
        let calls = calls(1, Span::Hour, 2);
        for _ in 0..100 {
            assert_eq!(calls.take(1, at_ms(7)), Ok(()));
            calls.give_back(1, at_ms(7), at_ms(7));
        }
        assert_eq!(calls.take(1, at_ms(7)), Ok(()));
        assert_eq!(calls.take(1, at_ms(7)), Ok(()));
        assert!(calls.take(1, at_ms(7)).is_err());
    }

    #[test]
    fn full_buckets_are_forgotten() {
        let calls = calls(1, Span::Second, 1);
        calls.take(1, at_ms(0)).unwrap();
        calls.take(2, at_ms(500)).unwrap();
        calls.sweep(at_ms(1_000));
        assert_eq!(calls.size().keys, 1);
    }

    proptest! {
        /// However calls come and fail, those that stand never exceed the burst and what has been
        /// refilled, in any stretch of time.
        #[test]
        fn no_stretch_of_time_has_more_calls_than_the_limit(
            amount in 1_u64..50,
            burst in 1_u32..8,
            steps in prop::collection::vec((0_u64..400, any::<bool>(), 0_u64..300), 1..120),
        ) {
            let calls = calls(amount, Span::Second, burst);
            let interval_ns = SECOND / amount;
            let (mut now_ms, mut standing, mut failing) = (0, Vec::new(), Vec::new());
            for (pause, fails, later) in steps {
                now_ms += pause;
                failing.retain(|(taken, due)| {
                    let is_due = *due <= now_ms;
                    if is_due {
                        calls.give_back(1, at_ms(*taken), at_ms(now_ms));
                    }
                    !is_due
                });
                if calls.take(1, at_ms(now_ms)).is_ok() {
                    if fails {
                        failing.push((now_ms, now_ms + later));
                    } else {
                        standing.push(now_ms);
                    }
                }
            }
            for (index, from) in standing.iter().enumerate() {
                for (more, to) in standing[index..].iter().enumerate() {
                    let refilled = (to - from) * 1_000_000 / interval_ns;
                    prop_assert!((more as u64) < u64::from(burst) + refilled);
                }
            }
        }
    }
}
