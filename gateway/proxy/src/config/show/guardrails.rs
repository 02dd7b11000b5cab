//! `guardrails` as YAML.

use super::Page;
use crate::config::checked::guardrails::{Action, Direction, Guardrails, Judge, Unapproved};
use crate::config::secret::MASK;

pub(super) fn guardrails(page: &mut Page, guardrails: &Guardrails) {
    for (group, one) in &guardrails.groups {
        page.text(group, action(*one));
    }
    if !guardrails.kinds.is_empty() {
        page.map("kinds", |page| {
            guardrails
                .kinds
                .iter()
                .for_each(|(kind, one)| page.text(kind, action(*one)))
        });
    }
    if !guardrails.rules.is_empty() {
        page.items("rules", &guardrails.rules, |page, rule| {
            page.text("name", &rule.name);
            page.list("kinds", &rule.kinds);
            page.text("action", action(rule.action));
            page.text("direction", direction(rule.direction));
            page.optional("server", rule.server.as_ref());
            page.optional("tool", rule.tool.as_ref());
            page.optional("pointer", rule.pointer.as_ref());
            page.optional("agent", rule.agent.as_ref());
            page.optional("team", rule.team.as_ref());
            page.list("detokenise", &rule.detokenise);
        });
    }
    if !guardrails.patterns.is_empty() {
        page.map("patterns", |page| {
            for pattern in &guardrails.patterns {
                page.map(&pattern.name, |page| {
                    page.text("pattern", &pattern.expression);
                    page.list("allow", &pattern.allow);
                    page.bare("ignore_case", pattern.ignore_case);
                    page.text("action", action(pattern.action));
                });
            }
        });
    }
    if !guardrails.hooks.is_empty() {
        page.map("hooks", |page| {
            for hook in &guardrails.hooks {
                page.map(&hook.name, |page| {
                    judge(page, &hook.judge);
                    page.text("action", action(hook.action));
                    page.text("direction", direction(hook.direction));
                    page.period("timeout", hook.timeout);
                    page.text("on_error", on_error(hook.open));
                    page.period("cache", hook.cache);
                });
            }
        });
    }
    page.map("definitions", |page| {
        let definitions = &guardrails.definitions;
        page.optional("lock", definitions.lock.as_ref().map(|lock| lock.display()));
        page.text("changed", unapproved(definitions.changed));
        page.text("new", unapproved(definitions.new));
        page.text("shadowing", unapproved(definitions.shadowing));
    });
    page.text(
        "blocked",
        if guardrails.blocked_as_error {
            "error"
        } else {
            "tool_result"
        },
    );
    page.text("on_error", on_error(guardrails.open));
    page.bare(
        "injection_score",
        (guardrails.injection_score * 100.0).round(),
    );
    page.optional("key", guardrails.key.as_ref().map(|_| MASK));
}

fn judge(page: &mut Page, judge: &Judge) {
    match judge {
        Judge::Remote(url) => page.text("url", super::shown_url(url)),
        Judge::Model(model) => {
            page.text("model", model.path.display());
            let tokenizer = model.tokenizer.as_ref();
            page.optional("tokenizer", tokenizer.map(|path| path.display()));
            if let Some(label) = model.label {
                page.bare("label", label);
            }
            page.bare("threshold", (model.threshold * 100.0).round());
        }
    }
}

fn on_error(open: bool) -> &'static str {
    if open { "open" } else { "closed" }
}

fn action(action: Action) -> &'static str {
    action.as_str()
}

fn direction(direction: Direction) -> &'static str {
    match direction {
        Direction::Request => "request",
        Direction::Response => "response",
        Direction::Both => "both",
    }
}

fn unapproved(unapproved: Unapproved) -> &'static str {
    match unapproved {
        Unapproved::Alert => "alert",
        Unapproved::Hide => "hide",
        Unapproved::Block => "block",
    }
}
