//! Decisions: a table of them, the same as a plain reading of the rules gives, and in lists the same
//! as for calls.

mod properties;
mod table;

use gantry_mcp::frame::{self, Bounds};
use serde_json::{Map, Value, json};

use super::*;
use crate::{auth, config};

/// The policy of a configuration with the servers `orders` and `crm`.
fn policy(access: &str) -> Policy {
    let text =
        format!("servers: {{orders: {{url: http://a/}}, crm: {{url: http://b/}}}}\n{access}\n");
    let checked = config::parse(&text, "gantry.yaml");
    Policy::compile(&checked.unwrap_or_else(|faults| panic!("{faults}\n{text}")))
}

/// `agent`, then what is known of it: `bot +team +team claim=value scope:orders`.
fn caller(text: &str) -> Caller {
    let mut words = text.split_whitespace();
    let agent = words.next().unwrap();
    let (mut teams, mut scopes, mut claims) = (Vec::new(), Vec::new(), Map::new());
    for word in words {
        if let Some(team) = word.strip_prefix('+') {
            teams.push(team.to_owned());
        } else if let Some(scope) = word.strip_prefix("scope:") {
            scopes.push(scope.to_owned());
        } else {
            let (name, value) = word.split_once('=').unwrap();
            let value = serde_json::from_str(value).unwrap_or_else(|_| Value::from(value));
            claims.insert(name.to_owned(), value);
        }
    }
    auth::suppose(agent, teams, Some("alice".to_owned()), scopes, claims)
}

/// The message that asks for `what`, in the notation of rules and a few words beside it.
fn message(what: &str) -> Value {
    let (what, arguments) = what
        .split_once(' ')
        .map_or((what, None), |(what, arguments)| (what, Some(arguments)));
    let (word, name) = what.split_once(':').unwrap_or(("tool", what));
    let (method, mut params) = match word {
        "tool" => ("tools/call", json!({"name": name})),
        "prompt" => ("prompts/get", json!({"name": name})),
        "resource" => ("resources/read", json!({"uri": name})),
        "subscribe" => ("resources/subscribe", json!({"uri": name})),
        "unsubscribe" => ("resources/unsubscribe", json!({"uri": name})),
        "template" => (
            "completion/complete",
            json!({"ref": {"type": "ref/resource", "uri": name}}),
        ),
        "complete" => (
            "completion/complete",
            json!({"ref": {"type": "ref/prompt", "name": name}}),
        ),
        "listen" => (
            "subscriptions/listen",
            json!({"notifications": {"resourceSubscriptions": name.split(',').collect::<Vec<_>>()}}),
        ),
        "listen-task" => (
            "subscriptions/listen",
            json!({"notifications": {"taskIds": [name]}}),
        ),
        "task" => ("tasks/get", json!({"taskId": name})),
        "method" => (name, json!({})),
        other => panic!("{other}"),
    };
    if let Some(arguments) = arguments {
        params["arguments"] = serde_json::from_str(arguments).unwrap();
    }
    json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
}

/// What is decided about a whole message: `+rule` allows, `-rule` denies.
fn decide_message(policy: &Policy, caller: &Caller, server: &str, body: &str) -> String {
    let frame = frame::parse(body.as_bytes(), &Bounds::default()).unwrap();
    let asked = Asked::read(Some(&frame), "POST");
    match check(policy, caller.clone(), &server.into(), &asked) {
        Ok(permit) => format!("+{}", permit.rule()),
        Err(denied) => format!("-{}", denied.rule),
    }
}

/// What is decided about `server/what`.
fn decide(policy: &Policy, caller: &Caller, place: &str) -> String {
    let (server, what) = place.split_once('/').unwrap();
    if what == "GET" || what == "DELETE" {
        let asked = Asked::read(None, what);
        return match check(policy, caller.clone(), &server.into(), &asked) {
            Ok(permit) => format!("+{}", permit.rule()),
            Err(denied) => format!("-{}", denied.rule),
        };
    }
    decide_message(policy, caller, server, &message(what).to_string())
}

/// What the caller sees of a list.
fn view(policy: &Policy, caller: &Caller, server: &str) -> Option<View> {
    let asked = Asked::read(None, "GET");
    let permit = check(policy, caller.clone(), &server.into(), &asked).ok()?;
    permit.view().cloned()
}

#[test]
fn without_rules_everything_is_allowed_and_nothing_filtered() {
    let policy = policy("");
    assert!(!policy.is_in_force());
    for place in [
        "orders/x",
        "crm/prompt:x",
        "orders/method:unknown/method",
        "orders/GET",
        "other/x",
    ] {
        assert_eq!(decide(&policy, &caller("anonymous"), place), "+open");
    }
    assert!(view(&policy, &caller("anonymous"), "orders").is_none());
}

#[test]
fn messages_that_name_two_things_are_about_neither() {
    let policy = policy("access: [{allow: [orders/prompt:p, 'orders/resource:r']}]");
    let bot = caller("bot");
    for reference in [
        json!({"type": "ref/prompt", "name": "p", "uri": "r"}),
        json!({"type": "ref/tool", "name": "p"}),
        json!({"name": "p"}),
        json!({"type": "ref/prompt", "uri": "r"}),
        json!(null),
    ] {
        let body = json!({"jsonrpc": "2.0", "id": 1, "method": "completion/complete", "params": {"ref": reference}});
        assert_eq!(
            decide_message(&policy, &bot, "orders", &body.to_string()),
            "-default",
            "{body}"
        );
    }
    for notifications in [
        r#"{"resourceSubscriptions":["r"],"resourceSubscriptions":["x"]}"#,
        r#"{"resourceSubscriptions":["r",1]}"#,
        r#"{"ResourceSubscriptions":["x"]}"#,
        r#"{"resourceSubscriptions":"r"}"#,
    ] {
        let body = format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"subscriptions/listen","params":{{"notifications":{notifications}}}}}"#
        );
        assert_eq!(
            decide_message(&policy, &bot, "orders", &body),
            "-default",
            "{body}"
        );
    }
}

#[test]
fn arguments_in_two_spellings_count_against_the_caller() {
    let policy = policy(
        "access:\n- {id: some, allow: [orders/pay], when: arguments.amount <= 100}\n- {id: all, allow: [crm/pay]}\n- {id: not, deny: [crm/pay], when: arguments.amount > 100}",
    );
    for (arguments, some, not) in [
        (r#"{"amount":100}"#, "+some", "+all"),
        (r#"{"amount":100.5}"#, "-default", "-not"),
        (r#"{"amount":1e2}"#, "+some", "+all"),
        (r#"{"amount":18446744073709551615}"#, "-default", "-not"),
        (r#"{"amount":"100"}"#, "-default", "-not"),
        (r#"{"amount":null}"#, "-default", "-not"),
        (r#"{"Amount":1000}"#, "-default", "-not"),
        (r#"{"amount":1,"AMOUNT":1000}"#, "-default", "-not"),
        (r#"{}"#, "-default", "-not"),
        (r#"{"amount":1,"other":{"a":1,"a":2}}"#, "+some", "+all"),
        (r#"{"amount":{"a":1,"a":2}}"#, "-default", "-not"),
    ] {
        let body = |name: &str| {
            format!(
                r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"{name}","arguments":{arguments}}}}}"#
            )
        };
        assert_eq!(
            decide_message(&policy, &caller("bot"), "orders", &body("pay")),
            some,
            "{arguments}"
        );
        assert_eq!(
            decide_message(&policy, &caller("bot"), "crm", &body("pay")),
            not,
            "{arguments}"
        );
    }
}

#[test]
fn an_explanation_names_every_rule_that_has_a_say() {
    let policy = policy(
        "access:\n- {id: some, team: support, allow: ['orders/orders_*'], when: arguments.limit <= 10}\n- {id: never, deny: ['*/*_delete']}\n- {id: other, agent: other, allow: ['*']}\n- {id: crm, allow: [crm]}",
    );
    let explain = |caller_text: &str, what: &str| {
        let body = message(what).to_string();
        let frame = frame::parse(body.as_bytes(), &Bounds::default()).unwrap();
        policy.explain(
            &caller(caller_text),
            "orders",
            &Asked::read(Some(&frame), "POST"),
        )
    };
    let allowed = explain("bot +support", "orders_get {\"limit\":5}");
    assert!(allowed.allowed);
    assert_eq!((&*allowed.rule, allowed.line), ("some", Some(3)));
    let [only] = allowed.considered.as_slice() else {
        panic!("{allowed:?}");
    };
    assert_eq!(only.allows.as_deref(), Some("orders/orders_*"));
    assert_eq!(
        only.condition,
        Some(("arguments.limit <= 10".to_owned(), Ok(true)))
    );

    let denied = explain("bot +support", "orders_delete {\"limit\":5}");
    assert!(!denied.allowed);
    assert_eq!((&*denied.rule, denied.considered.len()), ("never", 2));
    assert_eq!(denied.considered[1].denies.as_deref(), Some("*/*_delete"));

    let nobody = explain("bot", "orders_get");
    assert_eq!(
        (&*nobody.rule, nobody.line, nobody.allowed),
        ("default", None, false)
    );
    assert!(nobody.considered.is_empty());
}

#[test]
fn a_record_decides_what_it_can() {
    let policy = policy(
        "access:\n- {id: free, team: a, allow: [orders/get]}\n- {id: args, team: a, allow: [orders/pay], when: arguments.amount <= 10}\n- {id: claim, claims: {tier: gold}, allow: [orders/refund]}\n- {id: name, team: a, allow: ['orders/n_*'], when: name != 'n_x'}\n- {id: scoped, team: a, allow: [orders/s], when: \"'w' in scopes\"}\n- {id: never, team: a, deny: [orders/refund]}",
    );
    let replay = |who: &str, method: &str, tool: &str, uri: &str| {
        let row = Row {
            server: "orders",
            method,
            tool,
            resource_uri: uri,
        };
        match policy.replay(&caller(who), row) {
            Replayed::Allowed(rule) => format!("+{rule}"),
            Replayed::Denied(rule) => format!("-{rule}"),
            Replayed::Undecided {
                favourable,
                unfavourable,
            } => format!("?{favourable}/{unfavourable}"),
        }
    };
    for (who, tool, expected) in [
        ("bot +a", "get", "+free"),
        ("bot", "get", "-default"),
        ("bot +a", "pay", "?args/default"),
        ("bot +a", "refund", "-never"),
        ("bot", "refund", "?claim/default"),
        ("bot +a", "n_y", "+name"),
        ("bot +a", "n_x", "-default"),
        ("bot +a", "s", "?scoped/default"),
    ] {
        assert_eq!(
            replay(who, "tools/call", tool, ""),
            expected,
            "{who} {tool}"
        );
    }
    assert_eq!(replay("bot +a", "tools/list", "", ""), "+free");
    assert_eq!(replay("bot", "initialize", "", ""), "?claim/default");
    assert_eq!(
        replay("bot +a", "resources/read", "", "file:///x"),
        "-default"
    );
    assert_eq!(replay("bot +a", "tasks/get", "", "t-1"), "+free");
    assert_eq!(
        replay("bot +a", "completion/complete", "", ""),
        "?free/default"
    );
    let elsewhere = Row {
        server: "gone",
        method: "ping",
        tool: "",
        resource_uri: "",
    };
    assert_eq!(
        policy.replay(&caller("bot +a"), elsewhere),
        Replayed::Denied("default".into())
    );
}
