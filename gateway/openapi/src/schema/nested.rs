//! Keywords whose values are schemas.

use super::{Around, Side, Writer};
use crate::document::Version;
use crate::keyword;
use crate::node::Node;

impl<'a> Writer<'_, 'a> {
    pub(super) fn members(&mut self, node: &'a Node, first: &mut bool, depth: u8) {
        let hidden = if self.side == Side::Input {
            "readOnly"
        } else {
            "writeOnly"
        };
        let properties = node
            .get("properties")
            .map(Node::entries)
            .unwrap_or_default();
        if !properties.is_empty() {
            self.key(first, "properties");
            self.push("{");
            let mut first = true;
            for (name, property) in properties
                .iter()
                .filter(|(_, property)| !property.is_true(hidden))
            {
                self.key(&mut first, name);
                self.schema(property, Around::default(), depth + 1);
            }
            self.push("}");
        }
        if self.side == Side::Input {
            let required = keyword::required(node, hidden);
            if !required.is_empty() {
                self.key(first, "required");
                let list = Node::List(
                    required
                        .into_iter()
                        .map(|name| Node::Text(name.into()))
                        .collect(),
                );
                list.write(&mut self.written.text);
            }
        }
        for key in ["patternProperties", "dependentSchemas"] {
            let schemas: Vec<&(Box<str>, Node)> = node
                .get(key)
                .map(Node::entries)
                .unwrap_or_default()
                .iter()
                .filter(|(name, _)| key != "patternProperties" || crate::pattern::is_portable(name))
                .collect();
            if !schemas.is_empty() && self.defs.version() == Version::ThreeOne {
                self.key(first, key);
                self.push("{");
                let mut first = true;
                for (name, schema) in schemas {
                    self.key(&mut first, name);
                    self.schema(schema, Around::default(), depth + 1);
                }
                self.push("}");
            }
        }
        match node.get("additionalProperties") {
            Some(Node::Bool(open)) if self.side == Side::Input => {
                self.pair(
                    first,
                    "additionalProperties",
                    if *open { "true" } else { "false" },
                );
            }
            Some(schema)
                if schema
                    .entries()
                    .iter()
                    .any(|(key, _)| !key.starts_with("x-")) =>
            {
                self.key(first, "additionalProperties");
                self.schema(schema, Around::default(), depth + 1);
            }
            _ => {}
        }
        self.single(node, "propertyNames", first, depth);
    }

    pub(super) fn lists(&mut self, node: &'a Node, first: &mut bool, depth: u8) {
        // A list of schemas for `items` is how drafts before 2020-12 wrote tuples.
        let (items, tuple) = match node.get("items") {
            Some(list @ Node::List(_)) => (None, Some(list)),
            items => (items, node.get("prefixItems")),
        };
        if let Some(tuple) = tuple.filter(|tuple| !tuple.items().is_empty()) {
            self.several(tuple.items(), "prefixItems", first, depth);
        }
        if let Some(items) = items.filter(|items| items.is_map() || matches!(items, Node::Bool(_)))
        {
            self.key(first, "items");
            self.schema(items, Around::default(), depth + 1);
        }
        self.single(node, "contains", first, depth);
    }

    pub(super) fn combinations(&mut self, node: &'a Node, first: &mut bool, depth: u8) {
        let mut alternatives: Vec<&'a Node> = Vec::new();
        for key in ["allOf", "anyOf", "oneOf"] {
            let list = node.get(key).map(Node::items).unwrap_or_default();
            if list.is_empty() {
                continue;
            }
            match (key, self.side) {
                ("anyOf" | "oneOf", Side::Output) if alternatives.is_empty() => {
                    alternatives = list.iter().collect()
                }
                ("anyOf" | "oneOf", Side::Output) => {}
                _ => {
                    let null = self.side == Side::Input && keyword::nullable(node);
                    let all = null && key == "allOf" && node.get("anyOf").is_none();
                    self.key(first, if all { "anyOf" } else { key });
                    self.push(if all { "[{\"allOf\":[" } else { "[" });
                    self.listed(list.iter(), depth);
                    self.push(match (all, null && key != "allOf") {
                        (true, _) => "]},{\"type\":\"null\"}]",
                        (_, true) => ",{\"type\":\"null\"}]",
                        _ => "]",
                    });
                }
            }
        }
        if !alternatives.is_empty() {
            self.key(first, "anyOf");
            self.push("[");
            self.listed(alternatives.into_iter(), depth);
            self.push("]");
        }
        if self.side == Side::Input {
            self.single(node, "not", first, depth);
            for key in ["if", "then", "else"] {
                self.single(node, key, first, depth);
            }
        }
    }

    fn single(&mut self, node: &'a Node, key: &str, first: &mut bool, depth: u8) {
        if let Some(schema) = node.get(key).filter(|schema| schema.is_map()) {
            self.key(first, key);
            self.schema(schema, Around::default(), depth + 1);
        }
    }

    fn several(&mut self, list: &'a [Node], key: &str, first: &mut bool, depth: u8) {
        self.key(first, key);
        self.push("[");
        self.listed(list.iter(), depth);
        self.push("]");
    }

    fn listed(&mut self, list: impl Iterator<Item = &'a Node>, depth: u8) {
        for (index, schema) in list.enumerate() {
            if index > 0 {
                self.push(",");
            }
            self.schema(schema, Around::default(), depth + 1);
        }
    }
}
