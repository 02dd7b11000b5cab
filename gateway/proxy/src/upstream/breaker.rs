//! A circuit breaker: after so many failures in a row it opens for a while, then lets one call
//! through to find out whether it may close.
//!
//! Time is an argument. Each opening lasts twice as long as the one before, up to a bound.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

/// An opening lasts at most this many times as long as the first.
const GROWTH_MAX: u32 = 10;

/// Counts failures in a row.
#[derive(Debug, Default)]
pub(super) struct Breaker {
    /// Whether there is anything to know at all: most of the time there is not.
    troubled: AtomicBool,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    failures: u32,
    openings: u32,
    open_until: Option<Instant>,
    /// When the call was let through that has to show what is the matter.
    trial: Option<Instant>,
}

/// Whether a call may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Gate {
    Closed,
    /// Half-open: one call may go, after [`Breaker::begin_trial`].
    Trial,
    /// Not before so long.
    Open(Duration),
}

/// When it opens, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rules {
    /// Failures in a row; 0 for never.
    pub after: u32,
    /// The first time.
    pub for_: Duration,
}

impl Breaker {
    pub(super) fn gate(&self, rules: Rules, now: Instant) -> Gate {
        if !self.troubled.load(Relaxed) {
            return Gate::Closed;
        }
        let state = self.state();
        let Some(until) = state.open_until else {
            return Gate::Closed;
        };
        // A trial of which nothing was heard is given up.
        let trial = state.trial.map(|begun| begun + rules.for_);
        let until = trial.map_or(until, |trial| until.max(trial));
        match until.checked_duration_since(now) {
            Some(left) if !left.is_zero() => Gate::Open(left),
            _ => Gate::Trial,
        }
    }

    /// Whether it is open. Never waits: one that is just being asked whether it may open is not.
    pub(super) fn is_open(&self, now: Instant) -> bool {
        let until = self
            .state
            .try_lock()
            .ok()
            .and_then(|state| state.open_until);
        until.is_some_and(|until| now < until)
    }

    pub(super) fn begin_trial(&self, now: Instant) {
        self.state().trial = Some(now);
    }

    /// A call went well. True when that closes the circuit.
    pub(super) fn succeeded(&self) -> bool {
        if !self.troubled.load(Relaxed) {
            return false;
        }
        let mut state = self.state();
        let closes = state.open_until.is_some();
        *state = State::default();
        self.troubled.store(false, Relaxed);
        closes
    }

    /// A call failed. How long the circuit is open, when it opens now; `may_open` is asked then.
    pub(super) fn failed(
        &self,
        rules: Rules,
        now: Instant,
        may_open: impl FnOnce() -> bool,
    ) -> Option<Duration> {
        if rules.after == 0 {
            return None;
        }
        self.troubled.store(true, Relaxed);
        let mut state = self.state();
        state.failures = state.failures.saturating_add(1);
        let open = state.open_until.is_some_and(|until| now < until);
        let trial_failed = state.open_until.is_some() && !open;
        let due = trial_failed || state.failures >= rules.after;
        if open || !due || !may_open() {
            return None;
        }
        let length = rules.for_ * (1 << state.openings.min(8)).min(GROWTH_MAX);
        state.openings = state.openings.saturating_add(1);
        state.open_until = Some(now + length);
        state.trial = None;
        Some(length)
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);
    const RULES: Rules = Rules {
        after: 3,
        for_: SECOND,
    };

    #[test]
    fn it_opens_tries_and_closes() {
        let (breaker, begun) = (Breaker::default(), Instant::now());
        let fail = |at| breaker.failed(RULES, at, || true);
        assert_eq!((fail(begun), fail(begun)), (None, None));
        assert!(!breaker.succeeded());
        assert_eq!((fail(begun), fail(begun)), (None, None));
        assert_eq!(breaker.gate(RULES, begun), Gate::Closed);
        assert_eq!(fail(begun), Some(SECOND));
        assert_eq!(breaker.gate(RULES, begun), Gate::Open(SECOND));
        assert_eq!(fail(begun), None, "calls that were under way");

        let later = begun + SECOND;
        assert_eq!(breaker.gate(RULES, later), Gate::Trial);
        breaker.begin_trial(later);
        assert_eq!(breaker.gate(RULES, later), Gate::Open(SECOND));
        assert_eq!(fail(later), Some(2 * SECOND));
        let later = later + 2 * SECOND;
        assert_eq!(breaker.gate(RULES, later), Gate::Trial);
        assert!(breaker.succeeded());
        assert_eq!(breaker.gate(RULES, later), Gate::Closed);
        assert_eq!((fail(later), fail(later)), (None, None));
    }

    #[test]
    fn openings_grow_up_to_a_bound() {
        let (breaker, mut now) = (Breaker::default(), Instant::now());
        let mut lengths = Vec::new();
        for _ in 0..8 {
            let opened = (0..3).find_map(|_| breaker.failed(RULES, now, || true));
            lengths.push(opened.unwrap().as_secs());
            now += opened.unwrap();
        }
        assert_eq!(lengths, [1, 2, 4, 8, 10, 10, 10, 10]);
    }

    #[test]
    fn it_stays_closed_where_it_may_not_open() {
        let (breaker, now) = (Breaker::default(), Instant::now());
        for _ in 0..100 {
            assert_eq!(breaker.failed(RULES, now, || false), None);
        }
        assert_eq!(breaker.gate(RULES, now), Gate::Closed);
        let never = Rules { after: 0, ..RULES };
        assert_eq!(Breaker::default().failed(never, now, || true), None);
    }
}
