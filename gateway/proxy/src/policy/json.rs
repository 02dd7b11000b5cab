//! JSON of a caller, read so that no other reader could read it differently.
//!
//! A key that occurs twice, at any depth, makes a text unreadable: of two readers one takes the
//! first value and one the last. What is read has a bound.

use std::fmt;

use gantry_mcp::frame::folds_to;
use serde::de::{
    DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor,
};
use serde_json::{Map, Number, Value};

use crate::config::Members;

/// How many values, and bytes of texts and keys, are read for one condition.
const VALUES_MAX: usize = 1_024;
const TEXT_BYTES_MAX: usize = 64 * 1024;

/// A text that is not JSON, is too large, or could be read in two ways.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the JSON is too large, or could be read in two ways")]
pub(super) struct Unreadable;

/// The members of the object `text` that are wanted.
pub(super) fn members(text: &str, wanted: &Members) -> Result<Map<String, Value>, Unreadable> {
    let mut budget = Budget::new(VALUES_MAX);
    let mut reader = serde_json::Deserializer::from_str(text);
    let read = Selected {
        wanted,
        budget: &mut budget,
    };
    let members = read.deserialize(&mut reader).map_err(|_| Unreadable)?;
    reader.end().map_err(|_| Unreadable)?;
    Ok(members)
}

/// The texts of the list `key` in the object `text`; none where there is no such list.
pub(super) fn strings(text: &str, key: &str, most: usize) -> Result<Vec<String>, Unreadable> {
    let mut budget = Budget::new(most);
    let mut reader = serde_json::Deserializer::from_str(text);
    let whole = Strict(&mut budget);
    let Value::Object(members) = whole.deserialize(&mut reader).map_err(|_| Unreadable)? else {
        return Err(Unreadable);
    };
    if members
        .keys()
        .any(|other| other != key && folds_to(other, key))
    {
        return Err(Unreadable);
    }
    let text = |value: &Value| value.as_str().map(str::to_owned).ok_or(Unreadable);
    match members.get(key) {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::Array(items)) => items.iter().map(text).collect(),
        Some(_) => Err(Unreadable),
    }
}

/// What may still be read.
struct Budget {
    values: usize,
    bytes: usize,
}

impl Budget {
    fn new(values: usize) -> Self {
        Self {
            values,
            bytes: TEXT_BYTES_MAX,
        }
    }

    fn spend<E: serde::de::Error>(&mut self, values: usize, bytes: usize) -> Result<(), E> {
        match (
            self.values.checked_sub(values),
            self.bytes.checked_sub(bytes),
        ) {
            (Some(values), Some(bytes)) => {
                *self = Self { values, bytes };
                Ok(())
            }
            _ => Err(E::custom("too large")),
        }
    }
}

/// An object of which only the wanted members are read.
struct Selected<'b> {
    wanted: &'b Members,
    budget: &'b mut Budget,
}

impl<'de> DeserializeSeed<'de> for Selected<'_> {
    type Value = Map<String, Value>;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<Self::Value, D::Error> {
        reader.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Selected<'_> {
    type Value = Map<String, Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Self::Value, A::Error> {
        let mut members = Map::new();
        while let Some(key) = access.next_key::<String>()? {
            let wanted = match self.wanted {
                Members::All => true,
                Members::Named(names) if names.contains(&key) => true,
                // A server that folds case would take it for the one that the condition means.
                Members::Named(names) if names.iter().any(|name| folds_to(&key, name)) => {
                    return Err(A::Error::custom("a key in two spellings"));
                }
                Members::Named(_) => false,
            };
            if wanted {
                self.budget.spend(0, key.len())?;
                let value = access.next_value_seed(Strict(self.budget))?;
                if members.insert(key, value).is_some() {
                    return Err(A::Error::custom("a key that occurs twice"));
                }
            } else {
                access.next_value::<IgnoredAny>()?;
            }
        }
        Ok(members)
    }
}

/// Any value, without repeated keys.
struct Strict<'b>(&'b mut Budget);

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<Value, D::Error> {
        self.0.spend(1, 0)?;
        reader.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        let number = Number::from_f64(value).ok_or_else(|| E::custom("no number"))?;
        Ok(Value::Number(number))
    }

    fn visit_str<E: serde::de::Error>(self, value: &str) -> Result<Value, E> {
        self.0.spend(0, value.len())?;
        Ok(Value::String(value.to_owned()))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = access.next_element_seed(Strict(self.0))? {
            items.push(item);
        }
        Ok(Value::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, access: A) -> Result<Value, A::Error> {
        let all = Selected {
            wanted: &Members::All,
            budget: self.0,
        };
        all.visit_map(access).map(Value::Object)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, names: &[&str]) -> Result<Value, Unreadable> {
        let names = names.iter().map(|name| (*name).to_owned()).collect();
        members(text, &Members::Named(names)).map(Value::Object)
    }

    #[test]
    fn only_what_is_wanted_is_read() {
        let large = format!(
            r#"{{"a":1,"text":"{}","b":{{"c":[true,null,-2,0.5]}}}}"#,
            "x".repeat(1 << 20)
        );
        let expected = serde_json::json!({"a": 1, "b": {"c": [true, null, -2, 0.5]}});
        assert_eq!(read(&large, &["a", "b"]), Ok(expected));
        assert_eq!(read(&large, &["text"]), Err(Unreadable));
        let many = format!(r#"{{"a":[{}1]}}"#, "1,".repeat(VALUES_MAX));
        assert_eq!(read(&many, &["a"]), Err(Unreadable));
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_not_read() {
        assert_eq!(read(r#"{"a":{"b":1,"b":2}}"#, &["a"]), Err(Unreadable));
        assert_eq!(read(r#"{"a":1,"A":2}"#, &["a"]), Err(Unreadable));
        assert_eq!(read(r#"{"\u017f":2}"#, &["s"]), Err(Unreadable));
        assert_eq!(read(r#"{"a":1e999}"#, &["a"]), Err(Unreadable));
        assert_eq!(
            read(r#"{"a":1,"b":{"c":1,"c":2}}"#, &["a"]),
            Ok(serde_json::json!({"a": 1}))
        );
    }

    #[test]
    fn lists_of_texts() {
        let check = |text: &str, expected: Result<Vec<&str>, Unreadable>| {
            let expected = expected.map(|texts| texts.into_iter().map(str::to_owned).collect());
            assert_eq!(strings(text, "uris", 8), expected, "{text}");
        };
        check(r#"{"uris":["a","b"],"x":1}"#, Ok(vec!["a", "b"]));
        check(r#"{"x":1}"#, Ok(vec![]));
        check(r#"{"uris":null}"#, Ok(vec![]));
        for wrong in [
            r#"{"uris":[1]}"#,
            r#"{"uris":"a"}"#,
            r#"{"uris":[],"uris":["a"]}"#,
            r#"{"Uris":["a"]}"#,
            r#"{"uris":["a","a","a","a","a","a","a","a","a"]}"#,
            "[]",
        ] {
            check(wrong, Err(Unreadable));
        }
    }
}
