//! Path templates, and values in paths that cannot lead elsewhere.

use crate::encode::{decoded, encode};

/// A piece of a path template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Piece {
    /// Ready for the wire.
    Fixed(Box<str>),
    /// The value of the argument with this name on the wire.
    Value(Box<str>),
}

/// A path and the query that some descriptions write into it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Template {
    pub(crate) pieces: Vec<Piece>,
    pub(crate) query: Box<str>,
}

/// Reads a path of a description. A fragment, which some use to tell operations apart, is never sent.
pub(crate) fn template(path: &str) -> Result<Template, &'static str> {
    if path.contains("://") && !path.starts_with('/') {
        return Err("the path names a host");
    }
    let path = path.split('#').next().unwrap_or_default();
    let (path, query) = split_query(path);
    let mut pieces = Vec::new();
    let mut fixed = String::from("/");
    let mut rest = path.trim_start_matches('/');
    while let Some((before, after)) = rest.split_once('{') {
        let (name, after) = after
            .split_once('}')
            .ok_or("a brace of the path is never closed")?;
        if name.is_empty() || name.contains(['{', '/']) {
            return Err("a parameter of the path has no usable name");
        }
        encode(before, KEPT, &mut fixed);
        if !fixed.is_empty() {
            pieces.push(Piece::Fixed(std::mem::take(&mut fixed).into()));
        }
        pieces.push(Piece::Value(name.into()));
        rest = after;
    }
    encode(rest, KEPT, &mut fixed);
    if !fixed.is_empty() {
        pieces.push(Piece::Fixed(fixed.into()));
    }
    if !is_plain(path) {
        return Err("a segment of the path is `.` or `..`, or holds a control character");
    }
    let mut out = String::new();
    encode(query, b":/?@!$'()*,;=&%", &mut out);
    Ok(Template {
        pieces,
        query: out.into(),
    })
}

/// What a path may hold as it is; an escape stays one.
const KEPT: &[u8] = b"/:@!$&'()*+,;=%";

/// At the first `?` outside of braces.
fn split_query(path: &str) -> (&str, &str) {
    let mut depth = 0_i32;
    for (at, character) in path.char_indices() {
        match character {
            '{' => depth += 1,
            '}' => depth -= 1,
            '?' if depth <= 0 => {
                let query = path.get(at + 1..).unwrap_or_default();
                // A query with parameters in it says nothing that its parameters do not.
                let query = if query.contains('{') { "" } else { query };
                return (path.get(..at).unwrap_or_default(), query);
            }
            _ => {}
        }
    }
    (path, "")
}

/// Whether a path stays where it is, however often somebody decodes it: no segment `.` or `..`, no control character,
/// no backslash.
pub(crate) fn is_plain(path: &str) -> bool {
    let mut text = path.to_owned();
    for _ in 0..4 {
        let bad = |c: char| c.is_control() || c == '\\';
        if text.contains(bad) || text.split('/').any(is_dots) {
            return false;
        }
        let next = decoded(&text);
        if next == text {
            return true;
        }
        text = next;
    }
    false
}

/// `.` and `..`, also with the parameters that some servers cut off (`..;x`).
fn is_dots(segment: &str) -> bool {
    matches!(segment.split(';').next(), Some("." | ".."))
}

/// Why a value cannot stand in a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unfit {
    Empty,
    Slash,
    Dots,
}

/// Whether a value may stand in a path, where slashes are allowed only as the operator or the description says.
pub(crate) fn check(value: &str, slashes: bool) -> Result<(), Unfit> {
    if value.is_empty() {
        return Err(Unfit::Empty);
    }
    let mut text = value.to_owned();
    for _ in 0..4 {
        if !slashes && text.contains('/') {
            return Err(Unfit::Slash);
        }
        let next = decoded(&text);
        if next == text {
            break;
        }
        text = next;
    }
    if !is_plain(value) || (slashes && value.split('/').any(str::is_empty)) {
        return Err(Unfit::Dots);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates() {
        let read = |path| {
            template(path).map(|template| format!("{:?} {}", template.pieces, template.query))
        };
        assert_eq!(
            read("/a b/{x}-{y}/z?fixed=1&b=c d#Action=X").unwrap(),
            r#"[Fixed("/a%20b/"), Value("x"), Fixed("-"), Value("y"), Fixed("/z")] fixed=1&b=c%20d"#
        );
        assert_eq!(
            read("//evil.example/x").unwrap(),
            r#"[Fixed("/evil.example/x")] "#
        );
        for bad in [
            "https://evil.example/",
            "/a/{x",
            "/a/{}",
            "/a/../b",
            "/a/%2e%2e/b",
            "/a\r\n/b",
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn values_cannot_lead_elsewhere() {
        for good in ["1", "a b", "ü", "a.b", "...", "50%", "a:b", "x;y"] {
            assert_eq!(check(good, false), Ok(()), "{good}");
        }
        for bad in [
            "",
            ".",
            "..",
            "a/b",
            "../x",
            "%2e%2e",
            "%252e%252E",
            "a%2fb",
            "a%252Fb",
            "a\\b",
            "a%5cb",
            "a\r\nb",
            "a%0d%0ab",
            "a\0b",
            "..;x",
            "%2e%2e;x",
        ] {
            assert!(check(bad, false).is_err(), "{bad}");
        }
        assert_eq!(check("heads/main", true), Ok(()));
        for bad in ["a/../b", "a/%2e%2e/b", "/a", "a//b", "a/./b", ".."] {
            assert!(check(bad, true).is_err(), "{bad}");
        }
    }
}
