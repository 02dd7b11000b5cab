use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn name(entry: Entry<'_>) -> &str {
    match entry {
        Entry::Listed(_, name) | Entry::Updated(name) => name,
    }
}

/// Names that begin with `x` are hidden.
fn shown(message: &str) -> Result<Option<String>, Unclear> {
    let shown = filter(message.as_bytes(), |entry| !name(entry).starts_with('x'))?;
    Ok(match shown {
        Shown::Whole => Some(message.to_owned()),
        Shown::Part(bytes) => Some(String::from_utf8(bytes).unwrap()),
        Shown::Nothing => None,
    })
}

#[track_caller]
fn check(message: &str, expected: &str) {
    assert_eq!(shown(message).unwrap().as_deref(), Some(expected));
}

#[test]
fn elements_go_and_everything_else_stays() {
    let list = |elements: &str| {
        format!(
            r#"{{ "id":1 , "result":{{"nextCursor":"c","tools": [{elements}] ,"ttlMs":1.0e3}}}}"#
        )
    };
    let (a, b, x, y) = (
        r#"{"z":1e2,"name":"a"}"#,
        r#"{"name":"\u0062"}"#,
        r#"{"name":"x1"}"#,
        r#"{"n":{},"name":"x2"}"#,
    );
    for (elements, expected) in [
        (String::new(), String::new()),
        (format!(" {a} "), format!(" {a} ")),
        (format!(" {x} "), "  ".into()),
        (format!("{a} , {b}"), format!("{a} , {b}")),
        (format!("{x} , {a}"), a.to_owned()),
        (format!("{a} , {x}"), a.to_owned()),
        (format!("{a} ,\n{x},{b}"), format!("{a},{b}")),
        (
            format!("{x},{y} , {a},{x},{y},{b} ,{x}"),
            format!("{a},{b}"),
        ),
        (format!("{x},{y}"), String::new()),
        (
            format!(
                r#"1,"a",null,[],{a},{{"name":5}},{{}},{{"name":"a","name":"a"}},{{"name":"a","Name":"x"}}"#
            ),
            a.to_owned(),
        ),
    ] {
        check(&list(&elements), &list(&expected));
    }
}

#[test]
fn each_list_by_its_own_key() {
    check(
        r#"{"result":{"prompts":[{"name":"x"}],"resources":[{"uri":"x","name":"a"},{"uri":"a","name":"x"}],"resourceTemplates":[{"uriTemplate":"x{a}"},{"uriTemplate":"a"}]}}"#,
        r#"{"result":{"prompts":[],"resources":[{"uri":"a","name":"x"}],"resourceTemplates":[{"uriTemplate":"a"}]}}"#,
    );
}

#[test]
fn what_depends_on_the_caller_is_private() {
    check(
        r#"{"result":{"cacheScope":"public","tools":[]}}"#,
        r#"{"result":{"cacheScope":"private","tools":[]}}"#,
    );
    check(
        r#"{"result":{"tools":[{"name":"x"}],"cacheScope": null}}"#,
        r#"{"result":{"tools":[],"cacheScope": "private"}}"#,
    );
    let private = r#"{"result":{"cacheScope":"private","tools":[]}}"#;
    assert_eq!(filter(private.as_bytes(), |_| true), Ok(Shown::Whole));
}

#[test]
fn news_about_a_hidden_resource_does_not_pass() {
    let news = |uri: &str| {
        format!(
            r#"{{"jsonrpc":"2.0","method":"notifications/resources/updated","params":{{"uri":"{uri}"}}}}"#
        )
    };
    assert_eq!(shown(&news("a")), Ok(Some(news("a"))));
    assert_eq!(shown(&news("x")), Ok(None));
    let other = r#"{"jsonrpc":"2.0","method":"notifications/message","params":{"uri":"x"}}"#;
    check(other, other);
}

#[test]
fn other_messages_stay_as_they_are() {
    for message in [
        "1",
        "[]",
        "null",
        " {} ",
        r#"{"error":{"tools":[{"name":"x"}]}}"#,
        r#"{"result":{"structuredContent":{"tools":[{"name":"x"}]}}}"#,
        r#"{"result":[{"name":"x"}]}"#,
        r#"{"result":{"tools":null}}"#,
        r#"{"result":"tools"}"#,
    ] {
        check(message, message);
    }
}

#[test]
fn what_could_be_read_in_two_ways_is_not_shown() {
    for message in [
        "",
        "{",
        "{}{}",
        "\u{feff}{}",
        r#"{"result":{"tools":[{"name":"a"},]}}"#,
        r#"{"result":{"tools":[,]}}"#,
        r#"{"result":{"tools":[1 2]}}"#,
        r#"{"result":{"tools":[]},"result":{"tools":[{"name":"x"}]}}"#,
        r#"{"result":{"tools":[],"tools":[{"name":"x"}]}}"#,
        r#"{"result":{"tools":[],"Tools":[{"name":"x"}]}}"#,
        r#"{"Result":{"tools":[]}}"#,
        r#"{"result":{"tool\u017f":[]}}"#,
        r#"{"result":{"tools":{"name":"x"}}}"#,
        r#"{"result":{"cacheScope":1,"cacheScope":2}}"#,
        r#"{"method":"notifications/resources/updated","params":{"uri":"a","uri":"x"}}"#,
    ] {
        assert!(shown(message).is_err(), "{message}");
    }
    assert!(filter(b"{\"a\":\"\xff\"}", |_| true).is_err());
}

/// A value as servers send them, its members in the order they come in.
fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        "[a-z\"\\\\é\n]{0,6}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[a-z]{1,4}", inner, 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

fn spaced(value: &Value, space: &str) -> String {
    match value {
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(|item| spaced(item, space)).collect();
            format!(
                "[{space}{}{space}]",
                items.join(&format!("{space},{space}"))
            )
        }
        Value::Object(members) => {
            let members: Vec<String> = members
                .iter()
                .map(|(key, value)| {
                    format!("{}{space}:{space}{}", json!(key), spaced(value, space))
                })
                .collect();
            format!(
                "{{{space}{}{space}}}",
                members.join(&format!("{space},{space}"))
            )
        }
        other => other.to_string(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3_000))]

    /// What is left parses, holds just what is visible in its old order, and all else is as it was.
    #[test]
    fn the_same_as_filtering_a_tree(
        elements in prop::collection::vec((any::<bool>(), value()), 0..8), more in value(), scope in prop::option::of("[a-z]{0,7}"),
        list in prop::sample::select(&List::ALL[..]), space in prop::sample::select(&["", " ", "\n\t "][..]),
    ) {
        let element = |(hidden, value): &(bool, Value)| {
            let name = if *hidden { "x" } else { "a" };
            json!({"0": value, list.name_key(): name, "~": [value]})
        };
        let message = |elements: Vec<Value>, scope: Option<&str>| {
            let mut result = json!({list.key(): elements, "more": more, "nextCursor": ""});
            if let Some(scope) = scope {
                result["cacheScope"] = scope.into();
            }
            spaced(&json!({"jsonrpc": "2.0", "id": 1, "result": result}), space)
        };
        let before = message(elements.iter().map(element).collect(), scope.as_deref());
        let visible = elements.iter().filter(|(hidden, _)| !hidden).map(element).collect();
        let after = message(visible, scope.as_ref().map(|_| "private"));
        let got = shown(&before).unwrap().unwrap();
        prop_assert_eq!(serde_json::from_str::<Value>(&got).unwrap(), serde_json::from_str::<Value>(&after).unwrap());
        let squeezed = |text: &str| text.replace(space, "");
        if !space.is_empty() && !before.contains("\\n") {
            prop_assert_eq!(squeezed(&got), squeezed(&after));
        }
        let whole = filter(before.as_bytes(), |_| true).unwrap();
        if scope.as_deref().is_none_or(|scope| scope == "private") {
            prop_assert_eq!(whole, Shown::Whole);
        }
    }

    /// Whatever the bytes are: if they parse, what comes of them parses.
    #[test]
    fn never_broken_json(
        at in any::<prop::sample::Index>(), piece in prop::sample::select(&["", "{", "]", ",", "\"", ":", "{\"name\":\"x\"},", "null", "\\"][..]),
        cut in 0..6_usize,
    ) {
        let seed = r#"{"jsonrpc":"2.0","id":1,"result":{"cacheScope":"public","tools":[{"name":"x","a":[]},{"name":"a"},{"name":"x"}],"nextCursor":"x"}}"#;
        let at = at.index(seed.len());
        let end = (at + cut).min(seed.len());
        let message = [&seed[..at], piece, &seed[end..]].concat();
        let parses = serde_json::from_str::<Value>(&message).is_ok();
        match shown(&message) {
            Ok(Some(got)) => prop_assert!(parses && serde_json::from_str::<Value>(&got).is_ok(), "{}", got),
            Ok(None) => prop_assert!(parses),
            Err(Unclear::Repeated { .. } | Unclear::NotAList { .. }) => {}
            Err(_) => prop_assert!(!parses, "{}", message),
        }
    }
}
