//! `${VARIABLE}` and `${VARIABLE:-default}` in any value.
//!
//! It never reads the process's environment by itself, and what it puts in never appears in a fault.

use super::bounds::TEXT_BYTES_MAX;
use super::fault::{Findings, Path};
use super::tree::{Kind, Node, Scalar};

/// Looks up a variable by its name.
pub(super) type Lookup<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Puts variables into every scalar of the tree. `$${` stands for a bare `${`.
pub(super) fn fill(node: &mut Node, lookup: Lookup<'_>, path: &Path, findings: &mut Findings) {
    let place = node.place;
    match &mut node.kind {
        Kind::Scalar(scalar) if scalar.text.contains("${") => match expand(&scalar.text, lookup) {
            Ok(text) => scalar.source = Some(std::mem::replace(&mut scalar.text, text)),
            Err(wrong) => {
                findings.add(place, path, wrong.what, wrong.allowed);
                node.kind = Kind::Broken;
            }
        },
        Kind::Scalar(Scalar { text, .. }) if text.len() > TEXT_BYTES_MAX => {
            findings.add(
                place,
                path,
                "a value that is too long",
                &format!("at most {TEXT_BYTES_MAX} bytes"),
            );
            node.kind = Kind::Broken;
        }
        Kind::Scalar(_) | Kind::Broken => {}
        Kind::List(items) => {
            for (index, item) in items.iter_mut().enumerate() {
                fill(item, lookup, &path.index(index), findings);
            }
        }
        Kind::Map(entries) => {
            for entry in entries {
                fill(&mut entry.value, lookup, &path.key(&entry.key), findings);
            }
        }
    }
}

struct Wrong {
    what: String,
    allowed: &'static str,
}

const FORM: &str = "`${NAME}` or `${NAME:-default}`; write `$${` for a bare `${`";

fn expand(text: &str, lookup: Lookup<'_>) -> Result<String, Wrong> {
    let mut filled = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        if let Some(before) = before.strip_suffix('$') {
            filled.push_str(before);
            filled.push_str("${");
            rest = after;
            continue;
        }
        filled.push_str(before);
        let (inside, after) = after.split_once('}').ok_or_else(|| Wrong {
            what: "`${` without its `}`".into(),
            allowed: FORM,
        })?;
        filled.push_str(&value(inside, lookup)?);
        if filled.len() > TEXT_BYTES_MAX {
            return Err(Wrong {
                what: "a value that is too long".into(),
                allowed: "at most 8192 bytes",
            });
        }
        rest = after;
    }
    filled.push_str(rest);
    Ok(filled)
}

/// As in a shell, the default counts for a variable that is empty, too.
fn value(inside: &str, lookup: Lookup<'_>) -> Result<String, Wrong> {
    let (name, default) = match inside.split_once(":-") {
        Some((name, default)) => (name, Some(default)),
        None => (inside, None),
    };
    let begins = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    if !begins
        || !name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    {
        // What stands there may be part of a secret, so it is not quoted.
        return Err(Wrong {
            what: "`${…}` around something that is no name".to_owned(),
            allowed: FORM,
        });
    }
    match (lookup(name), default) {
        (Some(value), None) => Ok(value),
        (Some(value), Some(_)) if !value.is_empty() => Ok(value),
        (_, Some(default)) => Ok(default.to_owned()),
        (None, None) => Err(Wrong {
            what: format!("the environment variable `{name}` is not set"),
            allowed: "set it, or write a default as in `${NAME:-default}`",
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_and_defaults() {
        let lookup = |name: &str| match name {
            "HOST" => Some("db".to_owned()),
            "EMPTY" => Some(String::new()),
            "NESTED" => Some("${HOST}".to_owned()),
            _ => None,
        };
        for (text, expected) in [
            ("${HOST}", Ok("db")),
            ("http://${HOST}:8123/", Ok("http://db:8123/")),
            ("${HOST}${HOST}", Ok("dbdb")),
            ("${HOST:-other}", Ok("db")),
            ("${EMPTY}", Ok("")),
            ("${EMPTY:-other}", Ok("other")),
            ("${GONE:-other}", Ok("other")),
            ("${GONE:-}", Ok("")),
            ("${NESTED}", Ok("${HOST}")),
            ("$${HOST}", Ok("${HOST}")),
            ("$HOST $5", Ok("$HOST $5")),
            ("${GONE}", Err("the environment variable `GONE` is not set")),
            ("${HOST", Err("`${` without its `}`")),
            ("${}", Err("`${…}` around something that is no name")),
            ("${1A}", Err("`${…}` around something that is no name")),
            ("${A-b}", Err("`${…}` around something that is no name")),
        ] {
            assert_eq!(
                expand(text, &lookup).map_err(|wrong| wrong.what),
                expected.map(str::to_owned).map_err(str::to_owned),
                "{text}"
            );
        }
    }
}
