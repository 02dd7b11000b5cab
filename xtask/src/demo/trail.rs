//! The audit trail, read back through `gantry audit query`.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::site::Site;
use crate::command;

/// How long rows may take from the gateway's log to the store.
const SETTLE_DEADLINE: Duration = Duration::from_secs(30);
const SETTLE_CHECK: Duration = Duration::from_millis(500);

/// A malformed call is refused for what it is, whatever server it was meant for.
const CALLS: &str = "SELECT if(outcome = 'bad_request', '', server) AS server, tool, \
    toString(outcome) AS outcome FROM audit_log WHERE method = 'tools/call'";
const TABLE: &str = "SELECT formatDateTime(ts, '%H:%i:%S.%f') AS time, tenant, agent, protocol, server, tool, \
    outcome, http_status AS status, duration_us, req_bytes, resp_bytes \
    FROM audit_log WHERE method = 'tools/call' ORDER BY ts, epoch, seq \
    SETTINGS output_format_pretty_single_large_number_tip_threshold = 0";

/// A tool call as its row must have it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Call {
    server: String,
    tool: String,
    outcome: String,
}

impl Call {
    pub(crate) fn new(server: &str, tool: &str, outcome: &str) -> Call {
        Call {
            server: server.to_owned(),
            tool: tool.to_owned(),
            outcome: outcome.to_owned(),
        }
    }
}

pub(crate) struct Trail<'a> {
    site: &'a Site,
}

impl<'a> Trail<'a> {
    pub(crate) fn new(site: &'a Site) -> Trail<'a> {
        Trail { site }
    }

    /// Waits until as many rows are delivered as calls were made; fails unless they are those calls.
    pub(crate) fn settle(&self, expected: &[Call]) -> Result<()> {
        let deadline = Instant::now() + SETTLE_DEADLINE;
        let mut expected = expected.to_vec();
        expected.sort();
        loop {
            let mut calls = self.calls()?;
            calls.sort();
            if calls == expected {
                return Ok(());
            }
            if calls.len() >= expected.len() || Instant::now() > deadline {
                bail!(
                    "the rows are not the calls
{}",
                    difference(&expected, &calls)
                );
            }
            thread::sleep(SETTLE_CHECK);
        }
    }

    /// The calls as a table for people.
    pub(crate) fn table(&self) -> Result<String> {
        command::capture(self.site.audit("query").arg(TABLE))
    }

    fn calls(&self) -> Result<Vec<Call>> {
        let text = command::capture(self.site.audit("query").args(["--json", CALLS]))?;
        text.lines().map(call).collect()
    }
}

fn call(line: &str) -> Result<Call> {
    let row: Value = serde_json::from_str(line).with_context(|| format!("not a row: {line}"))?;
    let field = |name| {
        row.get(name)
            .and_then(Value::as_str)
            .with_context(|| format!("no {name} in {line}"))
    };
    Ok(Call::new(
        field("server")?,
        field("tool")?,
        field("outcome")?,
    ))
}

/// The calls that have no row, and the rows that are no call.
fn difference(expected: &[Call], found: &[Call]) -> String {
    let mut missing = Vec::new();
    let mut unexpected = found.to_vec();
    for call in expected {
        match unexpected.iter().position(|row| row == call) {
            Some(index) => drop(unexpected.remove(index)),
            None => missing.push(call),
        }
    }
    format!("without a row: {missing:?}\nwithout a call: {unexpected:?}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_difference_names_what_is_missing_and_what_is_doubled() {
        let (echo, sum) = (
            Call::new("fixture", "echo", "ok"),
            Call::new("everything", "get-sum", "ok"),
        );
        let text = difference(&[echo.clone(), sum.clone()], &[echo.clone(), echo.clone()]);
        assert_eq!(
            text,
            format!("without a row: {:?}\nwithout a call: {:?}", [sum], [echo])
        );
    }

    #[test]
    fn a_row_is_read_by_name() {
        let line = r#"{"server":"crm","tool":"refuse","outcome":"tool_error"}"#;
        assert_eq!(
            call(line).unwrap(),
            Call::new("crm", "refuse", "tool_error")
        );
        assert!(call("{}").unwrap_err().to_string().contains("no server"));
    }
}
