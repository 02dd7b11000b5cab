//! REST APIs as MCP tools.
//!
//! [`read`] takes the text of a description (Swagger 2.0, OpenAPI 3.0, 3.1 and 3.2; JSON or YAML) and makes one
//! [`Tool`] of each operation, or says why not. A tool knows its definition for `tools/list`
//! ([`Tool::definition`]), builds the HTTP request of a call from the call's arguments ([`Tool::request`]), and
//! tells the HTTP answer as the result of the call ([`Tool::answer`]).
//!
//! The crate opens no socket and no file, follows no reference out of the document, and takes no host from it: a
//! request says only what comes after the address that the operator configured. It knows nothing of the gateway.

mod answer;
mod argument;
mod body;
mod build;
mod defs;
mod document;
mod encode;
mod fit;
mod keyword;
mod link;
mod media;
mod members;
mod name;
mod node;
mod operation;
mod path;
mod pattern;
mod payload;
mod raw;
mod report;
mod request;
mod responses;
mod schema;
mod select;
mod style;
mod tool;
mod write;
mod yaml;

pub use answer::{AnswerLimits, Filter, Response};
pub use report::Report;
pub use request::{BadArguments, Request};
pub use select::{Override, Selector};
pub use tool::Tool;

use defs::Defs;
use document::Document;

/// Why a text is not read as a description at all.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    /// Not JSON (RFC 8259), and not YAML either.
    #[error("not JSON: {why}")]
    Json {
        /// The line of the fault, from 1.
        line: usize,
        /// What the parser said.
        why: String,
    },
    /// Not YAML.
    #[error("not YAML: line {line}: {why}")]
    Yaml {
        /// The line of the fault, from 1.
        line: usize,
        /// What the parser said.
        why: String,
    },
    /// More than 128 levels of nesting.
    #[error("nested more than 128 levels deep")]
    TooDeep,
    /// More than 5,000,000 values once aliases are written out.
    #[error("too many values: aliases of YAML count as often as they are used")]
    TooLarge,
    /// Neither `swagger: 2.x` nor `openapi: 3.x`.
    #[error("neither Swagger 2 nor OpenAPI 3: version `{0}`")]
    Version(String),
}

/// Bounds on definitions, in bytes of JSON.
#[derive(Debug, Clone)]
pub struct Limits {
    /// The whole definition of a tool.
    pub tool_bytes: usize,
    /// Its input schema.
    pub input_bytes: usize,
    /// Its output schema; 0 for none.
    pub output_bytes: usize,
    /// Its description.
    pub description_bytes: usize,
}

impl Default for Limits {
    /// What a model can read: 24,000 and 8,000 bytes are some 6,000 and 2,000 tokens.
    fn default() -> Limits {
        Limits {
            tool_bytes: 64_000,
            input_bytes: 24_000,
            output_bytes: 8_000,
            description_bytes: 1_500,
        }
    }
}

/// What the operator wants of an API.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Operations to offer; none listed means all.
    pub include: Vec<Selector>,
    /// Operations not to offer, whatever `include` says.
    pub exclude: Vec<Selector>,
    /// What is changed about them.
    pub overrides: Vec<(Selector, Override)>,
    /// Bounds on definitions.
    pub limits: Limits,
}

/// An operation that is no tool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skipped {
    /// Method and path as the document has them.
    pub operation: String,
    /// Why, in words for the operator.
    pub reason: String,
}

/// A description that has been read.
#[derive(Debug)]
pub struct Api {
    /// What the document calls itself.
    pub title: String,
    /// The path of the document's first server, beginning with a slash, or empty. A hint: requests do not hold it.
    pub base_path: String,
    /// The tools, in the order of the document.
    pub tools: Vec<Tool>,
    /// Operations that could not become tools, and why.
    pub skipped: Vec<Skipped>,
    /// How many operations `include` and `exclude` leave out.
    pub left_out: usize,
    /// Selectors that choose no operation: most likely mistyped.
    pub unused: Vec<String>,
}

/// Reads a description.
///
/// # Errors
/// Only where the text as a whole is none; an operation that cannot be read is skipped with its reason.
pub fn read(text: &str, options: &Options) -> Result<Api, Unreadable> {
    let (version, root) = document::parse(text)?;
    let document = Document::new(version, &root);
    let defs = Defs::new(&document);
    let (operations, mut skipped) = operation::all(&document);
    let unnamed = vec![None; operations.len()];
    let names = name::tools(&operations, &unnamed);

    let mut used = std::collections::HashSet::new();
    let mut any = |list: &[Selector], operation: &operation::Operation<'_>, name: &str| {
        let mut matched = false;
        for selector in list {
            if selector.matches(operation, name) {
                used.insert(selector.as_str().to_owned());
                matched = true;
            }
        }
        matched
    };
    let (mut chosen, mut changes, mut wanted) = (Vec::new(), Vec::new(), Vec::new());
    let mut left_out = 0;
    for (operation, name) in operations.into_iter().zip(names) {
        let included = any(&options.include, &operation, &name) || options.include.is_empty();
        if any(&options.exclude, &operation, &name) || !included {
            left_out += 1;
        } else {
            let overrides = options
                .overrides
                .iter()
                .filter(|(selector, _)| any(std::slice::from_ref(selector), &operation, &name));
            let change = Override::merged(overrides.map(|(_, change)| change));
            // Names come from all operations, so that choosing others changes none.
            wanted.push(Some(change.name.clone().unwrap_or(name)));
            changes.push(change);
            chosen.push(operation);
        }
    }
    let listed = options
        .include
        .iter()
        .chain(&options.exclude)
        .chain(options.overrides.iter().map(|(one, _)| one));
    let unused = listed
        .map(Selector::as_str)
        .filter(|text| !used.contains(*text))
        .map(str::to_owned)
        .collect();

    let names = name::tools(&chosen, &wanted);
    let mut tools = Vec::with_capacity(chosen.len());
    for ((operation, change), name) in chosen.iter().zip(&changes).zip(names) {
        match build::tool(&defs, operation, name, change, &options.limits) {
            Ok(tool) => tools.push(tool),
            Err(reason) => skipped.push(Skipped {
                operation: operation.label(),
                reason,
            }),
        }
    }
    let info = root.get("info");
    Ok(Api {
        title: info
            .and_then(|info| info.get_text("title"))
            .unwrap_or_default()
            .to_owned(),
        base_path: document.base_path(),
        tools,
        skipped,
        left_out,
        unused,
    })
}
