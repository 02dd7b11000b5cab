//! Which rules are about a caller.
//!
//! Each rule is filed under the values of one of its attributes, so that a caller finds its rules by
//! what it is: rules about others are never looked at, however many there are.

use foldhash::{HashMap, HashMapExt};
use serde_json::{Map, Value};

use crate::config::AccessRule;

/// Rules by a value that they are filed under.
type Filed = HashMap<Box<str>, Vec<usize>>;

/// The rules by whom they are about.
#[derive(Debug, Default)]
pub(super) struct Who {
    everybody: Vec<usize>,
    agents: Filed,
    teams: Filed,
    claims: Vec<(Box<str>, Filed)>,
}

/// Whom rules are matched with.
#[derive(Debug, Clone, Copy)]
pub(super) struct Subject<'a> {
    pub(super) agent: &'a str,
    pub(super) teams: &'a [String],
    /// `None` where nobody knows the claims: every rule about claims may then be about the caller.
    pub(super) claims: Option<&'a Map<String, Value>>,
}

impl Who {
    /// Files `rule`, which stands at `index`, under its agents, else its teams, else its first claim.
    pub(super) fn file(&mut self, index: usize, rule: &AccessRule) {
        let under = |table: &mut Filed, values: &[String]| {
            for value in values {
                let filed = table.entry(value.as_str().into()).or_default();
                if filed.last() != Some(&index) {
                    filed.push(index);
                }
            }
        };
        if !rule.agents.is_empty() {
            under(&mut self.agents, &rule.agents);
        } else if !rule.teams.is_empty() {
            under(&mut self.teams, &rule.teams);
        } else if let Some(claim) = rule.claims.first() {
            let known = self
                .claims
                .iter()
                .position(|(path, _)| **path == claim.path);
            let at = known.unwrap_or(self.claims.len());
            if known.is_none() {
                self.claims
                    .push((claim.path.as_str().into(), HashMap::new()));
            }
            if let Some((_, table)) = self.claims.get_mut(at) {
                under(table, &claim.values);
            }
        } else {
            self.everybody.push(index);
        }
    }

    /// Calls `found` with each rule that may be about the subject; some come twice.
    pub(super) fn candidates(&self, subject: Subject<'_>, mut found: impl FnMut(usize)) {
        self.everybody.iter().for_each(|rule| found(*rule));
        let filed = |table: &Filed, value: &str, found: &mut dyn FnMut(usize)| {
            table
                .get(value)
                .into_iter()
                .flatten()
                .for_each(|rule| found(*rule));
        };
        filed(&self.agents, subject.agent, &mut found);
        if !self.teams.is_empty() {
            subject
                .teams
                .iter()
                .for_each(|team| filed(&self.teams, team, &mut found));
        }
        for (path, table) in &self.claims {
            match subject.claims {
                None => table.values().flatten().for_each(|rule| found(*rule)),
                Some(claims) => values(claims, path, &mut |value| filed(table, value, &mut found)),
            }
        }
    }
}

/// Whether `rule` is about the subject, as far as agents and teams go, and whether its claims hold:
/// `None` where nobody knows.
pub(super) fn is_about(rule: &AccessRule, subject: Subject<'_>) -> Option<bool> {
    let agent = rule.agents.is_empty() || rule.agents.iter().any(|agent| agent == subject.agent);
    let team = rule.teams.is_empty() || rule.teams.iter().any(|team| subject.teams.contains(team));
    if !agent || !team {
        return Some(false);
    }
    let Some(claims) = subject.claims else {
        return rule.claims.is_empty().then_some(true);
    };
    Some(rule.claims.iter().all(|claim| {
        let mut has = false;
        values(claims, &claim.path, &mut |value| {
            has |= claim.values.iter().any(|wanted| wanted == value);
        });
        has
    }))
}

/// Hands every value of a claim to `each`, as text: those of a list one by one. A name that has
/// dots in it is looked for as it stands before it is taken for a path.
fn values(claims: &Map<String, Value>, path: &str, each: &mut dyn FnMut(&str)) {
    let found = claims.get(path).or_else(|| {
        let (first, rest) = path.split_once('.')?;
        rest.split('.')
            .try_fold(claims.get(first)?, |value, key| value.get(key))
    });
    let mut one = |value: &Value| match value {
        Value::String(text) => each(text),
        Value::Bool(_) | Value::Number(_) => each(&value.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => {}
    };
    match found {
        Some(Value::Array(items)) => items.iter().for_each(one),
        Some(value) => one(value),
        None => {}
    }
}
