//! One message, scanned: what it holds, of which kind, and where.
//!
//! The scanner decides nothing and changes nothing. It refuses what it cannot look at as a whole: a text that is not
//! JSON, and whatever lies beyond its limits.

mod context;
mod judge;
mod walk;

use std::fmt::Write;

use regex::bytes::Regex;
use thiserror::Error;

use crate::database::{DatabaseError, PassError};
use crate::json::{JsonError, Token};
use crate::kind::Kind;
use crate::place::{Freedom, Zone};
use crate::text::Texts;
use crate::vocabulary::Vocabulary;

/// An operator's own pattern.
#[derive(Clone, Debug)]
pub struct Custom {
    /// Its name in findings.
    pub name: String,
    /// The expression, in the syntax that Vectorscan and the crate `regex` share.
    pub expression: String,
    /// Upper and lower case are one.
    pub caseless: bool,
}

/// Bounds of one message. What lies beyond them is refused.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of the message.
    pub bytes_max: usize,
    /// Bytes of all its texts and what they decode to.
    pub text_bytes_max: usize,
    /// Keys, strings and numbers.
    pub tokens_max: usize,
    /// Findings.
    pub findings_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            bytes_max: 16 << 20,
            text_bytes_max: 64 << 20,
            tokens_max: 1_000_000,
            findings_max: 100_000,
        }
    }
}

/// What is looked for. Kinds that nobody wants cost nothing.
#[derive(Clone, Copy, Debug)]
pub struct Wanted {
    /// Personal data and identifiers.
    pub identifiers: bool,
    /// Credentials.
    pub secrets: bool,
    /// Characters that cannot be seen.
    pub hidden: bool,
    /// Instructions to a model.
    pub injection: bool,
}

impl Default for Wanted {
    fn default() -> Self {
        Self {
            identifiers: true,
            secrets: true,
            hidden: true,
            injection: true,
        }
    }
}

/// Why patterns did not become a scanner.
#[derive(Debug, Error)]
pub enum CompileError {
    /// The engine refuses a pattern.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// A custom pattern is no expression.
    #[error("pattern {name}: {source}")]
    Custom {
        /// The pattern's name.
        name: String,
        /// What is wrong with it.
        source: Box<regex::Error>,
    },
}

/// Why a message was not scanned. It must then not pass.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum ScanError {
    /// It is no JSON text.
    #[error(transparent)]
    Json(#[from] JsonError),
    /// One of [`Limits`].
    #[error("more {0} than the scanner looks at")]
    Limit(&'static str),
    /// Whoever asked did not want to wait any longer.
    #[error("the scan takes too long")]
    Time,
    /// The engine failed.
    #[error("the scanner's engine failed")]
    Engine,
}

impl From<PassError> for ScanError {
    fn from(error: PassError) -> Self {
        match error {
            PassError::Stopped => Self::Limit("matches"),
            PassError::Length => Self::Limit("bytes"),
            PassError::Engine(_) => Self::Engine,
        }
    }
}

/// What a finding is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum What {
    /// A kind of the tables.
    Kind(Kind),
    /// The custom pattern of that number.
    Custom(usize),
}

/// Something found. Offsets are bytes of the token's decoded text.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Finding {
    /// What.
    pub what: What,
    /// The token that it is in.
    pub token: usize,
    /// First byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
    /// How sure, 0 to 1.
    pub score: f64,
}

/// A key, string or number of the message.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub(crate) token: Token,
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) escaped: bool,
    /// The container that it is in.
    pub(crate) node: usize,
    /// The member's key among the tokens; for elements of an array none.
    pub(crate) key: Option<usize>,
    /// The place in the array, or zero.
    pub(crate) index: usize,
    pub(crate) freedom: Freedom,
    /// The first of its texts; none where it is not looked at.
    pub(crate) segment: Option<usize>,
    /// Base64: what is scanned is the decoded text after this many bytes.
    pub(crate) encoded: Option<usize>,
}

/// An object or array of the message.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Node {
    pub(crate) parent: Option<usize>,
    pub(crate) key: Option<usize>,
    pub(crate) index: usize,
    pub(crate) object: bool,
    pub(crate) zone: Zone,
}

/// A scanned message: its findings, and what it takes to say where they are and to take them out.
#[derive(Debug)]
pub struct Scan<'a> {
    pub(crate) message: &'a [u8],
    pub(crate) places: Vec<Place>,
    pub(crate) nodes: Vec<Node>,
    pub(crate) texts: Texts,
    /// What was found, in the order of the message; findings of one token by their start.
    pub findings: Vec<Finding>,
    /// The highest score of an instruction to a model.
    pub injection: f64,
}

/// A compiled set of patterns. Compiling takes a second, scanning microseconds.
pub struct Scanner {
    vocabulary: Vocabulary,
    customs: Vec<(String, Regex)>,
    limits: Limits,
    wanted: Wanted,
}

impl std::fmt::Debug for Scanner {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Scanner")
            .field("customs", &self.customs.len())
            .finish_non_exhaustive()
    }
}

impl Scanner {
    /// Compiles the tables and the operator's own patterns.
    ///
    /// # Errors
    /// The first pattern that cannot be used.
    pub fn compile(
        customs: &[Custom],
        limits: Limits,
        wanted: Wanted,
    ) -> Result<Self, CompileError> {
        let confirmed = customs
            .iter()
            .map(|custom| {
                regex::bytes::RegexBuilder::new(&custom.expression)
                    .case_insensitive(custom.caseless)
                    .build()
                    .map(|regex| (custom.name.clone(), regex))
                    .map_err(|source| CompileError::Custom {
                        name: custom.name.clone(),
                        source: Box::new(source),
                    })
            })
            .collect::<Result<_, _>>()?;
        let expressions: Vec<_> = customs
            .iter()
            .map(|custom| (custom.expression.clone(), custom.caseless))
            .collect();
        Ok(Self {
            vocabulary: Vocabulary::compile(&expressions, wanted)?,
            customs: confirmed,
            limits,
            wanted,
        })
    }

    /// Scans one message, a JSON text.
    ///
    /// # Errors
    /// See [`ScanError`]: the message must then not pass.
    pub fn scan<'a>(&self, message: &'a [u8]) -> Result<Scan<'a>, ScanError> {
        self.scan_while(message, &|| true)
    }

    /// As [`Scanner::scan`], as long as `go_on` says so, which is asked again and again.
    ///
    /// # Errors
    /// [`ScanError::Time`] where it said no; otherwise as [`Scanner::scan`].
    pub fn scan_while<'a>(
        &self,
        message: &'a [u8],
        go_on: &dyn Fn() -> bool,
    ) -> Result<Scan<'a>, ScanError> {
        if message.len() > self.limits.bytes_max {
            return Err(ScanError::Limit("bytes"));
        }
        let mut scan = walk::walk(message, &self.limits)?;
        let mut hits = Vec::new();
        self.vocabulary.find(&scan.texts.buffer, &mut hits)?;
        judge::judge(self, &mut scan, &hits, go_on)?;
        Ok(scan)
    }

    /// The name of a finding's kind.
    #[must_use]
    pub fn name(&self, what: What) -> &str {
        match what {
            What::Kind(kind) => kind.name(),
            What::Custom(number) => self
                .customs
                .get(number)
                .map_or("", |(name, _)| name.as_str()),
        }
    }
}

impl<'a> Scan<'a> {
    /// Whether a finding is in a member's name.
    #[must_use]
    pub fn is_in_key(&self, finding: &Finding) -> bool {
        self.places
            .get(finding.token)
            .is_some_and(|place| place.token == Token::Key)
    }

    /// Whether a finding is in something that must not be rewritten.
    #[must_use]
    pub fn is_fixed(&self, finding: &Finding) -> bool {
        self.places
            .get(finding.token)
            .is_none_or(|place| place.freedom == Freedom::Name)
    }

    /// The text of a token as JSON decodes it.
    #[must_use]
    pub fn text(&self, token: usize) -> &[u8] {
        let segment = self
            .places
            .get(token)
            .and_then(|place| place.segment)
            .and_then(|segment| self.texts.segments.get(segment));
        segment
            .and_then(|segment| self.texts.buffer.get(segment.start..segment.end))
            .unwrap_or_default()
    }

    /// The message as it was given.
    #[must_use]
    pub fn message(&self) -> &'a [u8] {
        self.message
    }

    /// The found value.
    #[must_use]
    pub fn value(&self, finding: &Finding) -> &[u8] {
        self.text(finding.token)
            .get(finding.start..finding.end)
            .unwrap_or_default()
    }

    /// A finding's start and end in code points of the decoded text.
    #[must_use]
    pub fn code_points(&self, finding: &Finding) -> (usize, usize) {
        let text = self.text(finding.token);
        let count = |to: usize| {
            text.get(..to)
                .unwrap_or_default()
                .iter()
                .filter(|byte| (**byte as i8) >= -0x40)
                .count()
        };
        (count(finding.start), count(finding.end))
    }

    /// The JSON pointer (RFC 6901) of a token; of a key that of its member.
    #[must_use]
    pub fn pointer(&self, token: usize) -> String {
        let mut steps = Vec::new();
        if let Some(place) = self.places.get(token) {
            let key = if place.token == Token::Key {
                Some(token)
            } else {
                place.key
            };
            let mut step = Some((key, place.index));
            let mut node = Some(place.node);
            while let (Some((key, index)), Some(current)) = (step, node) {
                steps.push((key, index));
                let container = self.nodes.get(current);
                step = container.map(|container| (container.key, container.index));
                node = container.and_then(|container| container.parent);
            }
        }
        let mut pointer = String::new();
        for (key, index) in steps.into_iter().rev() {
            pointer.push('/');
            match key {
                Some(key) => self.push_name(key, &mut pointer),
                None => {
                    let _ = write!(pointer, "{index}");
                }
            }
        }
        pointer
    }

    fn push_name(&self, key: usize, pointer: &mut String) {
        let name = walk::name(self.message, self.places.get(key));
        for character in String::from_utf8_lossy(&name).chars() {
            match character {
                '~' => pointer.push_str("~0"),
                '/' => pointer.push_str("~1"),
                other => pointer.push(other),
            }
        }
    }
}
