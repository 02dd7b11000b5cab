//! From the arguments of a call to an HTTP request.

use crate::argument::{Place, is_token};
use crate::path::{Piece, is_plain};
use crate::payload;
use crate::style::{self, Pairs};
use crate::tool::{Argument, Call, Tool};
use crate::{encode, raw};

/// An HTTP request without the address that it goes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Upper case.
    pub method: &'static str,
    /// Path and query, beginning with exactly one slash; ASCII, percent-encoded. It follows the path of the
    /// operator's base address. It holds no segment `.` or `..`, however often it is decoded.
    pub target: String,
    /// Fields in lower case, each at most once: `accept`, `content-type`, `cookie` and those that the operation
    /// describes. None of them decides about framing, destination or identity. Values are visible ASCII.
    pub headers: Vec<(String, String)>,
    /// The body, if any; its length is for the sender to say.
    pub body: Option<Vec<u8>>,
}

/// Why a call cannot be sent. The text is for the caller, who can mend it; it holds names of arguments only.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadArguments {
    /// Not a JSON object.
    #[error("the arguments are not a JSON object")]
    NotAnObject,
    /// The tool has no such argument.
    #[error("there is no argument `{0}`")]
    Unknown(String),
    /// The same argument is given more than once.
    #[error("the argument `{0}` is given more than once")]
    Twice(String),
    /// A required argument is absent, or null where it is part of the address.
    #[error("the argument `{0}` is required")]
    Missing(String),
    /// The value cannot be sent in its place.
    #[error("the argument `{argument}` is {why}")]
    Unfit {
        /// Its name, of the tool or of the API.
        argument: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The arguments together lead to another path.
    #[error("the arguments together lead to another path")]
    Path,
}

impl Tool {
    /// Builds the request of a call from its `arguments`, a JSON object. Values are not checked against the schema
    /// beyond what their place demands: the API does that.
    ///
    /// # Errors
    /// Where an argument is unknown, repeated or missing, or cannot be sent safely where it belongs.
    pub fn request(&self, arguments: &str) -> Result<Request, BadArguments> {
        build(&self.call, arguments)
    }
}

/// An argument with its value as JSON.
pub(crate) type Given<'c, 'j> = (&'c Argument, &'j str);

fn build(call: &Call, arguments: &str) -> Result<Request, BadArguments> {
    let given = gather(call, arguments)?;
    let mut query = Pairs(call.template.query.to_string());
    let mut headers = vec![("accept".to_owned(), call.accept.clone())];
    let mut cookies: Vec<String> = Vec::new();
    for (argument, json) in &given {
        // The name on the wire is what styles write; what is told to the caller is the tool's own.
        let told = |bad: BadArguments| match bad {
            BadArguments::Unfit { why, .. } => BadArguments::Unfit {
                argument: argument.name.to_string(),
                why,
            },
            bad => bad,
        };
        match argument.place {
            Place::Query => query
                .add(&argument.wire, json, &argument.form)
                .map_err(told)?,
            Place::Header => {
                let text = style::in_header(&argument.wire, json, &argument.form).map_err(told)?;
                headers.extend(text.map(|text| (argument.wire.to_ascii_lowercase(), text)));
            }
            Place::Cookie => cookies
                .extend(style::in_cookie(&argument.wire, json, &argument.form).map_err(told)?),
            Place::Path | Place::Body | Place::Member => {}
        }
    }
    let mut target = path(call, &given)?;
    if !query.0.is_empty() {
        target.push('?');
        target.push_str(&query.0);
    }
    if !cookies.is_empty() {
        headers.push(("cookie".to_owned(), cookies.join("; ")));
    }
    let body = match &call.payload {
        Some(payload) => payload::build(payload, &given)?,
        None => None,
    };
    let body = body.map(|(media, bytes)| {
        headers.push(("content-type".to_owned(), media));
        bytes
    });
    debug_assert!(headers.iter().all(|(name, _)| is_token(name)));
    Ok(Request {
        method: call.method,
        target,
        headers,
        body,
    })
}

/// Each argument that has a value, in the order of the tool.
fn gather<'c, 'j>(call: &'c Call, arguments: &'j str) -> Result<Vec<Given<'c, 'j>>, BadArguments>
where
    'c: 'j,
{
    let arguments = if arguments.trim().is_empty() {
        "{}"
    } else {
        arguments
    };
    let said = raw::members(arguments).ok_or(BadArguments::NotAnObject)?;
    let mut values: Vec<Option<&'j str>> = vec![None; call.arguments.len()];
    for (name, json) in said {
        let at = call
            .arguments
            .iter()
            .position(|argument| *argument.name == *name && argument.hidden.is_none());
        let Some(slot) = at.and_then(|at| values.get_mut(at)) else {
            return Err(BadArguments::Unknown(name));
        };
        if slot.replace(json).is_some() {
            return Err(BadArguments::Twice(name));
        }
    }
    let mut given = Vec::with_capacity(values.len());
    for (argument, value) in call.arguments.iter().zip(values) {
        let value = match &argument.hidden {
            Some(fixed) => fixed.as_deref(),
            None => value,
        };
        // Null is a value in a body, and nothing anywhere else.
        let in_body = matches!(argument.place, Place::Body | Place::Member);
        match value.filter(|json| in_body || json.trim() != "null") {
            Some(json) => given.push((argument, json)),
            None if argument.required => {
                return Err(BadArguments::Missing(argument.name.to_string()));
            }
            None => {}
        }
    }
    Ok(given)
}

fn path(call: &Call, given: &[Given<'_, '_>]) -> Result<String, BadArguments> {
    let mut out = String::new();
    for piece in &call.template.pieces {
        match piece {
            Piece::Fixed(text) => out.push_str(text),
            Piece::Value(wire) => {
                let found = given
                    .iter()
                    .find(|(argument, _)| argument.place == Place::Path && argument.wire == *wire);
                let Some((argument, json)) = found else {
                    return Err(BadArguments::Missing(wire.to_string()));
                };
                out.push_str(&style::in_path(wire, json, &argument.form).map_err(
                    |bad| match bad {
                        BadArguments::Unfit { why, .. } => BadArguments::Unfit {
                            argument: argument.name.to_string(),
                            why,
                        },
                        bad => bad,
                    },
                )?);
            }
        }
    }
    // Pieces that are harmless one by one may not be so together.
    let plain = is_plain(&encode::decoded(&out))
        || call
            .template
            .pieces
            .iter()
            .all(|piece| matches!(piece, Piece::Fixed(_)));
    if !plain || out.starts_with("//") || !out.starts_with('/') {
        return Err(BadArguments::Path);
    }
    Ok(out)
}
