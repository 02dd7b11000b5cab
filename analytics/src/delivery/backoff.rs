//! Pauses between tries: doubled each time, cut at a maximum, spread by jitter.

use std::{
    hash::{BuildHasher, RandomState},
    time::Duration,
};

/// The pause after the next failure.
#[derive(Debug)]
pub(crate) struct Backoff {
    min: Duration,
    max: Duration,
    next: Duration,
    random: RandomState,
    tries: u64,
}

impl Backoff {
    pub(crate) fn new(min: Duration, max: Duration) -> Self {
        Self {
            min,
            max,
            next: min,
            random: RandomState::new(),
            tries: 0,
        }
    }

    /// Between half the pause and the whole of it, so that gateways which failed together do
    /// not come back together.
    pub(crate) fn next(&mut self) -> Duration {
        let pause = self.next.min(self.max);
        self.next = pause.saturating_mul(2);
        self.tries += 1;
        let share = (self.random.hash_one(self.tries) >> 32) as u32;
        let half = pause / 2;
        half + half.mul_f64(f64::from(share) / f64::from(u32::MAX))
    }

    /// After a success: the shortest pause again.
    pub(crate) fn reset(&mut self) {
        self.next = self.min;
    }

    /// After what no try will heal soon: the longest pause.
    pub(crate) fn exhaust(&mut self) {
        self.next = self.max;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_the_maximum_and_no_further() {
        let (min, max) = (Duration::from_millis(100), Duration::from_secs(5));
        let mut backoff = Backoff::new(min, max);
        let mut expected = min;
        for _ in 0..20 {
            let pause = backoff.next();
            assert!(
                pause >= expected / 2 && pause <= expected,
                "{pause:?} of {expected:?}"
            );
            expected = (expected * 2).min(max);
        }
        backoff.reset();
        assert!(backoff.next() <= min);
        backoff.exhaust();
        assert!(backoff.next() >= max / 2);
    }
}
