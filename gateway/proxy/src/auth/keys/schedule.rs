//! When an issuer's keys are fetched. No clock of its own: time is an argument.

use std::time::{Duration, Instant};

/// How long keys are used before they are fetched again, where the issuer does not say.
const FRESH: Duration = Duration::from_secs(15 * 60);
const FRESH_MIN: Duration = Duration::from_secs(60);
const FRESH_MAX: Duration = Duration::from_secs(60 * 60);

/// How long keys are used while their issuer cannot be asked.
pub(super) const STALE_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// How often tokens may make the gateway ask their issuer: whoever sends tokens that nobody signed
/// must not be able to flood the issuer with questions.
const ASK_EVERY: Duration = Duration::from_secs(30);

/// The waiting time after failures doubles between these.
const RETRY_MIN: Duration = Duration::from_secs(1);
const RETRY_MAX: Duration = Duration::from_secs(60);

/// The plan of one issuer. Fetches are numbered from 1, and there is one at a time.
#[derive(Debug, Default)]
pub(super) struct Schedule {
    begun: u64,
    ended: u64,
    /// The fetch that tokens asked for last, and when.
    asked: Option<(u64, Instant)>,
    failures: u32,
}

/// What a token with an unknown key may do about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ask {
    /// Have this fetch begin, and wait for it.
    Begin(u64),
    /// Wait for this fetch, which another token has asked for.
    Join(u64),
    /// Nothing: the issuer has been asked a moment ago.
    TooSoon,
}

impl Schedule {
    /// Asks for a fetch because of a token.
    pub(super) fn ask(&mut self, now: Instant) -> Ask {
        match self.asked {
            Some((fetch, _)) if fetch > self.ended => Ask::Join(fetch),
            Some((_, at)) if now.saturating_duration_since(at) < ASK_EVERY => Ask::TooSoon,
            _ => {
                // One that is under way may have begun before the key was published.
                let fetch = self.begun + 1;
                self.asked = Some((fetch, now));
                Ask::Begin(fetch)
            }
        }
    }

    /// A fetch begins.
    pub(super) fn begin(&mut self) {
        self.begun += 1;
    }

    /// The fetch has succeeded; the issuer may say how long its keys are good for. Returns the
    /// time until the next one.
    pub(super) fn succeeded(&mut self, max_age: Option<Duration>) -> Duration {
        self.ended = self.begun;
        self.failures = 0;
        max_age.unwrap_or(FRESH).clamp(FRESH_MIN, FRESH_MAX)
    }

    /// The fetch has failed. Returns the time until the next one.
    pub(super) fn failed(&mut self) -> Duration {
        self.ended = self.begun;
        let wait = RETRY_MIN.saturating_mul(1 << self.failures.min(6));
        self.failures = self.failures.saturating_add(1);
        wait.min(RETRY_MAX)
    }

    /// How many fetches have ended.
    pub(super) fn ended(&self) -> u64 {
        self.ended
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_make_the_gateway_ask_once_in_a_while() {
        let (mut schedule, start) = (Schedule::default(), Instant::now());
        let at = |seconds| start + Duration::from_secs(seconds);
        assert_eq!(schedule.ask(at(0)), Ask::Begin(1));
        schedule.begin();
        assert_eq!(schedule.ask(at(1)), Ask::Join(1));
        schedule.failed();
        for second in 1..30 {
            assert_eq!(schedule.ask(at(second)), Ask::TooSoon, "{second}");
        }
        assert_eq!(schedule.ask(at(30)), Ask::Begin(2));
        assert_eq!(schedule.ask(at(90)), Ask::Join(2), "nobody began it");
    }

    #[test]
    fn a_fetch_that_began_earlier_does_not_answer() {
        let (mut schedule, now) = (Schedule::default(), Instant::now());
        schedule.begin();
        assert_eq!(schedule.ask(now), Ask::Begin(2));
        schedule.succeeded(None);
        assert_eq!(schedule.ended(), 1);
        assert_eq!(schedule.ask(now), Ask::Join(2));
    }

    #[test]
    fn fetches_are_spaced() {
        let mut schedule = Schedule::default();
        assert_eq!(schedule.succeeded(None), FRESH);
        assert_eq!(schedule.succeeded(Some(Duration::ZERO)), FRESH_MIN);
        assert_eq!(schedule.succeeded(Some(Duration::MAX)), FRESH_MAX);
        let waits: Vec<u64> = (0..9).map(|_| schedule.failed().as_secs()).collect();
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
        schedule.succeeded(None);
        assert_eq!(schedule.failed(), RETRY_MIN);
    }
}
