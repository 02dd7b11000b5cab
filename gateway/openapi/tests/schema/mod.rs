//! JSON Schema 2020-12, as far as tools use it: whether a schema is one (by its meta-schema; a keyword that tools do
//! not use is a fault too), whether each reference leads to a definition and each definition is referred to, and
//! whether a value fits.

#![allow(dead_code, reason = "each test uses its part")]

use std::collections::HashSet;

use serde_json::Value;

const TYPES: [&str; 7] = [
    "null", "boolean", "object", "array", "number", "string", "integer",
];

/// What is wrong with a schema.
pub(crate) fn fault(root: &Value) -> Option<String> {
    let mut used = HashSet::new();
    if let Err(why) = check(root, root, &mut used) {
        return Some(why);
    }
    let names = root["$defs"]
        .as_object()
        .into_iter()
        .flat_map(|defs| defs.keys());
    names
        .into_iter()
        .find(|name| !used.contains(*name))
        .map(|name| format!("the definition {name} is not used"))
}

fn check(root: &Value, schema: &Value, used: &mut HashSet<String>) -> Result<(), String> {
    if schema.is_boolean() {
        return Ok(());
    }
    let map = schema
        .as_object()
        .ok_or_else(|| format!("{schema} is no schema"))?;
    for (key, value) in map {
        let bad = || Err(format!("{key}: {value}"));
        let fits = match key.as_str() {
            "$ref" => {
                let name = value
                    .as_str()
                    .and_then(|target| target.strip_prefix("#/$defs/"));
                let Some(name) = name.filter(|name| root["$defs"].get(*name).is_some()) else {
                    return bad();
                };
                used.insert(name.to_owned());
                true
            }
            "type" => match value {
                Value::String(name) => TYPES.contains(&name.as_str()),
                value => strings(value).is_some_and(|list| {
                    !list.is_empty() && list.iter().all(|name| TYPES.contains(name))
                }),
            },
            "required" => strings(value).is_some(),
            "enum" | "examples" => value.is_array(),
            "const" | "default" => true,
            "minimum" | "maximum" | "exclusiveMinimum" | "exclusiveMaximum" => value.is_number(),
            "multipleOf" => value.as_f64().is_some_and(|step| step > 0.0),
            "minLength" | "maxLength" | "minItems" | "maxItems" | "minProperties"
            | "maxProperties" | "minContains" | "maxContains" => value.is_u64(),
            "pattern" => value.as_str().is_some_and(compiles),
            "format" | "contentEncoding" | "contentMediaType" | "description" => value.is_string(),
            "deprecated" | "uniqueItems" => value.is_boolean(),
            "items"
            | "contains"
            | "additionalProperties"
            | "propertyNames"
            | "not"
            | "if"
            | "then"
            | "else" => {
                check(root, value, used)?;
                true
            }
            "properties" | "$defs" | "dependentSchemas" | "patternProperties" => {
                let Some(members) = value.as_object() else {
                    return bad();
                };
                for member in members.values() {
                    check(root, member, used)?;
                }
                key != "patternProperties" || members.keys().all(|pattern| compiles(pattern))
            }
            "allOf" | "anyOf" | "oneOf" | "prefixItems" => {
                let Some(list) = value.as_array().filter(|list| !list.is_empty()) else {
                    return bad();
                };
                for schema in list {
                    check(root, schema, used)?;
                }
                true
            }
            _ => false,
        };
        if !fits {
            return bad();
        }
    }
    Ok(())
}

/// Whether a pattern is a regular expression; one of bytes where the tables of Unicode would be too large.
fn compiles(pattern: &str) -> bool {
    thread_local!(static GOOD: std::cell::RefCell<HashSet<String>> = std::cell::RefCell::default());
    GOOD.with_borrow_mut(|good| {
        let bytes = || {
            regex::bytes::RegexBuilder::new(pattern)
                .unicode(false)
                .size_limit(1 << 26)
                .build()
                .is_ok()
        };
        let compile = || regex::Regex::new(pattern).is_ok() || bytes();
        good.contains(pattern) || (compile() && good.insert(pattern.to_owned()))
    })
}

/// A list of texts, each once.
fn strings(value: &Value) -> Option<Vec<&str>> {
    let list: Vec<&str> = value
        .as_array()?
        .iter()
        .map(Value::as_str)
        .collect::<Option<_>>()?;
    let unique = list.iter().collect::<HashSet<_>>().len() == list.len();
    unique.then_some(list)
}

/// Whether a value fits, by the keywords that decide about shape.
pub(crate) fn accepts(root: &Value, schema: &Value, value: &Value) -> bool {
    let Some(map) = schema.as_object() else {
        return schema != &Value::Bool(false);
    };
    let is = |name: &str| match name {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.as_f64().is_some_and(|number| number.fract() == 0.0),
        _ => value.is_number(),
    };
    map.iter().all(|(key, rule)| match key.as_str() {
        "$ref" => accepts(
            root,
            &root["$defs"][rule.as_str().unwrap().trim_start_matches("#/$defs/")],
            value,
        ),
        "type" => {
            rule.as_str().is_some_and(is)
                || rule
                    .as_array()
                    .is_some_and(|list| list.iter().any(|name| is(name.as_str().unwrap())))
        }
        "enum" => rule.as_array().unwrap().contains(value),
        "required" => {
            !value.is_object()
                || rule
                    .as_array()
                    .unwrap()
                    .iter()
                    .all(|name| value.get(name.as_str().unwrap()).is_some())
        }
        "properties" => rule.as_object().unwrap().iter().all(|(name, rule)| {
            value
                .get(name)
                .is_none_or(|value| accepts(root, rule, value))
        }),
        "additionalProperties" => value.as_object().is_none_or(|members| {
            members.iter().all(|(name, value)| {
                map.get("properties")
                    .is_some_and(|known| known.get(name).is_some())
                    || accepts(root, rule, value)
            })
        }),
        "items" => value
            .as_array()
            .is_none_or(|items| items.iter().all(|item| accepts(root, rule, item))),
        "allOf" => rule
            .as_array()
            .unwrap()
            .iter()
            .all(|rule| accepts(root, rule, value)),
        "anyOf" => rule
            .as_array()
            .unwrap()
            .iter()
            .any(|rule| accepts(root, rule, value)),
        _ => true,
    })
}
