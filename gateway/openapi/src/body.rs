//! The body of a request: which of the described media types is sent, and what its members are.

use crate::argument::{self, Form, Place, Style};
use crate::document::Document;
use crate::media;
use crate::members::{self, is_binary, is_file, is_object};
use crate::node::Node;

/// How the body's bytes come from its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Json,
    /// `application/x-www-form-urlencoded`.
    Form,
    Multipart,
    /// Given as base64.
    Bytes,
    Text,
}

pub(crate) struct Body<'a> {
    pub(crate) media: String,
    pub(crate) kind: Kind,
    pub(crate) required: bool,
    pub(crate) schema: Option<&'a Node>,
    /// Members, where the body is an object whose members can be arguments.
    pub(crate) members: Vec<Member<'a>>,
    pub(crate) description: Option<&'a str>,
}

pub(crate) struct Member<'a> {
    pub(crate) wire: &'a str,
    pub(crate) schema: &'a Node,
    pub(crate) required: bool,
    pub(crate) form: Form,
}

pub(crate) fn plain_form() -> Form {
    Form {
        style: Style::Form,
        explode: true,
        reserved: false,
        slashes: false,
        file: false,
        media: None,
    }
}

/// The body of an operation of OpenAPI 3; the error is why the operation cannot be offered.
pub(crate) fn of_content<'a>(
    document: &Document<'a>,
    operation: &'a Node,
) -> Result<Option<Body<'a>>, String> {
    let Some(node) = operation.get("requestBody") else {
        return Ok(None);
    };
    let node = document
        .resolve(node)
        .ok_or("its body is not in this document")?;
    let content = node.get("content").map(Node::entries).unwrap_or_default();
    let ranked = content
        .iter()
        .filter(|(_, value)| value.is_map())
        .min_by_key(|(name, value)| {
            let schema = value
                .get("schema")
                .and_then(|schema| document.resolve(schema));
            rank(document, name, schema)
        });
    let Some((name, value)) = ranked else {
        return Ok(None);
    };
    let schema = value.get("schema");
    let resolved = schema.and_then(|schema| document.resolve(schema));
    let kind = kind(document, name, resolved);
    // Who says nothing about it mostly means that it is needed.
    let said = node.get_bool("required");
    let mut body = Body {
        media: if kind == Kind::Json && !media::is_json(name) {
            "application/json".into()
        } else {
            media::field(name)
        },
        kind,
        required: said == Some(true),
        schema,
        members: Vec::new(),
        description: node.get_text("description"),
    };
    let encodings = value.get("encoding");
    if matches!(kind, Kind::Json | Kind::Form | Kind::Multipart) {
        for (wire, schema, required) in schema
            .and_then(|schema| members::of(document, schema))
            .unwrap_or_default()
        {
            let mut form = plain_form();
            form.file = is_file(document, schema);
            if let Some(encoding) = encodings.and_then(|encodings| encodings.get(wire)) {
                argument::styled(encoding, Place::Member, &mut form);
                form.media = encoding
                    .get_text("contentType")
                    .map(|list| media::field(list.split(',').next().unwrap_or_default()).into());
            }
            body.members.push(Member {
                wire,
                schema,
                required: required && said != Some(false),
                form,
            });
        }
    }
    Ok(Some(body))
}

/// The body of an operation of Swagger 2.0.
pub(crate) fn of_parameters<'a>(
    document: &Document<'a>,
    operation: &'a Node,
    whole: Option<&'a Node>,
    form: &[&'a Node],
) -> Option<Body<'a>> {
    let consumes = operation
        .get("consumes")
        .or_else(|| document.root.get("consumes"));
    let consumes: Vec<&str> = consumes
        .map(Node::items)
        .unwrap_or_default()
        .iter()
        .filter_map(Node::text)
        .collect();
    if let Some(node) = whole {
        let schema = node.get("schema");
        let resolved = schema.and_then(|schema| document.resolve(schema));
        let media = consumes
            .iter()
            .min_by_key(|name| rank(document, name, resolved))
            .unwrap_or(&"application/json");
        let kind = kind(document, media, resolved);
        let required = node.is_true("required");
        let found = if kind == Kind::Json {
            schema.and_then(|schema| members::of(document, schema))
        } else {
            None
        };
        return Some(Body {
            media: media::field(media),
            kind,
            required,
            schema,
            members: found
                .unwrap_or_default()
                .into_iter()
                .map(|(wire, schema, needed)| Member {
                    wire,
                    schema,
                    required: needed && node.get_bool("required") != Some(false),
                    form: plain_form(),
                })
                .collect(),
            description: node.get_text("description"),
        });
    }
    if form.is_empty() {
        return None;
    }
    let files = form
        .iter()
        .any(|node| node.get_text("type") == Some("file"));
    let multipart = files
        || consumes
            .iter()
            .any(|name| media::essence(name) == "multipart/form-data");
    let urlencoded = consumes
        .iter()
        .any(|name| media::essence(name) == "application/x-www-form-urlencoded");
    let kind = if files || (multipart && !urlencoded) {
        Kind::Multipart
    } else {
        Kind::Form
    };
    let members = form.iter().filter_map(|node| {
        let mut form = plain_form();
        form.explode = false;
        argument::collection(node, &mut form);
        form.file = node.get_text("type") == Some("file");
        Some(Member {
            wire: node.get_text("name")?,
            schema: node,
            required: node.is_true("required"),
            form,
        })
    });
    Some(Body {
        media: if kind == Kind::Form {
            "application/x-www-form-urlencoded"
        } else {
            "multipart/form-data"
        }
        .into(),
        kind,
        required: form.iter().any(|node| node.is_true("required")),
        schema: None,
        members: members.collect(),
        description: None,
    })
}

/// Which media type of several is sent: the least.
fn rank<'a>(document: &Document<'a>, name: &str, schema: Option<&'a Node>) -> u8 {
    let files = schema.is_some_and(|schema| {
        let properties = schema
            .get("properties")
            .map(Node::entries)
            .unwrap_or_default();
        properties.iter().any(|(_, property)| is_binary(property))
    });
    match kind(document, name, schema) {
        Kind::Json if media::is_json(name) => u8::from(media::essence(name) != "application/json"),
        Kind::Multipart if files => 2,
        Kind::Form => 3,
        Kind::Multipart => 4,
        Kind::Json => 5,
        Kind::Text => 6,
        Kind::Bytes => 7,
    }
}

fn kind<'a>(document: &Document<'a>, name: &str, schema: Option<&'a Node>) -> Kind {
    let essence = media::essence(name);
    match essence.as_str() {
        "application/x-www-form-urlencoded" => Kind::Form,
        _ if essence.starts_with("multipart/") => Kind::Multipart,
        _ if media::is_json(&essence) => Kind::Json,
        _ if media::is_text(&essence) => Kind::Text,
        // Any type, with members: JSON is one of them.
        _ if essence.contains('*')
            && schema.is_some_and(|schema| is_object(document, schema, 0)) =>
        {
            Kind::Json
        }
        _ => Kind::Bytes,
    }
}
