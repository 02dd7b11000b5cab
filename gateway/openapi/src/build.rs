//! From an operation to a tool.

use crate::answer::{Answering, Output};
use crate::argument::Place;
use crate::body::{self, Body, Kind};
use crate::defs::Defs;
use crate::fit::Shortened;
use crate::keyword::shortened;
use crate::operation::{self, Operation};
use crate::tool::{Argument, Call, Payload, Tool};
use crate::write::{self, Offered};
use crate::{Limits, Override, media, name, path, responses};

/// Makes a tool of an operation; the error is why it cannot be one.
pub(crate) fn tool<'a>(
    defs: &Defs<'a>,
    operation: &Operation<'a>,
    name: String,
    change: &Override,
    limits: &Limits,
) -> Result<Tool, String> {
    let document = defs.document;
    let template = path::template(operation.path)?;
    let taken = operation::taken(document, operation, &template)?;
    let mut notes = taken.notes;
    let body = match document.version {
        crate::document::Version::Swagger => {
            body::of_parameters(document, operation.node, taken.body, &taken.form)
        }
        _ => body::of_content(document, operation.node)?,
    };
    let (mut offered, payload) = offered(taken.parameters, body);
    hide(&mut offered, change, &mut notes)?;
    if operation
        .node
        .get("servers")
        .is_some_and(|servers| !servers.items().is_empty())
    {
        notes.push("its own server is not used".into());
    }

    let (input_schema, cut) = write::input(defs, &offered, limits.input_bytes);
    notes.extend(explained("arguments", cut));
    let (response, types) = responses::described(document, operation.node);
    let mut output_schema = None;
    let mut output = Output::Nothing;
    let plain = change
        .filter
        .as_ref()
        .is_none_or(|filter| filter.at.is_empty());
    if let Some(schema) = response.filter(|_| limits.output_bytes > 0 && plain)
        && let Some((text, cut, kind)) = write::output(defs, schema, limits.output_bytes)
    {
        output = kind;
        notes.extend(explained("answer", cut));
        output_schema = Some(text);
    }

    let call = Call {
        method: operation.method,
        template,
        arguments: offered
            .into_iter()
            .map(|offered| offered.argument)
            .collect(),
        payload,
        accept: accept(&types),
    };
    let mut tool = Tool {
        name,
        description: describe(operation, change, limits.description_bytes),
        input_schema,
        answering: Answering {
            output,
            filter: change.filter.clone().unwrap_or_default(),
        },
        output_schema,
        annotations: annotations(operation.method, change),
        operation: operation.label(),
        notes,
        call,
    };
    if tool.bytes() > limits.tool_bytes && tool.output_schema.take().is_some() {
        tool.answering.output = Output::Nothing;
        tool.notes
            .push("the schema of its answer is left out: too large".into());
    }
    if tool.bytes() > limits.tool_bytes {
        return Err(format!(
            "its required arguments alone take {} bytes",
            tool.input_schema.len()
        ));
    }
    tool.notes.shrink_to_fit();
    Ok(tool)
}

/// Everything that a call of the operation can say, with names.
fn offered<'a>(
    parameters: Vec<crate::argument::Parameter<'a>>,
    body: Option<Body<'a>>,
) -> (Vec<Offered<'a>>, Option<Payload>) {
    let mut wires: Vec<(Place, &str)> =
        parameters.iter().map(|one| (one.place, one.wire)).collect();
    let mut members = Vec::new();
    let mut whole = None;
    let payload = body.map(|mut body| {
        let clashes = body.kind == Kind::Json && {
            let plain = name::arguments(&wires);
            let own: Vec<(Place, &str)> = body
                .members
                .iter()
                .map(|member| (Place::Member, member.wire))
                .collect();
            let own = name::arguments(&own);
            own.iter().any(|name| plain.contains(name))
        };
        let flat = !body.members.is_empty() && !clashes;
        if flat {
            members = std::mem::take(&mut body.members);
        } else {
            whole = Some((body.schema, body.required, body.kind, body.description));
        }
        Payload {
            kind: body.kind,
            media: body.media.into(),
            required: body.required,
            flat,
        }
    });
    wires.extend(members.iter().map(|member| (Place::Member, member.wire)));
    if whole.is_some() {
        wires.push((Place::Body, "body"));
    }
    let mut names = name::arguments(&wires).into_iter();
    let mut argument = |wire: &str, place, required, form| Argument {
        name: names.next().unwrap_or_default().into(),
        wire: wire.into(),
        place,
        required,
        form,
        hidden: None,
    };
    let mut offered: Vec<Offered<'a>> = Vec::with_capacity(wires.len());
    for one in parameters {
        offered.push(Offered {
            argument: argument(one.wire, one.place, one.required, one.form),
            schema: one.schema,
            description: one.description,
            bytes: false,
        });
    }
    for member in members {
        offered.push(Offered {
            argument: argument(member.wire, Place::Member, member.required, member.form),
            schema: Some(member.schema),
            description: None,
            bytes: false,
        });
    }
    if let Some((schema, required, kind, description)) = whole {
        offered.push(Offered {
            argument: argument("body", Place::Body, required, body::plain_form()),
            schema: schema.filter(|_| kind != Kind::Text),
            description,
            bytes: kind == Kind::Bytes,
        });
    }
    (offered, payload)
}

/// What an override of many operations says of arguments that this one has not is a note.
fn hide(
    offered: &mut [Offered<'_>],
    change: &Override,
    notes: &mut Vec<String>,
) -> Result<(), String> {
    let named =
        |argument: &Argument, name: &str| *argument.name == *name || *argument.wire == *name;
    for (name, value) in &change.hidden {
        let mut known = false;
        for argument in offered.iter_mut().map(|offered| &mut offered.argument) {
            if !named(argument, name) {
                continue;
            }
            known = true;
            if argument.hidden.is_none() {
                if argument.required && value.is_none() {
                    return Err(format!(
                        "its argument `{name}` is hidden without a value, but required"
                    ));
                }
                argument.hidden = Some(value.as_deref().map(Box::from));
            }
        }
        if !known {
            notes.push(format!("it has no argument `{name}` to hide"));
        }
        if let Some(value) = value
            && serde_json::from_str::<serde::de::IgnoredAny>(value).is_err()
        {
            return Err(format!(
                "the value of its hidden argument `{name}` is not JSON"
            ));
        }
    }
    for name in &change.slashes {
        let argument = offered
            .iter_mut()
            .map(|offered| &mut offered.argument)
            .find(|argument| argument.place == Place::Path && named(argument, name));
        match argument {
            Some(argument) => argument.form.slashes = true,
            None => notes.push(format!("it has no path argument `{name}`")),
        }
    }
    Ok(())
}

fn explained(what: &str, cut: Shortened) -> Option<String> {
    match cut {
        Shortened::No => None,
        Shortened::Words => Some(format!("{what}: descriptions of nested schemas left out")),
        Shortened::Far => Some(format!("{what}: schemas far from the top left open")),
        Shortened::Depth => Some(format!("{what}: described less deep")),
        Shortened::Arguments(count) => {
            Some(format!("{what}: {count} optional arguments not offered"))
        }
    }
}

fn describe(operation: &Operation<'_>, change: &Override, bytes_max: usize) -> String {
    if let Some(text) = &change.description {
        return shortened(text.trim(), bytes_max).into_owned();
    }
    let get = |key| {
        operation
            .node
            .get_text(key)
            .map(str::trim)
            .unwrap_or_default()
    };
    let (summary, long) = (get("summary"), get("description"));
    let mut text = match (summary, long) {
        ("", "") => operation.label(),
        (summary, "") => summary.to_owned(),
        ("", long) => long.to_owned(),
        (summary, long) if long.starts_with(summary.trim_end_matches('.')) => long.to_owned(),
        (summary, long) => format!("{summary}\n\n{long}"),
    };
    if operation.node.is_true("deprecated") {
        text.insert_str(0, "Deprecated. ");
    }
    shortened(&text, bytes_max).into_owned()
}

/// Hints by what the method promises (RFC 9110, section 9.2); MCP's own defaults hold where it promises nothing.
fn annotations(method: &str, change: &Override) -> String {
    let safe = matches!(method, "GET" | "HEAD" | "OPTIONS" | "QUERY");
    let read_only = change.read_only.unwrap_or(safe);
    let mut out = format!("{{\"readOnlyHint\":{read_only}");
    if !read_only {
        let destructive = change.destructive.or((method == "DELETE").then_some(true));
        let idempotent = change
            .idempotent
            .or(matches!(method, "PUT" | "DELETE").then_some(true));
        for (key, value) in [
            ("destructiveHint", destructive),
            ("idempotentHint", idempotent),
        ] {
            if let Some(value) = value {
                out.push_str(&format!(",\"{key}\":{value}"));
            }
        }
    }
    out.push_str(",\"openWorldHint\":true}");
    out
}

/// JSON before all else, then what is described.
fn accept(types: &[&str]) -> String {
    let fields = types
        .iter()
        .map(|name| media::field(name))
        .filter(|name| name != "application/octet-stream");
    let mut types: Vec<String> = Vec::new();
    for name in fields {
        if !types.contains(&name) && types.len() < 6 {
            types.push(name);
        }
    }
    types.sort_by_key(|name| !media::is_json(name));
    if types.is_empty() {
        types.push("application/json".into());
    }
    format!("{}, */*;q=0.1", types.join(", "))
}
