//! The operations of a document, and what their parameters are together.

use crate::Skipped;
use crate::argument::{self, Described, Form, Parameter, Place, Style};
use crate::document::Document;
use crate::node::Node;
use crate::path::{Piece, Template};

/// Methods that a tool can have. `TRACE` shows a caller the headers that the gateway adds.
const METHODS: [(&str, &str); 8] = [
    ("get", "GET"),
    ("put", "PUT"),
    ("post", "POST"),
    ("delete", "DELETE"),
    ("options", "OPTIONS"),
    ("head", "HEAD"),
    ("patch", "PATCH"),
    ("query", "QUERY"),
];

/// Parameters of one operation.
const PARAMETERS_MAX: usize = 5_000;

#[derive(Clone)]
pub(crate) struct Operation<'a> {
    pub(crate) method: &'static str,
    pub(crate) path: &'a str,
    pub(crate) id: Option<&'a str>,
    pub(crate) tags: Vec<&'a str>,
    pub(crate) node: &'a Node,
    pub(crate) item: &'a Node,
}

impl Operation<'_> {
    pub(crate) fn label(&self) -> String {
        format!("{} {}", self.method, self.path)
    }
}

/// Every operation of the document, or why it is none.
pub(crate) fn all<'a>(document: &Document<'a>) -> (Vec<Operation<'a>>, Vec<Skipped>) {
    let mut operations = Vec::new();
    let mut skipped = Vec::new();
    let mut skip = |operation: String, reason: &str| {
        skipped.push(Skipped {
            operation,
            reason: reason.to_owned(),
        });
    };
    let paths = document
        .root
        .get("paths")
        .map(Node::entries)
        .unwrap_or_default();
    for (path, item) in paths.iter().filter(|(path, _)| !path.starts_with("x-")) {
        let Some(item) = document.resolve(item).filter(|item| item.is_map()) else {
            skip(path.to_string(), "its description is not in this document");
            continue;
        };
        for (key, node) in item.entries() {
            let Some((_, method)) = METHODS.into_iter().find(|(name, _)| **name == **key) else {
                match &**key {
                    "trace" => skip(format!("TRACE {path}"), "the method TRACE is not offered"),
                    "additionalOperations" => {
                        for (method, _) in node.entries() {
                            skip(
                                format!("{method} {path}"),
                                "a method of its own is not offered",
                            );
                        }
                    }
                    _ => {}
                }
                continue;
            };
            if !node.is_map() {
                skip(format!("{method} {path}"), "the operation is no object");
                continue;
            }
            operations.push(Operation {
                method,
                path,
                id: node
                    .get_text("operationId")
                    .map(str::trim)
                    .filter(|id| !id.is_empty()),
                tags: node
                    .get("tags")
                    .map(Node::items)
                    .unwrap_or_default()
                    .iter()
                    .filter_map(Node::text)
                    .collect(),
                node,
                item,
            });
        }
    }
    (operations, skipped)
}

/// What an operation takes besides a body of OpenAPI 3.
#[derive(Default)]
pub(crate) struct Taken<'a> {
    pub(crate) parameters: Vec<Parameter<'a>>,
    pub(crate) body: Option<&'a Node>,
    pub(crate) form: Vec<&'a Node>,
    pub(crate) notes: Vec<String>,
}

/// The parameters of the path and of the operation, those of the operation first where both have one.
pub(crate) fn taken<'a>(
    document: &Document<'a>,
    operation: &Operation<'a>,
    template: &Template,
) -> Result<Taken<'a>, String> {
    let mut taken = Taken::default();
    let own = operation
        .node
        .get("parameters")
        .map(Node::items)
        .unwrap_or_default();
    let shared = operation
        .item
        .get("parameters")
        .map(Node::items)
        .unwrap_or_default();
    if own.len() + shared.len() > PARAMETERS_MAX {
        return Err(format!("it has more than {PARAMETERS_MAX} parameters"));
    }
    for node in own.iter().chain(shared) {
        match argument::describe(document, node)? {
            Described::Ignored(why) => taken.notes.push(why),
            Described::Body(node) => taken.body = taken.body.or(Some(node)),
            Described::Form(node) => {
                let name = node.get_text("name");
                if !taken
                    .form
                    .iter()
                    .any(|other| other.get_text("name") == name)
                {
                    taken.form.push(node);
                }
            }
            Described::Parameter(parameter) => add(&mut taken, *parameter, template),
        }
    }
    for piece in &template.pieces {
        let Piece::Value(name) = piece else { continue };
        let known =
            |parameter: &Parameter<'_>| parameter.place == Place::Path && *parameter.wire == **name;
        if taken.parameters.iter().any(known) {
            continue;
        }
        // Its name is in the path of the document, from which it is taken so that it lives as long.
        let Some(wire) = operation
            .path
            .find(&format!("{{{name}}}"))
            .and_then(|at| operation.path.get(at + 1..at + 1 + name.len()))
        else {
            return Err(format!("the path parameter `{name}` is not described"));
        };
        taken.notes.push(format!(
            "the path parameter `{name}` is not described: taken as text"
        ));
        taken.parameters.push(Parameter {
            wire,
            place: Place::Path,
            required: true,
            form: Form {
                style: Style::Simple,
                explode: false,
                reserved: false,
                slashes: false,
                file: false,
                media: None,
            },
            schema: None,
            description: None,
        });
    }
    Ok(taken)
}

fn add<'a>(taken: &mut Taken<'a>, parameter: Parameter<'a>, template: &Template) {
    let same = |other: &Parameter<'_>| {
        let names = match parameter.place {
            Place::Header => other.wire.eq_ignore_ascii_case(parameter.wire),
            _ => other.wire == parameter.wire,
        };
        names && other.place == parameter.place
    };
    if taken.parameters.iter().any(same) {
        return;
    }
    let wire = parameter.wire;
    let in_path = || template.pieces.contains(&Piece::Value(wire.into()));
    if parameter.place == Place::Path && !in_path() {
        taken
            .notes
            .push(format!("the path has no place for its parameter `{wire}`"));
        return;
    }
    let fixed = template
        .query
        .split('&')
        .any(|pair| pair.split('=').next() == Some(wire));
    if parameter.place == Place::Query && fixed {
        return;
    }
    taken.parameters.push(parameter);
}
