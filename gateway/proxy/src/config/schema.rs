//! The JSON Schema of the configuration, generated from the types in `raw`.
//!
//! The same document guides the reader, so that what editors show and what the gateway accepts cannot differ.

use std::sync::LazyLock;

use schemars::generate::SchemaSettings;
use serde_json::{Map, Value};

use super::raw::Gateway;

static SCHEMA: LazyLock<Value> = LazyLock::new(generate);

/// The whole schema, draft 2020-12.
pub(super) fn document() -> &'static Value {
    &SCHEMA
}

/// Follows a `$ref` into the document's `$defs`.
pub(super) fn resolve(schema: &'static Value) -> &'static Value {
    let target = schema
        .get("$ref")
        .and_then(Value::as_str)
        .and_then(|pointer| pointer.strip_prefix('#'));
    target
        .and_then(|pointer| document().pointer(pointer))
        .unwrap_or(schema)
}

fn generate() -> Value {
    let schema = SchemaSettings::draft2020_12()
        .into_generator()
        .into_root_schema_for::<Gateway>();
    let mut document = schema.to_value();
    if let Some(root) = document.as_object_mut() {
        root.insert("title".into(), "Gantry configuration".into());
    }
    forbid_null(&mut document);
    document
}

/// A key that says nothing is left out: `null` is refused, although optional fields would allow it.
fn forbid_null(schema: &mut Value) {
    match schema {
        Value::Array(items) => items.iter_mut().for_each(forbid_null),
        Value::Object(fields) => {
            forbid_null_here(fields);
            fields.values_mut().for_each(forbid_null);
        }
        _ => {}
    }
}

fn forbid_null_here(fields: &mut Map<String, Value>) {
    if let Some(Value::Array(types)) = fields.get_mut("type") {
        types.retain(|kind| kind != "null");
        if let [only] = types.as_slice() {
            let only = only.clone();
            fields.insert("type".into(), only);
        }
    }
    if fields.get("default") == Some(&Value::Null) {
        fields.remove("default");
    }
    let Some(Value::Array(choices)) = fields.get_mut("anyOf") else {
        return;
    };
    choices.retain(|choice| choice.get("type").is_none_or(|kind| kind != "null"));
    if let [only] = choices.as_mut_slice() {
        let only = only.take();
        fields.remove("anyOf");
        for (key, value) in only.as_object().into_iter().flatten() {
            fields.entry(key.clone()).or_insert_with(|| value.clone());
        }
    }
}
