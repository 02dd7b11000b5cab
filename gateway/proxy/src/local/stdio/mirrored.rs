//! Arguments that headers mirror (`x-mcp-header`; 2026-07-28, Streamable HTTP; SEP-2243).
//!
//! A program sees no headers, so whoever speaks HTTP for it compares them with the message. Which arguments of which
//! tools are mirrored is learned as the program's lists pass. Of a tool that none has shown nothing is known, and
//! nothing is compared: no decision of the gateway goes by these headers.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
};

use gantry_mcp::{frame::Call, headers, method::Method};
use http::{HeaderMap, HeaderName};
use memchr::memmem;
use serde::Deserialize;
use serde_json::{Map, Value};

/// The largest list that is read.
const LIST_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Tools with mirrored arguments.
const TOOLS_MAX: usize = 4_096;
/// Mirrored arguments of one tool.
const MIRRORS_MAX: usize = 64;
/// How deep an argument may lie.
const DEPTH_MAX: usize = 16;

const ANNOTATION: &str = "x-mcp-header";
const PREFIX: &str = "mcp-param-";

/// Mirrored arguments by tool.
#[derive(Debug, Default)]
pub(super) struct Mirrored {
    tools: RwLock<HashMap<Box<str>, Arc<[Mirror]>>>,
}

/// One of a tool.
#[derive(Debug)]
struct Mirror {
    header: HeaderName,
    /// The keys that lead to it.
    path: Vec<Box<str>>,
}

impl Mirrored {
    /// Learns from the answer to `tools/list`.
    pub(super) fn learn(&self, answer: &[u8]) {
        #[derive(Deserialize)]
        struct Message {
            result: Option<Tools>,
        }
        #[derive(Deserialize)]
        struct Tools {
            tools: Vec<Tool>,
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Tool {
            name: Box<str>,
            #[serde(default)]
            input_schema: Map<String, Value>,
        }
        let annotated = || memmem::find(answer, ANNOTATION.as_bytes()).is_some();
        if answer.len() > LIST_BYTES_MAX || (self.is_empty() && !annotated()) {
            return;
        }
        let message: Option<Message> = serde_json::from_slice(answer).ok();
        let listed = message.and_then(|message| message.result);
        // A panic elsewhere cannot leave the table half changed.
        let mut known = self.tools.write().unwrap_or_else(PoisonError::into_inner);
        for tool in listed.into_iter().flat_map(|list| list.tools) {
            let mut mirrors = Vec::new();
            find(&tool.input_schema, &mut Vec::new(), &mut mirrors);
            if mirrors.is_empty() {
                known.remove(&tool.name);
            } else if known.len() < TOOLS_MAX || known.contains_key(&tool.name) {
                known.insert(tool.name, mirrors.into());
            }
        }
    }

    fn is_empty(&self) -> bool {
        let known = self.tools.read().unwrap_or_else(PoisonError::into_inner);
        known.is_empty()
    }

    /// What a call says otherwise than its headers, in words; nothing where they say the same.
    pub(super) fn difference(&self, call: &Call<'_>, headers: &HeaderMap) -> Option<String> {
        if call.known() != Some(Method::ToolsCall) {
            return None;
        }
        let mirrors = {
            let known = self.tools.read().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(known.get(call.params.name.as_deref()?)?)
        };
        let arguments = call.params.arguments.as_ref();
        let arguments: Value = arguments
            .and_then(|raw| serde_json::from_str(raw.get()).ok())
            .unwrap_or_default();
        let mut mirrors = mirrors.iter();
        mirrors.find_map(|mirror| mirror.difference(&arguments, headers))
    }
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
        let header = annotation
            .filter(|name| !name.is_empty())
            .and_then(|name| HeaderName::try_from(format!("{PREFIX}{name}")).ok());
        if let Some(header) = header
            && mirrors.len() < MIRRORS_MAX
        {
            let path = path.clone();
            mirrors.push(Mirror { header, path });
        }
        find(schema, path, mirrors);
        path.pop();
    }
}

impl Mirror {
    fn difference(&self, arguments: &Value, headers: &HeaderMap) -> Option<String> {
        let value = self
            .path
            .iter()
            .try_fold(arguments, |at, key| at.get(&**key));
        let value = value.filter(|value| !value.is_null());
        let mut given = headers.get_all(&self.header).iter();
        let name = &self.header;
        let (value, header) = match (value, given.next(), given.next()) {
            (None, None, _) => return None,
            (Some(value), Some(header), None) => (value, header),
            (Some(_), None, _) => return Some(format!("{name} is missing")),
            (None, Some(_), _) => return Some(format!("{name} mirrors no argument")),
            (_, _, Some(_)) => return Some(format!("{name} occurs twice")),
        };
        match headers::decode_value(header.as_bytes()) {
            Ok(text) if is_same(value, &text) => None,
            Ok(_) => Some(format!("{name} says something else than the message")),
            Err(fault) => Some(format!("{name} {fault}")),
        }
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
    use gantry_mcp::frame::{self, Bounds};
    use http::HeaderValue;

    use super::*;

    const LIST: &str = r#"{"jsonrpc":"2.0","id":1,"result":{"tools":[
        {"name":"find","inputSchema":{"type":"object","properties":{
            "region":{"type":"string","x-mcp-header":"Region"},
            "page":{"type":"object","properties":{"size":{"type":"integer","x-mcp-header":"Size"}}},
            "exact":{"type":"boolean","x-mcp-header":"Exact"},
            "odd":{"anyOf":[{"type":"string","x-mcp-header":"Odd"}]},
            "bad":{"type":"string","x-mcp-header":"not a token"}}}},
        {"name":"echo","inputSchema":{"type":"object"}}]}}"#;

    fn difference(
        mirrored: &Mirrored,
        tool: &str,
        arguments: &str,
        given: &[(&'static str, &'static str)],
    ) -> Option<String> {
        let body = format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"{tool}","arguments":{arguments}}}}}"#
        );
        let frame = frame::parse(body.as_bytes(), &Bounds::default()).unwrap();
        let mut headers = HeaderMap::new();
        for (name, value) in given {
            headers.append(*name, HeaderValue::from_static(value));
        }
        mirrored.difference(frame.call().unwrap(), &headers)
    }

    #[test]
    fn headers_say_what_the_message_says() {
        let mirrored = Mirrored::default();
        let region = ("mcp-param-region", "eu");
        assert_eq!(difference(&mirrored, "find", "{}", &[region]), None);
        mirrored.learn(LIST.as_bytes());
        let find = |arguments, given: &[_]| difference(&mirrored, "find", arguments, given);
        assert_eq!(find("{}", &[]), None);
        assert_eq!(find(r#"{"region":null,"odd":"x","bad":"x"}"#, &[]), None);
        let whole = r#"{"region":"eu","page":{"size":42},"exact":true}"#;
        let size = ("mcp-param-size", "42.0");
        let exact = ("mcp-param-exact", "true");
        assert_eq!(find(whole, &[region, size, exact]), None);
        let encoded = ("mcp-param-region", "=?base64?w6k=?=");
        assert_eq!(find(r#"{"region":"\u00e9"}"#, &[encoded]), None);
        for (arguments, given, told) in [
            (whole, vec![size, exact], "mcp-param-region is missing"),
            ("{}", vec![region], "mcp-param-region mirrors no argument"),
            (
                r#"{"region":"eu"}"#,
                vec![region, region],
                "mcp-param-region occurs twice",
            ),
            (
                r#"{"region":"us"}"#,
                vec![region],
                "mcp-param-region says something else than the message",
            ),
            (
                r#"{"region":"eu"}"#,
                vec![("mcp-param-region", "=?base64?!?=")],
                "mcp-param-region is not valid base64",
            ),
        ] {
            assert_eq!(
                find(arguments, &given).as_deref(),
                Some(told),
                "{arguments}"
            );
        }
        assert_eq!(difference(&mirrored, "echo", "{}", &[region]), None);
        // What is annotated no more is compared no more.
        let plain = r#"{"id":2,"result":{"tools":[{"name":"find","inputSchema":{}}]}}"#;
        mirrored.learn(plain.as_bytes());
        assert_eq!(find("{}", &[region]), None);
    }
}
