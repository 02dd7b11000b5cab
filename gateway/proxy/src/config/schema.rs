//! The JSON Schema of the configuration, generated from the types in `raw`.
//!
//! The same document guides the reader, so that what editors show and what the gateway accepts
//! cannot differ. Beside JSON Schema's own words it uses `x-form` (what a text looks like),
//! `x-min-ms` and `x-max-ms` (the bounds of a period).

use std::sync::LazyLock;

use schemars::generate::SchemaSettings;
use serde_json::{Map, Value};

use super::quantity::{PERIOD_FORM, SIZE_FORM};
use super::rate::MONEY_FORM;
use super::raw::Gateway;

static SCHEMA: LazyLock<Value> = LazyLock::new(generate);

/// The whole schema, draft 2020-12.
pub(super) fn document() -> &'static Value {
    &SCHEMA
}

/// Follows a `$ref` into the document's `$defs`.
pub(super) fn resolve(schema: &'static Value) -> &'static Value {
    let target = schema.get("$ref").and_then(Value::as_str);
    let pointer = target.and_then(|target| target.strip_prefix('#'));
    pointer
        .and_then(|pointer| document().pointer(pointer))
        .unwrap_or(schema)
}

/// Whether a value of the JSON type `wanted` is among what the schema allows.
pub(super) fn has_type(schema: &Value, wanted: &str) -> bool {
    match schema.get("type") {
        Some(Value::String(kind)) => kind == wanted,
        Some(Value::Array(kinds)) => kinds.iter().any(|kind| kind == wanted),
        _ => false,
    }
}

/// The entries of a keyword that holds a list; none where it is absent.
pub(super) fn list<'a>(schema: &'a Value, keyword: &str) -> &'a [Value] {
    schema
        .get(keyword)
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

/// The texts of an enumeration, which is a list of constants where its values have descriptions.
pub(super) fn choices(schema: &Value) -> Vec<&str> {
    let described = list(schema, "oneOf").iter();
    let constants = described.flat_map(|one| one.get("const").into_iter().chain(list(one, "enum")));
    let listed = list(schema, "enum").iter();
    listed.chain(constants).filter_map(Value::as_str).collect()
}

/// What the schema asks for, in words.
pub(super) fn describe(schema: &Value) -> String {
    let choices = choices(schema);
    if !choices.is_empty() {
        return choices.join(", ");
    }
    if let Some(form) = schema.get("x-form").and_then(Value::as_str) {
        return form.to_owned();
    }
    let words = match schema.get("format").and_then(Value::as_str) {
        Some("size") => SIZE_FORM,
        Some("period") => PERIOD_FORM,
        Some("money") => MONEY_FORM,
        Some("secret") => "text in quotes, `${VARIABLE}` or `file:PATH`",
        _ if has_type(schema, "boolean") => "`true` or `false`",
        _ if has_type(schema, "integer") => "a whole number",
        _ if has_type(schema, "array") => "a list",
        _ if has_type(schema, "object") => "a map",
        _ => "text; put it in quotes if it looks like something else",
    };
    words.to_owned()
}

fn generate() -> Value {
    let settings = SchemaSettings::draft2020_12();
    let mut document = settings
        .into_generator()
        .into_root_schema_for::<Gateway>()
        .to_value();
    if let Some(root) = document.as_object_mut() {
        root.insert("title".into(), "Gantry configuration".into());
    }
    tidy(&mut document);
    // One order, whatever the JSON library was built with.
    document.sort_all_objects();
    document
}

/// A key that says nothing is left out: `null` is refused, although optional fields would allow
/// it, and neither it nor an empty text is anybody's default.
fn tidy(schema: &mut Value) {
    match schema {
        Value::Array(items) => items.iter_mut().for_each(tidy),
        Value::Object(fields) => {
            tidy_type(fields);
            tidy_default(fields);
            tidy_union(fields);
            fields.values_mut().for_each(tidy);
        }
        _ => {}
    }
}

fn tidy_type(fields: &mut Map<String, Value>) {
    let Some(Value::Array(types)) = fields.get_mut("type") else {
        return;
    };
    types.retain(|kind| kind != "null");
    if let [only] = types.as_mut_slice() {
        let only = only.take();
        fields.insert("type".into(), only);
    }
}

/// The defaults of a map stand with its own keys, so they are not repeated where the map is used.
fn tidy_default(fields: &mut Map<String, Value>) {
    let says_nothing = match fields.get("default") {
        Some(Value::Null | Value::Object(_)) => true,
        Some(Value::String(text)) => text.is_empty(),
        _ => false,
    };
    if says_nothing {
        fields.remove("default");
    }
}

/// A union of something and `null` becomes that something.
fn tidy_union(fields: &mut Map<String, Value>) {
    let Some(Value::Array(choices)) = fields.get_mut("anyOf") else {
        return;
    };
    choices.retain(|choice| choice.get("type").is_none_or(|kind| kind != "null"));
    let [only] = choices.as_mut_slice() else {
        return;
    };
    let only = only.take();
    fields.remove("anyOf");
    for (key, value) in only.as_object().into_iter().flatten() {
        fields.entry(key.clone()).or_insert_with(|| value.clone());
    }
}
