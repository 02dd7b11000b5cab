//! What of an answer is kept.

use crate::raw::{self, Value};

/// What of an answer in JSON is kept, by JSON Pointers (RFC 6901).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// The part that takes the place of the whole, such as `/data`; empty for the whole. A tool with such a filter
    /// has no output schema.
    pub at: String,
    /// What is kept of it, such as `/items/*/name`; `*` stands for every element of a list and every member of an
    /// object. Everything if empty. What is kept stays where it is.
    pub keep: Vec<String>,
}

impl Filter {
    /// The kept part as compact JSON; `None` where nothing is left.
    pub(crate) fn apply(&self, json: &str) -> Option<String> {
        let mut part = json;
        for token in tokens(&self.at) {
            part = match raw::value(part)? {
                // The last of several members of one name, as most readers of JSON have it.
                Value::Object(members) => {
                    members
                        .into_iter()
                        .rev()
                        .find(|(name, _)| *name == token)?
                        .1
                }
                Value::List(items) => items.get(token.parse::<usize>().ok()?).copied()?,
                _ => return None,
            };
        }
        if self.keep.is_empty() {
            return Some(raw::compact(part));
        }
        let paths: Vec<Vec<String>> = self
            .keep
            .iter()
            .map(|pointer| tokens(pointer).collect())
            .collect();
        project(part, &paths.iter().map(Vec::as_slice).collect::<Vec<_>>())
    }
}

fn tokens(pointer: &str) -> impl Iterator<Item = String> + '_ {
    pointer
        .split('/')
        .skip(1)
        .map(|token| token.replace("~1", "/").replace("~0", "~"))
}

/// Recursion ends with the longest pointer.
fn project(json: &str, paths: &[&[String]]) -> Option<String> {
    if paths.iter().any(|path| path.is_empty()) {
        return Some(raw::compact(json));
    }
    let below = |name: &str| -> Vec<&[String]> {
        paths
            .iter()
            .filter_map(|path| path.split_first())
            .filter(|(first, _)| *first == name || *first == "*")
            .map(|(_, rest)| rest)
            .collect()
    };
    match raw::value(json)? {
        Value::Object(members) => {
            let mut parts = Vec::new();
            for (name, value) in members {
                let paths = below(&name);
                if !paths.is_empty()
                    && let Some(kept) = project(value, &paths)
                {
                    let mut part = String::new();
                    crate::node::quote(&name, &mut part);
                    parts.push(format!("{part}:{kept}"));
                }
            }
            (!parts.is_empty()).then(|| format!("{{{}}}", parts.join(",")))
        }
        Value::List(items) => {
            let kept = items.iter().enumerate().filter_map(|(index, item)| {
                let paths = below(&index.to_string());
                if paths.is_empty() {
                    None
                } else {
                    project(item, &paths)
                }
            });
            Some(format!("[{}]", kept.collect::<Vec<_>>().join(",")))
        }
        Value::Null | Value::Scalar(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_kept_where_they_are() {
        let json = r#"{"data":{"items":[{"name":"a","x":1.0},{"name":"b","y":{"z":2}}],"a/b":3},"next":null}"#;
        let apply = |at: &str, keep: &[&str]| {
            let keep = keep.iter().map(|one| (*one).to_owned()).collect();
            Filter {
                at: at.into(),
                keep,
            }
            .apply(json)
            .unwrap_or_default()
        };
        assert_eq!(apply("", &[]), json);
        assert_eq!(apply("/data/items/0/x", &[]), "1.0");
        assert_eq!(apply("/data/a~1b", &[]), "3");
        assert_eq!(apply("/data/none", &[]), "");
        assert_eq!(
            apply("", &["/data/items/*/name", "/next"]),
            r#"{"data":{"items":[{"name":"a"},{"name":"b"}]},"next":null}"#
        );
        assert_eq!(apply("/data/items", &["/1/y"]), r#"[{"y":{"z":2}}]"#);
        assert_eq!(apply("", &["/none"]), "");
    }
}
