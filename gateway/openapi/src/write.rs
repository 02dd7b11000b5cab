//! Input and output schemas of a tool.

use crate::answer::Output;
use crate::defs::Defs;
use crate::fit::{self, Shortened};
use crate::members;
use crate::node::{Node, quote};
use crate::schema::{Around, Detail, Side, Writer, Written};
use crate::tool::Argument;

/// An argument and how it is described.
pub(crate) struct Offered<'a> {
    pub(crate) argument: Argument,
    pub(crate) schema: Option<&'a Node>,
    pub(crate) description: Option<&'a str>,
    /// The whole body, given as base64.
    pub(crate) bytes: bool,
}

static TEXT: Node = Node::Null;

/// The input schema in at most so many bytes, if its required arguments fit.
pub(crate) fn input<'a>(
    defs: &Defs<'a>,
    offered: &[Offered<'a>],
    bytes_max: usize,
) -> (String, Shortened) {
    let shown = || {
        offered
            .iter()
            .filter(|offered| offered.argument.hidden.is_none())
    };
    let optional = shown().filter(|offered| !offered.argument.required).count();
    fit::fit(defs, Side::Input, bytes_max, optional, |detail, keep| {
        let mut left = keep;
        let kept = shown().filter(|offered| {
            offered.argument.required || {
                let room = left > 0;
                left = left.saturating_sub(1);
                room
            }
        });
        arguments(defs, detail, kept.collect())
    })
}

fn arguments<'a>(defs: &Defs<'a>, detail: Detail, offered: Vec<&Offered<'a>>) -> Written {
    let mut out = String::from("{\"type\":\"object\",\"properties\":{");
    let mut refs: Vec<u32> = Vec::new();
    let mut required = String::new();
    for (index, one) in offered.iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        quote(&one.argument.name, &mut out);
        out.push(':');
        let written = argument(defs, detail, one);
        out.push_str(&written.text);
        for id in written.refs {
            if !refs.contains(&id) {
                refs.push(id);
            }
        }
        if one.argument.required {
            required.push_str(if required.is_empty() { "" } else { "," });
            quote(&one.argument.name, &mut required);
        }
    }
    out.push('}');
    if !required.is_empty() {
        out.push_str(&format!(",\"required\":[{required}]"));
    }
    out.push_str(",\"additionalProperties\":false}");
    Written { text: out, refs }
}

fn argument<'a>(defs: &Defs<'a>, detail: Detail, offered: &Offered<'a>) -> Written {
    let mut writer = Writer::new(defs, Side::Input, detail);
    let file = offered.bytes || offered.argument.form.file;
    let hint = match (file, offered.description) {
        (true, None) => Some("Bytes as base64, or as a data URL with media type and name."),
        (_, description) => description,
    };
    match offered.schema {
        // A list of files is described by its own schema.
        Some(schema) if offered.bytes || schema.get_text("type") == Some("file") => {
            writer.schema(
                schema,
                Around {
                    description: hint,
                    file: true,
                    root: false,
                },
                0,
            );
        }
        Some(schema) => writer.schema(
            schema,
            Around {
                description: hint,
                ..Around::default()
            },
            0,
        ),
        None if offered.bytes => writer.schema(
            &TEXT,
            Around {
                description: hint,
                file: true,
                root: false,
            },
            0,
        ),
        None => {
            let text = match detail {
                Detail::Full => offered.description.map(str::trim).unwrap_or_default(),
                _ => "",
            };
            let mut first = true;
            writer.written.text.push('{');
            writer.pair(&mut first, "type", "\"string\"");
            if !text.is_empty() {
                writer.key(&mut first, "description");
                quote(
                    &crate::keyword::shortened(text, 600),
                    &mut writer.written.text,
                );
            }
            writer.written.text.push('}');
        }
    }
    writer.written
}

/// The output schema: that of the answer if it is an object, else of an object with the answer as its `result`.
/// `None` where the answer is not described.
pub(crate) fn output<'a>(
    defs: &Defs<'a>,
    schema: &'a Node,
    bytes_max: usize,
) -> Option<(String, Shortened, Output)> {
    let resolved = defs.document.resolve(schema)?;
    let says = |node: &Node| {
        node.entries()
            .iter()
            .any(|(key, _)| !key.starts_with("x-") && &**key != "description")
    };
    if !says(resolved) {
        return None;
    }
    let object = members::is_object(defs.document, resolved, 0);
    let (text, cut) = fit::fit(defs, Side::Output, bytes_max, 0, |detail, _| {
        let mut writer = Writer::new(defs, Side::Output, detail);
        if object {
            writer.schema(
                resolved,
                Around {
                    root: true,
                    ..Around::default()
                },
                0,
            );
        } else {
            writer
                .written
                .text
                .push_str("{\"type\":\"object\",\"properties\":{\"result\":");
            writer.schema(schema, Around::default(), 0);
            writer.written.text.push_str("}}");
        }
        writer.written
    });
    (text.len() <= bytes_max).then_some((
        text,
        cut,
        if object {
            Output::Object
        } else {
            Output::Wrapped
        },
    ))
}
