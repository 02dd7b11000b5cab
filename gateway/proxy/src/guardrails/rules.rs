//! Which action a finding meets: the first rule that fits, then its kind, then its groups.

use std::sync::Arc;

use gantry_guard::What;

use crate::config::guardrails::{Action, Direction, Rule};

/// What a message is part of.
#[derive(Debug, Clone, Copy)]
pub struct Scope<'a> {
    /// The way it goes.
    pub direction: Direction,
    /// The server.
    pub server: &'a str,
    /// The method of the call, in both directions.
    pub method: &'a str,
    /// The tool, prompt or resource of the call.
    pub subject: Option<&'a str>,
    /// The caller.
    pub agent: &'a str,
    /// The caller's teams.
    pub teams: &'a [String],
    /// The tool is known to have no output schema. Where nothing is known, it may have one.
    pub untyped: bool,
}

/// The rules of one configuration.
#[derive(Debug)]
pub(super) struct Rules {
    pub(super) exceptions: Vec<Exception>,
    /// By kind: the action and the name of what decides.
    pub(super) kinds: Vec<(Action, Arc<str>)>,
    /// By custom pattern: the action and what it never finds, in lower case.
    pub(super) patterns: Vec<(Action, Vec<String>)>,
    /// What decides where a pattern's own action does.
    pub(super) of_patterns: Arc<str>,
    /// From which score a text counts as an instruction.
    pub(super) injection_score: f64,
}

/// A rule with its kinds looked up.
#[derive(Debug)]
pub(super) struct Exception {
    pub(super) rule: Rule,
    /// Empty: all.
    pub(super) kinds: Vec<What>,
    /// Its name.
    pub(super) name: Arc<str>,
}

/// What decides, and what it says.
#[derive(Debug, Clone, Copy)]
pub(super) struct Decision<'a> {
    pub(super) action: Action,
    pub(super) rule: &'a Arc<str>,
}

impl Rules {
    /// Whether no finding changes or stops a message.
    pub(super) fn only_note(&self) -> bool {
        let exceptions = self
            .exceptions
            .iter()
            .map(|exception| exception.rule.action);
        let kinds = self.kinds.iter().map(|(action, _)| *action);
        let patterns = self.patterns.iter().map(|(action, _)| *action);
        let mut all = exceptions.chain(kinds).chain(patterns);
        all.all(|action| matches!(action, Action::Off | Action::Monitor))
    }

    /// Whether anything depends on who calls.
    pub(super) fn are_personal(&self) -> bool {
        let mut rules = self.exceptions.iter().map(|exception| &exception.rule);
        rules.any(|rule| rule.agent.is_some() || rule.team.is_some())
    }

    /// What becomes of a finding, if anything; `pointer` is asked for only where a rule needs it.
    pub(super) fn decide<'p>(
        &self,
        scope: &Scope<'_>,
        what: What,
        pointer: impl Fn() -> &'p str,
    ) -> Option<Decision<'_>> {
        let fits = |exception: &&Exception| {
            (exception.kinds.is_empty() || exception.kinds.contains(&what))
                && fits(&exception.rule, scope)
                && exception
                    .rule
                    .pointer
                    .as_ref()
                    .is_none_or(|pattern| is_at(pattern, pointer()))
        };
        let exception = self.exceptions.iter().find(fits);
        let (action, rule) = match (exception, what) {
            (Some(exception), _) => (exception.rule.action, &exception.name),
            (None, What::Kind(kind)) => {
                let (action, rule) = self.kinds.get(kind.number())?;
                (*action, rule)
            }
            (None, What::Custom(pattern)) => (self.patterns.get(pattern)?.0, &self.of_patterns),
        };
        (action != Action::Off).then_some(Decision { action, rule })
    }
}

fn fits(rule: &Rule, scope: &Scope<'_>) -> bool {
    let is =
        |wanted: &Option<String>, given: &str| wanted.as_ref().is_none_or(|wanted| wanted == given);
    (rule.direction == Direction::Both || rule.direction == scope.direction)
        && is(&rule.server, scope.server)
        && is(&rule.agent, scope.agent)
        && rule
            .team
            .as_ref()
            .is_none_or(|team| scope.teams.contains(team))
        && rule.tool.as_ref().is_none_or(|tool| is_tool(tool, scope))
}

/// Whether the call is of a tool that `pattern` (`server/tool`) names.
pub(super) fn is_tool(pattern: &str, scope: &Scope<'_>) -> bool {
    let name = format!("{}/{}", scope.server, scope.subject.unwrap_or_default());
    scope.method == "tools/call" && is_like(pattern.as_bytes(), name.as_bytes())
}

/// `*` stands for any text. Linear but for the last star, which is tried again.
fn is_like(pattern: &[u8], text: &[u8]) -> bool {
    let (mut at, mut from, mut star) = (0, 0, None);
    while from < text.len() {
        match pattern.get(at) {
            Some(b'*') => {
                star = Some((at, from));
                at += 1;
            }
            Some(byte) if Some(byte) == text.get(from) => {
                at += 1;
                from += 1;
            }
            _ => match star {
                Some((place, tried)) => {
                    at = place + 1;
                    from = tried + 1;
                    star = Some((place, tried + 1));
                }
                None => return false,
            },
        }
    }
    pattern
        .get(at..)
        .unwrap_or_default()
        .iter()
        .all(|byte| *byte == b'*')
}

/// `*` stands for one step of a pointer, `**` at the end for any number of them.
fn is_at(pattern: &str, pointer: &str) -> bool {
    let mut steps = pointer.split('/');
    for wanted in pattern.split('/') {
        match (wanted, steps.next()) {
            ("**", _) => return true,
            ("*", Some(_)) => {}
            (wanted, Some(step)) if wanted == step => {}
            _ => return false,
        }
    }
    steps.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_stand_for_text_and_for_steps() {
        for (pattern, text, is) in [
            ("orders/*", "orders/get", true),
            ("*/get*", "orders/get_all", true),
            ("orders/get", "orders/get_all", false),
            ("*", "a/b", true),
        ] {
            assert_eq!(
                is_like(pattern.as_bytes(), text.as_bytes()),
                is,
                "{pattern} {text}"
            );
        }
        for (pattern, pointer, is) in [
            ("/a/*/c", "/a/b/c", true),
            ("/a/**", "/a/b/c", true),
            ("/a", "/a/b", false),
            ("/a/*", "/a", false),
            ("/a/**", "/b", false),
        ] {
            assert_eq!(is_at(pattern, pointer), is, "{pattern} {pointer}");
        }
    }
}
