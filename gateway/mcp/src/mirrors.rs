//! Arguments that headers mirror (`x-mcp-header`; 2026-07-28, Streamable HTTP; SEP-2243).
//!
//! A tool's input schema says which they are. Whoever makes a call has to say them in headers, too; whoever takes one
//! for a server that sees no headers has to compare the two.

use memchr::memmem;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::headers::{decode_value, encode_value};

/// Mirrored arguments of one tool.
const MIRRORS_MAX: usize = 64;
/// How deep an argument may lie.
const DEPTH_MAX: usize = 16;

const ANNOTATION: &str = "x-mcp-header";
const PREFIX: &str = "mcp-param-";

/// One mirrored argument of a tool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mirror {
    header: Box<str>,
    /// The keys that lead to it.
    path: Vec<Box<str>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Tool {
    name: Box<str>,
    #[serde(default)]
    input_schema: Map<String, Value>,
}

/// Whether a text may hold the definition of a tool with mirrored arguments.
pub fn may_be_in(text: &[u8]) -> bool {
    memmem::find(text, ANNOTATION.as_bytes()).is_some()
}

/// The tools that an answer to `tools/list` names, each with its mirrored arguments; none where it is no such answer.
pub fn of_answer(answer: &[u8]) -> Vec<(Box<str>, Vec<Mirror>)> {
    #[derive(Deserialize)]
    struct Message {
        result: Option<List>,
    }
    #[derive(Deserialize)]
    struct List {
        tools: Vec<Tool>,
    }
    let message: Option<Message> = serde_json::from_slice(answer).ok();
    let list = message.and_then(|message| message.result);
    let tools = list.into_iter().flat_map(|list| list.tools);
    tools
        .map(|tool| (tool.name, of_schema(&tool.input_schema)))
        .collect()
}

/// The mirrored arguments of a tool with this definition.
pub fn of_definition(definition: &[u8]) -> Vec<Mirror> {
    let tool: Option<Tool> = serde_json::from_slice(definition).ok();
    tool.map_or_else(Vec::new, |tool| of_schema(&tool.input_schema))
}

fn of_schema(schema: &Map<String, Value>) -> Vec<Mirror> {
    let mut mirrors = Vec::new();
    find(schema, &mut Vec::new(), &mut mirrors);
    mirrors
}

/// Finds the annotations that `properties` alone lead to.
fn find(schema: &Map<String, Value>, path: &mut Vec<Box<str>>, mirrors: &mut Vec<Mirror>) {
    let properties = schema.get("properties").and_then(Value::as_object);
    for (name, schema) in properties.into_iter().flatten() {
        let Some(schema) = schema.as_object().filter(|_| path.len() < DEPTH_MAX) else {
            continue;
        };
        path.push(name.as_str().into());
        let annotation = schema.get(ANNOTATION).and_then(Value::as_str);
        if let Some(name) = annotation.filter(|name| is_token(name))
            && mirrors.len() < MIRRORS_MAX
        {
            mirrors.push(Mirror {
                header: format!("{PREFIX}{}", name.to_ascii_lowercase()).into(),
                path: path.clone(),
            });
        }
        find(schema, path, mirrors);
        path.pop();
    }
}

/// Whether a text may be a part of a header's name (RFC 9110, section 5.6.2).
fn is_token(text: &str) -> bool {
    let is_char = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.bytes().all(is_char)
}

impl Mirror {
    /// The header's name, in lower case.
    pub fn header(&self) -> &str {
        &self.header
    }

    /// What the header has to say about these arguments; nothing where the argument is absent.
    pub fn value(&self, arguments: &Value) -> Option<String> {
        match self.argument(arguments)? {
            Value::String(text) => Some(encode_value(text)),
            value @ (Value::Bool(_) | Value::Number(_)) => Some(value.to_string()),
            Value::Null | Value::Array(_) | Value::Object(_) => None,
        }
    }

    /// What the `given` values of the header say otherwise than these arguments, in words; nothing where they say the
    /// same.
    pub fn difference<'a>(
        &self,
        arguments: &Value,
        mut given: impl Iterator<Item = &'a [u8]>,
    ) -> Option<String> {
        let name = &self.header;
        let (value, raw) = match (self.argument(arguments), given.next(), given.next()) {
            (None, None, _) => return None,
            (Some(value), Some(raw), None) => (value, raw),
            (Some(_), None, _) => return Some(format!("{name} is missing")),
            (None, Some(_), _) => return Some(format!("{name} mirrors no argument")),
            (Some(_), Some(_), Some(_)) => return Some(format!("{name} occurs twice")),
        };
        match decode_value(raw) {
            Ok(text) if is_same(value, &text) => None,
            Ok(_) => Some(format!("{name} says something else than the message")),
            Err(fault) => Some(format!("{name} {fault}")),
        }
    }

    fn argument<'a>(&self, arguments: &'a Value) -> Option<&'a Value> {
        let mut keys = self.path.iter();
        let value = keys.try_fold(arguments, |at, key| at.get(&**key));
        value.filter(|value| !value.is_null())
    }
}

/// Whether a header's text stands for the value. Numbers are compared as numbers.
fn is_same(value: &Value, text: &str) -> bool {
    match value {
        Value::String(value) => value == text,
        Value::Bool(value) => text == if *value { "true" } else { "false" },
        Value::Number(number) => {
            number.to_string() == text
                || matches!((number.as_f64(), text.parse::<f64>()), (Some(a), Ok(b)) if a == b)
        }
        Value::Null | Value::Array(_) | Value::Object(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const LIST: &str = r#"{"jsonrpc":"2.0","id":1,"result":{"tools":[
        {"name":"find","inputSchema":{"type":"object","properties":{
            "region":{"type":"string","x-mcp-header":"Region"},
            "page":{"type":"object","properties":{"size":{"type":"integer","x-mcp-header":"Size"}}},
            "exact":{"type":"boolean","x-mcp-header":"Exact"},
            "odd":{"anyOf":[{"type":"string","x-mcp-header":"Odd"}]},
            "bad":{"type":"string","x-mcp-header":"not a token"}}}},
        {"name":"echo","inputSchema":{"type":"object"}}]}}"#;

    fn mirrors() -> Vec<Mirror> {
        let mut tools = of_answer(LIST.as_bytes());
        assert_eq!(tools.pop(), Some(("echo".into(), Vec::new())));
        tools.pop().unwrap().1
    }

    fn difference(arguments: &Value, given: &[(&str, &str)]) -> Option<String> {
        mirrors().iter().find_map(|mirror| {
            let of_it = given.iter().filter(|(name, _)| *name == mirror.header());
            mirror.difference(arguments, of_it.map(|(_, value)| value.as_bytes()))
        })
    }

    #[test]
    fn annotations_are_found_where_properties_lead() {
        let names: Vec<String> = mirrors()
            .iter()
            .map(|one| one.header().to_owned())
            .collect();
        let mut sorted = names.clone();
        sorted.sort();
        assert_eq!(
            sorted,
            ["mcp-param-exact", "mcp-param-region", "mcp-param-size"]
        );
        assert!(may_be_in(LIST.as_bytes()) && !may_be_in(b"{}"));
        assert!(of_answer(b"{\"id\":1,\"error\":{}}").is_empty() && of_answer(b"x").is_empty());
        let definition = br#"{"name":"a","inputSchema":{"properties":{"b":{"x-mcp-header":"B"}}}}"#;
        assert_eq!(of_definition(definition).len(), 1);
    }

    #[test]
    fn headers_say_what_the_message_says() {
        let region = ("mcp-param-region", "eu");
        let (size, exact) = (("mcp-param-size", "42.0"), ("mcp-param-exact", "true"));
        assert_eq!(difference(&json!({}), &[]), None);
        let absent = json!({"region": null, "odd": "x", "bad": "x"});
        assert_eq!(difference(&absent, &[]), None);
        let whole = json!({"region": "eu", "page": {"size": 42}, "exact": true});
        assert_eq!(difference(&whole, &[region, size, exact]), None);
        let encoded = ("mcp-param-region", "=?base64?w6k=?=");
        assert_eq!(difference(&json!({"region": "é"}), &[encoded]), None);
        let eu = json!({"region": "eu"});
        for (arguments, given, told) in [
            (&whole, vec![size, exact], "is missing"),
            (&json!({}), vec![region], "mirrors no argument"),
            (&eu, vec![region, region], "occurs twice"),
            (
                &json!({"region": "us"}),
                vec![region],
                "says something else than the message",
            ),
            (
                &eu,
                vec![("mcp-param-region", "=?base64?!?=")],
                "is not valid base64",
            ),
        ] {
            let told = format!("mcp-param-region {told}");
            assert_eq!(difference(arguments, &given), Some(told), "{arguments}");
        }
    }

    #[test]
    fn what_is_said_is_what_is_compared() {
        let arguments = json!({"region": " é", "page": {"size": -7}, "exact": false});
        for mirror in mirrors() {
            let value = mirror.value(&arguments).unwrap();
            let given = [value.as_bytes()];
            assert_eq!(
                mirror.difference(&arguments, given.into_iter()),
                None,
                "{value}"
            );
            assert_eq!(mirror.value(&json!({})), None);
        }
    }
}
