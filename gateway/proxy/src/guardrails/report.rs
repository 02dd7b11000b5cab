//! What was found in a message and done about it, without a single value.

use std::{borrow::Cow, collections::BTreeMap, sync::Arc};

use crate::config::guardrails::Action;

/// Most findings of one message that are described one by one; all are counted.
const EVIDENCE_MAX: usize = 1_000;
/// Most of them that go into the record of a call.
const KEPT_MAX: usize = 16;

/// One finding.
#[derive(Debug, Clone, PartialEq)]
pub struct Evidence {
    /// Its kind; only an operator's pattern has a name of its own.
    pub kind: Cow<'static, str>,
    /// The JSON pointer of its string, or of the member whose name it is in.
    pub pointer: String,
    /// The rule that decided.
    pub rule: Arc<str>,
    /// What was done.
    pub action: Action,
    /// Start and end in code points of the decoded string.
    pub span: (usize, usize),
    /// How sure, 0 to 1.
    pub score: f64,
    /// A keyed hash of the value; the first of its 16 digits is a letter.
    pub hash: u64,
}

/// What one message, or all messages of one direction, had.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Report {
    /// The strongest action taken.
    pub action: Option<Action>,
    /// Findings by kind. The same value in two places counts once.
    pub kinds: BTreeMap<Cow<'static, str>, u16>,
    /// The rules that decided.
    pub rules: Vec<Arc<str>>,
    /// The first findings.
    pub evidence: Vec<Evidence>,
    /// The highest score of an instruction to a model.
    pub injection: f64,
    /// Time spent, in microseconds.
    pub micros: u32,
    /// The message could not be scanned.
    pub degraded: bool,
}

impl Report {
    /// Whether there is anything to say.
    pub fn is_empty(&self) -> bool {
        self.action.is_none() && !self.degraded
    }

    /// Whether every finding is described.
    pub(super) fn is_described(&self) -> bool {
        self.evidence.len() < EVIDENCE_MAX
    }

    /// Whether one more finding is described; the first that blocks always is.
    pub(super) fn describes(&self, action: Action) -> bool {
        self.is_described() || action == Action::Block && self.action != Some(Action::Block)
    }

    pub(super) fn add(&mut self, evidence: Evidence, counted: bool) {
        let describe = self.describes(evidence.action);
        self.action = self.action.max(Some(evidence.action));
        if counted {
            let count = self.kinds.entry(evidence.kind.clone()).or_default();
            *count = count.saturating_add(1);
        }
        if !self.rules.contains(&evidence.rule) {
            self.rules.push(Arc::clone(&evidence.rule));
        }
        if describe {
            self.evidence.push(evidence);
        }
    }

    pub(super) fn block(&mut self, rule: &str) {
        self.action = Some(Action::Block);
        self.rules.push(rule.into());
    }

    /// The kinds that a rule blocked.
    pub(super) fn blocking(&self, rule: &str) -> Vec<String> {
        let blocking = self
            .evidence
            .iter()
            .filter(|evidence| *evidence.rule == *rule && evidence.action == Action::Block);
        let mut kinds: Vec<String> = blocking
            .map(|evidence| evidence.kind.clone().into_owned())
            .collect();
        kinds.sort();
        kinds.dedup();
        kinds
    }

    /// Adds what another message of the same direction had.
    pub fn merge(&mut self, other: Self) {
        self.action = self.action.max(other.action);
        for (kind, count) in other.kinds {
            let sum = self.kinds.entry(kind).or_default();
            *sum = sum.saturating_add(count);
        }
        for rule in other.rules {
            if !self.rules.contains(&rule) {
                self.rules.push(rule);
            }
        }
        let room = KEPT_MAX.saturating_sub(self.evidence.len());
        self.evidence.extend(other.evidence.into_iter().take(room));
        self.injection = self.injection.max(other.injection);
        self.micros = self.micros.saturating_add(other.micros);
        self.degraded |= other.degraded;
    }
}
