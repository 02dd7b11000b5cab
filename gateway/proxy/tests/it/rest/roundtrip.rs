//! Arguments of every place and style, called through the gateway, and what arrives compared with what npm
//! `swagger-client` makes of the same values.

use std::process::Command;

use serde_json::{Map, Value, json};

use super::{before, call};
use crate::{
    peer::{cache, node, scripts},
    raw::Raw,
};

const ROUNDS: usize = 8;

/// Places, styles, and whether values are exploded (Parameter Object, "Style Examples"). Revisions of OpenAPI differ in
/// what `label` is without `explode`: 3.0.3 has dots between values, 3.0.4 and 3.1.1 have commas.
const STYLES: [(&str, &str, bool); 11] = [
    ("path", "simple", false),
    ("path", "simple", true),
    ("path", "label", true),
    ("path", "matrix", false),
    ("path", "matrix", true),
    ("query", "form", true),
    ("query", "form", false),
    ("query", "spaceDelimited", false),
    ("query", "pipeDelimited", false),
    ("query", "deepObject", true),
    ("header", "simple", false),
];

/// Numbers that are the same each time.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % end
    }

    fn text(&mut self, place: &str) -> String {
        const PLAIN: &[&str] = &["a", "Z", "7", "-", "_", "~"];
        const ODD: &[&str] = &[
            "ä", "日", "😀", " ", "%", "&", "=", "?", "#", "+", "\"", "<", "[", "]", "{", "^", "`",
            "\\", "|", "'", "(", "!", "*", "@", ":", "$",
        ];
        const PATH: &[&str] = &["/"];
        let mut out = String::from("x");
        for _ in 0..self.below(6) {
            let list = match place {
                // What a header may hold is left as it is by both.
                "header" => PLAIN,
                "path" if self.below(9) == 0 => PATH,
                _ if self.below(2) == 0 => ODD,
                _ => PLAIN,
            };
            out.push_str(list[self.below(list.len())]);
        }
        out
    }

    fn value(&mut self, kind: &str, place: &str) -> Value {
        match kind {
            "string" => json!(self.text(place)),
            "integer" => json!(self.below(1_000_000) as i64 - 500_000),
            "boolean" => json!(self.below(2) == 0),
            "array" => (0..=self.below(3)).map(|_| self.text(place)).collect(),
            _ => {
                let members =
                    (0..=self.below(3)).map(|at| (format!("k{at}"), json!(self.text(place))));
                Value::Object(members.collect())
            }
        }
    }
}

/// One call, as a client of MCP and as a client of the API says it.
struct Case {
    tool: String,
    arguments: Value,
    other: Value,
}

fn kinds(style: &str) -> &'static [&'static str] {
    match style {
        "spaceDelimited" | "pipeDelimited" => &["array"],
        "deepObject" => &["object"],
        _ => &["string", "integer", "boolean", "array", "object"],
    }
}

fn schema(kind: &str) -> Value {
    match kind {
        "array" => json!({"type": "array", "items": {"type": "string"}}),
        "object" => json!({"type": "object", "additionalProperties": {"type": "string"}}),
        kind => json!({"type": kind}),
    }
}

/// An operation for each place, style and type, and calls of it.
fn parameters(random: &mut Random, paths: &mut Map<String, Value>, cases: &mut Vec<Case>) {
    for (place, style, explode) in STYLES {
        for kind in kinds(style) {
            let tool = format!("{place}_{style}_{kind}_{explode}");
            let name = if place == "header" {
                "x-value"
            } else {
                "value"
            };
            let path = match place {
                "path" => format!("/{tool}/{{value}}/end"),
                _ => format!("/{tool}"),
            };
            let parameter = json!({"name": name, "in": place, "required": true, "style": style, "explode": explode, "schema": schema(kind)});
            let second = json!({"name": "also", "in": "query", "schema": {"type": "string"}});
            paths.insert(path, json!({"get": {"operationId": tool, "parameters": [parameter, second], "responses": {"200": {"description": ""}}}}));
            for _ in 0..ROUNDS {
                let mut arguments = json!({name: random.value(kind, place)});
                if random.below(2) == 0 {
                    arguments["also"] = json!(random.text("query"));
                }
                cases.push(Case {
                    tool: tool.clone(),
                    other: json!({"operationId": tool, "parameters": arguments}),
                    arguments,
                });
            }
        }
    }
}

/// Operations with bodies, and calls of them.
fn bodies(random: &mut Random, paths: &mut Map<String, Value>, cases: &mut Vec<Case>) {
    for (tool, media) in [
        ("json", "application/json"),
        ("form", "application/x-www-form-urlencoded"),
    ] {
        let properties =
            json!({"one": schema("string"), "many": schema("array"), "count": schema("integer")});
        let body = json!({"required": true, "content": {media: {"schema": {"type": "object", "properties": properties}, "encoding": {"many": {"style": "form", "explode": true}}}}});
        let parameter =
            json!({"name": "id", "in": "path", "required": true, "schema": {"type": "string"}});
        for method in ["post", "put", "patch"] {
            let tool = format!("{method}_{tool}");
            paths.insert(
                format!("/{tool}/{{id}}"),
                json!({method: {"operationId": tool, "parameters": [parameter], "requestBody": body, "responses": {"200": {"description": ""}}}}),
            );
            for _ in 0..ROUNDS {
                let body = json!({"one": random.text("body"), "many": random.value("array", "body"), "count": random.value("integer", "body")});
                let id = random.text("path");
                let mut arguments = body.clone();
                arguments["id"] = json!(id);
                cases.push(Case {
                    tool: tool.clone(),
                    arguments,
                    other: json!({"operationId": tool, "parameters": {"id": id}, "requestBody": body, "media": media}),
                });
            }
        }
    }
}

/// The same text with everything encoded that may be, and nothing that means something where it is not encoded: RFC
/// 3986 leaves it to the writer (section 2.2).
fn normal(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        let code = after
            .get(..2)
            .and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok());
        match (first, code) {
            (b'%', Some(byte)) => {
                let either = byte.is_ascii_alphanumeric() || b"-._~!*'():@$".contains(&byte);
                match either {
                    true => out.push(byte as char),
                    false => out.push_str(&format!("%{byte:02X}")),
                }
                rest = &after[2..];
            }
            // No URL holds it, whatever is written into one.
            (b'|', _) => {
                out.push_str("%7C");
                rest = after;
            }
            _ => {
                out.push(*first as char);
                rest = after;
            }
        }
    }
    out
}

fn compare(case: &Case, request: &[u8], expected: &Value, base: &str) {
    let text = String::from_utf8(request.to_vec()).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let context = format!("{}: {}\n{text}\n{expected}", case.tool, case.arguments);
    let mut lines = head.lines();
    let mut line = lines.next().unwrap().split(' ');
    let (method, target) = (line.next().unwrap(), line.next().unwrap());
    assert_eq!(method, expected["method"], "{context}");
    let url = expected["url"]
        .as_str()
        .unwrap()
        .strip_prefix(base.split("/v3").next().unwrap());
    assert_eq!(normal(target), normal(url.unwrap()), "{context}");
    let field = |name: &str| {
        lines.clone().find_map(|line| {
            line.to_lowercase()
                .strip_prefix(&format!("{name}: "))
                .map(|_| line[name.len() + 2..].to_owned())
        })
    };
    if let Some(value) = expected["headers"]["x-value"].as_str() {
        assert_eq!(field("x-value").as_deref(), Some(value), "{context}");
    }
    if case.other["media"].is_null() {
        assert_eq!(body, "", "{context}");
        return;
    }
    let media = field("content-type").unwrap_or_default();
    assert_eq!(
        media.split(';').next(),
        case.other["media"].as_str(),
        "{context}"
    );
    match &expected["body"] {
        // A space is a plus in a form (WHATWG URL, section 5), and encoded elsewhere.
        Value::String(sent) => assert_eq!(
            normal(&body.replace('+', "%20")),
            normal(&sent.replace('+', "%20")),
            "{context}"
        ),
        sent => assert_eq!(
            serde_json::from_str::<Value>(body).unwrap(),
            *sent,
            "{context}"
        ),
    }
}

#[tokio::test]
async fn requests_are_what_another_client_of_the_api_sends() {
    let service = Raw::answering("application/json", b"{}").await;
    let base = service.url.replace("/mcp", "/v3");
    let (mut random, mut paths, mut cases) = (Random(20_260_728), Map::new(), Vec::new());
    parameters(&mut random, &mut paths, &mut cases);
    bodies(&mut random, &mut paths, &mut cases);
    let spec = json!({"openapi": "3.0.3", "info": {"title": "Styles", "version": "1"}, "servers": [{"url": base}], "paths": paths});
    let folder = tempfile::tempdir().unwrap();
    let (described, file) = (
        folder.path().join("spec.json"),
        folder.path().join("calls.json"),
    );
    std::fs::write(&described, spec.to_string()).unwrap();
    let calls: Vec<&Value> = cases.iter().map(|case| &case.other).collect();
    std::fs::write(&file, json!({"spec": spec, "calls": calls}).to_string()).unwrap();
    let mut other = Command::new(node());
    other
        .arg(scripts().join("serialise.mjs"))
        .arg(&file)
        .env("GANTRY_CACHE", cache());
    let other = other.output().unwrap();
    let said = String::from_utf8(other.stdout).unwrap();
    let expected: Vec<Value> = said
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(
        expected.len(),
        cases.len(),
        "{}",
        String::from_utf8_lossy(&other.stderr)
    );

    let gateway = before(
        &format!("spec: '{}', base_url: '{base}'", described.display()),
        "",
    );
    let mut differing = Vec::new();
    for (case, expected) in cases.iter().zip(&expected) {
        let seen = service.requests().len();
        let answer = call(&gateway, &case.tool, case.arguments.clone()).await;
        let requests = service.requests();
        match requests.get(seen) {
            Some(request) => compare(case, request, expected, &base),
            None => differing.push(format!("{}: {} {answer}", case.tool, case.arguments)),
        }
    }
    // Values with a slash in a path are refused unless the operator allows them; everything else is sent.
    let other: Vec<&String> = differing
        .iter()
        .filter(|line| !line.contains('/'))
        .collect();
    assert!(other.is_empty(), "{other:#?}");
    assert!(
        cases.len() - differing.len() > 300,
        "{} of {} were sent",
        cases.len() - differing.len(),
        cases.len()
    );
}
