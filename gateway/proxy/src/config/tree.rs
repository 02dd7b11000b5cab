//! The file as a tree in which every key and value knows its place.
//!
//! A scalar stays the text that was written until the schema says what it should be: `no` and `0123` are never guessed at.

use super::fault::{Path, Place, Step};

#[derive(Clone, Debug)]
pub(super) struct Node {
    pub place: Place,
    pub kind: Kind,
}

#[derive(Clone, Debug)]
pub(super) enum Kind {
    Scalar(Scalar),
    List(Vec<Node>),
    Map(Vec<Entry>),
    /// A fault about it has been reported; nothing more can be said.
    Broken,
}

#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub key: String,
    pub place: Place,
    /// Written without quotes.
    pub plain: bool,
    pub value: Node,
}

#[derive(Clone, Debug)]
pub(super) struct Scalar {
    /// With environment variables put in.
    pub text: String,
    /// As it was written, where environment variables were put in. Only this may be shown.
    pub source: Option<String>,
    /// Written without quotes.
    pub plain: bool,
}

/// What an unquoted scalar is by YAML 1.2's core schema (section 10.3.2).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Reading {
    Null,
    Boolean(bool),
    Number,
    Text,
}

impl Scalar {
    pub(super) fn shown(&self) -> &str {
        self.source.as_deref().unwrap_or(&self.text)
    }

    /// Whether this can be a number or a yes-or-no: what stands in quotes is text. A value out of
    /// the environment often has to stand in quotes whatever it is.
    pub(super) fn may_be_bare(&self) -> bool {
        self.plain || self.source.is_some()
    }

    pub(super) fn reading(&self) -> Reading {
        // A value out of the environment has no quotes that could tell a number from a text: the schema decides.
        if !self.plain || self.source.is_some() {
            Reading::Text
        } else {
            read(&self.text)
        }
    }
}

pub(super) fn read(text: &str) -> Reading {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Reading::Null,
        "true" | "True" | "TRUE" => Reading::Boolean(true),
        "false" | "False" | "FALSE" => Reading::Boolean(false),
        _ if is_number(text) => Reading::Number,
        _ => Reading::Text,
    }
}

/// Numbers of the core schema, which are also all that Rust reads as a number once `nan` and `inf` are set aside.
fn is_number(text: &str) -> bool {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    let radix = |prefix: &str, radix: u32| {
        digits
            .strip_prefix(prefix)
            .is_some_and(|rest| !rest.is_empty() && rest.chars().all(|c| c.is_digit(radix)))
    };
    let starts_like_one = digits.starts_with(|c: char| c.is_ascii_digit() || c == '.');
    (starts_like_one && digits.parse::<f64>().is_ok()) || radix("0x", 16) || radix("0o", 8)
}

impl Node {
    /// Where the value at `path` stands, or the nearest value above it that exists.
    pub(super) fn place_of(&self, path: &Path) -> Place {
        let mut node = self;
        for step in path.steps() {
            match node.child(step) {
                Some(child) => node = child,
                None => break,
            }
        }
        node.place
    }

    /// Where the key at `path` stands, or the nearest value above it that exists.
    pub(super) fn place_of_key(&self, path: &Path) -> Place {
        let mut node = self;
        let mut place = self.place;
        for step in path.steps() {
            place = match (&node.kind, step) {
                (Kind::Map(entries), Step::Key(key)) => entries
                    .iter()
                    .find(|entry| entry.key == *key)
                    .map_or(node.place, |entry| entry.place),
                _ => node.place,
            };
            match node.child(step) {
                Some(child) => node = child,
                None => break,
            }
        }
        place
    }

    /// Whether there is a value at `path`.
    pub(super) fn has(&self, path: &Path) -> bool {
        let mut steps = path.steps().iter();
        steps
            .try_fold(self, |node, step| node.child(step))
            .is_some()
    }

    /// Whether the key at `path` was written without quotes.
    pub(super) fn is_plain_key(&self, path: &Path) -> bool {
        let Some((Step::Key(key), above)) = path.steps().split_last() else {
            return false;
        };
        let parent = above.iter().try_fold(self, |node, step| node.child(step));
        match parent.map(|parent| &parent.kind) {
            Some(Kind::Map(entries)) => {
                entries.iter().any(|entry| entry.key == *key && entry.plain)
            }
            _ => false,
        }
    }

    fn child(&self, step: &Step) -> Option<&Self> {
        match (&self.kind, step) {
            (Kind::Map(entries), Step::Key(key)) => entries
                .iter()
                .find(|entry| entry.key == *key)
                .map(|entry| &entry.value),
            (Kind::List(items), Step::Index(index)) => items.get(*index),
            _ => None,
        }
    }
}
