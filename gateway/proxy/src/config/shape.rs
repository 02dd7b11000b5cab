//! Whether the tree has the shape that the schema asks for.
//!
//! What has it becomes JSON for the types in `raw`; what has not becomes a fault and is left out, so that everything
//! else can still be checked. The schema decides how a scalar is read: a text is never guessed to be a number.

use serde_json::{Map, Value};

use super::fault::{Findings, Path, Shown};
use super::scalar;
use super::schema::{describe, has_type, resolve};
use super::tree::{Entry, Kind, Node};

/// Reads `node` as `schema` says; `None` where it cannot be read, which has then been noted.
pub(super) fn read(
    node: &Node,
    schema: &'static Value,
    path: &Path,
    findings: &mut Findings,
) -> Option<Value> {
    let schema = resolve(schema);
    if let Some(choices) = schema.get("anyOf").and_then(Value::as_array) {
        return read(node, choose(node, choices)?, path, findings);
    }
    match &node.kind {
        Kind::Broken => None,
        Kind::Scalar(scalar) => match scalar::read(scalar, schema) {
            Ok(value) => Some(value),
            Err((what, allowed)) => {
                findings.add(node.place, path, what, &allowed);
                None
            }
        },
        Kind::List(items) if has_type(schema, "array") => {
            read_list(node, items, schema, path, findings)
        }
        Kind::Map(entries) if has_type(schema, "object") => {
            read_map(node, entries, schema, path, findings)
        }
        Kind::List(_) => mismatch(node, "a list", schema, path, findings),
        Kind::Map(_) => mismatch(node, "a map", schema, path, findings),
    }
}

/// The choices of a union differ in their JSON type; a node of neither type is measured against the first.
fn choose(node: &Node, choices: &'static [Value]) -> Option<&'static Value> {
    let wanted = match node.kind {
        Kind::Map(_) => "object",
        Kind::List(_) => "array",
        Kind::Scalar(_) | Kind::Broken => "string",
    };
    choices
        .iter()
        .find(|choice| has_type(resolve(choice), wanted))
        .or_else(|| choices.first())
}

fn mismatch(
    node: &Node,
    found: &str,
    schema: &Value,
    path: &Path,
    findings: &mut Findings,
) -> Option<Value> {
    findings.add(
        node.place,
        path,
        format!("{found} where {} belongs", describe(schema)),
        "",
    );
    None
}

fn read_list(
    node: &Node,
    items: &[Node],
    schema: &'static Value,
    path: &Path,
    findings: &mut Findings,
) -> Option<Value> {
    bound_length(
        node,
        items.len(),
        "entries",
        [schema.get("minItems"), schema.get("maxItems")],
        path,
        findings,
    )?;
    let inner = schema.get("items")?;
    let read_item = |(index, item)| read(item, inner, &path.index(index), findings);
    Some(Value::Array(
        items.iter().enumerate().filter_map(read_item).collect(),
    ))
}

fn read_map(
    node: &Node,
    entries: &[Entry],
    schema: &'static Value,
    path: &Path,
    findings: &mut Findings,
) -> Option<Value> {
    let bounds = [schema.get("minProperties"), schema.get("maxProperties")];
    bound_length(node, entries.len(), "entries", bounds, path, findings)?;
    let known = schema.get("properties").and_then(Value::as_object);
    let free = schema
        .get("additionalProperties")
        .filter(|free| free.is_object());
    let mut fields = Map::new();
    for entry in entries {
        let below = path.key(&entry.key);
        match known.and_then(|known| known.get(&entry.key)).or(free) {
            Some(schema) => {
                if let Some(value) = read(&entry.value, schema, &below, findings) {
                    fields.insert(entry.key.clone(), value);
                }
            }
            None => unknown_key(entry, known, path, findings),
        }
    }
    let required = schema
        .get("required")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str);
    for key in required {
        let written = entries.iter().any(|entry| entry.key == key);
        if !written && !findings.suggest(path, &[key]) {
            findings.add(
                node.place,
                &path.key(key),
                format!("`{key}` is missing"),
                "",
            );
        }
    }
    Some(Value::Object(fields))
}

fn unknown_key(
    entry: &Entry,
    known: Option<&'static Map<String, Value>>,
    path: &Path,
    findings: &mut Findings,
) {
    let keys: Vec<&str> = known
        .into_iter()
        .flat_map(Map::keys)
        .map(String::as_str)
        .collect();
    let at = path.to_string();
    let within = if at.is_empty() {
        String::new()
    } else {
        format!(" at {at}")
    };
    let what = format!("unknown key `{}`{within}", Shown(&entry.key));
    let nearest = nearest(&entry.key, &keys).map(str::to_owned);
    findings.add_key(
        entry.place,
        &path.key(&entry.key),
        what,
        &keys.join(", "),
        nearest,
    );
}

/// The key that was probably meant: the same but for its case and separators, or a typing error or two away.
fn nearest<'a>(written: &str, keys: &[&'a str]) -> Option<&'a str> {
    let bare = |text: &str| {
        text.chars()
            .filter(|c| c.is_alphanumeric())
            .collect::<String>()
            .to_lowercase()
    };
    let written = bare(written);
    let distance = |key: &&'a str| (strsim::damerau_levenshtein(&written, &bare(key)), *key);
    let (distance, key) = keys.iter().map(distance).min()?;
    let tolerated = (written.chars().count().max(key.len()) / 3).clamp(1, 3);
    (distance <= tolerated).then_some(key)
}

fn bound_length(
    node: &Node,
    length: usize,
    unit: &str,
    [min, max]: [Option<&Value>; 2],
    path: &Path,
    findings: &mut Findings,
) -> Option<()> {
    let min = min.and_then(Value::as_u64).unwrap_or(0);
    let max = max.and_then(Value::as_u64).unwrap_or(u64::MAX);
    if (min..=max).contains(&(length as u64)) {
        return Some(());
    }
    // Entries that were refused already are not missing.
    if length < min as usize && findings.touch(path) {
        return None;
    }
    findings.add(
        node.place,
        path,
        format!("{length} {unit}"),
        &format!("{min} to {max} {unit}"),
    );
    None
}
