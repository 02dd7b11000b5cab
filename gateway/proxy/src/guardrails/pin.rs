//! Definitions and their hashes: the lockfile of what an operator has approved.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

/// The lists of definitions: the method, the member of its result, the member that names one, and
/// the word in the lockfile.
pub const LISTS: [(&str, &str, &str); 4] = [
    ("tools/list", "tools", "name"),
    ("prompts/list", "prompts", "name"),
    ("resources/list", "resources", "uri"),
    (
        "resources/templates/list",
        "resourceTemplates",
        "uriTemplate",
    ),
];

/// Hashes by name.
pub type Hashes = BTreeMap<String, String>;

/// What an operator has approved: by server, by list, by name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lock {
    /// The form of this file; 1.
    pub version: u32,
    /// By server, by list (`tools`, `prompts`, `resources`, `resourceTemplates`), by name.
    pub servers: BTreeMap<String, BTreeMap<String, Hashes>>,
}

/// The hash of one definition: SHA-256 of its canonical form (RFC 8785) without `_meta`.
pub fn hash(definition: &Value) -> String {
    let mut text = String::new();
    match definition {
        Value::Object(members) => object(
            members.iter().filter(|(name, _)| *name != "_meta"),
            &mut text,
        ),
        other => canonical(other, &mut text),
    }
    let digest = Sha256::digest(text.as_bytes());
    format!("sha256:{}", hex::encode(digest))
}

fn canonical(value: &Value, text: &mut String) {
    match value {
        Value::Object(members) => object(members.iter(), text),
        Value::Array(items) => {
            text.push('[');
            for (place, item) in items.iter().enumerate() {
                if place > 0 {
                    text.push(',');
                }
                canonical(item, text);
            }
            text.push(']');
        }
        Value::Number(number) => text.push_str(&self::number(number)),
        other => text.push_str(&other.to_string()),
    }
}

/// Members in the order of their names as UTF-16, as RFC 8785 has it.
fn object<'a>(members: impl Iterator<Item = (&'a String, &'a Value)>, text: &mut String) {
    let mut members: Vec<_> = members.collect();
    members.sort_by(|one, other| one.0.encode_utf16().cmp(other.0.encode_utf16()));
    text.push('{');
    for (place, (name, value)) in members.into_iter().enumerate() {
        if place > 0 {
            text.push(',');
        }
        text.push_str(&Value::from(name.as_str()).to_string());
        text.push(':');
        canonical(value, text);
    }
    text.push('}');
}

/// A number as ECMAScript writes it.
fn number(number: &serde_json::Number) -> String {
    if number.is_i64() || number.is_u64() {
        return number.to_string();
    }
    let value = number.as_f64().unwrap_or(0.0);
    let size = value.abs();
    if size == 0.0 {
        return "0".to_owned();
    }
    if (1e-6..1e21).contains(&size) {
        return value.to_string();
    }
    let text = format!("{value:e}");
    if text.contains("e-") {
        text
    } else {
        text.replace('e', "e+")
    }
}

/// What two names that look alike have in common: case, separators and look-alike characters gone.
pub fn skeleton(name: &str) -> String {
    let same = |character: char| match character {
        'а' => 'a',
        'е' => 'e',
        'о' | '0' => 'o',
        'р' => 'p',
        'с' => 'c',
        'х' => 'x',
        'і' | '1' | 'l' | '|' => 'i',
        'ѕ' => 's',
        other => other,
    };
    name.to_lowercase()
        .chars()
        .filter(|character| character.is_alphanumeric())
        .map(same)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_space_and_meta_do_not_change_a_hash_and_words_do() {
        let one: Value =
            serde_json::from_str(r#"{"name":"a","n":[1,2.5,1e21,0.0000001],"_meta":{"x":1}}"#)
                .unwrap();
        let same: Value =
            serde_json::from_str(r#"{ "n" : [1, 2.5, 1e+21, 1e-7], "name":"\u0061"}"#).unwrap();
        let other: Value =
            serde_json::from_str(r#"{"name":"b","n":[1,2.5,1e21,0.0000001]}"#).unwrap();
        assert_eq!(hash(&one), hash(&same));
        assert_ne!(hash(&one), hash(&other));
    }

    #[test]
    fn canonical_text_is_that_of_rfc_8785() {
        let value: Value = serde_json::from_str(r#"{"peach":"x","numbers":[333333333.33333329,1E30,4.50,2e-3,0.000000000000000000000000001],"literals":[null,true,false],"\ud83d\ude00":1,"\ufb33":2}"#).unwrap();
        let mut text = String::new();
        canonical(&value, &mut text);
        assert_eq!(
            text,
            "{\"literals\":[null,true,false],\"numbers\":[333333333.3333333,1e+30,4.5,0.002,1e-27],\"peach\":\"x\",\"\u{1f600}\":1,\"\u{fb33}\":2}"
        );
    }

    #[test]
    fn names_that_look_alike_have_one_skeleton() {
        assert_eq!(skeleton("get_user"), skeleton("Get-Usеr"));
        assert_ne!(skeleton("get_user"), skeleton("get_users"));
    }
}
