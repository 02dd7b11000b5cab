//! Whether the tree has the shape that the schema asks for.
//!
//! What has it becomes JSON for the types in `raw`; what has not becomes a fault and is left out, so that everything
//! else can still be checked. The schema decides how a scalar is read: a text is never guessed to be a number.

use serde_json::{Map, Value};

use super::fault::{Findings, Path, Shown};
use super::quantity::{PERIOD_FORM, Period, SIZE_FORM, Size};
use super::schema::resolve;
use super::tree::{Entry, Kind, Node, Reading, Scalar};

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
        Kind::Scalar(scalar) => match read_scalar(scalar, schema) {
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

fn has_type(schema: &Value, wanted: &str) -> bool {
    match schema.get("type") {
        Some(Value::String(kind)) => kind == wanted,
        Some(Value::Array(kinds)) => kinds.iter().any(|kind| kind == wanted),
        _ => false,
    }
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
    findings.add(
        node.place,
        path,
        format!("{length} {unit}"),
        &format!("{min} to {max} {unit}"),
    );
    None
}

/// What is wrong, and what is allowed.
type Wrong = (String, String);

fn read_scalar(scalar: &Scalar, schema: &Value) -> Result<Value, Wrong> {
    let wrong = |what: &str| Err((what.to_owned(), describe(schema)));
    if scalar.reading() == Reading::Null {
        return wrong("no value; leave the key out, or write one");
    }
    match schema.get("format").and_then(Value::as_str) {
        Some("size") => return read_size(scalar, schema),
        Some("period") => return read_period(scalar, schema),
        _ => {}
    }
    if has_type(schema, "boolean") {
        return match scalar.text.as_str() {
            "true" => Ok(true.into()),
            "false" => Ok(false.into()),
            _ => wrong(&format!(
                "`{}` is neither yes nor no",
                Shown(scalar.shown())
            )),
        };
    }
    if has_type(schema, "integer") {
        return read_integer(scalar, schema);
    }
    if !has_type(schema, "string") && choices(schema).is_empty() {
        return wrong(&format!(
            "`{}` where {} belongs",
            Shown(scalar.shown()),
            describe(schema)
        ));
    }
    match scalar.reading() {
        Reading::Number => return wrong(&format!("`{}` is a number", Shown(scalar.shown()))),
        Reading::Boolean(_) => {
            return wrong(&format!("`{}` is a yes or no", Shown(scalar.shown())));
        }
        Reading::Null | Reading::Text => {}
    }
    let choices = choices(schema);
    if !choices.is_empty() && !choices.contains(&scalar.text.as_str()) {
        return wrong(&format!(
            "`{}` is not one of the choices",
            Shown(scalar.shown())
        ));
    }
    Ok(scalar.text.clone().into())
}

fn read_integer(scalar: &Scalar, schema: &Value) -> Result<Value, Wrong> {
    let bounds =
        [schema.get("minimum"), schema.get("maximum")].map(|bound| bound.and_then(Value::as_u64));
    let allowed = || {
        format!(
            "a whole number from {} to {}",
            bounds[0].unwrap_or(0),
            bounds[1].unwrap_or(u64::MAX)
        )
    };
    let number = if scalar.plain {
        scalar.text.parse::<u64>().ok()
    } else {
        None
    };
    let number = number.ok_or_else(|| {
        (
            format!("`{}` is not a whole number", Shown(scalar.shown())),
            allowed(),
        )
    })?;
    if number < bounds[0].unwrap_or(0) || number > bounds[1].unwrap_or(u64::MAX) {
        return Err((
            format!("{} is out of bounds", Shown(scalar.shown())),
            allowed(),
        ));
    }
    Ok(number.into())
}

fn read_size(scalar: &Scalar, schema: &Value) -> Result<Value, Wrong> {
    let shown = Shown(scalar.shown());
    let size = Size::parse(&scalar.text)
        .ok_or_else(|| (format!("`{shown}` is not a size"), SIZE_FORM.to_owned()))?;
    let bound = |key| schema.get(key).and_then(Value::as_u64).map(Size);
    within(size, bound("minimum"), bound("maximum"), &shown)
}

fn read_period(scalar: &Scalar, schema: &Value) -> Result<Value, Wrong> {
    let shown = Shown(scalar.shown());
    let period = Period::parse(&scalar.text)
        .ok_or_else(|| (format!("`{shown}` is not a period"), PERIOD_FORM.to_owned()))?;
    let bound = |key| schema.get(key).and_then(Value::as_u64).map(Period::from_ms);
    within(period, bound("x-min-ms"), bound("x-max-ms"), &shown)
}

fn within<T: PartialOrd + ToString>(
    value: T,
    min: Option<T>,
    max: Option<T>,
    shown: &Shown<'_>,
) -> Result<Value, Wrong> {
    let outside = min.as_ref().is_some_and(|min| value < *min)
        || max.as_ref().is_some_and(|max| value > *max);
    if outside {
        let [min, max] = [min, max]
            .map(|bound| bound.map_or_else(|| "any".to_owned(), |bound| bound.to_string()));
        return Err((
            format!("`{shown}` is out of bounds"),
            format!("{min} to {max}"),
        ));
    }
    Ok(value.to_string().into())
}

/// The texts of an enumeration, which is a list of constants where its values have descriptions.
pub(super) fn choices(schema: &Value) -> Vec<&str> {
    let listed = schema
        .get("enum")
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    let described = schema
        .get("oneOf")
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    let constants = described.flat_map(|one| {
        let several = one
            .get("enum")
            .and_then(Value::as_array)
            .into_iter()
            .flatten();
        one.get("const").into_iter().chain(several)
    });
    listed.chain(constants).filter_map(Value::as_str).collect()
}

/// What the schema asks for, in words.
pub(super) fn describe(schema: &Value) -> String {
    let choices = choices(schema);
    if !choices.is_empty() {
        return choices.join(", ");
    }
    let words = match schema.get("format").and_then(Value::as_str) {
        Some("size") => SIZE_FORM,
        Some("period") => PERIOD_FORM,
        Some("secret") => {
            "text such as `${PASSWORD}` or `file:/run/secrets/password`; put it in quotes if it looks like something else"
        }
        _ if has_type(schema, "boolean") => "`true` or `false`",
        _ if has_type(schema, "integer") => "a whole number",
        _ if has_type(schema, "array") => "a list",
        _ if has_type(schema, "object") => "a map",
        _ => "text; put it in quotes if it looks like something else",
    };
    words.to_owned()
}
