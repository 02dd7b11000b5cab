//! The reference of the configuration in Markdown, generated from the JSON Schema.
//!
//! It never says anything that is not in the schema, but for how values are written: whoever wants
//! to change a sentence changes a doc comment in `raw`.

use std::fmt::Write as _;

use serde_json::Value;

use super::quantity::{Period, Size};
use super::schema::{choices, has_type, list, resolve};

const PREFACE: &str = "\
# Configuration reference

Generated from the types of the gateway by `cargo xtask schema`; do not edit.

One YAML file holds everything. `gantry check -c FILE` prints every fault at once, or what is in effect.

- **Unknown keys are errors**, and so are duplicate keys, anchors, aliases and tags.
- **Sizes** are whole numbers of bytes, bare or with a unit: `65536`, `64KiB`, `16MiB`, `1GiB`.
- **Periods** are whole numbers with a unit: `500ms`, `5s`, `5m`, `1h`.
- **Environment**: `${NAME}` stands for a variable, `${NAME:-text}` for a variable that may be unset or empty, \
  `$${` for a bare `${`. They may stand in any value.
- **Secrets** are written as `${NAME}` or as `file:PATH`, whose content they then are. They never print.
- **Relative paths** begin at the folder of the file that holds them.
";

/// The whole page.
pub(super) fn markdown(schema: &'static Value) -> String {
    let mut page = PREFACE.to_owned();
    section(&mut page, "", schema);
    page
}

/// A table of the keys of one map, then the sections of the maps among them.
fn section(page: &mut String, path: &str, schema: &'static Value) {
    let title = if path.is_empty() { "The file" } else { path };
    let quote = if path.is_empty() { "" } else { "`" };
    // Writing into a `String` cannot fail, here and below.
    let _ = writeln!(page, "\n## {quote}{title}{quote}\n");
    let _ = writeln!(page, "{}\n", prose(schema));
    let _ = writeln!(page, "| key | value | default | meaning |");
    let _ = writeln!(page, "|---|---|---|---|");
    let keys = schema.get("properties").and_then(Value::as_object);
    let required = list(schema, "required");
    for (key, field) in keys.into_iter().flatten() {
        let needed = required.iter().any(|name| name == key);
        let default = if needed {
            "needed".to_owned()
        } else {
            default(field)
        };
        let _ = writeln!(
            page,
            "| `{key}` | {} | {default} | {} |",
            value(field),
            prose(field)
        );
    }
    for (key, field) in keys.into_iter().flatten() {
        let path = if path.is_empty() {
            key.clone()
        } else {
            format!("{path}.{key}")
        };
        if let Some((path, map)) = map_below(&path, field) {
            section(page, &path, map);
        }
    }
}

/// The map that a field is or may be, or that each entry of it is.
fn map_below(path: &str, field: &'static Value) -> Option<(String, &'static Value)> {
    let schema = resolve(field);
    if schema.get("properties").is_some() {
        return Some((path.to_owned(), schema));
    }
    for (keyword, below) in [("additionalProperties", ".NAME"), ("items", "[]")] {
        let entry = schema.get(keyword).map(resolve);
        if let Some(entry) = entry.filter(|entry| entry.get("properties").is_some()) {
            return Some((format!("{path}{below}"), entry));
        }
    }
    if let Some(item) = schema.get("items").map(resolve)
        && item.get("properties").is_some()
    {
        return Some((format!("{path}[]"), item));
    }
    let choices = list(schema, "anyOf").iter().map(resolve);
    let map = choices
        .into_iter()
        .find(|choice| choice.get("properties").is_some())?;
    Some((path.to_owned(), map))
}

/// What may stand there.
fn value(field: &'static Value) -> String {
    let schema = resolve(field);
    let union = list(schema, "anyOf");
    if !union.is_empty() {
        return union.iter().map(value).collect::<Vec<_>>().join(" or ");
    }
    let choices = choices(schema);
    if !choices.is_empty() {
        let quoted: Vec<String> = choices.iter().map(|choice| format!("`{choice}`")).collect();
        return quoted.join(", ");
    }
    let number = |key| schema.get(key).and_then(Value::as_u64);
    match schema.get("format").and_then(Value::as_str) {
        Some("size") => bounded(
            "size",
            number("minimum").map(Size),
            number("maximum").map(Size),
        ),
        Some("period") => {
            let [min, max] = ["x-min-ms", "x-max-ms"].map(|key| number(key).map(Period::from_ms));
            bounded("period", min, max)
        }
        Some("secret") => "secret".to_owned(),
        Some("money") => "amount".to_owned(),
        _ if has_type(schema, "boolean") => "`true` or `false`".to_owned(),
        _ if has_type(schema, "integer") => bounded("number", number("minimum"), number("maximum")),
        _ if has_type(schema, "array") => {
            bounded("list", number("minItems").or(Some(0)), number("maxItems"))
        }
        _ if schema
            .get("additionalProperties")
            .is_some_and(Value::is_object) =>
        {
            let entry = schema.get("additionalProperties").map(resolve);
            let maps = entry.is_some_and(|entry| entry.get("properties").is_some());
            if maps { "map of maps" } else { "map" }.to_owned()
        }
        _ if has_type(schema, "object") => "map".to_owned(),
        _ => "text".to_owned(),
    }
}

fn bounded<T: ToString>(word: &str, min: Option<T>, max: Option<T>) -> String {
    match (min, max) {
        (Some(min), Some(max)) => format!("{word}, {} to {}", min.to_string(), max.to_string()),
        _ => word.to_owned(),
    }
}

fn default(field: &Value) -> String {
    match field.get("default") {
        None => String::new(),
        Some(Value::String(text)) => format!("`{text}`"),
        Some(Value::Array(items)) if items.is_empty() => "none".to_owned(),
        Some(other) => format!("`{other}`"),
    }
}

/// The description in one paragraph, fit for a cell; then what each choice means.
fn prose(field: &'static Value) -> String {
    let words = |schema: &Value| {
        let text = schema
            .get("description")
            .and_then(Value::as_str)
            .unwrap_or_default();
        text.replace('\n', " ").replace('|', "\\|")
    };
    let mut text = words(field);
    for choice in list(resolve(field), "oneOf") {
        if let Some(name) = choice.get("const").and_then(Value::as_str) {
            let _ = write!(text, " `{name}`: {}", words(choice));
        }
    }
    text
}
