//! What is wrong with a configuration, and where.
//!
//! A fault never carries a value that came from the environment or from a secret.

use std::fmt;

use super::bounds::FAULTS_MAX;

/// One step from the file's root towards a value.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Step {
    Key(String),
    Index(usize),
}

/// The way from the file's root to a value: `servers.orders.urls[0]`.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Path(Vec<Step>);

impl Path {
    pub(super) fn steps(&self) -> &[Step] {
        &self.0
    }

    pub(super) fn key(&self, key: &str) -> Self {
        self.with(Step::Key(key.to_owned()))
    }

    pub(super) fn index(&self, index: usize) -> Self {
        self.with(Step::Index(index))
    }

    /// Splits `audit.spool.dir` into its keys. For paths that code writes, where no key holds a dot.
    pub(super) fn of(keys: &str) -> Self {
        Self(
            keys.split('.')
                .map(|key| Step::Key(key.to_owned()))
                .collect(),
        )
    }

    pub(super) fn is_at_or_below(&self, other: &Self) -> bool {
        self.0.starts_with(&other.0)
    }

    fn with(&self, step: Step) -> Self {
        let mut steps = self.0.clone();
        steps.push(step);
        Self(steps)
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, step) in self.0.iter().enumerate() {
            match step {
                Step::Key(key) if position == 0 => write!(f, "{}", Shown(key))?,
                Step::Key(key) => write!(f, ".{}", Shown(key))?,
                Step::Index(index) => write!(f, "[{index}]")?,
            }
        }
        Ok(())
    }
}

/// Text from a file, made fit for one line of a terminal: control characters escaped, the length bounded.
pub(super) struct Shown<'a>(pub(super) &'a str);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const CHARS_MAX: usize = 80;
        for (position, character) in self.0.chars().enumerate() {
            if position == CHARS_MAX {
                return f.write_str("…");
            }
            if character.is_control() {
                write!(f, "{}", character.escape_default())?;
            } else {
                write!(f, "{character}")?;
            }
        }
        Ok(())
    }
}

/// A line and a column, both from 1; the column counts characters.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Place {
    pub line: usize,
    pub column: usize,
}

impl Place {
    pub(super) const START: Self = Self { line: 1, column: 1 };
}

/// One thing that is wrong.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Fault {
    pub place: Place,
    /// The key's path, such as `servers.orders.urls[0]`; empty for the file as a whole.
    pub path: String,
    /// What is wrong.
    pub what: String,
    /// What would be right, where that is not plain from `what`.
    pub allowed: Option<String>,
    /// The valid key that was probably meant.
    pub nearest: Option<String>,
}

/// The faults of one file while it is being read.
#[derive(Debug, Default)]
pub(super) struct Findings(Vec<(Path, Fault)>);

impl Findings {
    /// Notes a fault. An empty `allowed` says nothing.
    pub(super) fn add(
        &mut self,
        place: Place,
        path: &Path,
        what: impl Into<String>,
        allowed: &str,
    ) {
        self.push(place, path, what.into(), allowed, None);
    }

    /// Notes a key that nobody knows, with the valid key that was probably meant.
    pub(super) fn add_key(
        &mut self,
        place: Place,
        path: &Path,
        what: String,
        allowed: &str,
        nearest: Option<String>,
    ) {
        self.push(place, path, what, allowed, nearest);
    }

    fn push(
        &mut self,
        place: Place,
        path: &Path,
        what: String,
        allowed: &str,
        nearest: Option<String>,
    ) {
        let allowed = (!allowed.is_empty()).then(|| allowed.to_owned());
        self.0.push((
            path.clone(),
            Fault {
                place,
                path: path.to_string(),
                what,
                allowed,
                nearest,
            },
        ));
    }

    /// Whether something at or below `path` is known to be wrong, so that what follows from it need not be said.
    pub(super) fn touch(&self, path: &Path) -> bool {
        self.0.iter().any(|(at, _)| at.is_at_or_below(path))
    }

    /// Whether an unknown key right below `path` was probably meant to be one of `keys`.
    pub(super) fn suggest(&self, path: &Path, keys: &[&str]) -> bool {
        self.0.iter().any(|(at, fault)| {
            let nearest = fault.nearest.as_deref();
            at.steps().len() == path.steps().len() + 1
                && at.is_at_or_below(path)
                && nearest.is_some_and(|nearest| keys.contains(&nearest))
        })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn into_faults(self, origin: &str) -> Faults {
        Faults::new(origin, self.0.into_iter().map(|(_, fault)| fault).collect())
    }
}

/// Everything that is wrong with one file, in the order of the file. Never empty.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Faults {
    /// The file's name as it was given.
    pub origin: String,
    pub faults: Vec<Fault>,
    /// How many more there are than are listed.
    pub unlisted: usize,
}

impl Faults {
    fn new(origin: &str, mut faults: Vec<Fault>) -> Self {
        faults.sort_by_key(|fault| fault.place);
        let unlisted = faults.len().saturating_sub(FAULTS_MAX);
        faults.truncate(FAULTS_MAX);
        Self {
            origin: origin.to_owned(),
            faults,
            unlisted,
        }
    }
}

impl std::error::Error for Faults {}

impl fmt::Display for Faults {
    /// One paragraph per fault: `file:line:column: path: what is wrong`, then what is allowed, indented.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, fault) in self.faults.iter().enumerate() {
            if position > 0 {
                writeln!(f)?;
            }
            write!(
                f,
                "{}:{}:{}: ",
                self.origin, fault.place.line, fault.place.column
            )?;
            if !fault.path.is_empty() {
                write!(f, "{}: ", fault.path)?;
            }
            f.write_str(&fault.what)?;
            if let Some(nearest) = &fault.nearest {
                write!(f, ": did you mean `{nearest}`?")?;
            }
            if let Some(allowed) = &fault.allowed {
                write!(f, "\n  allowed: {allowed}")?;
            }
        }
        if self.unlisted > 0 {
            write!(f, "\nand {} more", self.unlisted)?;
        }
        Ok(())
    }
}
