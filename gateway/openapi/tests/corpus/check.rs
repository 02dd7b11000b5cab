//! What must hold of every tool, checked without the code that made it.

use std::collections::HashSet;

use gantry_openapi::Tool;
use serde_json::Value;

/// Operations that a description in JSON has, by the letter of the specification.
pub(super) fn operations(text: &str) -> Option<usize> {
    let root = serde_json::from_str::<Value>(text).ok()?;
    let paths = root["paths"].as_object()?;
    let mut count = 0;
    for (path, item) in paths.iter().filter(|(path, _)| !path.starts_with("x-")) {
        let _ = path;
        let item = match item["$ref"].as_str() {
            Some(reference) => root
                .pointer(reference.trim_start_matches('#'))
                .unwrap_or(&Value::Null),
            None => item,
        };
        let methods = [
            "get", "put", "post", "delete", "options", "head", "patch", "trace", "query",
        ];
        count += item.as_object().map_or(0, |item| {
            methods
                .iter()
                .filter(|key| item.contains_key(**key))
                .count()
        });
    }
    Some(count)
}

pub(super) struct Checker {
    every: usize,
    seen: usize,
    pub(super) validated: usize,
}

impl Checker {
    /// Validates every so-manieth tool with `jsonschema`, and checks the references of all.
    pub(super) fn new(every: usize) -> Checker {
        Checker {
            every,
            seen: 0,
            validated: 0,
        }
    }

    pub(super) fn tool(&mut self, document: &str, tool: &Tool) {
        let input: Value = serde_json::from_str(tool.input_schema()).unwrap();
        assert_eq!(input["type"], "object");
        let output: Option<Value> = tool
            .output_schema()
            .map(|text| serde_json::from_str(text).unwrap());
        for schema in std::iter::once(&input).chain(&output) {
            assert_eq!(schema["type"], "object", "{document}: {}", tool.name());
            references(schema, &format!("{document}: {}", tool.name()));
        }
        for name in input["required"].as_array().unwrap_or(&Vec::new()) {
            assert!(
                input["properties"].get(name.as_str().unwrap()).is_some(),
                "{document}: {}",
                tool.name()
            );
        }
        self.seen += 1;
        if !self.seen.is_multiple_of(self.every) {
            return;
        }
        self.validated += 1;
        for schema in std::iter::once(&input).chain(&output) {
            if let Err(error) = jsonschema::draft202012::meta::validate(schema) {
                panic!(
                    "{document}: {}: {error} at {}",
                    tool.name(),
                    error.instance_path()
                );
            }
            if let Err(error) = jsonschema::draft202012::new(schema) {
                panic!("{document}: {}: does not compile: {error}", tool.name());
            }
        }
    }
}

/// Each reference leads to a definition, and each definition is referred to.
fn references(schema: &Value, place: &str) {
    let mut used: HashSet<&str> = HashSet::new();
    let mut stack = vec![(schema, false)];
    while let Some((value, names)) = stack.pop() {
        match value {
            Value::Object(map) => {
                for (key, value) in map {
                    if key == "$ref" && !names {
                        let Some(target) = value.as_str() else {
                            continue;
                        };
                        let name = target
                            .strip_prefix("#/$defs/")
                            .unwrap_or_else(|| panic!("{place}: {target}"));
                        assert!(
                            schema["$defs"].get(name).is_some(),
                            "{place}: {target} dangles"
                        );
                        used.insert(name);
                    }
                    // What these hold is data, not schemas.
                    if names || !matches!(key.as_str(), "enum" | "const" | "default" | "examples") {
                        stack.push((
                            value,
                            !names
                                && matches!(
                                    key.as_str(),
                                    "properties" | "$defs" | "patternProperties"
                                ),
                        ));
                    }
                }
            }
            Value::Array(list) => stack.extend(list.iter().map(|value| (value, false))),
            _ => {}
        }
    }
    for name in schema["$defs"]
        .as_object()
        .into_iter()
        .flat_map(|defs| defs.keys())
    {
        assert!(used.contains(name.as_str()), "{place}: {name} is not used");
    }
}
