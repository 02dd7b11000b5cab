//! Lists of definitions that were looked at before, and what became of them.
//!
//! A server answers the same lists again and again. As long as not a byte of one has changed but for its
//! id, and for whom it is does not matter, it meets the same rules in the same way: it is neither scanned
//! nor compared with the lockfile again.

use std::{
    collections::VecDeque,
    ops::Range,
    sync::{Arc, PoisonError, RwLock},
};

use gantry_mcp::again::Known;

use super::{
    act::Acted,
    pin::LISTS,
    report::Report,
    rules::{Rules, Scope},
};
use crate::config::guardrails::{Action, Direction};

/// Most lists that are kept.
const LISTS_MAX: usize = 256;
/// Most bytes of all of them, as they came and as they went on.
const BYTES_MAX: usize = 16 * 1024 * 1024;

/// What one configuration has seen.
#[derive(Debug, Default)]
pub(super) struct Seen {
    lists: RwLock<VecDeque<Arc<List>>>,
}

#[derive(Debug)]
struct List {
    server: String,
    method: String,
    known: Known,
    /// What went on, and where its id stands; none where it was the list itself.
    changed: Option<(Vec<u8>, Range<usize>)>,
    report: Report,
}

impl List {
    fn bytes(&self) -> usize {
        self.known.bytes()
            + self
                .changed
                .as_ref()
                .map_or(0, |(message, _)| message.len())
    }

    fn is_of(&self, scope: &Scope<'_>) -> bool {
        self.server == scope.server && self.method == scope.method
    }
}

impl Seen {
    /// What became of the message, if it is a list that was looked at before.
    pub(super) fn again<'a>(&self, scope: &Scope<'_>, message: &'a [u8]) -> Option<Acted<'a>> {
        if !is_list(scope) {
            return None;
        }
        let (list, id) = {
            let lists = self.lists.read().unwrap_or_else(PoisonError::into_inner);
            lists.iter().find_map(|list| {
                let id = list
                    .is_of(scope)
                    .then(|| list.known.is_again(message))
                    .flatten()?;
                Some((Arc::clone(list), id))
            })?
        };
        let mut acted = Acted::untouched(message);
        acted.report = list.report.clone();
        if let Some((changed, place)) = &list.changed {
            let parts = [
                changed.get(..place.start)?,
                message.get(id)?,
                changed.get(place.end..)?,
            ];
            acted.message = parts.concat().into();
        }
        Some(acted)
    }

    /// Keeps what became of a list.
    pub(super) fn keep(&self, rules: &Rules, scope: &Scope<'_>, message: &[u8], acted: &Acted<'_>) {
        // A token is worth something for a while only.
        let lasting = |report: &Report| {
            let mut evidence = report.evidence.iter();
            report.is_described() && evidence.all(|one| one.action != Action::Tokenise)
        };
        if !is_list(scope)
            || rules.are_personal()
            || message.len() + acted.message.len() > BYTES_MAX / 4
            || acted.blocked.is_some()
            || !lasting(&acted.report)
        {
            return;
        }
        let Some(known) = Known::new(message) else {
            return;
        };
        let changed = match &acted.message {
            std::borrow::Cow::Borrowed(_) => None,
            std::borrow::Cow::Owned(changed) => {
                let Some(id) = moved(&known.id(), message, changed) else {
                    return;
                };
                Some((changed.clone(), id))
            }
        };
        let list = Arc::new(List {
            server: scope.server.to_owned(),
            method: scope.method.to_owned(),
            known,
            changed,
            report: acted.report.clone(),
        });
        let mut lists = self.lists.write().unwrap_or_else(PoisonError::into_inner);
        lists.push_back(list);
        while lists.len() > LISTS_MAX
            || lists.iter().map(|list| list.bytes()).sum::<usize>() > BYTES_MAX
        {
            lists.pop_front();
        }
    }
}

fn is_list(scope: &Scope<'_>) -> bool {
    scope.direction == Direction::Response
        && scope.subject.is_none()
        && LISTS.iter().any(|(method, ..)| *method == scope.method)
}

/// Where the id stands in what a message has become: as far from the beginning as before, or as far from the end.
fn moved(id: &Range<usize>, message: &[u8], changed: &[u8]) -> Option<Range<usize>> {
    if changed.starts_with(message.get(..id.end)?) {
        return Some(id.clone());
    }
    let tail = message.get(id.start..)?;
    let start = changed.len().checked_sub(tail.len())?;
    changed.ends_with(tail).then(|| start..start + id.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{config::guardrails::Guardrails as Checked, guardrails::Guardrails};

    fn list(id: &str, text: &str) -> String {
        format!(
            r#"{{"result":{{"tools":[{{"name":"a","description":"{text}"}}]}},"jsonrpc":"2.0","id":{id}}}"#
        )
    }

    #[test]
    fn a_list_meets_what_it_met_before_under_its_own_id() {
        let checked = Checked {
            groups: vec![("pii".to_owned(), Action::Redact)],
            injection_score: 0.5,
            ..Checked::default()
        };
        let guardrails = Guardrails::compile(&checked).unwrap();
        let scope = Scope {
            direction: Direction::Response,
            server: "one",
            method: "tools/list",
            subject: None,
            agent: "",
            teams: &[],
            untyped: false,
        };
        let kept = || {
            let force = guardrails.0.as_deref().unwrap();
            force.seen.lists.read().unwrap().len()
        };
        let (mail, gone) = ("ask jane@example.org", "ask [EMAIL]");
        for (id, text, left, count) in [
            ("1", mail, gone, 1),
            ("\"two\"", mail, gone, 1),
            ("3", "ask nobody", "ask nobody", 2),
            ("4", "ask nobody", "ask nobody", 2),
            ("5", mail, gone, 2),
            ("6", "ask bill@example.org", gone, 3),
            ("null", mail, gone, 3),
        ] {
            let message = list(id, text);
            let acted = guardrails.act(&scope, message.as_bytes()).unwrap();
            let out = String::from_utf8(acted.message.to_vec()).unwrap();
            assert_eq!(out, list(id, left));
            assert_eq!(
                acted.report.kinds.contains_key("EMAIL"),
                text != left,
                "{id}"
            );
            assert_eq!(kept(), count, "{id}");
        }
        // Another server's, and what is no list, is looked at for itself.
        let other = Scope {
            server: "two",
            ..scope
        };
        guardrails.act(&other, list("7", mail).as_bytes()).unwrap();
        assert_eq!(kept(), 4);
        let call = Scope {
            method: "tools/call",
            ..scope
        };
        guardrails.act(&call, list("8", mail).as_bytes()).unwrap();
        assert_eq!(kept(), 4);
    }

    #[test]
    fn who_only_watches_stops_nothing() {
        let scope = |direction| Scope {
            direction,
            server: "one",
            method: "tools/call",
            subject: Some("tool"),
            agent: "",
            teams: &[],
            untyped: false,
        };
        for (action, passes) in [(Action::Monitor, true), (Action::Redact, false)] {
            let checked = Checked {
                groups: vec![("pii".to_owned(), action)],
                injection_score: 0.5,
                ..Checked::default()
            };
            let guardrails = Guardrails::compile(&checked).unwrap();
            let acted = guardrails.act(&scope(Direction::Response), b"{no JSON");
            assert_eq!(acted.is_ok(), passes, "{action:?}");
            let report = acted.map_or_else(|blocked| *blocked.report, |acted| acted.report);
            assert!(report.degraded);
        }
    }

    #[test]
    fn an_id_is_found_again_before_and_behind_what_has_changed() {
        for (before, after, id) in [
            (
                r#"{"id":1,"result":"abc"}"#,
                r#"{"id":1,"result":"[X]_"}"#,
                Some(6..7),
            ),
            (
                r#"{"result":"abc","id":1}"#,
                r#"{"result":"[LONG]","id":1}"#,
                Some(24..25),
            ),
            (
                r#"{"a":"b","id":1,"result":"abc"}"#,
                r#"{"a":"[X]","id":1,"result":"_"}"#,
                None,
            ),
        ] {
            let known = Known::new(before.as_bytes()).unwrap();
            assert_eq!(
                moved(&known.id(), before.as_bytes(), after.as_bytes()),
                id,
                "{after}"
            );
        }
    }
}
