//! The answers of an operation: what is described of those that succeed.

use crate::document::{Document, Version};
use crate::media;
use crate::node::Node;

/// The schema of a successful answer in JSON, and the media types of successful answers.
pub(crate) fn described<'a>(
    document: &Document<'a>,
    operation: &'a Node,
) -> (Option<&'a Node>, Vec<&'a str>) {
    let responses = operation
        .get("responses")
        .map(Node::entries)
        .unwrap_or_default();
    let good = |code: &str| code.starts_with('2');
    let mut chosen: Vec<&(Box<str>, Node)> =
        responses.iter().filter(|(code, _)| good(code)).collect();
    chosen.sort_by_key(|(code, _)| (&**code != "200", code.clone()));
    if chosen.is_empty() {
        chosen = responses
            .iter()
            .filter(|(code, _)| &**code == "default")
            .collect();
    }
    let mut schema = None;
    let mut types: Vec<&str> = Vec::new();
    for (_, response) in chosen {
        let Some(response) = document.resolve(response) else {
            continue;
        };
        if document.version == Version::Swagger {
            let produces = operation
                .get("produces")
                .or_else(|| document.root.get("produces"));
            types.extend(
                produces
                    .map(Node::items)
                    .unwrap_or_default()
                    .iter()
                    .filter_map(Node::text),
            );
            let json = types.is_empty() || types.iter().any(|name| media::is_json(name));
            let described = response
                .get("schema")
                .filter(|schema| schema.get_text("type") != Some("file"));
            schema = schema.or(described.filter(|_| json));
            continue;
        }
        for (name, value) in response
            .get("content")
            .map(Node::entries)
            .unwrap_or_default()
        {
            types.push(name);
            if media::is_json(name) {
                schema = schema.or_else(|| value.get("schema"));
            }
        }
    }
    types.dedup();
    (schema, types)
}
