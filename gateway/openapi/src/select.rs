//! Which operations become tools, and what the operator changes about them.

use crate::operation::Operation;

/// Chooses operations. Written as text:
///
/// - `tag:pets`: by tag;
/// - `GET /pets/*` or `/pets/*`: by method and path, as the description writes them;
/// - `getPet*`: by `operationId`, or by the name of the tool.
///
/// `*` stands for any text. Letters count as they are, except those of the method.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selector {
    kind: SelectorKind,
    text: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum SelectorKind {
    Id(String),
    Path {
        method: Option<String>,
        path: String,
    },
    Tag(String),
}

impl Selector {
    /// Reads a selector; any text is one.
    pub fn new(text: &str) -> Selector {
        let trimmed = text.trim();
        let kind = match trimmed.split_once(char::is_whitespace) {
            _ if trimmed.starts_with("tag:") => {
                SelectorKind::Tag(trimmed.replacen("tag:", "", 1).trim().to_owned())
            }
            _ if trimmed.starts_with('/') => SelectorKind::Path {
                method: None,
                path: trimmed.to_owned(),
            },
            Some((method, path)) if path.trim_start().starts_with('/') => SelectorKind::Path {
                method: (method != "*").then(|| method.to_ascii_uppercase()),
                path: path.trim_start().to_owned(),
            },
            _ => SelectorKind::Id(trimmed.to_owned()),
        };
        Selector {
            kind,
            text: text.to_owned(),
        }
    }

    /// The selector as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    pub(crate) fn matches(&self, operation: &Operation<'_>, name: &str) -> bool {
        match &self.kind {
            SelectorKind::Id(glob) => {
                operation.id.is_some_and(|id| glob_matches(glob, id)) || glob_matches(glob, name)
            }
            SelectorKind::Path { method, path } => {
                method
                    .as_ref()
                    .is_none_or(|method| method == operation.method)
                    && glob_matches(path, operation.path)
            }
            SelectorKind::Tag(glob) => operation.tags.iter().any(|tag| glob_matches(glob, tag)),
        }
    }
}

/// Whether a text matches; `*` stands for any text. Time is bounded by the product of the lengths.
fn glob_matches(glob: &str, text: &str) -> bool {
    let mut parts = glob.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else {
        return false;
    };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else {
        return rest.is_empty();
    };
    for part in parts {
        let Some(at) = rest.find(part) else {
            return false;
        };
        rest = rest.get(at + part.len()..).unwrap_or_default();
    }
    rest.ends_with(last)
}

/// What the operator changes about the operations that a selector chooses. Where several overrides choose one
/// operation, the first that says something about a point decides it.
#[derive(Debug, Clone, Default)]
pub struct Override {
    /// The name of the tool, in place of the one made from the description. For one operation only.
    pub name: Option<String>,
    /// The description of the tool.
    pub description: Option<String>,
    /// Arguments that are not offered: their names (of the tool or of the API), and the JSON that is sent in their
    /// place, if any.
    pub hidden: Vec<(String, Option<String>)>,
    /// Path arguments whose values may hold slashes, which are sent as `%2F`. Without this they are refused, as some
    /// servers decode a path before they route it.
    pub slashes: Vec<String>,
    /// What of an answer is kept.
    pub filter: Option<crate::Filter>,
    /// `readOnlyHint`, in place of what the method says.
    pub read_only: Option<bool>,
    /// `destructiveHint`, in place of what the method says.
    pub destructive: Option<bool>,
    /// `idempotentHint`, in place of what the method says.
    pub idempotent: Option<bool>,
}

impl Override {
    /// Those of several together, earlier ones first.
    pub(crate) fn merged<'o>(list: impl Iterator<Item = &'o Override>) -> Override {
        let mut merged = Override::default();
        for one in list {
            merged.name = merged.name.or_else(|| one.name.clone());
            merged.description = merged.description.or_else(|| one.description.clone());
            merged.filter = merged.filter.or_else(|| one.filter.clone());
            merged.read_only = merged.read_only.or(one.read_only);
            merged.destructive = merged.destructive.or(one.destructive);
            merged.idempotent = merged.idempotent.or(one.idempotent);
            merged.hidden.extend(one.hidden.iter().cloned());
            merged.slashes.extend(one.slashes.iter().cloned());
        }
        merged
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::Node;

    #[test]
    fn selectors() {
        let node = Node::Null;
        let operation = Operation {
            method: "GET",
            path: "/pets/{id}",
            id: Some("getPet"),
            tags: vec!["pets"],
            node: &node,
            item: &node,
        };
        for good in [
            "getPet",
            "get*",
            "*",
            "*Pet",
            "g*P*",
            "GET /pets/*",
            "get /pets/{id}",
            "/pets/*",
            "* /pets*",
            "tag:pets",
            "tag:p*",
            "tool",
        ] {
            assert!(Selector::new(good).matches(&operation, "tool"), "{good}");
        }
        for bad in [
            "getpet",
            "Pet",
            "POST /pets/*",
            "/pets",
            "tag:cats",
            "g*x*t",
            "",
            "getPet*t",
        ] {
            assert!(!Selector::new(bad).matches(&operation, "tool"), "{bad}");
        }
    }
}
