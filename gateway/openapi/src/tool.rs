//! A tool: its definition, and what is needed to call it.

use crate::answer::Answering;
use crate::argument::{Form, Place};
use crate::body::Kind;
use crate::node::quote;
use crate::path::Template;

/// One operation of an API as a tool of an MCP server.
#[derive(Debug)]
pub struct Tool {
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) input_schema: String,
    pub(crate) output_schema: Option<String>,
    pub(crate) annotations: String,
    pub(crate) operation: String,
    pub(crate) notes: Vec<String>,
    pub(crate) call: Call,
    pub(crate) answering: Answering,
}

/// What a request is built from.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) method: &'static str,
    pub(crate) template: Template,
    pub(crate) arguments: Vec<Argument>,
    pub(crate) payload: Option<Payload>,
    pub(crate) accept: String,
}

#[derive(Debug)]
pub(crate) struct Argument {
    pub(crate) name: Box<str>,
    pub(crate) wire: Box<str>,
    pub(crate) place: Place,
    pub(crate) required: bool,
    pub(crate) form: Form,
    /// Not offered; the JSON that is sent in its place.
    pub(crate) hidden: Option<Option<Box<str>>>,
}

#[derive(Debug)]
pub(crate) struct Payload {
    pub(crate) kind: Kind,
    pub(crate) media: Box<str>,
    pub(crate) required: bool,
    /// Whether the members are arguments of their own.
    pub(crate) flat: bool,
}

impl Tool {
    /// Letters, digits, `_` and `-`, at most 64; unique among the tools of its API, whatever the case of letters.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What a model reads about it.
    pub fn description(&self) -> &str {
        &self.description
    }

    /// JSON Schema 2020-12, an object at its root, as JSON text.
    pub fn input_schema(&self) -> &str {
        &self.input_schema
    }

    /// JSON Schema 2020-12, an object at its root, as JSON text.
    pub fn output_schema(&self) -> Option<&str> {
        self.output_schema.as_deref()
    }

    /// Method and path as the document has them.
    pub fn operation(&self) -> &str {
        &self.operation
    }

    /// What was left out or taken otherwise than the document says, in words for the operator.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// The tool as an element of `tools/list` (MCP 2025-06-18 and later, `Tool`), as JSON text.
    pub fn definition(&self) -> String {
        let mut out = String::with_capacity(self.input_schema.len() + self.description.len() + 400);
        out.push_str("{\"name\":");
        quote(&self.name, &mut out);
        out.push_str(",\"description\":");
        quote(&self.description, &mut out);
        out.push_str(",\"inputSchema\":");
        out.push_str(&self.input_schema);
        if let Some(schema) = &self.output_schema {
            out.push_str(",\"outputSchema\":");
            out.push_str(schema);
        }
        out.push_str(",\"annotations\":");
        out.push_str(&self.annotations);
        out.push('}');
        out
    }

    /// Bytes of its definition.
    pub fn bytes(&self) -> usize {
        self.definition().len()
    }
}
