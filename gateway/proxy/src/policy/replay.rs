//! What these rules would have decided about a call that was recorded.
//!
//! A record holds neither arguments nor claims nor scopes. A decision that depends on them is not
//! guessed: it is made once in the caller's favour and once against it, and stands if both agree.

use std::sync::Arc;

use gantry_mcp::method::Method;

use super::{
    Policy,
    asked::{Asked, Object},
    decide::{Facts, Verdict},
    rules::{Effect, Rights, RuleSet},
    who::{self, Subject},
};
use crate::auth::Caller;

/// A recorded call, as far as rules can be about it.
#[derive(Debug, Clone, Copy)]
pub struct Row<'a> {
    pub server: &'a str,
    pub method: &'a str,
    /// The tool or prompt.
    pub tool: &'a str,
    pub resource_uri: &'a str,
}

/// What would have been decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Replayed {
    /// By this rule.
    Allowed(Arc<str>),
    /// By this rule.
    Denied(Arc<str>),
    /// The record does not say: one way by the one rule, the other way by the other.
    Undecided {
        favourable: Arc<str>,
        unfavourable: Arc<str>,
    },
}

impl Policy {
    /// Decides about a recorded call of `caller`, whose claims, scopes and subject are not known.
    pub fn replay(&self, caller: &Caller, row: Row<'_>) -> Replayed {
        let rules = &self.0;
        if !rules.in_force {
            return Replayed::Allowed(Arc::clone(&rules.open));
        }
        let Some(table) = rules.tables.at(row.server) else {
            return Replayed::Denied(Arc::clone(&rules.default));
        };
        let (rights, unsure) = self.possible_rights(caller);
        let decide = |favourable| {
            let facts = Facts::Record {
                caller,
                unsure: &unsure,
                favourable,
            };
            let asked = row.asked(favourable)?;
            Some(rules.decide(&rights, row.server, table, &asked, &facts))
        };
        let outcome = |verdict| match verdict {
            Some(Verdict::Allowed(rule)) => (true, rules.name(Some(rule))),
            Some(Verdict::Denied(rule)) => (false, rules.name(rule)),
            None => (false, rules.name(None)),
        };
        let ((best, favourable), (worst, unfavourable)) =
            (outcome(decide(true)), outcome(decide(false)));
        match (best, worst) {
            (true, true) => Replayed::Allowed(unfavourable),
            (false, _) => Replayed::Denied(favourable),
            (true, false) => Replayed::Undecided {
                favourable,
                unfavourable,
            },
        }
    }

    /// The rules that may be about a caller, and of these the ones that need not be.
    fn possible_rights(&self, caller: &Caller) -> (Rights, RuleSet) {
        let subject = Subject {
            agent: caller.agent(),
            teams: caller.teams(),
            claims: None,
        };
        let (mut rights, mut unsure) = (Rights::default(), RuleSet::default());
        self.0.who.candidates(subject, |index| {
            let Some(rule) = self.0.rules.get(index) else {
                return;
            };
            let about = who::is_about(&rule.source, subject);
            if about == Some(false) {
                return;
            }
            let of_caller = rule
                .source
                .when
                .as_ref()
                .is_some_and(|when| when.is_about_the_caller());
            if about.is_none() || of_caller {
                unsure.insert(index);
            }
            let open = about.is_none() || rule.source.when.is_some();
            rights.insert(index, &[Effect::Allow, Effect::Deny], open);
        });
        (rights, unsure)
    }
}

impl<'a> Row<'a> {
    /// What the call asked for. What a completion was for is not recorded: anything, or nothing.
    fn asked(self, favourable: bool) -> Option<Asked<'a>> {
        let object = match Method::parse(self.method) {
            Some(Method::ToolsCall) => Object::Tool(self.tool),
            Some(Method::PromptsGet) => Object::Prompt(self.tool),
            Some(
                Method::ResourcesRead | Method::ResourcesSubscribe | Method::ResourcesUnsubscribe,
            ) => Object::Resource(self.resource_uri),
            Some(
                Method::TasksGet
                | Method::TasksUpdate
                | Method::TasksCancel
                | Method::TasksList
                | Method::TasksResult,
            ) => Object::Task,
            Some(Method::Complete) if favourable => Object::Protocol,
            Some(Method::Complete) => return None,
            Some(_) => Object::Protocol,
            None if matches!(self.method, "GET" | "DELETE" | "response") => Object::Protocol,
            None if self.method.starts_with("notifications/") => Object::Protocol,
            None => Object::Unknown,
        };
        Some(Asked {
            method: self.method,
            object,
            arguments: None,
        })
    }
}
