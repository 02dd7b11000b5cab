//! Arguments made up, built into a request, and read back from it by a decoder that shares no code with what built it.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a failed expectation is a failed test"
)]

mod decode;
#[path = "../schema/mod.rs"]
mod schema;

use gantry_openapi::{Options, Request, Tool, read};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

/// What an argument holds, in texts.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Held {
    One(String),
    List(Vec<String>),
    Object(Vec<(String, String)>),
}

#[derive(Debug, Clone)]
pub(crate) struct Made {
    pub(crate) place: &'static str,
    pub(crate) style: &'static str,
    pub(crate) explode: bool,
    pub(crate) held: Held,
}

impl Made {
    fn json(&self) -> Value {
        match &self.held {
            Held::One(text) => json!(text),
            Held::List(list) => json!(list),
            Held::Object(members) => Value::Object(
                members
                    .iter()
                    .map(|(k, v)| (k.clone(), json!(v)))
                    .collect::<Map<_, _>>(),
            ),
        }
    }

    fn schema(&self) -> Value {
        match self.held {
            Held::One(_) => json!({"type": "string"}),
            Held::List(_) => json!({"type": "array", "items": {"type": "string"}}),
            Held::Object(_) => {
                json!({"type": "object", "additionalProperties": {"type": "string"}})
            }
        }
    }
}

/// Text that may stand in a place: anything in a query, a cookie or a body.
fn text(place: &'static str) -> BoxedStrategy<String> {
    match place {
        "path" => "[^/\\\\%\\p{C}]{1,12}"
            .prop_filter("dots", |text| !text.starts_with('.'))
            .boxed(),
        "header" => "[!-+\\--<>-~]([ -+\\--<>-~]{0,10}[!-+\\--<>-~])?".boxed(),
        _ => proptest::string::string_regex("(?s).{1,12}")
            .unwrap()
            .boxed(),
    }
}

fn made() -> impl Strategy<Value = Made> {
    let styles: Vec<(&'static str, &'static str)> = vec![
        ("path", "simple"),
        ("path", "label"),
        ("path", "matrix"),
        ("query", "form"),
        ("query", "spaceDelimited"),
        ("query", "pipeDelimited"),
        ("query", "deepObject"),
        ("header", "simple"),
        ("cookie", "form"),
    ];
    (proptest::sample::select(styles), any::<bool>(), 0..3).prop_flat_map(
        |((place, style), explode, kind)| {
            // Each delimited style says what it means for lists that are not exploded, deepObject for objects.
            let (kind, explode) = match style {
                "spaceDelimited" | "pipeDelimited" => (1, false),
                "deepObject" => (2, true),
                _ => (kind, explode),
            };
            let one = text(place);
            // A dot is what a label has between its parts, and `.;` is refused: some servers cut a path at `;`.
            let one = if style == "label" {
                one.prop_map(|text| text.replace(['.', ';'], "-")).boxed()
            } else {
                one
            };
            let held = match kind {
                0 => one.prop_map(Held::One).boxed(),
                1 => proptest::collection::vec(one, 1..4)
                    .prop_map(Held::List)
                    .boxed(),
                _ => proptest::collection::vec(one, 1..4)
                    .prop_map(|list| {
                        Held::Object(
                            list.into_iter()
                                .enumerate()
                                .map(|(i, v)| (format!("k{i}"), v))
                                .collect(),
                        )
                    })
                    .boxed(),
            };
            held.prop_map(move |held| Made {
                place,
                style,
                explode,
                held,
            })
        },
    )
}

/// Keys of exploded objects are names of their own, so no two arguments may share them.
fn apart(mut list: Vec<Made>) -> Vec<Made> {
    for (at, made) in list.iter_mut().enumerate() {
        if let Held::Object(members) = &mut made.held {
            for (key, _) in members {
                *key = format!("{key}_{at}");
            }
        }
    }
    list
}

fn tool(path: &str, operation: Value) -> Tool {
    let document =
        json!({"openapi": "3.0.3", "info": {"title": "t"}, "paths": {path: {"post": operation}}});
    let mut api = read(&document.to_string(), &Options::default()).unwrap();
    assert!(api.skipped.is_empty(), "{:?}", api.skipped);
    api.tools.remove(0)
}

fn valid(tool: &Tool, arguments: &Value) {
    let schema: Value = serde_json::from_str(tool.input_schema()).unwrap();
    assert_eq!(schema::fault(&schema), None);
    assert!(
        schema::accepts(&schema, &schema, arguments),
        "{schema} {arguments}"
    );
}

/// What holds of every request.
fn safe(request: &Request) {
    assert!(request.target.starts_with('/') && !request.target.starts_with("//"));
    assert!(
        request
            .target
            .bytes()
            .all(|byte| (0x21..0x7f).contains(&byte) && byte != b'#'),
        "{}",
        request.target
    );
    for (name, value) in &request.headers {
        assert!(
            value
                .bytes()
                .all(|byte| (0x20..0x7f).contains(&byte) || byte == b'\t'),
            "{name}: {value:?}"
        );
        assert_eq!(
            request
                .headers
                .iter()
                .filter(|(other, _)| other == name)
                .count(),
            1
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn parameters_are_read_back(list in proptest::collection::vec(made(), 1..6).prop_map(apart)) {
        let mut path = String::from("/start");
        let mut parameters = Vec::new();
        let mut arguments = Map::new();
        for (at, made) in list.iter().enumerate() {
            let name = format!("p{at}");
            if made.place == "path" {
                path.push_str(&format!("/{{{name}}}"));
            }
            parameters.push(json!({"name": name, "in": made.place, "style": made.style, "explode": made.explode,
                "required": true, "schema": made.schema()}));
            arguments.insert(name, made.json());
        }
        let tool = tool(&path, json!({"parameters": parameters}));
        let arguments = Value::Object(arguments);
        valid(&tool, &arguments);
        let request = tool.request(&arguments.to_string()).unwrap();
        safe(&request);
        for (at, made) in list.iter().enumerate() {
            let read = decode::parameter(&request, &path, &format!("p{at}"), made);
            // Members of an object have no order.
            prop_assert_eq!(sorted(read), sorted(made.held.clone()), "{:?} of {:?}", made, request);
        }
    }

    #[test]
    fn bodies_are_read_back(
        texts in proptest::collection::vec(text("body"), 1..5),
        bytes in proptest::collection::vec(any::<u8>(), 0..200),
        list in proptest::collection::vec(text("body"), 1..4),
    ) {
        use base64::Engine;
        let file = base64::engine::general_purpose::STANDARD.encode(&bytes);
        let mut properties = Map::new();
        let mut arguments = Map::new();
        for (at, text) in texts.iter().enumerate() {
            properties.insert(format!("t{at}"), json!({"type": "string"}));
            arguments.insert(format!("t{at}"), json!(text));
        }
        properties.insert("list".into(), json!({"type": "array", "items": {"type": "string"}}));
        arguments.insert("list".into(), json!(list));
        let plain = json!({"type": "object", "properties": properties, "required": ["t0"]});
        let with = |media: &str, schema: &Value| json!({"requestBody": {"content": {media: {"schema": schema}}}});
        let value = Value::Object(arguments.clone());

        let json_tool = tool("/x", with("application/json", &plain));
        valid(&json_tool, &value);
        let request = json_tool.request(&value.to_string()).unwrap();
        safe(&request);
        prop_assert_eq!(serde_json::from_slice::<Value>(request.body.as_ref().unwrap()).unwrap(), value.clone());

        let mut expected: Vec<(String, Vec<u8>)> = Vec::new();
        for (at, text) in texts.iter().enumerate() {
            expected.push((format!("t{at}"), text.clone().into_bytes()));
        }
        expected.extend(list.iter().map(|text| ("list".to_owned(), text.clone().into_bytes())));
        expected.sort();
        let request = tool("/x", with("application/x-www-form-urlencoded", &plain)).request(&value.to_string()).unwrap();
        let mut read: Vec<(String, Vec<u8>)> = decode::pairs(std::str::from_utf8(request.body.as_ref().unwrap()).unwrap())
            .into_iter().map(|(name, value)| (name, value.into_bytes())).collect();
        read.sort();
        prop_assert_eq!(&read, &expected);

        properties.insert("file".into(), json!({"type": "string", "format": "binary"}));
        arguments.insert("file".into(), json!(file));
        let schema = json!({"type": "object", "properties": properties});
        let tool = tool("/x", with("multipart/form-data", &schema));
        let value = Value::Object(arguments);
        valid(&tool, &value);
        let request = tool.request(&value.to_string()).unwrap();
        safe(&request);
        let mut read = decode::multipart(&request);
        read.sort();
        expected.push(("file".into(), bytes));
        expected.sort();
        prop_assert_eq!(read, expected);
    }

    #[test]
    fn no_argument_leads_elsewhere(value in "(\\.|/|\\\\|%2e|%2F|%5c|%25|%00|%0d%0a|;|a|\r|\n|\t|é|@|:|\\?|#|&|=| |,){0,8}", slashes in any::<bool>()) {
        let tool = tool("/a/{x}/b{y}", json!({"parameters": [
            {"name": "x", "in": "path", "required": true, "allowReserved": slashes, "schema": {"type": "string"}},
            {"name": "y", "in": "path", "required": true, "style": "label", "schema": {}},
            {"name": "q", "in": "query", "allowReserved": true, "schema": {"type": "string"}},
            {"name": "h", "in": "header", "schema": {"type": "string"}},
            {"name": "c", "in": "cookie", "schema": {"type": "string"}}]}));
        for arguments in [
            json!({"x": value, "y": value, "q": value}), json!({"x": "1", "y": value, "h": value}), json!({"x": "1", "y": "1", "c": value, "q": value}),
            json!({"x": [value, value], "y": {value.clone(): value}}),
        ] {
            let Ok(request) = tool.request(&arguments.to_string()) else { continue };
            safe(&request);
            let path = request.target.split('?').next().unwrap();
            prop_assert!(path.starts_with("/a/"));
            if !slashes {
                prop_assert_eq!(path.matches('/').count(), 3);
            }
            let mut text = path.to_owned();
            for _ in 0..5 {
                prop_assert!(!text.split(['/', '\\']).any(|part| [".", ".."].contains(&part.split(';').next().unwrap())), "{}", path);
                prop_assert!(!text.contains(['\r', '\n', '\0', '\\']));
                text = decode::percent(&text);
            }
            let query = request.target.split_once('?').map_or("", |(_, query)| query);
            prop_assert!(query.is_empty() || decode::pairs(query).iter().all(|(name, _)| name == "q"));
            for (name, value) in &request.headers {
                prop_assert!(["accept", "h", "cookie"].contains(&name.as_str()));
                prop_assert!(name != "cookie" || !value.contains([';', ' ', '"', ',']));
            }
        }
    }
}

fn sorted(held: Held) -> Held {
    match held {
        Held::Object(mut members) => {
            members.sort();
            Held::Object(members)
        }
        held => held,
    }
}
