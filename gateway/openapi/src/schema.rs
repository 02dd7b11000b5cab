//! Schemas of Swagger 2.0, OpenAPI 3.0 and 3.1 written as JSON Schema 2020-12.
//!
//! Only keywords whose values are what JSON Schema demands of them are written, so that no description, however
//! careless, yields a schema that a client refuses. What a call sends is described as the author has it. What an
//! answer holds is described loosely (anything may be absent or null, sets of values are examples): a client that
//! checks answers would otherwise throw away those of services that do not keep to their own description.

mod nested;

use std::collections::HashSet;

use crate::defs::Defs;
use crate::document::Version;
use crate::keyword;
use crate::node::{Node, quote};

/// Which way the described value goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Side {
    Input,
    Output,
}

/// How much of a schema is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Detail {
    Full,
    /// Without descriptions, defaults, examples and long lists of values.
    Brief,
    /// As `Brief`, and nothing below so many levels.
    Depth(u8),
}

/// A schema as text, and the definitions that it refers to, each once, in order of their first use.
#[derive(Debug, Default, Clone)]
pub(crate) struct Written {
    pub(crate) text: String,
    pub(crate) refs: Vec<u32>,
}

/// What the place of a schema adds to it.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Around<'x> {
    /// In place of its own description.
    pub(crate) description: Option<&'x str>,
    /// An object whatever else it says, and never null: the root of an output schema.
    pub(crate) root: bool,
    /// Bytes, to be given as base64.
    pub(crate) file: bool,
}

pub(crate) struct Writer<'w, 'a> {
    pub(crate) defs: &'w Defs<'a>,
    pub(crate) side: Side,
    pub(crate) detail: Detail,
    pub(crate) written: Written,
    seen: HashSet<u32>,
}

/// Bytes of one description inside a schema, and of a default or an example.
const DESCRIPTION_MAX: usize = 600;
const VALUE_MAX: usize = 200;
/// Bytes of a list of values, in full and in brief.
const ENUM_MAX: usize = 8_000;
const ENUM_BRIEF_MAX: usize = 600;

impl<'w, 'a> Writer<'w, 'a> {
    pub(crate) fn new(defs: &'w Defs<'a>, side: Side, detail: Detail) -> Writer<'w, 'a> {
        Writer {
            defs,
            side,
            detail,
            written: Written::default(),
            seen: HashSet::new(),
        }
    }

    /// Appends one schema.
    pub(crate) fn schema(&mut self, node: &'a Node, around: Around<'_>, depth: u8) {
        if matches!(node, Node::Bool(false)) {
            self.push("{\"not\":{}}");
            return;
        }
        self.push("{");
        let mut first = true;
        if around.file {
            self.pair(&mut first, "type", "\"string\"");
            self.pair(&mut first, "contentEncoding", "\"base64\"");
        } else if !self.reference(node, &around, &mut first) {
            self.keywords(node, &around, &mut first, depth);
        }
        self.describe(node, around.description, &mut first);
        self.push("}");
    }

    fn push(&mut self, text: &str) {
        self.written.text.push_str(text);
    }

    /// Appends `"key":`, after a comma if it is not the first.
    pub(crate) fn key(&mut self, first: &mut bool, key: &str) {
        if !std::mem::take(first) {
            self.push(",");
        }
        quote(key, &mut self.written.text);
        self.push(":");
    }

    pub(crate) fn pair(&mut self, first: &mut bool, key: &str, json: &str) {
        self.key(first, key);
        self.push(json);
    }

    /// Writes a reference; `false` where the schema goes on besides it or has none.
    fn reference(&mut self, node: &'a Node, around: &Around<'_>, first: &mut bool) -> bool {
        let Some(reference) = node.get_text("$ref") else {
            return node.get("$dynamicRef").is_some();
        };
        if let Some(id) = self.defs.id(reference) {
            if self.seen.insert(id) {
                self.written.refs.push(id);
            }
            let target = format!("\"#/$defs/{}\"", self.defs.name(id));
            let plain = self.defs.version() != Version::ThreeOne;
            if self.side == Side::Input && plain && keyword::nullable(node) {
                self.pair(
                    first,
                    "anyOf",
                    &format!("[{{\"$ref\":{target}}},{{\"type\":\"null\"}}]"),
                );
            } else {
                self.pair(first, "$ref", &target);
            }
        }
        // Beside a reference other keywords count from 3.1 on.
        self.defs.version() != Version::ThreeOne && !around.root
    }

    fn describe(&mut self, node: &Node, given: Option<&str>, first: &mut bool) {
        if self.detail != Detail::Full {
            return;
        }
        let text = given
            .or(node.get_text("description"))
            .map(str::trim)
            .unwrap_or_default();
        if !text.is_empty() {
            self.key(first, "description");
            quote(
                &keyword::shortened(text, DESCRIPTION_MAX),
                &mut self.written.text,
            );
        }
        if node.is_true("deprecated") {
            self.pair(first, "deprecated", "true");
        }
    }

    fn keywords(&mut self, node: &'a Node, around: &Around<'_>, first: &mut bool, depth: u8) {
        let types = self.types(node, around, first);
        if let Detail::Depth(levels) = self.detail
            && depth >= levels
        {
            return;
        }
        self.values(node, &types, first);
        if self.side == Side::Input {
            for (key, json) in keyword::bounds(node) {
                self.pair(first, key, &json);
            }
            if let Some(pattern) = node
                .get_text("pattern")
                .filter(|pattern| crate::pattern::is_portable(pattern))
            {
                self.key(first, "pattern");
                quote(pattern, &mut self.written.text);
            }
        }
        for key in ["format", "contentEncoding", "contentMediaType"] {
            if let Some(text) = node.get_text(key).filter(|text| text.len() <= VALUE_MAX) {
                self.key(first, key);
                quote(text, &mut self.written.text);
            }
        }
        self.members(node, first, depth);
        self.lists(node, first, depth);
        self.combinations(node, first, depth);
    }

    /// Writes `type`, and tells the types without `null`.
    fn types(&mut self, node: &Node, around: &Around<'_>, first: &mut bool) -> Vec<&'static str> {
        let (types, mut null) = keyword::types(node);
        if around.root {
            self.pair(first, "type", "\"object\"");
            return types;
        }
        null |= self.side == Side::Output;
        match (types.as_slice(), null) {
            ([], _) => {}
            ([one], false) => self.pair(first, "type", &format!("\"{one}\"")),
            (several, null) => {
                let mut quoted: Vec<String> =
                    several.iter().map(|name| format!("\"{name}\"")).collect();
                if null {
                    quoted.push("\"null\"".into());
                }
                self.pair(first, "type", &format!("[{}]", quoted.join(",")));
            }
        }
        types
    }

    /// `enum`, `const`, `default` and examples.
    fn values(&mut self, node: &'a Node, types: &[&str], first: &mut bool) {
        let full = self.detail == Detail::Full;
        let allowed = keyword::allowed(node, types);
        let room = if full { ENUM_MAX } else { ENUM_BRIEF_MAX };
        let listed = |values: &[String]| format!("[{}]", values.join(","));
        if !allowed.is_empty() {
            let output = self.side == Side::Output;
            let shown = if output {
                allowed.get(..allowed.len().min(20)).unwrap_or_default()
            } else {
                &allowed
            };
            let json = listed(shown);
            if json.len() <= room {
                self.pair(first, if output { "examples" } else { "enum" }, &json);
                if output {
                    return;
                }
            }
        }
        if self.side == Side::Output {
            return;
        }
        let mut value = |writer: &mut Self, key: &str, node: &Node, list: bool| {
            let json = node.json();
            if json.len() <= VALUE_MAX {
                let json = if list { format!("[{json}]") } else { json };
                writer.pair(first, key, &json);
            }
        };
        if let Some(constant) = node.get("const") {
            value(self, "const", constant, false);
        }
        if full && let Some(default) = node.get("default") {
            value(self, "default", default, false);
        }
        let example = node
            .get("example")
            .or_else(|| node.get("examples").and_then(|list| list.items().first()));
        if full
            && allowed.is_empty()
            && let Some(example) = example
        {
            value(self, "examples", example, true);
        }
    }
}
