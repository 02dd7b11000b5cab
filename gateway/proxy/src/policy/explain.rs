//! Why a call would be allowed or denied: every rule that has a say in it.

use std::sync::Arc;

use super::{
    Policy,
    asked::{Asked, Object},
    condition::{Call, evaluate},
    decide::{Facts, Verdict},
    template::Template,
    who::{self, Subject},
};
use crate::{
    auth::Caller,
    config::{Kind, Pattern},
};

/// A decision and how it came about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    pub allowed: bool,
    /// The rule that decides, as the record names it.
    pub rule: Arc<str>,
    /// The line on which it begins; `None` where no rule decides.
    pub line: Option<usize>,
    /// The rules that are about the caller and name what it asks for, in the order of the file.
    pub considered: Vec<Considered>,
}

/// A rule that has a say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Considered {
    pub rule: Arc<str>,
    pub line: usize,
    /// The pattern by which it allows.
    pub allows: Option<String>,
    /// The pattern by which it denies.
    pub denies: Option<String>,
    /// The condition, and whether it holds; an error counts against the caller.
    pub condition: Option<(String, Result<bool, String>)>,
}

impl Policy {
    /// Explains what [`super::check`] would decide.
    pub fn explain(&self, caller: &Caller, server: &str, asked: &Asked<'_>) -> Explanation {
        let rules = &self.0;
        let rights = rules.rights(caller);
        let verdict = match rules.tables.at(server) {
            _ if !rules.in_force => None,
            Some(table) => Some(rules.decide(&rights, server, table, asked, &Facts::Call(caller))),
            None => Some(Verdict::Denied(None)),
        };
        let rule = match verdict {
            Some(Verdict::Allowed(rule)) => Some(rule),
            Some(Verdict::Denied(rule)) => rule,
            None => None,
        };
        Explanation {
            allowed: matches!(verdict, None | Some(Verdict::Allowed(_))),
            rule: match verdict {
                None => Arc::clone(&rules.open),
                Some(_) => rules.name(rule),
            },
            line: rule
                .and_then(|rule| rules.rules.get(rule))
                .map(|rule| rule.source.line),
            considered: self.considered(caller, server, asked),
        }
    }

    fn considered(&self, caller: &Caller, server: &str, asked: &Asked<'_>) -> Vec<Considered> {
        let subject = Subject {
            agent: caller.agent(),
            teams: caller.teams(),
            claims: Some(caller.claims()),
        };
        let call = Call {
            server,
            method: asked.method,
            name: asked.object.name(),
            arguments: asked.arguments,
        };
        let about = self
            .0
            .rules
            .iter()
            .filter(|rule| who::is_about(&rule.source, subject) == Some(true));
        let say = about.filter_map(|rule| {
            let source = &rule.source;
            let named = |patterns: &[Pattern], denies| {
                let mut here = patterns
                    .iter()
                    .filter(|pattern| pattern.server.matches(server));
                here.find(|pattern| is_named(pattern, asked, denies))
                    .map(Pattern::to_string)
            };
            let (allows, denies) = (named(&source.allow, false), named(&source.deny, true));
            (allows.is_some() || denies.is_some()).then(|| Considered {
                rule: Arc::clone(&rule.id),
                line: source.line,
                allows,
                denies,
                condition: source.when.as_ref().map(|condition| {
                    let met = evaluate(condition, caller, Some(call));
                    (
                        condition.as_str().to_owned(),
                        met.map_err(|error| error.to_string()),
                    )
                }),
            })
        });
        say.collect()
    }
}

/// Whether a pattern for the server is about what is asked for.
fn is_named(pattern: &Pattern, asked: &Asked<'_>, denies: bool) -> bool {
    let Some((kind, glob)) = &pattern.named else {
        return true;
    };
    let by_method = *kind == Kind::Method && glob.matches(asked.method);
    match &asked.object {
        // Any right opens the protocol.
        Object::Protocol | Object::Subscription { .. } => !denies || by_method,
        Object::Task => {
            (*kind == Kind::Tool && (!denies || glob.is_everything())) || (denies && by_method)
        }
        Object::Unknown => by_method,
        Object::Template(text) => {
            let template = Template::read(text);
            let met = |template: &Template| {
                if denies {
                    template.is_within(glob)
                } else {
                    template.meets(glob)
                }
            };
            (*kind == Kind::Resource && template.is_some_and(|template| met(&template)))
                || (denies && by_method)
        }
        Object::Tool(name) | Object::Prompt(name) | Object::Resource(name) => {
            (Some(*kind) == asked.object.kind() && glob.matches(name)) || (denies && by_method)
        }
    }
}

impl Object<'_> {
    /// The name of the tool, prompt or resource; empty where there is none.
    pub(super) fn name(&self) -> &str {
        match self {
            Self::Tool(name) | Self::Prompt(name) | Self::Resource(name) | Self::Template(name) => {
                name
            }
            Self::Protocol | Self::Task | Self::Subscription { .. } | Self::Unknown => "",
        }
    }
}
