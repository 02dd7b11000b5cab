//! What must hold of every tool, checked without the code that made it.

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

pub(super) fn tool(document: &str, tool: &Tool) {
    let input: Value = serde_json::from_str(tool.input_schema()).unwrap();
    let output: Option<Value> = tool
        .output_schema()
        .map(|text| serde_json::from_str(text).unwrap());
    for schema in std::iter::once(&input).chain(&output) {
        assert_eq!(schema["type"], "object", "{document}: {}", tool.name());
        if let Some(fault) = crate::schema::fault(schema) {
            panic!("{document}: {}: {fault}", tool.name());
        }
    }
    for name in input["required"].as_array().unwrap_or(&Vec::new()) {
        assert!(
            input["properties"].get(name.as_str().unwrap()).is_some(),
            "{document}: {}",
            tool.name()
        );
    }
}
