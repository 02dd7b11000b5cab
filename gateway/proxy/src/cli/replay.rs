//! `gantry check --dry-run`: what new access rules would have decided about calls that were made.

use std::{
    io::{self, Write as _},
    path::Path,
    process::ExitCode,
    time::Duration,
};

use gantry_analytics::calls::{self, Calls};
use serde_json::{Map, Value, json};

use super::{audit, table};
use crate::{
    auth,
    config::Checked,
    policy::{Policy, Replayed, Row},
};

/// Replays the rules of `new` over the records of the store that the configuration `against` names.
pub(super) fn run(new: &Checked, against: &Path, since: Duration, json: bool) -> ExitCode {
    let store = match audit::store(against) {
        Ok(store) => store,
        Err(code) => return code,
    };
    let recorded = match read(&store, since) {
        Ok(recorded) => recorded,
        Err(error) => {
            eprintln!("gantry: {}", super::chain(&*error));
            return ExitCode::FAILURE;
        }
    };
    let report = Report::make(&Policy::compile(new), &recorded);
    let text = if json { report.lines() } else { report.page() };
    match io::stdout().write_all(text.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

#[tokio::main(flavor = "current_thread")]
async fn read(store: &gantry_analytics::Store, since: Duration) -> anyhow::Result<Vec<Calls>> {
    Ok(calls::since(store, since).await?)
}

/// What would change, and how much was looked at.
struct Report<'a> {
    changes: Vec<Change<'a>>,
    calls: u64,
    changed: u64,
    undecided: u64,
}

/// Calls about which another decision would be made, or about which their records do not say enough.
struct Change<'a> {
    calls: &'a Calls,
    would_be: Replayed,
}

impl<'a> Report<'a> {
    fn make(policy: &Policy, recorded: &'a [Calls]) -> Self {
        let mut report = Self {
            changes: Vec::new(),
            calls: 0,
            changed: 0,
            undecided: 0,
        };
        for calls in recorded {
            report.calls += calls.calls;
            let caller = auth::suppose(&calls.agent, teams(calls), None, Vec::new(), Map::new());
            let would_be = policy.replay(
                &caller,
                Row {
                    server: &calls.server,
                    method: &calls.method,
                    tool: &calls.tool,
                    resource_uri: &calls.resource_uri,
                },
            );
            match would_be {
                Replayed::Allowed(_) if !calls.denied => continue,
                Replayed::Denied(_) if calls.denied => continue,
                Replayed::Undecided { .. } => report.undecided += calls.calls,
                Replayed::Allowed(_) | Replayed::Denied(_) => report.changed += calls.calls,
            }
            report.changes.push(Change { calls, would_be });
        }
        report
    }

    /// One JSON object per change, then one with the sums.
    fn lines(&self) -> String {
        let mut text = String::new();
        for change in &self.changes {
            let Calls {
                agent,
                server,
                method,
                tool,
                resource_uri,
                ..
            } = change.calls;
            let (would_be, rule, otherwise) = change.would_be();
            let line = json!({
                "agent": agent, "teams": teams(change.calls), "server": server, "method": method, "tool": tool,
                "resource_uri": resource_uri, "was": change.was(), "was_rule": change.calls.policy,
                "would_be": would_be, "rule": rule, "otherwise": otherwise, "calls": change.calls.calls,
            });
            text.push_str(&line.to_string());
            text.push('\n');
        }
        let sums =
            json!({"calls": self.calls, "changed": self.changed, "undecided": self.undecided});
        text.push_str(&sums.to_string());
        text.push('\n');
        text
    }

    fn page(&self) -> String {
        let mut rows = vec![
            [
                "AGENT", "TEAM", "SERVER", "METHOD", "NAME", "WAS", "WOULD BE", "CALLS",
            ]
            .map(str::to_owned),
        ];
        for change in &self.changes {
            let calls = change.calls;
            let name = if calls.tool.is_empty() {
                &calls.resource_uri
            } else {
                &calls.tool
            };
            let (would_be, rule, otherwise) = change.would_be();
            let would_be = match otherwise {
                Some(otherwise) => {
                    format!("undecided (allowed by {rule}, or denied by {otherwise})")
                }
                None => format!("{would_be} ({rule})"),
            };
            rows.push([
                calls.agent.clone(),
                teams(calls).join(","),
                calls.server.clone(),
                calls.method.clone(),
                name.clone(),
                format!("{} ({})", change.was(), calls.policy),
                would_be,
                calls.calls.to_string(),
            ]);
        }
        let mut page = if self.changes.is_empty() {
            String::new()
        } else {
            table::write(&rows)
        };
        let (calls, changed) = (self.calls, self.changed);
        page.push_str(&format!(
            "{calls} calls looked at: {changed} would be decided otherwise"
        ));
        if self.undecided > 0 {
            page.push_str(&format!(
                ", {} cannot be decided, because a record holds no arguments, claims or scopes",
                self.undecided
            ));
        }
        page.push('\n');
        page
    }
}

impl Change<'_> {
    fn was(&self) -> &'static str {
        if self.calls.denied {
            "denied"
        } else {
            "allowed"
        }
    }

    /// The decision, its rule, and where it is open the rule for the other way.
    fn would_be(&self) -> (&'static str, &str, Option<&str>) {
        match &self.would_be {
            Replayed::Allowed(rule) => ("allowed", rule, None),
            Replayed::Denied(rule) => ("denied", rule, None),
            Replayed::Undecided {
                favourable,
                unfavourable,
            } => ("undecided", favourable, Some(unfavourable)),
        }
    }
}

fn teams(calls: &Calls) -> Vec<String> {
    match serde_json::from_str::<Value>(&calls.teams) {
        Ok(Value::Array(teams)) => teams
            .iter()
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect(),
        _ if calls.team.is_empty() => Vec::new(),
        _ => vec![calls.team.clone()],
    }
}
