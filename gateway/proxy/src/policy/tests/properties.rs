use proptest::{prelude::*, sample::select};

use super::*;

/// Names of tools and prompts that callers try.
const NAMES: &[&str] = &["", "a", "ab", "abc", "b", "ba", "a_b", "é", "a:b", "x/y"];
/// Names in rules.
const GLOBS: &[&str] = &[
    "a", "ab", "b", "*", "a*", "*b", "a*c", "*a*", "a_*", "é", "tool:a:b", "x/*", "ab*", "abc",
];
const RESOURCES: &[&str] = &[
    "file:///a/b",
    "file:///a/c",
    "file:///a/../b",
    "file:///%61/b",
    "file:///b",
    "test://x",
    "file:///a/%2e%2e/b",
];
const RESOURCE_GLOBS: &[&str] = &[
    "file:///a/*",
    "file:///b",
    "*",
    "test://*",
    "file:///*/b",
    "file:///a/b",
];
const METHODS: &[&str] = &[
    "tools/call",
    "tools/*",
    "prompts/get",
    "resources/read",
    "vendor/own",
    "*",
];
/// None of them contradicts another: with `n` as 1 what they allow is allowed, and nothing denied.
const ALLOW_WHEN: &[&str] = &[
    "",
    "",
    "arguments.n == 1",
    "'t1' in teams",
    "claims.c == 'x'",
];
const DENY_WHEN: &[&str] = &[
    "",
    "",
    "arguments.n == 2",
    "'t2' in teams",
    "claims.c == 'y'",
];

fn place() -> impl Strategy<Value = String> {
    let server = select(&["orders", "crm", "*", "o*"][..]);
    let name = prop_oneof![
        4 => select(GLOBS).prop_map(|glob| format!("/{glob}")),
        2 => select(GLOBS).prop_map(|glob| format!("/prompt:{}", glob.trim_start_matches("tool:"))),
        3 => select(RESOURCE_GLOBS).prop_map(|glob| format!("/resource:{glob}")),
        1 => select(METHODS).prop_map(|glob| format!("/method:{glob}")),
        1 => Just(String::new()),
    ];
    (server, name).prop_map(|(server, name)| format!("{server}{name}"))
}

fn rule() -> impl Strategy<Value = Value> {
    let some = |all: &'static [&'static str]| {
        prop::option::weighted(0.4, prop::sample::subsequence(all, 1..=all.len()))
    };
    let places = prop::collection::vec(place(), 1..4);
    (
        some(&["g1", "g2"]),
        some(&["t1", "t2", "t3"]),
        some(&["x", "y"]),
        any::<bool>(),
        places,
        any::<prop::sample::Index>(),
    )
        .prop_map(|(agents, teams, claim, denies, places, when)| {
            let mut rule = json!({});
            if let Some(agents) = agents {
                rule["agent"] = json!(agents);
            }
            if let Some(teams) = teams {
                rule["team"] = json!(teams);
            }
            if let Some(values) = claim {
                rule["claims"] = json!({"c": values});
            }
            rule[if denies { "deny" } else { "allow" }] = json!(places);
            let conditions = if denies { DENY_WHEN } else { ALLOW_WHEN };
            let condition = conditions[when.index(conditions.len())];
            if !condition.is_empty() {
                rule["when"] = condition.into();
            }
            rule
        })
}

fn who() -> impl Strategy<Value = String> {
    let teams = prop::sample::subsequence(vec![" +t1", " +t2", " +t3"], 0..=3);
    (
        select(&["g1", "g2", "g3"][..]),
        teams,
        select(&["", " c=x", " c=y", " c=[\"x\",\"y\"]", " c=1"][..]),
    )
        .prop_map(|(agent, teams, claim)| format!("{agent}{}{claim}", teams.concat()))
}

/// The same decision by reading the rules one after the other, without tables.
fn plainly(
    rules: &[Value],
    policy: &Policy,
    caller: &Caller,
    server: &str,
    kind: Kind,
    name: &str,
    n: i64,
) -> String {
    let method = match kind {
        Kind::Tool => "tools/call",
        Kind::Prompt => "prompts/get",
        _ => "resources/read",
    };
    let has = |rule: &Value, key: &str, held: &[String]| {
        rule[key]
            .as_array()
            .is_none_or(|all| all.iter().any(|one| held.iter().any(|held| *one == **held)))
    };
    let about = |rule: &Value| {
        let claims: Vec<String> = match &caller.claims().get("c") {
            Some(Value::Array(items)) => items
                .iter()
                .map(|item| item.as_str().unwrap().to_owned())
                .collect(),
            Some(value) => vec![
                value
                    .as_str()
                    .map_or_else(|| value.to_string(), str::to_owned),
            ],
            None => Vec::new(),
        };
        has(rule, "agent", &[caller.agent().to_owned()])
            && has(rule, "team", caller.teams())
            && has(&rule["claims"], "c", &claims)
    };
    let claim = caller.claims().get("c").cloned();
    let holds = |rule: &Value, denies: bool| match rule["when"].as_str() {
        None => true,
        Some("arguments.n == 1") => n == 1,
        Some("arguments.n == 2") => n == 2,
        Some("'t1' in teams") => caller.teams().contains(&"t1".to_owned()),
        Some("'t2' in teams") => caller.teams().contains(&"t2".to_owned()),
        // Without the claim there is no value, which counts against the caller.
        Some("claims.c == 'x'") => claim.as_ref().map_or(denies, |claim| claim == "x"),
        Some("claims.c == 'y'") => claim.as_ref().map_or(denies, |claim| claim == "y"),
        Some(other) => panic!("{other}"),
    };
    let names = |rule: &Value, key: &str| {
        rule[key].as_array().into_iter().flatten().any(|text| {
            let pattern = config::Pattern::parse(text.as_str().unwrap()).unwrap();
            pattern.server.matches(server)
                && match &pattern.named {
                    None => true,
                    Some((Kind::Method, glob)) => key == "deny" && glob.matches(method),
                    Some((other, glob)) => *other == kind && glob.matches(name),
                }
        })
    };
    let ids = &policy.0.rules;
    for (rule, compiled) in rules.iter().zip(ids) {
        if about(rule) && names(rule, "deny") && holds(rule, true) {
            return format!("-{}", compiled.id);
        }
    }
    for (rule, compiled) in rules.iter().zip(ids) {
        if about(rule) && names(rule, "allow") && holds(rule, false) {
            return format!("+{}", compiled.id);
        }
    }
    "-default".to_owned()
}

fn asked(kind: Kind, name: &str, n: i64) -> String {
    let what = match kind {
        Kind::Tool => "tool",
        Kind::Prompt => "prompt",
        _ => "resource",
    };
    let mut message = message(&format!("{what}:{name}"));
    message["params"]["arguments"] = json!({"n": n});
    message.to_string()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// The tables decide as the rules read, and a list shows what can be called, all of it and
    /// nothing else.
    #[test]
    fn listed_if_and_only_if_callable(
        rules in prop::collection::vec(rule(), 1..12), who in who(), server in select(&["orders", "crm"][..]),
    ) {
        let policy = policy(&format!("access: {}", json!(rules)));
        let caller = caller(&who);
        let view = view(&policy, &caller, server);
        for (kind, list, names) in [
            (Kind::Tool, List::Tools, NAMES), (Kind::Prompt, List::Prompts, NAMES), (Kind::Resource, List::Resources, RESOURCES),
        ] {
            let elements: Vec<Value> = names.iter().map(|name| json!({list.name_key(): name})).collect();
            let answer = json!({"jsonrpc": "2.0", "id": 1, "result": {list.key(): elements}}).to_string();
            let shown = match &view {
                None => Vec::new(),
                Some(view) => match listing::filter(answer.as_bytes(), |entry| view.shows(entry)).unwrap() {
                    listing::Shown::Whole => elements.clone(),
                    listing::Shown::Part(bytes) => {
                        let answer: Value = serde_json::from_slice(&bytes).unwrap();
                        answer["result"][list.key()].as_array().unwrap().clone()
                    }
                    listing::Shown::Nothing => unreachable!("it is no notification"),
                },
            };
            for (name, element) in names.iter().zip(&elements) {
                let decided = |n| decide_message(&policy, &caller, server, &asked(kind, name, n));
                if kind != Kind::Resource {
                    for n in [0, 1, 2] {
                        let plain = plainly(&rules, &policy, &caller, server, kind, name, n);
                        prop_assert_eq!(decided(n), plain, "{} {} {}", who, name, n);
                    }
                }
                // An explanation reads the tables of all rules, a decision those of the caller's.
                for n in [0, 1, 2] {
                    let body = asked(kind, name, n);
                    let frame = frame::parse(body.as_bytes(), &Bounds::default()).unwrap();
                    let explained = policy.explain(&caller, server, &Asked::read(Some(&frame), "POST"));
                    let sign = if explained.allowed { '+' } else { '-' };
                    prop_assert_eq!(decided(n), format!("{sign}{}", explained.rule));
                }
                // Conditions on arguments are met by 1, whatever the rule does.
                let callable = decided(1).starts_with('+');
                prop_assert_eq!(shown.contains(element), callable, "{} {:?} {}", who, kind, name);
                if callable && kind == Kind::Resource {
                    let view = view.as_ref().unwrap();
                    let template = Entry::Listed(List::Templates, "{+any}");
                    prop_assert!(view.shows(template));
                }
            }
        }
    }
}
