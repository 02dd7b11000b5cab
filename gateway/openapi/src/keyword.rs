//! Keywords of schemas whose dialects differ, brought to what JSON Schema 2020-12 means by them.

use std::borrow::Cow;

use crate::node::Node;

const TYPES: [&str; 6] = ["boolean", "object", "array", "number", "string", "integer"];

/// The types that a schema allows besides `null`, and whether `null` is allowed too.
pub(crate) fn types(node: &Node) -> (Vec<&'static str>, bool) {
    let mut null = nullable(node);
    let mut types = Vec::new();
    let mut add = |name: &str| match known(name) {
        Some("null") => null = true,
        Some(name) if !types.contains(&name) => types.push(name),
        _ => {}
    };
    match node.get("type") {
        Some(Node::Text(name)) => add(name),
        Some(Node::List(names)) => names.iter().filter_map(Node::text).for_each(add),
        _ => {}
    }
    (types, null)
}

fn known(name: &str) -> Option<&'static str> {
    match name {
        "null" => Some("null"),
        "int" | "int32" | "int64" | "long" => Some("integer"),
        "float" | "double" | "decimal" => Some("number"),
        "bool" => Some("boolean"),
        "file" | "str" | "text" | "date" | "datetime" | "date-time" | "uuid" => Some("string"),
        name => TYPES
            .into_iter()
            .find(|known| known.eq_ignore_ascii_case(name)),
    }
}

pub(crate) fn nullable(node: &Node) -> bool {
    node.is_true("nullable") || node.is_true("x-nullable")
}

/// The values that a schema allows, as JSON, each once; none where it does not list them.
pub(crate) fn allowed(node: &Node, types: &[&str]) -> Vec<String> {
    let text_only = types == ["string"];
    let mut values: Vec<String> = Vec::new();
    let mut seen = std::collections::HashSet::new();
    for value in node.get("enum").map(Node::items).unwrap_or_default() {
        let json = match value {
            // Unquoted in YAML: a text by its type all the same.
            Node::Number(_) | Node::Bool(_) if text_only => Node::Text(value.json().into()).json(),
            value => value.json(),
        };
        if seen.insert(json.clone()) {
            values.push(json);
        }
    }
    if !values.is_empty() && nullable(node) && !seen.contains("null") {
        values.push("null".into());
    }
    values
}

/// The names that a schema of an object requires, without those of members that are `hidden`.
pub(crate) fn required<'n>(node: &'n Node, hidden: &str) -> Vec<&'n str> {
    let mut names: Vec<&str> = Vec::new();
    let properties = node.get("properties");
    for name in node
        .get("required")
        .map(Node::items)
        .unwrap_or_default()
        .iter()
        .filter_map(Node::text)
    {
        let property = properties.and_then(|properties| properties.get(name));
        if !names.contains(&name) && !property.is_some_and(|property| property.is_true(hidden)) {
            names.push(name);
        }
    }
    names
}

/// Bounds of numbers, texts, lists and objects.
pub(crate) fn bounds(node: &Node) -> Vec<(&'static str, String)> {
    let mut bounds = Vec::new();
    for (key, exclusive) in [
        ("minimum", "exclusiveMinimum"),
        ("maximum", "exclusiveMaximum"),
    ] {
        let bound = node.get(key).and_then(number);
        match node.get(exclusive) {
            Some(Node::Bool(true)) => bounds.extend(bound.map(|bound| (exclusive, bound))),
            other => {
                bounds.extend(bound.map(|bound| (key, bound)));
                bounds.extend(other.and_then(number).map(|bound| (exclusive, bound)));
            }
        }
    }
    if let Some(step) = node.get("multipleOf").and_then(number)
        && step.parse::<f64>().is_ok_and(|step| step > 0.0)
    {
        bounds.push(("multipleOf", step));
    }
    for key in [
        "minLength",
        "maxLength",
        "minItems",
        "maxItems",
        "minProperties",
        "maxProperties",
        "minContains",
        "maxContains",
    ] {
        bounds.extend(node.get(key).and_then(count).map(|count| (key, count)));
    }
    if node.is_true("uniqueItems") {
        bounds.push(("uniqueItems", "true".into()));
    }
    bounds
}

fn number(node: &Node) -> Option<String> {
    match node {
        Node::Number(number) => Some(number.to_string()),
        Node::Text(text) => text
            .trim()
            .parse::<i64>()
            .ok()
            .map(|number| number.to_string()),
        _ => None,
    }
}

fn count(node: &Node) -> Option<String> {
    match node {
        Node::Number(number) => match number.as_u64() {
            Some(count) => Some(count.to_string()),
            None => number
                .as_f64()
                .filter(|count| *count >= 0.0 && count.fract() == 0.0 && *count < 9e15)
                .map(|count| format!("{count:.0}")),
        },
        _ => None,
    }
}

/// At most so many bytes of a text, ending at a sentence or a word where one is near.
pub(crate) fn shortened(text: &str, bytes_max: usize) -> Cow<'_, str> {
    if text.len() <= bytes_max {
        return Cow::Borrowed(text);
    }
    let mut end = bytes_max.saturating_sub('…'.len_utf8());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let cut = text.get(..end).unwrap_or_default();
    let sentence = cut.rfind(". ").map(|at| at + 1).filter(|at| *at > end / 2);
    let word = cut.rfind(char::is_whitespace).filter(|at| *at > end / 2);
    let end = sentence.or(word).unwrap_or(end);
    Cow::Owned(format!(
        "{}…",
        text.get(..end).unwrap_or_default().trim_end()
    ))
}
