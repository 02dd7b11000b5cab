//! What limits refused, and what calls used and cost.
//!
//! Teams come from credentials, so that their number is bounded here; a limit's scope and unit come
//! from the configuration.

use std::{
    collections::HashSet,
    sync::{Mutex, PoisonError},
};

use prometheus::{CounterVec, IntCounter, IntCounterVec, IntGauge, Registry};

use super::{
    labels::{OTHER, SERVER},
    opts, register,
};
use crate::telemetry::family::Family;

const SCOPE: &str = "scope";
const UNIT: &str = "unit";
const TENANT: &str = "tenant";
const TEAM: &str = "team";
const DIRECTION: &str = "direction";

/// Pairs of tenant and team that have series of their own.
const TEAMS_MAX: usize = 200;
/// A longer name has no series of its own.
const NAME_BYTES_MAX: usize = 128;

/// Billionths of a currency unit.
const BILLION: f64 = 1e9;

/// What one call used.
#[derive(Clone, Copy, Debug)]
pub struct Spent<'a> {
    pub tenant: &'a str,
    pub team: &'a str,
    /// The server's configured name.
    pub server: &'a str,
    pub tokens_in: u32,
    pub tokens_out: u32,
    /// In billionths of the currency unit.
    pub cost: i64,
}

/// The families of limits and prices.
pub(super) struct LimitSeries {
    limited: IntCounterVec,
    tokens: IntCounterVec,
    cost: CounterVec,
    keys: IntGauge,
    overflows: IntCounter,
    shared: IntGauge,
    redis_failures: IntCounter,
    settlements_lost: IntCounter,
    overflow: IntCounterVec,
    teams: Mutex<HashSet<(Box<str>, Box<str>)>>,
}

impl LimitSeries {
    pub(super) fn register(registry: &Registry, overflow: &IntCounterVec) -> Self {
        let counters =
            |family, labels: &[&str]| register(registry, IntCounterVec::new(opts(family), labels));
        let counter = |family| register(registry, IntCounter::with_opts(opts(family)));
        let cost = CounterVec::new(opts(Family::Cost), &[TENANT, TEAM, SERVER]);
        Self {
            limited: counters(Family::RateLimited, &[SCOPE, UNIT]),
            tokens: counters(Family::Tokens, &[TENANT, TEAM, SERVER, DIRECTION]),
            cost: register(registry, cost),
            keys: register(registry, IntGauge::with_opts(opts(Family::LimitKeys))),
            overflows: counter(Family::LimitOverflows),
            shared: register(registry, IntGauge::with_opts(opts(Family::LimitsShared))),
            redis_failures: counter(Family::RedisFailures),
            settlements_lost: counter(Family::SettlementsLost),
            overflow: overflow.clone(),
            teams: Mutex::default(),
        }
    }

    pub(super) fn limited(&self, scope: &str, unit: &str) {
        self.limited.with_label_values(&[scope, unit]).inc();
    }

    pub(super) fn spent(&self, spent: &Spent<'_>) {
        if (spent.tokens_in, spent.tokens_out, spent.cost) == (0, 0, 0) {
            return;
        }
        let (tenant, team) = if self.admit(spent.tenant, spent.team) {
            (spent.tenant, spent.team)
        } else {
            self.overflow
                .with_label_values(&[Family::Tokens.name()])
                .inc();
            (OTHER, OTHER)
        };
        for (direction, tokens) in [("in", spent.tokens_in), ("out", spent.tokens_out)] {
            let labels = [tenant, team, spent.server, direction];
            self.tokens.with_label_values(&labels).inc_by(tokens.into());
        }
        let cost = self.cost.with_label_values(&[tenant, team, spent.server]);
        cost.inc_by(spent.cost.max(0) as f64 / BILLION);
    }

    pub(super) fn keys(&self, keys: usize, overflows: u64) {
        self.keys.set(i64::try_from(keys).unwrap_or(i64::MAX));
        raise(&self.overflows, overflows);
    }

    pub(super) fn shared(&self, is_here: bool, failures: u64, lost: u64) {
        self.shared.set(is_here.into());
        raise(&self.redis_failures, failures);
        raise(&self.settlements_lost, lost);
    }

    /// Whether a team has series of its own, or may have them from now on.
    fn admit(&self, tenant: &str, team: &str) -> bool {
        let mut teams = self.teams.lock().unwrap_or_else(PoisonError::into_inner);
        let known = (Box::from(tenant), Box::from(team));
        if teams.contains(&known) {
            return true;
        }
        let fits = tenant.len() <= NAME_BYTES_MAX && team.len() <= NAME_BYTES_MAX;
        fits && teams.len() < TEAMS_MAX && teams.insert(known)
    }
}

/// Brings a counter up to a number that somebody else counts. After a change of the configuration
/// that may begin anew; a counter never falls.
fn raise(counter: &IntCounter, total: u64) {
    counter.inc_by(total.saturating_sub(counter.get()));
}
