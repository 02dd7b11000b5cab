//! What a run found: latencies as percentiles, throughput, and failures by kind.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use hdrhistogram::{CreationError, Histogram};
use serde::{Deserialize, Serialize};

use super::connection::Answer;

/// Latencies are kept to three digits, or to this much.
const LATENCY_NS_MIN: u64 = 100;
/// Longer latencies count as ten minutes.
const LATENCY_NS_MAX: u64 = 600_000_000_000;
/// Kinds of failures that are told apart; texts come from the target's answers, so there could be many.
const KINDS_MAX: usize = 64;

/// The outcome of one run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Report {
    pub connections: usize,
    /// The rate asked for, in calls per second; None for a closed loop.
    pub rate: Option<f64>,
    pub elapsed_s: f64,
    /// Calls begun.
    pub calls: u64,
    /// Calls that ended with a result. All others are in `failures`.
    pub results: u64,
    pub failures: BTreeMap<String, u64>,
    /// Results per second.
    pub throughput: f64,
    /// From when a call was due until its answer had been read, for results only.
    pub latency: Latency,
    /// From when a call was due until the first event of its answer; None when no answer was a stream.
    pub first_event: Option<Latency>,
    /// How much later than due the calls were begun; None for a closed loop.
    pub late: Option<Latency>,
    pub events: u64,
    pub body_bytes: u64,
    pub reconnects: u64,
    pub sessions: u64,
}

/// Percentiles, in microseconds.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct Latency {
    pub p50_us: f64,
    pub p90_us: f64,
    pub p99_us: f64,
    pub p999_us: f64,
    pub max_us: f64,
    pub mean_us: f64,
}

/// What the run knows besides its calls.
pub(super) struct Counts {
    pub(super) connections: usize,
    pub(super) reconnects: u64,
    pub(super) sessions: u64,
    pub(super) rate: Option<f64>,
}

/// Counts calls as they end.
pub(super) struct Tally(Mutex<Inner>);

struct Inner {
    latency: Recorded,
    first_event: Recorded,
    late: Recorded,
    failures: BTreeMap<String, u64>,
    failed: u64,
    events: u64,
    body_bytes: u64,
}

impl Tally {
    pub(super) fn new() -> Result<Self, CreationError> {
        Ok(Self(Mutex::new(Inner {
            latency: Recorded::new()?,
            first_event: Recorded::new()?,
            late: Recorded::new()?,
            failures: BTreeMap::new(),
            failed: 0,
            events: 0,
            body_bytes: 0,
        })))
    }

    pub(super) fn count_result(
        &self,
        due: Instant,
        begun: Instant,
        ended: Instant,
        answer: &Answer,
    ) {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        inner.latency.add(ended - due);
        inner.late.add(begun - due);
        if let Some(first) = answer.first_event {
            inner.first_event.add(first - due);
        }
        inner.events += answer.events;
        inner.body_bytes += answer.body_bytes;
    }

    pub(super) fn count_failure(&self, why: String) {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        inner.failed += 1;
        let known = inner.failures.contains_key(&why) || inner.failures.len() < KINDS_MAX;
        *inner
            .failures
            .entry(if known { why } else { "other".to_owned() })
            .or_default() += 1;
    }

    /// Counts calls that were due but never begun.
    pub(super) fn count_skipped(&self, skipped: u64) {
        if skipped > 0 {
            let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            inner.failures.insert(
                "never begun: the target was too slow for the rate".to_owned(),
                skipped,
            );
        }
    }

    pub(super) fn report(&self, elapsed: Duration, counts: Counts) -> Report {
        let inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let results = inner.latency.count();
        Report {
            connections: counts.connections,
            rate: counts.rate,
            elapsed_s: elapsed.as_secs_f64(),
            calls: results + inner.failed,
            results,
            failures: inner.failures.clone(),
            throughput: results as f64 / elapsed.as_secs_f64().max(1e-9),
            latency: inner.latency.percentiles(),
            first_event: (inner.first_event.count() > 0).then(|| inner.first_event.percentiles()),
            late: counts.rate.map(|_| inner.late.percentiles()),
            events: inner.events,
            body_bytes: inner.body_bytes,
            reconnects: counts.reconnects,
            sessions: counts.sessions,
        }
    }
}

/// A histogram of durations, in nanoseconds.
struct Recorded(Histogram<u64>);

impl Recorded {
    fn new() -> Result<Self, CreationError> {
        Histogram::new_with_bounds(LATENCY_NS_MIN, LATENCY_NS_MAX, 3).map(Self)
    }

    fn add(&mut self, duration: Duration) {
        let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        self.0.saturating_record(nanos);
    }

    fn count(&self) -> u64 {
        self.0.len()
    }

    fn percentiles(&self) -> Latency {
        let at = |quantile| self.0.value_at_quantile(quantile) as f64 / 1e3;
        Latency {
            p50_us: at(0.5),
            p90_us: at(0.9),
            p99_us: at(0.99),
            p999_us: at(0.999),
            max_us: self.0.max() as f64 / 1e3,
            mean_us: self.0.mean() / 1e3,
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pace = self.rate.map_or("closed loop".to_owned(), |rate| {
            format!("{rate} calls/s asked")
        });
        writeln!(
            f,
            "{} calls in {:.2} s, {} connections, {pace}",
            self.calls, self.elapsed_s, self.connections
        )?;
        writeln!(
            f,
            "results     {} ({:.0}/s, {} body bytes)",
            self.results, self.throughput, self.body_bytes
        )?;
        writeln!(f, "latency     {}", self.latency)?;
        if let Some(first_event) = &self.first_event {
            writeln!(f, "first event {first_event} ({} events)", self.events)?;
        }
        if let Some(late) = &self.late {
            writeln!(f, "begun late  {late}")?;
        }
        if self.reconnects + self.sessions > 0 {
            writeln!(
                f,
                "reconnects  {}, sessions {}",
                self.reconnects, self.sessions
            )?;
        }
        for (why, count) in &self.failures {
            writeln!(f, "failed      {count} x {why}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Latency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            p50_us,
            p90_us,
            p99_us,
            p999_us,
            max_us,
            ..
        } = self;
        write!(
            f,
            "p50 {p50_us:.0} us, p90 {p90_us:.0}, p99 {p99_us:.0}, p99.9 {p999_us:.0}, max {max_us:.0}"
        )
    }
}
