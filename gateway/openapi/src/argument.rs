//! Parameters of an operation: where each goes, and in which style.

use crate::document::{Document, Version};
use crate::node::Node;

/// How a value that is a list or an object becomes text (OpenAPI 3.1, Parameter Object, style values).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    Simple,
    Label,
    Matrix,
    Form,
    Space,
    Pipe,
    /// `collectionFormat: tsv` of Swagger 2.0.
    Tab,
    Deep,
    /// The whole value as JSON (`content`).
    Json,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    Path,
    Query,
    Header,
    Cookie,
    /// The whole body.
    Body,
    /// A member of the body.
    Member,
}

impl Place {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Place::Path => "path",
            Place::Query => "query",
            Place::Header => "header",
            Place::Cookie => "cookie",
            Place::Body | Place::Member => "body",
        }
    }
}

/// How one value is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Form {
    pub(crate) style: Style,
    pub(crate) explode: bool,
    /// Reserved characters stay as they are; in a path, slashes too.
    pub(crate) reserved: bool,
    /// In a path: slashes are sent as `%2F` instead of being refused.
    pub(crate) slashes: bool,
    /// Given as base64, sent as bytes.
    pub(crate) file: bool,
    /// The media type of a part of a multipart body.
    pub(crate) media: Option<Box<str>>,
}

/// A parameter as described.
pub(crate) struct Parameter<'a> {
    pub(crate) wire: &'a str,
    pub(crate) place: Place,
    pub(crate) required: bool,
    pub(crate) form: Form,
    pub(crate) schema: Option<&'a Node>,
    pub(crate) description: Option<&'a str>,
}

/// What a parameter turned out to be.
pub(crate) enum Described<'a> {
    Parameter(Box<Parameter<'a>>),
    /// `in: body` of Swagger 2.0.
    Body(&'a Node),
    /// `in: formData` of Swagger 2.0.
    Form(&'a Node),
    /// Not an argument, and why.
    Ignored(String),
}

/// Reads one parameter; the error is why its operation cannot be offered.
pub(crate) fn describe<'a>(
    document: &Document<'a>,
    node: &'a Node,
) -> Result<Described<'a>, String> {
    let node = document.resolve(node).ok_or_else(|| {
        format!(
            "parameter {} is not in this document",
            node.get_text("$ref").unwrap_or_default()
        )
    })?;
    let wire = node
        .get_text("name")
        .filter(|name| !name.is_empty())
        .ok_or("a parameter has no name")?;
    let place = match node.get_text("in") {
        Some("path") => Place::Path,
        Some("query") => Place::Query,
        Some("header") => Place::Header,
        Some("cookie") => Place::Cookie,
        Some("body") if document.version == Version::Swagger => return Ok(Described::Body(node)),
        Some("formData" | "form") if document.version == Version::Swagger => {
            return Ok(Described::Form(node));
        }
        Some("querystring") => return Err(format!("parameter `{wire}` is a whole query string")),
        _ => return Err(format!("parameter `{wire}` says no place that is known")),
    };
    let required = place == Place::Path || node.is_true("required");
    if place == Place::Header && is_reserved_header(wire) {
        return Ok(Described::Ignored(format!(
            "header `{wire}` is set by the gateway alone"
        )));
    }
    if matches!(place, Place::Header | Place::Cookie) && !is_token(wire) {
        let why = format!("`{wire}` cannot be the name of a {}", place.name());
        return if required {
            Err(why)
        } else {
            Ok(Described::Ignored(why))
        };
    }
    let content = node
        .get("content")
        .and_then(|content| content.entries().first());
    let schema = match (document.version, content) {
        (Version::Swagger, _) => Some(node),
        (_, Some((_, media))) => media.get("schema"),
        _ => node.get("schema"),
    };
    Ok(Described::Parameter(Box::new(Parameter {
        wire,
        place,
        required,
        form: form(document, node, place, content.map(|(name, _)| &**name)),
        schema,
        description: node.get_text("description"),
    })))
}

fn form(document: &Document<'_>, node: &Node, place: Place, content: Option<&str>) -> Form {
    let mut form = Form {
        style: match place {
            Place::Path | Place::Header => Style::Simple,
            _ => Style::Form,
        },
        explode: false,
        reserved: node.is_true("allowReserved") || node.is_true("x-multi-segment"),
        slashes: false,
        file: false,
        media: None,
    };
    if document.version == Version::Swagger {
        collection(node, &mut form);
        return form;
    }
    if content.is_some_and(|media| crate::media::is_json(media) || !media.starts_with("text/")) {
        form.style = Style::Json;
        return form;
    }
    styled(node, place, &mut form);
    form
}

/// Reads `style` and `explode`.
pub(crate) fn styled(node: &Node, place: Place, form: &mut Form) {
    form.style = match (place, node.get_text("style")) {
        (Place::Path, Some("label")) => Style::Label,
        (Place::Path, Some("matrix")) => Style::Matrix,
        (Place::Path | Place::Header, _) => Style::Simple,
        (Place::Query | Place::Member, Some("spaceDelimited")) => Style::Space,
        (Place::Query | Place::Member, Some("pipeDelimited")) => Style::Pipe,
        (Place::Query | Place::Member, Some("deepObject")) => Style::Deep,
        _ => Style::Form,
    };
    form.explode = node
        .get_bool("explode")
        .unwrap_or(form.style == Style::Form);
}

/// Reads `collectionFormat` of Swagger 2.0.
pub(crate) fn collection(node: &Node, form: &mut Form) {
    match node.get_text("collectionFormat") {
        Some("multi") => form.explode = true,
        Some("ssv") => form.style = Style::Space,
        Some("tsv") => form.style = Style::Tab,
        Some("pipes") => form.style = Style::Pipe,
        _ => {}
    }
}

/// A token (RFC 9110, section 5.6.2): what a field or a cookie may be called.
pub(crate) fn is_token(name: &str) -> bool {
    !name.is_empty()
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}

/// Fields that decide where a request goes, how it is framed, on whose behalf it comes or how it is answered.
pub(crate) fn is_reserved_header(name: &str) -> bool {
    const NAMES: [&str; 24] = [
        "accept",
        "accept-encoding",
        "authorization",
        "connection",
        "content-encoding",
        "content-length",
        "content-type",
        "cookie",
        "dpop",
        "expect",
        "forwarded",
        "host",
        "http2-settings",
        "keep-alive",
        "origin",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "via",
        "x-http-method",
        "x-http-method-override",
        "x-method-override",
        "x-original-url",
    ];
    let name = name.to_ascii_lowercase();
    NAMES.contains(&name.as_str())
        || [
            "x-forwarded-",
            "x-real-",
            "x-rewrite-",
            "mcp-",
            "proxy-",
            "sec-",
        ]
        .iter()
        .any(|prefix| name.starts_with(prefix))
}
