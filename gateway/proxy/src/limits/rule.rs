//! One rule, compiled: which calls it is about, what it counts them by.

use std::{fmt, sync::Arc, time::Duration};

use gantry_analytics::{cost::Item, record::Kind};

use super::{
    Limited, Moment, count,
    glob::Glob,
    ledger::{Count, Ledger},
    shared,
};
use crate::config::{self, Measure, Per};

/// A call as rules see it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ask<'a> {
    pub(super) agent: &'a str,
    pub(super) teams: &'a [String],
    pub(super) item: Item<'a>,
}

/// What a rule counts a call under; empty where it does not tell apart.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub(super) struct Key<'a> {
    pub(super) agent: &'a str,
    pub(super) team: &'a str,
    pub(super) server: &'a str,
    /// A tool has the same name at every server, so that it is told apart with its server.
    pub(super) item: Option<(Kind, &'a str)>,
}

/// A rule of the configuration.
#[derive(Debug)]
pub(super) struct Rule {
    pub(super) id: Arc<str>,
    /// `per` as a label.
    pub(super) scope: Arc<str>,
    pub(super) per: Box<[Per]>,
    pub(super) agent: Option<Glob>,
    pub(super) team: Option<Glob>,
    pub(super) server: Option<Glob>,
    pub(super) item: Option<(Glob, Kind, Glob)>,
    pub(super) meters: Box<[Meter]>,
}

/// One measure of a rule and its counts.
#[derive(Debug)]
pub(super) struct Meter {
    pub(super) measure: Measure,
    /// What the rule is, the same in every replica: the beginning of its keys in Redis.
    pub(super) digest: String,
    pub(super) count: Arc<Count>,
}

impl Rule {
    pub(super) fn compile(rule: &config::Limit, ledger: &Ledger) -> Self {
        let glob = |text: &Option<String>| text.as_deref().map(Glob::new);
        let scope: Vec<&str> = rule.per.iter().map(|per| per.as_str()).collect();
        let meter = |measure: &Measure| {
            let identity = identity(rule, measure);
            Meter {
                measure: *measure,
                digest: shared::digest(&[identity.as_bytes()]),
                count: ledger.count(&identity, *measure),
            }
        };
        Self {
            id: Arc::from(rule.id.as_str()),
            scope: scope.join(",").into(),
            per: rule.per.clone().into(),
            agent: glob(&rule.agent),
            team: glob(&rule.team),
            server: glob(&rule.server),
            item: rule
                .item
                .as_ref()
                .map(|item| (Glob::new(&item.server), item.kind, Glob::new(&item.name))),
            meters: rule.measures.iter().map(meter).collect(),
        }
    }

    /// What the rule counts a call under; none where it is not about it.
    pub(super) fn key<'a>(&self, ask: &Ask<'a>) -> Option<Key<'a>> {
        let Item { server, kind, name } = ask.item;
        let fits = |glob: &Option<Glob>, text| glob.as_ref().is_none_or(|glob| glob.matches(text));
        let about = match &self.item {
            Some((at, of, named)) => *of == kind && at.matches(server) && named.matches(name),
            // Prompts and resources are limited only where they are named.
            None => kind == Kind::Tool,
        };
        if !about || !fits(&self.server, server) || !fits(&self.agent, ask.agent) {
            return None;
        }
        let team = match &self.team {
            Some(glob) => ask.teams.iter().find(|team| glob.matches(team))?,
            None => ask.teams.first().map_or("", String::as_str),
        };
        let mut key = Key::default();
        for per in &self.per {
            match per {
                Per::Agent => key.agent = ask.agent,
                Per::Team => key.team = team,
                Per::Server => key.server = server,
                Per::Tool => {
                    key.server = server;
                    key.item = Some((kind, name));
                }
            }
        }
        Some(key)
    }

    pub(super) fn reached(&self, meter: &Meter, retry_after: Duration) -> Limited {
        Limited::Reached {
            rule: Arc::clone(&self.id),
            scope: Arc::clone(&self.scope),
            unit: meter.measure.unit(),
            retry_after,
        }
    }

    pub(super) fn unavailable(&self) -> Limited {
        Limited::Unavailable {
            rule: Arc::clone(&self.id),
        }
    }
}

impl Meter {
    /// When the day or month of a budget ends, in seconds since the Unix epoch; 0 for all others.
    pub(super) fn ends_s(&self, now: Moment) -> i64 {
        match self.measure {
            Measure::Cost { term, .. } => count::ends_s(term, now.unix_s),
            _ => 0,
        }
    }

    /// Takes what a call needs before it is sent.
    ///
    /// # Errors
    /// The time after which to try again.
    pub(super) fn take(&self, key: u64, now: Moment) -> Result<(), Duration> {
        match (&*self.count, self.measure) {
            (Count::Calls(calls), _) => calls.take(key, now),
            (Count::Debt(debt), _) => debt.check(key, now),
            (Count::Concurrent(calls), Measure::Concurrent(most)) => calls.begin(key, most, now),
            (Count::Budget(budget), Measure::Cost { amount, .. }) => budget.check(key, amount, now),
            // An identity names its measure, so that a count is never of another kind.
            (Count::Concurrent(_) | Count::Budget(_), _) => Ok(()),
        }
    }
}

/// What a rule is, without its name; and without its maximum where the count does not depend on it.
fn identity(rule: &config::Limit, measure: &Measure) -> String {
    let measured: &dyn fmt::Display = match measure {
        Measure::Concurrent(_) => &"concurrent",
        Measure::Cost { term, .. } => &term.as_str(),
        _ => measure,
    };
    let burst = match measure {
        Measure::Calls { burst, .. } => *burst,
        _ => 0,
    };
    format!(
        "{measured} {burst} {:?} {:?} {:?} {:?} {:?}",
        rule.per, rule.agent, rule.team, rule.server, rule.item
    )
}
