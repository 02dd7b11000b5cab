//! A description of an API as a whole: its version, and where its references lead.

use std::cell::RefCell;
use std::collections::HashMap;

use crate::Unreadable;
use crate::node::Node;
use crate::yaml;

/// References that lead to references, at most.
const HOPS_MAX: usize = 32;

/// The generations of the specification whose schemas read differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Version {
    /// Swagger 2.0.
    Swagger,
    /// OpenAPI 3.0: schemas of a dialect of its own.
    Three,
    /// OpenAPI 3.1 and 3.2: JSON Schema 2020-12.
    ThreeOne,
}

/// Reads JSON, else YAML.
pub(crate) fn parse(text: &str) -> Result<(Version, Node), Unreadable> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let root = if text.trim_start().starts_with('{') {
        // Flow style of YAML begins with a brace too.
        serde_json::from_str(text).or_else(|error| {
            yaml::read(text).map_err(|_| Unreadable::Json {
                line: error.line(),
                why: error.to_string(),
            })
        })?
    } else {
        yaml::read(text)?
    };
    let said = |key| match root.get(key) {
        Some(Node::Text(text)) => Some(text.to_string()),
        Some(Node::Number(number)) => Some(number.to_string()),
        _ => None,
    };
    let version = match (said("swagger"), said("openapi")) {
        (_, Some(version)) if version.starts_with("3.0") || version == "3" => Version::Three,
        (_, Some(version)) if version.starts_with("3.") => Version::ThreeOne,
        (Some(version), _) if version.starts_with('2') => Version::Swagger,
        (swagger, openapi) => {
            return Err(Unreadable::Version(openapi.or(swagger).unwrap_or_default()));
        }
    };
    Ok((version, root))
}

pub(crate) struct Document<'a> {
    pub(crate) version: Version,
    pub(crate) root: &'a Node,
    found: RefCell<HashMap<&'a str, Option<&'a Node>>>,
}

impl<'a> Document<'a> {
    pub(crate) fn new(version: Version, root: &'a Node) -> Document<'a> {
        Document {
            version,
            root,
            found: RefCell::new(HashMap::new()),
        }
    }

    /// Where a reference of this document leads, through any others; `None` where it leaves the document, leads
    /// nowhere or goes round.
    pub(crate) fn follow(&self, reference: &'a str) -> Option<&'a Node> {
        let mut reference = reference;
        for _ in 0..HOPS_MAX {
            let node = self.at(reference)?;
            match node.get_text("$ref") {
                Some(next) if plain_reference(node) => reference = next,
                _ => return Some(node),
            }
        }
        None
    }

    /// The value itself, or where its `$ref` leads.
    pub(crate) fn resolve(&self, node: &'a Node) -> Option<&'a Node> {
        match node.get_text("$ref") {
            Some(reference) => self.follow(reference),
            None => Some(node),
        }
    }

    fn at(&self, reference: &'a str) -> Option<&'a Node> {
        if let Some(found) = self.found.borrow().get(reference) {
            return *found;
        }
        let found = pointer(self.root, reference);
        self.found.borrow_mut().insert(reference, found);
        found
    }

    /// The path at which the document says that its first server serves: never its host.
    pub(crate) fn base_path(&self) -> String {
        let path = match self.version {
            Version::Swagger => self
                .root
                .get_text("basePath")
                .unwrap_or_default()
                .to_owned(),
            _ => {
                let server = self
                    .root
                    .get("servers")
                    .and_then(|servers| servers.items().first());
                server.map(server_path).unwrap_or_default()
            }
        };
        let path = path
            .split(['?', '#'])
            .next()
            .unwrap_or_default()
            .trim_matches('/')
            .to_owned();
        if path.is_empty() || !crate::path::is_plain(&path) {
            return String::new();
        }
        format!("/{path}")
    }
}

fn plain_reference(node: &Node) -> bool {
    node.entries().iter().all(|(key, _)| {
        matches!(&**key, "$ref" | "description" | "summary" | "title") || key.starts_with("x-")
    })
}

fn server_path(server: &Node) -> String {
    let mut url = server.get_text("url").unwrap_or_default().to_owned();
    for (name, variable) in server
        .get("variables")
        .map(Node::entries)
        .unwrap_or_default()
    {
        let default = variable.get_text("default").unwrap_or_default();
        url = url.replace(&format!("{{{name}}}"), default);
    }
    match url.split_once("://") {
        Some((_, rest)) => rest
            .split_once('/')
            .map(|(_, path)| path.to_owned())
            .unwrap_or_default(),
        None => url,
    }
}

/// A JSON Pointer in a URI fragment (RFC 6901, section 6).
fn pointer<'a>(root: &'a Node, reference: &str) -> Option<&'a Node> {
    let fragment = reference.strip_prefix('#')?;
    if fragment.is_empty() {
        return Some(root);
    }
    let mut node = root;
    for token in fragment.strip_prefix('/')?.split('/') {
        let step = |token: &str| {
            let token = token.replace("~1", "/").replace("~0", "~");
            match node {
                Node::List(items) => items.get(token.parse::<usize>().ok()?),
                node => node.get(&token),
            }
        };
        // Many authors do not percent-encode what they point at.
        node = step(token).or_else(|| step(&crate::encode::decoded(token)))?;
    }
    Some(node)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_followed_inside_the_document_only() {
        let text = r##"{"openapi":"3.0.1","servers":[{"url":"https://{h}/v{n}/","variables":{"n":{"default":"2"}}}],
          "components":{"schemas":{"A":{"$ref":"#/components/schemas/B"},"B":{"type":"string"},
          "C":{"$ref":"#/components/schemas/C"},"a/b c":{"type":"object"}}}}"##;
        let (version, root) = parse(text).unwrap();
        let document = Document::new(version, &root);
        assert_eq!(document.base_path(), "/v2");
        assert_eq!(
            document
                .follow("#/components/schemas/A")
                .unwrap()
                .get_text("type"),
            Some("string")
        );
        assert_eq!(
            document
                .follow("#/components/schemas/a~1b%20c")
                .unwrap()
                .get_text("type"),
            Some("object")
        );
        for lost in [
            "#/components/schemas/C",
            "#/components/schemas/D",
            "other.yaml#/A",
            "http://x/y",
            "#name",
        ] {
            assert!(document.follow(lost).is_none(), "{lost}");
        }
    }
}
