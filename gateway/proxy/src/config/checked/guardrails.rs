//! `guardrails`, checked: every kind exists, every pattern compiles.

use std::path::PathBuf;
use std::time::Duration;

use url::Url;

use crate::config::Secret;

/// What becomes of a finding; the weaker before the stronger.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Action {
    Off,
    Monitor,
    Redact,
    Mask,
    Hash,
    Tokenise,
    Block,
}

impl Action {
    /// The word in the configuration, in records and in metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Monitor => "monitor",
            Self::Redact => "redact",
            Self::Mask => "mask",
            Self::Hash => "hash",
            Self::Tokenise => "tokenise",
            Self::Block => "block",
        }
    }
}

/// The way that a message goes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Direction {
    Request,
    Response,
    Both,
}

/// What may pass.
#[derive(Clone, Debug, Default)]
pub struct Guardrails {
    /// Groups and kinds with their actions, the special before the general.
    pub groups: Vec<(String, Action)>,
    pub kinds: Vec<(String, Action)>,
    pub rules: Vec<Rule>,
    pub patterns: Vec<Pattern>,
    pub hooks: Vec<Hook>,
    pub definitions: Definitions,
    /// Tool calls are told of a block by an error rather than by a result.
    pub blocked_as_error: bool,
    /// What cannot be scanned passes.
    pub open: bool,
    /// 0 to 1.
    pub injection_score: f64,
    pub key: Option<Secret>,
}

impl Guardrails {
    /// Whether anything is to be scanned.
    pub fn is_empty(&self) -> bool {
        self.groups.is_empty()
            && self.kinds.is_empty()
            && self.rules.is_empty()
            && self.patterns.is_empty()
            && self.hooks.is_empty()
            && self.definitions.lock.is_none()
    }
}

/// One exception.
#[derive(Clone, Debug)]
pub struct Rule {
    pub name: String,
    /// Kinds, groups and patterns. Empty: all.
    pub kinds: Vec<String>,
    pub action: Action,
    pub direction: Direction,
    pub server: Option<String>,
    pub tool: Option<String>,
    pub pointer: Option<String>,
    pub agent: Option<String>,
    pub team: Option<String>,
    pub detokenise: Vec<String>,
}

/// An expression that compiles.
#[derive(Clone, Debug)]
pub struct Pattern {
    pub name: String,
    pub expression: String,
    pub ignore_case: bool,
    /// In lower case.
    pub allow: Vec<String>,
    pub action: Action,
}

/// A classifier.
#[derive(Clone, Debug)]
pub struct Hook {
    pub name: String,
    pub judge: Judge,
    pub action: Action,
    pub direction: Direction,
    pub timeout: Duration,
    pub open: bool,
    pub cache: Duration,
}

/// Who a classifier is.
#[derive(Clone, Debug)]
pub enum Judge {
    /// A service that texts are posted to.
    Remote(Url),
    /// A model in a file.
    Model(Model),
}

/// A model in the ONNX format.
#[derive(Clone, Debug)]
pub struct Model {
    pub path: PathBuf,
    /// For a model that takes tokens.
    pub tokenizer: Option<PathBuf>,
    /// The class that is looked for; `None`: the last one.
    pub label: Option<usize>,
    /// 0 to 1.
    pub threshold: f64,
}

impl Model {
    /// The files that it is made of.
    pub fn files(&self) -> impl Iterator<Item = &PathBuf> {
        std::iter::once(&self.path).chain(&self.tokenizer)
    }
}

/// Approved definitions.
#[derive(Clone, Debug, Default)]
pub struct Definitions {
    pub lock: Option<PathBuf>,
    pub changed: Unapproved,
    pub new: Unapproved,
    pub shadowing: Unapproved,
}

/// What becomes of a definition that was not approved as it is.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub enum Unapproved {
    #[default]
    Alert,
    Hide,
    Block,
}
