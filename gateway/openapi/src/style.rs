//! Values as text in a path, a query, a field, a cookie or a form (OpenAPI 3.1, Style Values and Style Examples).
//!
//! What the specification leaves open is decided so: a list or object inside a list or object becomes JSON text, except
//! with `deepObject`, which goes deeper with more brackets; a null element is an empty text; a list in a
//! `deepObject` has `[]` for each scalar and an index for anything else.

use crate::argument::{Form, Style};
use crate::encode::{NOTHING, RESERVED, encode, encoded};
use crate::raw::{self, Value};
use crate::request::BadArguments as Bad;

/// Levels of brackets of a `deepObject`.
const DEEP_MAX: usize = 16;

/// Pairs of a query or of an urlencoded form, encoded, joined with `&`.
pub(crate) struct Pairs(pub(crate) String);

impl Pairs {
    /// Appends a pair whose value is encoded already.
    fn push(&mut self, name: &str, value: &str) {
        if !self.0.is_empty() {
            self.0.push('&');
        }
        encode(name, NOTHING, &mut self.0);
        self.0.push('=');
        self.0.push_str(value);
    }

    pub(crate) fn add(&mut self, name: &str, json: &str, form: &Form) -> Result<(), Bad> {
        let kept = if form.reserved { RESERVED } else { NOTHING };
        // A comma inside of an element would be one between elements.
        let kept_in_list = if form.reserved {
            b":/?@!$'()*".as_slice()
        } else {
            NOTHING
        };
        if form.style == Style::Json {
            self.push(name, &encoded(&raw::compact(json), kept));
            return Ok(());
        }
        let between = match form.style {
            Style::Space => "%20",
            Style::Pipe => "%7C",
            Style::Tab => "%09",
            _ => ",",
        };
        let part = |json: &str| inner(name, json).map(|text| encoded(&text, kept_in_list));
        match parse(name, json)? {
            Value::Null => {}
            Value::Scalar(text) => self.push(name, &encoded(&text, kept)),
            Value::List(_) | Value::Object(_) if form.style == Style::Deep => {
                self.deep(name, json, 0)?
            }
            Value::List(items) if form.explode => {
                for item in items {
                    let text = inner(name, item)?;
                    self.push(name, &encoded(&text, kept));
                }
            }
            Value::List(items) => {
                let parts = items
                    .iter()
                    .map(|item| part(item))
                    .collect::<Result<Vec<_>, _>>()?;
                if !parts.is_empty() {
                    self.push(name, &parts.join(between));
                }
            }
            Value::Object(members) if form.explode && form.style == Style::Form => {
                for (key, value) in members {
                    let text = inner(name, value)?;
                    self.push(&key, &encoded(&text, kept));
                }
            }
            Value::Object(members) => {
                let mut parts = Vec::new();
                for (key, value) in members {
                    parts.push(encoded(&key, kept_in_list));
                    parts.push(part(value)?);
                }
                if !parts.is_empty() {
                    self.push(name, &parts.join(between));
                }
            }
        }
        Ok(())
    }

    fn deep(&mut self, name: &str, json: &str, depth: usize) -> Result<(), Bad> {
        if depth > DEEP_MAX {
            return Err(Bad::Unfit {
                argument: name.to_owned(),
                why: "nested too deeply",
            });
        }
        match parse(name, json)? {
            Value::Null => {}
            Value::Scalar(text) => self.push(name, &encoded(&text, NOTHING)),
            Value::List(items) => {
                for (index, item) in items.into_iter().enumerate() {
                    match parse(name, item)? {
                        Value::List(_) | Value::Object(_) => {
                            self.deep(&format!("{name}[{index}]"), item, depth + 1)?
                        }
                        _ => self.deep(&format!("{name}[]"), item, depth + 1)?,
                    }
                }
            }
            Value::Object(members) => {
                for (key, value) in members {
                    self.deep(&format!("{name}[{key}]"), value, depth + 1)?;
                }
            }
        }
        Ok(())
    }
}

/// A value in a path, encoded.
pub(crate) fn in_path(name: &str, json: &str, form: &Form) -> Result<String, Bad> {
    let kept = if form.reserved {
        b"/:@!$'()*".as_slice()
    } else {
        NOTHING
    };
    let leaf = |text: String| match crate::path::check(&text, form.reserved || form.slashes) {
        Ok(()) => Ok(encoded(&text, kept)),
        Err(unfit) => Err(Bad::Unfit {
            argument: name.to_owned(),
            why: match unfit {
                crate::path::Unfit::Empty => "empty, but part of the path",
                crate::path::Unfit::Slash => "part of the path: it may not hold a slash",
                crate::path::Unfit::Dots => "part of the path: it may not lead to another one",
            },
        }),
    };
    let empty = || Bad::Unfit {
        argument: name.to_owned(),
        why: "empty, but part of the path",
    };
    if form.style == Style::Json {
        return leaf(raw::compact(json));
    }
    let named = encoded(name, NOTHING);
    // What goes before each part, between a key and its value, and between the parts of one that is not exploded.
    let (before, prefix) = match form.style {
        Style::Label => (".", ".".to_owned()),
        Style::Matrix => (";", format!(";{named}=")),
        _ => ("", String::new()),
    };
    let parts = match parse(name, json)? {
        Value::Null => return Err(empty()),
        Value::Scalar(text) => return Ok(format!("{prefix}{}", leaf(text)?)),
        Value::List(items) => {
            let leaves = items
                .iter()
                .map(|item| leaf(inner(name, item)?))
                .collect::<Result<Vec<_>, _>>()?;
            match (form.style, form.explode) {
                (Style::Matrix, true) => leaves
                    .iter()
                    .map(|leaf| format!("{named}={leaf}"))
                    .collect(),
                _ => leaves,
            }
        }
        Value::Object(members) => {
            let mut parts = Vec::new();
            for (key, value) in members {
                let (key, value) = (leaf(key)?, leaf(inner(name, value)?)?);
                if form.explode {
                    parts.push(format!("{key}={value}"));
                } else {
                    parts.extend([key, value]);
                }
            }
            parts
        }
    };
    if parts.is_empty() {
        return Err(empty());
    }
    Ok(match (form.style, form.explode) {
        (Style::Label | Style::Matrix, true) => {
            parts.iter().map(|part| format!("{before}{part}")).collect()
        }
        _ => format!("{prefix}{}", parts.join(",")),
    })
}

/// A value in a field, as `simple` has it: not percent-encoded, and checked.
pub(crate) fn in_header(name: &str, json: &str, form: &Form) -> Result<Option<String>, Bad> {
    let text = match parse(name, json)? {
        Value::Null => return Ok(None),
        _ if form.style == Style::Json => {
            let compact = raw::compact(json);
            compact.chars().fold(String::new(), |mut out, c| {
                if c.is_ascii() {
                    out.push(c);
                } else {
                    c.encode_utf16(&mut [0; 2])
                        .iter()
                        .for_each(|unit| out.push_str(&format!("\\u{unit:04x}")));
                }
                out
            })
        }
        Value::Scalar(text) => text,
        Value::List(items) => items
            .iter()
            .map(|item| inner(name, item))
            .collect::<Result<Vec<_>, _>>()?
            .join(","),
        Value::Object(members) => {
            let between = if form.explode { "=" } else { "," };
            let mut parts = Vec::new();
            for (key, value) in members {
                parts.push(format!("{key}{between}{}", inner(name, value)?));
            }
            parts.join(",")
        }
    };
    let visible = text
        .bytes()
        .all(|byte| (0x20..0x7f).contains(&byte) || byte == b'\t');
    if !visible || text.trim() != text {
        return Err(Bad::Unfit {
            argument: name.to_owned(),
            why: "sent as a header: only visible ASCII, with no space at its ends",
        });
    }
    Ok(Some(text))
}

/// The pairs of one cookie argument, for the field `cookie` (RFC 6265, section 4.2.1).
pub(crate) fn in_cookie(name: &str, json: &str, form: &Form) -> Result<Vec<String>, Bad> {
    let pair = |key: &str, text: &str| format!("{key}={}", encoded(text, COOKIE));
    Ok(match parse(name, json)? {
        Value::Null => Vec::new(),
        _ if form.style == Style::Json => vec![pair(name, &raw::compact(json))],
        Value::Scalar(text) => vec![pair(name, &text)],
        Value::List(items) => {
            let texts = items
                .iter()
                .map(|item| inner(name, item))
                .collect::<Result<Vec<_>, _>>()?;
            if form.explode {
                texts.iter().map(|text| pair(name, text)).collect()
            } else {
                let parts: Vec<String> = texts.iter().map(|text| encoded(text, COOKIE)).collect();
                vec![format!("{name}={}", parts.join(","))]
            }
        }
        Value::Object(members) => {
            let mut parts = Vec::new();
            for (key, value) in &members {
                let text = inner(name, value)?;
                if form.explode {
                    if !crate::argument::is_token(key) {
                        return Err(Bad::Unfit {
                            argument: name.to_owned(),
                            why: "sent as cookies: a member's name cannot be that of a cookie",
                        });
                    }
                    parts.push(pair(key, &text));
                } else {
                    parts.extend([encoded(key, COOKIE), encoded(&text, COOKIE)]);
                }
            }
            if form.explode {
                parts
            } else {
                vec![format!("{name}={}", parts.join(","))]
            }
        }
    })
}

/// Characters of a cookie's value that are left as they are; `,` is between the elements of a list.
const COOKIE: &[u8] = b"!#$&'()*+/:<=>?@[]^`{|}";

fn parse<'j>(name: &str, json: &'j str) -> Result<Value<'j>, Bad> {
    raw::value(json).ok_or_else(|| Bad::Unfit {
        argument: name.to_owned(),
        why: "not JSON",
    })
}

/// An element as one text.
pub(crate) fn inner(name: &str, json: &str) -> Result<String, Bad> {
    Ok(match parse(name, json)? {
        Value::Null => String::new(),
        Value::Scalar(text) => text,
        Value::List(_) | Value::Object(_) => raw::compact(json),
    })
}

#[cfg(test)]
mod tests;
