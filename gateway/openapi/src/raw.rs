//! JSON values as their texts: numbers keep their form, objects their order.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// One level of a value.
#[derive(Debug, PartialEq)]
pub(crate) enum Value<'j> {
    Null,
    /// Text without its quotes and escapes, or a number or boolean as it is written.
    Scalar(String),
    List(Vec<&'j str>),
    Object(Vec<(String, &'j str)>),
}

/// Reads one level; `None` where the text is no JSON.
pub(crate) fn value(json: &str) -> Option<Value<'_>> {
    let json = json.trim_matches([' ', '\n', '\r', '\t']);
    Some(match json.as_bytes().first()? {
        b'n' => Value::Null,
        b'"' => Value::Scalar(serde_json::from_str(json).ok()?),
        b'[' => Value::List(elements(json)?),
        b'{' => Value::Object(members(json)?),
        _ => Value::Scalar(json.to_owned()),
    })
}

pub(crate) fn elements(json: &str) -> Option<Vec<&str>> {
    let list: Vec<&RawValue> = serde_json::from_str(json).ok()?;
    Some(list.into_iter().map(RawValue::get).collect())
}

/// The members of an object in their order, repeated names included.
pub(crate) fn members(json: &str) -> Option<Vec<(String, &str)>> {
    let Members(list) = serde_json::from_str(json).ok()?;
    Some(
        list.into_iter()
            .map(|(name, value)| (name, value.get()))
            .collect(),
    )
}

struct Members<'j>(Vec<(String, &'j RawValue)>);

impl<'de: 'j, 'j> Deserialize<'de> for Members<'j> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Vec<(String, &'de RawValue)>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Self::Value, A::Error> {
                let mut list = Vec::new();
                while let Some(entry) = access.next_entry()? {
                    list.push(entry);
                }
                Ok(list)
            }
        }
        deserializer.deserialize_map(Reader).map(Members)
    }
}

/// The text without white space between its tokens. The text is JSON.
pub(crate) fn compact(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    let (mut quoted, mut escaped) = (false, false);
    for character in json.chars() {
        if quoted {
            out.push(character);
            match character {
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                '"' => quoted = false,
                _ => {}
            }
        } else if !matches!(character, ' ' | '\n' | '\r' | '\t') {
            quoted = character == '"';
            out.push(character);
        }
    }
    out
}

/// Levels of nesting. The text is JSON.
pub(crate) fn depth(json: &str) -> usize {
    let (mut quoted, mut escaped) = (false, false);
    let (mut depth, mut deepest) = (0_usize, 0);
    for byte in json.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'{' | b'[' if !quoted => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b'}' | b']' if !quoted => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_level_at_a_time() {
        let json = r#" {"a" : [1.0, 1e400], "b\u0022":"x y", "a": null } "#;
        let Some(Value::Object(list)) = value(json) else {
            panic!()
        };
        assert_eq!(list[0].1, "[1.0, 1e400]");
        assert_eq!(list[1], ("b\"".into(), "\"x y\""));
        assert_eq!(value(list[0].1), Some(Value::List(vec!["1.0", "1e400"])));
        assert_eq!(
            compact(json),
            r#"{"a":[1.0,1e400],"b\u0022":"x y","a":null}"#
        );
        assert_eq!(
            (depth(json), depth("1"), depth(r#"[["[[\"["]]"#)),
            (2, 0, 2)
        );
        assert_eq!(value("\"\\ud800\""), None);
    }
}
