//! The watch over a new version: whether it does worse than the others.
//!
//! Pure: time is an argument. It counts how calls ended and how long they took, in a window that
//! slides over the last minutes, and says once when the new version breaks its bounds.

use std::{
    fmt,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use crate::config::Canary;

/// The window moves on in steps of this part of it.
const SLICES: usize = 20;
/// Failures that are always tolerated: with none elsewhere, every ratio would be infinite.
const ERROR_RATIO_TOLERATED: f64 = 0.01;
/// A latency that is always tolerated: below it, differences are noise.
const P95_TOLERATED: Duration = Duration::from_millis(10);
/// Bounds of the latency buckets: each is a fifth above the one before, from 0.1 ms to ten minutes.
const BUCKETS: usize = 87;
const BUCKET_FIRST_US: f64 = 100.0;
const BUCKET_GROWTH: f64 = 1.2;

/// The figures of one side of the comparison.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Figures {
    /// Calls in the window.
    pub calls: u64,
    /// Those of them that failed.
    pub failed: u64,
    /// The 95th percentile of how long they took.
    pub p95: Duration,
}

/// Which bound was broken, and by what.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Breach {
    /// What was too high.
    pub of: Measure,
    /// The watched version.
    pub canary: Figures,
    /// All others.
    pub others: Figures,
}

/// What is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measure {
    /// Failed calls.
    Errors,
    /// The 95th percentile of the latency.
    Latency,
}

impl Measure {
    /// As the metrics and the record name it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Errors => "errors",
            Self::Latency => "latency",
        }
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (failed, calls) = (self.failed, self.calls);
        write!(f, "{failed} of {calls} calls failed, p95 {:?}", self.p95)
    }
}

impl fmt::Display for Breach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (of, canary, others) = (self.of.as_str(), self.canary, self.others);
        write!(f, "{of} are too high: {canary}; elsewhere {others}")
    }
}

/// The watch over one server's new version.
#[derive(Debug)]
pub(super) struct Watch {
    rules: Canary,
    windows: Mutex<Windows>,
}

#[derive(Debug)]
struct Windows {
    canary: Window,
    others: Window,
}

impl Watch {
    pub(super) fn new(rules: &Canary, now: Instant) -> Self {
        let window = || Window::new(rules.watch / SLICES as u32, now);
        Self {
            windows: Mutex::new(Windows {
                canary: window(),
                others: window(),
            }),
            rules: rules.clone(),
        }
    }

    pub(super) fn rules(&self) -> &Canary {
        &self.rules
    }

    /// Counts a call of `version` that took `latency`, and judges.
    pub(super) fn observe(
        &self,
        version: &str,
        failed: bool,
        latency: Duration,
        now: Instant,
    ) -> Option<Breach> {
        let mut windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        if version != self.rules.version {
            windows.others.add(failed, latency, now);
            return None;
        }
        windows.canary.add(failed, latency, now);
        if windows.canary.total.calls < u64::from(self.rules.min_calls) {
            return None;
        }
        windows.others.move_on(now);
        let (canary, others) = (windows.canary.figures(), windows.others.figures());
        let of = self.judge(canary, others)?;
        Some(Breach { of, canary, others })
    }

    /// Forgets what was counted.
    pub(super) fn restart(&self, now: Instant) {
        let mut windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        windows.canary = Window::new(windows.canary.slice, now);
        windows.others = Window::new(windows.others.slice, now);
    }

    fn judge(&self, canary: Figures, others: Figures) -> Option<Measure> {
        let ratio = |figures: Figures| figures.failed as f64 / figures.calls.max(1) as f64;
        let tolerated = ratio(others).max(ERROR_RATIO_TOLERATED) * self.rules.max_error_ratio;
        if ratio(canary) > tolerated {
            return Some(Measure::Errors);
        }
        if others.calls < u64::from(self.rules.min_calls) {
            return None;
        }
        let tolerated = others.p95.max(P95_TOLERATED);
        let too_slow = canary.p95 > tolerated.mul_f64(self.rules.max_p95_ratio);
        too_slow.then_some(Measure::Latency)
    }
}

/// Counts over the last slices of time.
#[derive(Debug)]
struct Window {
    slice: Duration,
    /// When the newest slice began.
    begun: Instant,
    newest: usize,
    slices: Box<[Counts; SLICES]>,
    /// The sum of all slices.
    total: Counts,
}

#[derive(Debug, Clone, Copy)]
struct Counts {
    calls: u64,
    failed: u64,
    buckets: [u32; BUCKETS],
}

const NOTHING: Counts = Counts {
    calls: 0,
    failed: 0,
    buckets: [0; BUCKETS],
};

impl Window {
    fn new(slice: Duration, now: Instant) -> Self {
        Self {
            slice,
            begun: now,
            newest: 0,
            slices: Box::new([NOTHING; SLICES]),
            total: NOTHING,
        }
    }

    fn add(&mut self, failed: bool, latency: Duration, now: Instant) {
        self.move_on(now);
        let bucket = bucket(latency);
        let newest = self.slices.get_mut(self.newest);
        for counts in newest.into_iter().chain([&mut self.total]) {
            counts.calls += 1;
            counts.failed += u64::from(failed);
            if let Some(count) = counts.buckets.get_mut(bucket) {
                *count = count.saturating_add(1);
            }
        }
    }

    /// Drops the slices that are too old.
    fn move_on(&mut self, now: Instant) {
        let mut steps = 0;
        while now.saturating_duration_since(self.begun) >= self.slice {
            if steps == SLICES {
                self.begun = now;
                return;
            }
            steps += 1;
            self.begun += self.slice;
            self.newest = (self.newest + 1) % SLICES;
            if let Some(oldest) = self.slices.get_mut(self.newest) {
                self.total.calls -= oldest.calls;
                self.total.failed -= oldest.failed;
                for (total, old) in self.total.buckets.iter_mut().zip(oldest.buckets) {
                    *total = total.saturating_sub(old);
                }
                *oldest = NOTHING;
            }
        }
    }

    fn figures(&self) -> Figures {
        Figures {
            calls: self.total.calls,
            failed: self.total.failed,
            p95: self.p95(),
        }
    }

    /// The upper bound of the bucket in which the 95th of a hundred calls falls.
    fn p95(&self) -> Duration {
        let rank = self.total.calls * 95 / 100;
        let mut below = 0;
        for (at, count) in self.total.buckets.iter().enumerate() {
            below += u64::from(*count);
            if below > rank {
                let bound = BUCKET_FIRST_US * BUCKET_GROWTH.powi(at as i32);
                return Duration::from_micros(bound as u64);
            }
        }
        Duration::ZERO
    }
}

fn bucket(latency: Duration) -> usize {
    let us = latency.as_micros() as f64;
    if us <= BUCKET_FIRST_US {
        return 0;
    }
    let at = (us / BUCKET_FIRST_US).ln() / BUCKET_GROWTH.ln();
    (at.ceil() as usize).min(BUCKETS - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn watch(now: Instant) -> Watch {
        let rules = Canary {
            version: "v2".into(),
            watch: Duration::from_secs(600),
            max_error_ratio: 2.0,
            max_p95_ratio: 2.0,
            min_calls: 200,
        };
        Watch::new(&rules, now)
    }

    /// Feeds 9 calls of v1 for each of v2; the first call after which the watch speaks.
    fn check(v1: (u32, Duration), v2: (u32, Duration)) -> Option<(u32, Breach)> {
        let begun = Instant::now();
        let watch = watch(begun);
        (1..=2_000).find_map(|call| {
            let now = begun + call * 100 * MS;
            for _ in 0..9 {
                // `v1.0` of a thousand calls fail, spread evenly.
                let failed = v1.0 > 0 && call % (1000 / v1.0) == 0;
                watch.observe("v1", failed, v1.1, now);
            }
            let failed = v2.0 > 0 && call % (1000 / v2.0) == 0;
            let breach = watch.observe("v2", failed, v2.1, now)?;
            Some((call, breach))
        })
    }

    #[test]
    fn a_version_that_does_as_well_is_left_alone() {
        assert_eq!(check((0, 20 * MS), (0, 20 * MS)), None);
        assert_eq!(check((100, 20 * MS), (100, 20 * MS)), None);
        assert_eq!(check((0, 20 * MS), (10, 20 * MS)), None);
        assert_eq!(check((0, MS), (0, 9 * MS)), None, "within the tolerated");
        assert_eq!(check((0, 100 * MS), (0, 150 * MS)), None);
    }

    #[test]
    fn a_version_that_fails_or_drags_is_noticed_at_the_first_chance() {
        let (call, breach) = check((0, MS), (1000, MS)).unwrap();
        assert_eq!((call, breach.of), (200, Measure::Errors));
        assert_eq!(breach.canary.failed, 200);
        let (call, breach) = check((0, 20 * MS), (0, 60 * MS)).unwrap();
        assert_eq!((call, breach.of), (200, Measure::Latency));
        let (call, breach) = check((10, MS), (100, MS)).unwrap();
        assert_eq!((call, breach.of), (200, Measure::Errors));
        let text = breach.to_string();
        assert!(
            text.starts_with("errors are too high: 20 of 200 calls failed"),
            "{text}"
        );
    }

    #[test]
    fn what_is_older_than_the_window_is_forgotten() {
        let begun = Instant::now();
        let watch = watch(begun);
        for _ in 0..199 {
            assert_eq!(watch.observe("v2", true, MS, begun), None);
        }
        let later = begun + Duration::from_secs(601);
        for _ in 0..199 {
            assert_eq!(watch.observe("v2", true, MS, later), None);
        }
        assert!(watch.observe("v2", true, MS, later).is_some());
        watch.restart(later);
        assert_eq!(watch.observe("v2", true, MS, later), None);
        let much_later = later + Duration::from_secs(1_000_000);
        assert_eq!(watch.observe("v2", true, MS, much_later), None);
        let windows = watch.windows.lock().unwrap();
        assert_eq!(windows.canary.total.calls, 1);
    }

    #[test]
    fn percentiles_are_exact_to_a_bucket() {
        let now = Instant::now();
        let mut window = Window::new(Duration::from_secs(1), now);
        for ms in 1..=1000 {
            window.add(false, ms * MS, now);
        }
        let p95 = window.figures().p95.as_secs_f64();
        assert!((0.95..0.95 * BUCKET_GROWTH).contains(&p95), "{p95}");
        let mut window = Window::new(Duration::from_secs(1), now);
        window.add(false, Duration::from_secs(9_999), now);
        assert!(window.figures().p95 > Duration::from_secs(500));
    }
}
