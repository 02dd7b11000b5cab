//! One decision: the rules of a caller meet the rules of a name.

use std::sync::Arc;

use smallvec::smallvec;

use super::{
    Rule, Rules,
    asked::{Asked, Object},
    condition::{self, evaluate},
    rules::{Effect, Effects, Rights, RuleSet},
    table::{Found, ServerTable},
    template::Template,
    uri,
    who::{self, Subject},
};
use crate::{
    auth::Caller,
    config::{Condition, Kind, Pattern},
};

/// How open conditions are settled.
#[derive(Debug, Clone)]
pub(super) enum Facts<'a> {
    /// By the call of this caller.
    Call(&'a Caller),
    /// In the caller's favour: whether there are arguments with which it may.
    Some,
    /// By a record of a call, which keeps neither arguments nor claims: what it does not say is
    /// settled in the caller's favour, or against it.
    Record {
        caller: &'a Caller,
        /// Rules that may or may not be about the caller.
        unsure: &'a RuleSet,
        favourable: bool,
    },
}

/// Which way a decision went, and by which rule; without one it is the default.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Allowed(usize),
    Denied(Option<usize>),
}

/// Everything that stays the same within one decision.
struct Deciding<'a> {
    rules: &'a Rules,
    rights: &'a Rights,
    server: &'a str,
    table: &'a ServerTable,
    asked: &'a Asked<'a>,
    facts: &'a Facts<'a>,
}

impl Rules {
    pub(super) fn name(&self, rule: Option<usize>) -> Arc<str> {
        let rule = rule.and_then(|rule| self.rules.get(rule));
        Arc::clone(rule.map_or(&self.default, |rule| &rule.id))
    }

    /// The rules that are about a caller. The same caller always has the same.
    pub(super) fn rights(&self, caller: &Caller) -> Rights {
        let subject = Subject {
            agent: caller.agent(),
            teams: caller.teams(),
            claims: Some(caller.claims()),
        };
        let mut rights = Rights::default();
        self.who.candidates(subject, |index| {
            let rule = self.rules.get(index);
            let about = rule.filter(|rule| who::is_about(&rule.source, subject) == Some(true));
            if let Some(rule) = about {
                let (effects, open) = rule.effects(|condition| evaluate(condition, caller, None));
                rights.insert(index, effects, open);
            }
        });
        rights
    }

    /// Decides about one message.
    pub(super) fn decide(
        &self,
        rights: &Rights,
        server: &str,
        table: &ServerTable,
        asked: &Asked<'_>,
        facts: &Facts<'_>,
    ) -> Verdict {
        Deciding {
            rules: self,
            rights,
            server,
            table,
            asked,
            facts,
        }
        .verdict()
    }
}

impl Rule {
    /// What the rule can do for a caller that it is about, and whether each call decides anew. A
    /// condition about the caller alone is settled here; one that fails counts against the caller.
    pub(super) fn effects(
        &self,
        settle: impl FnOnce(&Condition) -> Result<bool, condition::Unevaluable>,
    ) -> (&'static [Effect], bool) {
        const BOTH: &[Effect] = &[Effect::Allow, Effect::Deny];
        match &self.source.when {
            None => (BOTH, false),
            Some(condition) if !condition.is_about_the_caller() => (BOTH, true),
            Some(condition) => match settle(condition) {
                Ok(true) => (BOTH, false),
                Ok(false) => (&[], false),
                Err(_) => (&[Effect::Deny], false),
            },
        }
    }
}

impl Deciding<'_> {
    fn verdict(&self) -> Verdict {
        match &self.asked.object {
            Object::Protocol => self.protocol(&self.table.any),
            Object::Task => self.protocol(&self.table.any_tool),
            Object::Unknown => self.settle(Found::new(), "", false),
            Object::Tool(name) => self.named(Kind::Tool, name),
            Object::Prompt(name) => self.named(Kind::Prompt, name),
            Object::Resource(uri) => {
                self.both_spellings(uri, |uri| self.named(Kind::Resource, uri))
            }
            Object::Template(uri) => self.both_spellings(uri, |uri| self.template(uri)),
            Object::Subscription { resources, tasks } => self.subscription(resources, *tasks),
        }
    }

    fn named(&self, kind: Kind, name: &str) -> Verdict {
        let mut found = Found::new();
        self.table.find(kind, name, &mut found);
        self.settle(found, name, true)
    }

    /// The rules in `found` and those for the whole server may allow; beside them, rules against the
    /// method deny. Where the method is all there is, it may be allowed, too.
    fn settle<'t>(&'t self, mut found: Found<'t>, name: &str, by_name: bool) -> Verdict {
        found.push(&self.table.all);
        let own = found.len();
        self.table.find(Kind::Method, self.asked.method, &mut found);
        let allowing = if by_name { found.get(..own) } else { None };
        self.first(allowing.unwrap_or(&found), &found, |rule, effect| {
            self.holds(rule, effect, name)
        })
    }

    /// What any right at the server opens. Conditions on arguments say nothing about it.
    fn protocol(&self, any: &Effects) -> Verdict {
        let mut found: Found<'_> = smallvec![any, &self.table.all];
        self.table.find(Kind::Method, self.asked.method, &mut found);
        self.first(&found, &found, |rule, effect| match self.facts {
            Facts::Record {
                unsure, favourable, ..
            } if unsure.contains(rule) => (effect == Effect::Allow) == *favourable,
            _ => effect == Effect::Allow,
        })
    }

    fn first(
        &self,
        allowing: &[&Effects],
        denying: &[&Effects],
        holds: impl Fn(usize, Effect) -> bool,
    ) -> Verdict {
        let deny = self
            .rights
            .first(Effect::Deny, denying, |rule| holds(rule, Effect::Deny));
        if deny.is_some() {
            return Verdict::Denied(deny);
        }
        let allow = self
            .rights
            .first(Effect::Allow, allowing, |rule| holds(rule, Effect::Allow));
        allow.map_or(Verdict::Denied(None), Verdict::Allowed)
    }

    /// Whether a rule with an open condition has its effect.
    fn holds(&self, index: usize, effect: Effect, name: &str) -> bool {
        let (caller, guess) = match self.facts {
            Facts::Some => return effect == Effect::Allow,
            Facts::Call(caller) => (caller, None),
            Facts::Record {
                caller,
                unsure,
                favourable,
            } => {
                let guess = (effect == Effect::Allow) == *favourable;
                if unsure.contains(index) {
                    return guess;
                }
                (caller, Some(guess))
            }
        };
        let rule = self.rules.rules.get(index);
        let Some(condition) = rule.and_then(|rule| rule.source.when.as_ref()) else {
            return true;
        };
        if let Some(guess) = guess
            && !is_recorded(condition)
        {
            return guess;
        }
        let call = condition::Call {
            server: self.server,
            method: self.asked.method,
            name,
            arguments: self.asked.arguments,
        };
        // What cannot be evaluated counts against the caller.
        evaluate(condition, caller, Some(call)).unwrap_or(effect == Effect::Deny)
    }

    /// A resource has to be allowed as it is written and as a server may resolve it.
    fn both_spellings(&self, uri: &str, decide: impl Fn(&str) -> Verdict) -> Verdict {
        match (decide(uri), uri::resolved(uri)) {
            (Verdict::Allowed(_), None) => Verdict::Denied(None),
            (Verdict::Allowed(_), Some(resolved)) if resolved != uri => decide(&resolved),
            (verdict, _) => verdict,
        }
    }

    /// A template is visible to whoever may read some of its resources.
    fn template(&self, text: &str) -> Verdict {
        let Some(template) = Template::read(text) else {
            return Verdict::Denied(None);
        };
        let server = |pattern: &&Pattern| pattern.server.matches(self.server);
        let meets = |pattern: &Pattern| match &pattern.named {
            None => true,
            Some((kind, glob)) => *kind == Kind::Resource && template.meets(glob),
        };
        let against = |pattern: &Pattern| match &pattern.named {
            None => true,
            Some((Kind::Resource, glob)) => template.is_within(glob),
            Some((Kind::Method, glob)) => glob.matches(self.asked.method),
            Some(_) => false,
        };
        let mut allow = None;
        for (index, open) in self.rights.iter() {
            let Some(rule) = self.rules.rules.get(index).map(|rule| &rule.source) else {
                continue;
            };
            let settled = |effect| !open || self.holds_somehow(index, effect);
            if rule.deny.iter().filter(server).any(against) && settled(Effect::Deny) {
                return Verdict::Denied(Some(index));
            }
            let allows = allow.is_none() && rule.allow.iter().filter(server).any(meets);
            // A condition that failed for this caller leaves the rule its denials only.
            if allows && self.rights.may(index, Effect::Allow) && settled(Effect::Allow) {
                allow = Some(index);
            }
        }
        allow.map_or(Verdict::Denied(None), Verdict::Allowed)
    }

    /// For what has no arguments of its own: conditions on arguments are in the caller's favour.
    fn holds_somehow(&self, index: usize, effect: Effect) -> bool {
        match self.facts {
            Facts::Record { .. } => self.holds(index, effect, ""),
            Facts::Call(_) | Facts::Some => effect == Effect::Allow,
        }
    }

    fn subscription(&self, resources: &[std::borrow::Cow<'_, str>], tasks: bool) -> Verdict {
        let mut verdict = self.protocol(&self.table.any);
        if tasks && matches!(verdict, Verdict::Allowed(_)) {
            verdict = self.protocol(&self.table.any_tool);
        }
        for uri in resources {
            if matches!(verdict, Verdict::Denied(_)) {
                break;
            }
            verdict = self.both_spellings(uri, |uri| self.named(Kind::Resource, uri));
        }
        verdict
    }
}

/// Whether a record holds everything that a condition reads.
fn is_recorded(condition: &Condition) -> bool {
    let uses = condition.uses();
    let missing = ["subject", "scopes"];
    uses.arguments.is_empty()
        && uses.claims.is_empty()
        && !uses
            .variables
            .iter()
            .any(|name| missing.contains(&name.as_str()))
}

impl Object<'_> {
    /// The kind of thing that it is; `None` for the protocol itself.
    pub fn kind(&self) -> Option<Kind> {
        match self {
            Self::Tool(_) | Self::Task => Some(Kind::Tool),
            Self::Prompt(_) => Some(Kind::Prompt),
            Self::Resource(_) | Self::Template(_) | Self::Subscription { .. } => {
                Some(Kind::Resource)
            }
            Self::Unknown => Some(Kind::Method),
            Self::Protocol => None,
        }
    }
}
