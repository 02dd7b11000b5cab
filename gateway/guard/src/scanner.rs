//! One message, scanned: what it holds, of which kind, and where.
//!
//! The scanner decides nothing and changes nothing. It refuses what it cannot look at as a whole: a text that is not
//! JSON, and whatever lies beyond its limits.

mod context;
mod credentials;
mod customs;
mod heads;
mod identifiers;
mod judge;
mod local;
mod room;
mod scan;
mod settle;
mod walk;

use regex::bytes::Regex;
use thiserror::Error;

use crate::database::DatabaseError;
use crate::find;
use crate::json::JsonError;
use crate::kind::Kind;
use crate::secrets;
use crate::shape;
use crate::text::Excess;
use crate::views;
use crate::vocabulary::Vocabulary;
use crate::work::Work;
use room::Room;

pub use scan::{CodePoints, Finding, Scan};
pub(crate) use scan::{Node, Place};

use local::Local;

/// An operator's own pattern.
#[derive(Clone, Debug)]
pub struct Custom {
    /// Its name in findings and placeholders, without `]` and `:`.
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
    /// Keys, strings, numbers and containers.
    pub tokens_max: usize,
    /// Findings.
    pub findings_max: usize,
    /// Bytes of all names on the way to a value: what a JSON pointer to it has.
    pub names_bytes_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            bytes_max: 16 << 20,
            text_bytes_max: 64 << 20,
            tokens_max: 1_000_000,
            findings_max: 100_000,
            names_bytes_max: 16 << 10,
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

impl From<Excess> for ScanError {
    fn from(excess: Excess) -> Self {
        match excess {
            Excess::Text => Self::Limit("text"),
            Excess::Layers => Self::Limit("layers of encoding"),
            Excess::Work => Self::Time,
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

/// Makes ready what would else wait for the first message, and let it wait.
fn prepare() {
    views::prepare();
    shape::prepare();
    find::prepare();
    secrets::prepare();
    identifiers::prepare();
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
        prepare();
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
        Ok(Self {
            vocabulary: Vocabulary::compile(customs, wanted)?,
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
        if !go_on() {
            return Err(ScanError::Time);
        }
        let mut work = Work::new(go_on);
        let mut scan = Scan::of(message);
        walk::walk(&mut scan, &self.limits, &mut work)?;
        let Room { texts, hits, .. } = &mut *scan.room;
        self.vocabulary.find(&texts.buffer, hits, &mut work)?;
        scan.findings = judge::judge(self, self.wanted, &mut scan, &mut work)?;
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
