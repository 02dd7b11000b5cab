//! Objects whose members can be arguments, and what a schema holds: objects, bytes.

use crate::document::Document;
use crate::node::Node;

/// Schemas that one is put together from, and levels of them.
const PARTS_MAX: usize = 30;
const PARTS_DEPTH_MAX: u8 = 3;
/// Members that become arguments.
const MEMBERS_MAX: usize = 2_000;

pub(crate) fn is_binary(schema: &Node) -> bool {
    schema.get_text("format") == Some("binary")
        || schema.get_text("type") == Some("file")
        || (schema.get_text("contentMediaType").is_some()
            && schema.get_text("type") != Some("object"))
}

pub(crate) fn is_file<'a>(document: &Document<'a>, schema: &'a Node) -> bool {
    let Some(schema) = document.resolve(schema) else {
        return false;
    };
    let items = schema
        .get("items")
        .and_then(|items| document.resolve(items));
    is_binary(schema) || items.is_some_and(is_binary)
}

/// Whether a schema describes objects.
pub(crate) fn is_object<'a>(document: &Document<'a>, schema: &'a Node, depth: u8) -> bool {
    if depth > PARTS_DEPTH_MAX {
        return false;
    }
    let (types, _) = crate::keyword::types(schema);
    if !types.is_empty() {
        return types == ["object"];
    }
    let all = schema.get("allOf").map(Node::items).unwrap_or_default();
    let any = schema
        .get("anyOf")
        .or_else(|| schema.get("oneOf"))
        .map(Node::items)
        .unwrap_or_default();
    // Parts may refer to what they are parts of: few are looked at, and not deep.
    let object = |part: &'a Node| {
        document
            .resolve(part)
            .is_some_and(|part| is_object(document, part, depth + 1))
    };
    schema.get("properties").is_some_and(Node::is_map)
        || schema.get("additionalProperties").is_some_and(Node::is_map)
        || all.iter().take(PARTS_MAX).any(object)
        || (!any.is_empty() && any.iter().take(PARTS_MAX).all(object))
}

/// The members of an object that can be arguments of their own: name, schema, whether it is required.
pub(crate) fn of<'a>(
    document: &Document<'a>,
    schema: &'a Node,
) -> Option<Vec<(&'a str, &'a Node, bool)>> {
    let mut found = Vec::new();
    let mut required = Vec::new();
    let mut parts = 0;
    gather(document, schema, &mut parts, &mut found, &mut required)?;
    if found.len() > MEMBERS_MAX {
        return None;
    }
    if found.is_empty() {
        return None;
    }
    let list = found
        .into_iter()
        .map(|(name, schema)| (name, schema, required.contains(&name)));
    Some(list.collect())
}

/// `None` where the schema says more than members.
fn gather<'a>(
    document: &Document<'a>,
    schema: &'a Node,
    parts: &mut usize,
    found: &mut Vec<(&'a str, &'a Node)>,
    required: &mut Vec<&'a str>,
) -> Option<()> {
    const QUIET: [&str; 14] = [
        "type",
        "properties",
        "required",
        "description",
        "title",
        "example",
        "examples",
        "xml",
        "externalDocs",
        "deprecated",
        "default",
        "allOf",
        "additionalProperties",
        "discriminator",
    ];
    *parts += 1;
    let schema = document.resolve(schema).filter(|_| *parts <= PARTS_MAX)?;
    let quiet = |key: &str| {
        QUIET.contains(&key) || key.starts_with("x-") || key == "$schema" || key == "$id"
    };
    if !schema.entries().iter().all(|(key, _)| quiet(key)) || !is_object(document, schema, 0) {
        return None;
    }
    if !matches!(
        schema.get("additionalProperties"),
        None | Some(Node::Bool(false))
    ) {
        return None;
    }
    for part in schema.get("allOf").map(Node::items).unwrap_or_default() {
        gather(document, part, parts, found, required)?;
    }
    required.extend(crate::keyword::required(schema, "readOnly"));
    for (name, property) in schema
        .get("properties")
        .map(Node::entries)
        .unwrap_or_default()
    {
        found.retain(|(other, _)| *other != &**name);
        if !property.is_true("readOnly") {
            found.push((name, property));
        }
    }
    Some(())
}
