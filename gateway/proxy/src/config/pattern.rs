//! What access rules name: a server, and tools, prompts, resources or methods of it.
//!
//! A pattern is `server/tool`, `server/kind:name`, or `server` alone for everything at a server. In each part `*`
//! stands for any run of characters, the empty one and slashes included, and every other character stands for itself.

use std::fmt;

/// The longest pattern.
const PATTERN_BYTES_MAX: usize = 1_024;

/// What kind of thing a name belongs to.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Kind {
    Tool,
    Prompt,
    Resource,
    Method,
}

impl Kind {
    pub const ALL: [Self; 4] = [Self::Tool, Self::Prompt, Self::Resource, Self::Method];

    /// The word before the colon.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Tool => "tool",
            Self::Prompt => "prompt",
            Self::Resource => "resource",
            Self::Method => "method",
        }
    }
}

/// One entry of `allow` or `deny`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Pattern {
    pub server: Glob,
    /// `None` means everything at the server.
    pub named: Option<(Kind, Glob)>,
}

/// Why a text is no pattern.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum BadPattern {
    #[error("the pattern is empty, or one of its parts is")]
    Empty,
    #[error("the pattern is longer than {PATTERN_BYTES_MAX} bytes")]
    TooLong,
    #[error("the pattern has a control character or a space at an end")]
    Character,
    #[error(
        "`{0}` is no kind of thing; a tool whose name has a colon is written `server/tool:NAME`"
    )]
    Kind(String),
}

impl Pattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// [`BadPattern`], for the operator.
    pub fn parse(text: &str) -> Result<Self, BadPattern> {
        if text.len() > PATTERN_BYTES_MAX {
            return Err(BadPattern::TooLong);
        }
        if text.trim() != text || text.chars().any(char::is_control) {
            return Err(BadPattern::Character);
        }
        let (server, rest) = match text.split_once('/') {
            Some((server, rest)) => (server, Some(rest)),
            None => (text, None),
        };
        let named = rest.map(named).transpose()?;
        let empty = named.as_ref().is_some_and(|(_, glob)| glob.0.is_empty());
        if server.is_empty() || empty {
            return Err(BadPattern::Empty);
        }
        Ok(Self {
            server: Glob(server.to_owned()),
            named,
        })
    }
}

fn named(text: &str) -> Result<(Kind, Glob), BadPattern> {
    let Some((word, name)) = text.split_once(':') else {
        return Ok((Kind::Tool, Glob(text.to_owned())));
    };
    let kind = Kind::ALL.into_iter().find(|kind| kind.as_str() == word);
    kind.map(|kind| (kind, Glob(name.to_owned())))
        .ok_or_else(|| BadPattern::Kind(word.to_owned()))
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.server.0)?;
        match &self.named {
            None => Ok(()),
            Some((Kind::Tool, name)) if !name.0.contains(':') => write!(f, "/{}", name.0),
            Some((kind, name)) => write!(f, "/{}:{}", kind.as_str(), name.0),
        }
    }
}

/// A text in which `*` stands for any run of characters.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Glob(String);

impl Glob {
    /// Any text is one.
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it stands for one text only.
    pub fn is_literal(&self) -> bool {
        !self.0.contains('*')
    }

    /// Whether it stands for every text.
    pub fn is_everything(&self) -> bool {
        self.0.bytes().all(|byte| byte == b'*')
    }

    /// What every text that it stands for begins with.
    pub fn prefix(&self) -> &str {
        self.0.split('*').next().unwrap_or_default()
    }

    /// Whether it stands for `text`. Takes time in proportion to the text and the pattern.
    pub fn matches(&self, text: &str) -> bool {
        let mut pieces = self.0.split('*');
        let first = pieces.next().unwrap_or_default();
        let Some(mut rest) = text.strip_prefix(first) else {
            return false;
        };
        let Some(last) = pieces.next_back() else {
            return rest.is_empty();
        };
        for piece in pieces {
            match rest.find(piece) {
                Some(at) => rest = rest.get(at + piece.len()..).unwrap_or_default(),
                None => return false,
            }
        }
        rest.ends_with(last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs() {
        let check = |glob: &str, yes: &[&str], no: &[&str]| {
            let glob = Glob(glob.to_owned());
            yes.iter()
                .for_each(|text| assert!(glob.matches(text), "{glob:?} {text}"));
            no.iter()
                .for_each(|text| assert!(!glob.matches(text), "{glob:?} {text}"));
        };
        check("a", &["a"], &["", "b", "aa", "*"]);
        check("*", &["", "a", "a/b", "*"], &[]);
        check("**", &["", "a"], &[]);
        check("a*", &["a", "ab", "a/b"], &["", "ba"]);
        check("*a", &["a", "ba", "aa"], &["", "ab"]);
        check("a*a", &["aa", "aba"], &["a", "ab"]);
        check(
            "a*b*c",
            &["abc", "axxbxxc", "abbcc", "abcbc"],
            &["ac", "acb", "abcx"],
        );
        check("*ab*ab*", &["abab", "xabxabx"], &["ab", "aba"]);
        check("é*", &["é", "éa"], &["e"]);
        check(
            "file:///a?b[c]",
            &["file:///a?b[c]"],
            &["file:///axb[c]", "file:///a?bc"],
        );
    }

    #[test]
    fn patterns_read_back_as_they_were_written() {
        for text in [
            "*",
            "orders",
            "orders*",
            "orders/get",
            "*/get",
            "orders/*",
            "orders/prompt:*",
            "orders/resource:file:///a/*",
            "orders/method:tools/list",
            "orders/tool:a:b",
            "orders/a/b",
        ] {
            assert_eq!(Pattern::parse(text).unwrap().to_string(), text);
        }
        let tool = Pattern::parse("orders/tool:get").unwrap();
        assert_eq!(tool.to_string(), "orders/get");
    }

    #[test]
    fn what_is_no_pattern() {
        for text in [
            "",
            "/get",
            "orders/",
            "orders/prompt:",
            " orders",
            "orders/get ",
            "orders/a\nb",
            "orders/promt:x",
            "orders/Tool:x",
            "orders/:x",
            &"a".repeat(1_025),
        ] {
            assert!(Pattern::parse(text).is_err(), "{text}");
        }
    }
}
