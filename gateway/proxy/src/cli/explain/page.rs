//! What was decided about a call, as text and as JSON.

use std::fmt::Write as _;

use serde_json::{Map, Value, json};

use crate::{
    auth::Caller,
    limits::Description,
    policy::{Considered, Explanation},
};

pub(super) fn as_json(tool: &str, caller: &Caller, access: &Explanation) -> Value {
    let considered = access.considered.iter().map(|one| {
        json!({
            "rule": one.rule, "line": one.line, "allows": one.allows, "denies": one.denies,
            "when": one.condition.as_ref().map(|(text, _)| text),
            "holds": one.condition.as_ref().map(|(_, holds)| match holds {
                Ok(holds) => json!(holds),
                Err(error) => json!({"error": error}),
            }),
        })
    });
    json!({
        "agent": caller.agent(), "teams": caller.teams(), "tool": tool,
        "access": {
            "decision": decision(access), "rule": access.rule, "line": access.line,
            "considered": considered.collect::<Vec<_>>(),
        },
    })
}

fn decision(access: &Explanation) -> &'static str {
    if access.allowed { "allowed" } else { "denied" }
}

pub(super) fn as_text(tool: &str, caller: &Caller, access: &Explanation) -> String {
    // Writing into a `String` cannot fail.
    let mut page = String::new();
    let teams = match caller.teams() {
        [] => String::new(),
        teams => format!(" of {}", teams.join(", ")),
    };
    let _ = writeln!(page, "{}{teams}: {tool}", caller.agent());
    let _ = match (access.line, &*access.rule) {
        (Some(line), rule) => writeln!(
            page,
            "access: {} by rule {rule} (line {line})",
            decision(access)
        ),
        (None, "open") => writeln!(page, "access: allowed: no access rules are in force"),
        (None, _) => writeln!(page, "access: denied: no rule allows it"),
    };
    for one in &access.considered {
        let _ = writeln!(page, "  {}", line(one));
    }
    page
}

fn line(one: &Considered) -> String {
    let mut text = format!("rule {} (line {})", one.rule, one.line);
    for (verb, pattern) in [("denies", &one.denies), ("allows", &one.allows)] {
        if let Some(pattern) = pattern {
            let _ = write!(text, ": {verb} {pattern}");
        }
    }
    if let Some((condition, holds)) = &one.condition {
        let holds = match holds {
            Ok(true) => "which holds".to_owned(),
            Ok(false) => "which does not hold".to_owned(),
            Err(error) => format!("which counts against the caller: {error}"),
        };
        let _ = write!(text, ", when {condition}, {holds}");
    }
    text
}

pub(super) fn limits_as_json(limits: &[Description]) -> Value {
    let limit = |one: &Description| {
        let under: Map<String, Value> = one
            .counted_under
            .iter()
            .map(|(key, value)| ((*key).to_owned(), json!(value)))
            .collect();
        json!({"rule": one.rule, "allows": one.allows, "counted_under": under})
    };
    limits.iter().map(limit).collect()
}

pub(super) fn limits_as_text(limits: &[Description]) -> String {
    let mut page = String::new();
    for one in limits {
        let under: Vec<String> = one
            .counted_under
            .iter()
            .map(|(key, value)| format!("{key} {value}"))
            .collect();
        let under = if under.is_empty() {
            "everybody together".to_owned()
        } else {
            under.join(", ")
        };
        let allows = one.allows.join(", ");
        let _ = writeln!(page, "limit {}: {allows}, counted under {under}", one.rule);
    }
    page
}
