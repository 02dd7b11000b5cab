//! Which limits a call would meet, for `gantry explain`. Nothing is taken.

use std::sync::Arc;

use gantry_analytics::cost::Item;

use super::{
    Ledger, Limits,
    rule::{Ask, Key, Rule},
};
use crate::config::{Checked, Per};

/// A limit that is about a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Description {
    /// The limit's name.
    pub rule: String,
    /// What it lets through, in the words of the file: `calls 60/min`.
    pub allows: Vec<String>,
    /// What it counts the call under: `agent` and its name. Empty where all calls have one count.
    pub counted_under: Vec<(&'static str, String)>,
}

/// The limits of a configuration that a call of `agent`, who belongs to `teams`, would meet, in the
/// order of the file.
pub fn describe(
    config: &Checked,
    agent: &str,
    teams: &[String],
    item: Item<'_>,
) -> Vec<Description> {
    let limits = Limits::alone(config, &Arc::new(Ledger::default()));
    let ask = Ask { agent, teams, item };
    let describe = |(rule, key): (&Rule, Key<'_>)| {
        let value = |per: &Per| match per {
            Per::Agent => key.agent.to_owned(),
            Per::Team => key.team.to_owned(),
            Per::Server => key.server.to_owned(),
            Per::Tool => format!("{}/{}", item.server, item.name),
        };
        Description {
            rule: rule.id.to_string(),
            allows: rule
                .meters
                .iter()
                .map(|meter| meter.measure.to_string())
                .collect(),
            counted_under: rule
                .per
                .iter()
                .map(|per| (per.as_str(), value(per)))
                .collect(),
        }
    };
    limits.about(&ask).map(describe).collect()
}
