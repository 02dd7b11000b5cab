//! What the stages decided and found, counted from the record of each call, and how long each
//! phase took.
//!
//! The values of labels are words of ours, configured names, or kinds of findings; each set of
//! names that the configuration does not bound is bounded here.

use std::{
    collections::HashSet,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use gantry_analytics::record::{GuardAction, Outcome, Record};
use prometheus::{Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, Registry};

use super::{
    labels::{OTHER, OUTCOME, SERVER},
    opts, register,
};
use crate::telemetry::family::Family;

/// Seconds: 10 us to 100 ms.
const OVERHEAD_BUCKETS: [f64; 13] = [
    0.000_01, 0.000_025, 0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025,
    0.05, 0.1,
];
/// The phases that the gateway itself takes; the upstream's is the client duration.
const PHASES: [&str; 7] = [
    "read",
    "auth",
    "policy",
    "ratelimit",
    "guard_in",
    "route",
    "audit",
];
/// Kinds of findings that have series of their own: those of the tables, and as many patterns.
const NAMES_MAX: usize = 256;

const KIND: &str = "kind";
const ACTION: &str = "action";

/// The attribute of a record that says what could not be looked at: `in`, `out`, or `in out`.
pub const DEGRADED: &str = "guard.degraded";

/// The families of governance.
pub(super) struct Governance {
    phases: Vec<(&'static str, Histogram)>,
    decisions: IntCounterVec,
    findings: IntCounterVec,
    versions: IntCounterVec,
    scan: Histogram,
    scanned_bytes: IntCounter,
    degraded: IntCounterVec,
    kinds: Bounded,
    overflow: IntCounterVec,
}

impl Governance {
    pub(super) fn register(registry: &Registry, overflow: &IntCounterVec) -> Self {
        let counters =
            |family, labels: &[&str]| register(registry, IntCounterVec::new(opts(family), labels));
        let timed = |family: Family| {
            HistogramOpts::new(family.name(), family.help()).buckets(OVERHEAD_BUCKETS.to_vec())
        };
        let overhead = register(
            registry,
            HistogramVec::new(timed(Family::Overhead), &["phase"]),
        );
        let phase = |name| (name, overhead.with_label_values(&[name]));
        Self {
            phases: PHASES.into_iter().map(phase).collect(),
            decisions: counters(Family::PolicyDecisions, &[KIND, ACTION, SERVER]),
            findings: counters(Family::PiiFindings, &["direction", KIND, ACTION]),
            versions: counters(
                Family::VersionRequests,
                &[SERVER, "server_version", OUTCOME],
            ),
            scan: register(registry, Histogram::with_opts(timed(Family::GuardrailScan))),
            scanned_bytes: register(
                registry,
                IntCounter::with_opts(opts(Family::GuardrailScannedBytes)),
            ),
            degraded: counters(Family::GuardrailDegraded, &["direction"]),
            kinds: Bounded::default(),
            overflow: overflow.clone(),
        }
    }

    /// A phase of a call took so long. Phases that are not the gateway's own do not count.
    pub(super) fn phase(&self, name: &str, took: Duration) {
        if let Some((_, histogram)) = self.phases.iter().find(|(phase, _)| *phase == name) {
            histogram.observe(took.as_secs_f64());
        }
    }

    /// Counts what the stages decided about a call. `server` is a configured name.
    pub(super) fn observe(&self, record: &Record<'_>, server: &str) {
        for (kind, action) in decisions(record) {
            self.decisions
                .with_label_values(&[kind, action, server])
                .inc();
        }
        // A version that took the call is one of the configuration's.
        if !record.server_version.is_empty() {
            let outcome = record.outcome.as_str();
            let values = [server, record.server_version, outcome];
            self.versions.with_label_values(&values).inc();
        }
        if record.guard_us > 0 {
            self.scan.observe(f64::from(record.guard_us) / 1e6);
            let bytes = u64::from(record.req_bytes) + record.resp_bytes;
            self.scanned_bytes.inc_by(bytes);
        }
        for direction in degraded(record) {
            self.degraded.with_label_values(&[direction]).inc();
        }
        let action = record.guard_action.as_str();
        for (direction, findings) in [("in", record.pii_in), ("out", record.pii_out)] {
            for (kind, count) in findings {
                let kind = self.named(&self.kinds, kind, Family::PiiFindings);
                let counter = self.findings.with_label_values(&[direction, kind, action]);
                counter.inc_by(u64::from(*count));
            }
        }
    }

    fn named<'a>(&self, set: &Bounded, name: &'a str, family: Family) -> &'a str {
        if set.admits(name) {
            return name;
        }
        self.overflow.with_label_values(&[family.name()]).inc();
        OTHER
    }
}

/// The directions in which something could not be looked at.
fn degraded<'a>(record: &'a Record<'_>) -> impl Iterator<Item = &'a str> {
    let said = record.attrs.iter().filter(|(name, _)| *name == DEGRADED);
    said.flat_map(|(_, directions)| directions.split(' '))
}

/// Which stage decided what: each decides only about what the one before it let through.
fn decisions(record: &Record<'_>) -> Vec<(&'static str, &'static str)> {
    let mut decisions = Vec::with_capacity(3);
    match record.outcome {
        Outcome::Unauthenticated | Outcome::BadRequest => {}
        Outcome::Denied => decisions.push(("acl", "deny")),
        Outcome::RateLimited => decisions.extend([("acl", "allow"), ("ratelimit", "deny")]),
        _ if record.policy.is_empty() => {}
        _ => decisions.extend([("acl", "allow"), ("ratelimit", "allow")]),
    }
    if record.guard_action != GuardAction::None {
        decisions.push(("guardrail", record.guard_action.as_str()));
    }
    decisions
}

/// A set of names that stops growing.
#[derive(Default)]
struct Bounded(Mutex<HashSet<Box<str>>>);

impl Bounded {
    fn admits(&self, name: &str) -> bool {
        // Every change of the set is complete before anything in it can panic.
        let mut names = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if names.contains(name) {
            return true;
        }
        let fits = names.len() < NAMES_MAX;
        if fits {
            names.insert(name.into());
        }
        fits
    }
}
