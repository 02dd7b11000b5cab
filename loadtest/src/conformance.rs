//! The official conformance suite, run against a server's address.
//!
//! The suite is the npm package `@modelcontextprotocol/conformance`, run as a child process; its
//! verdicts are read from the files it writes, never from what it prints. Nothing is installed
//! here: a suite that is missing is an error that names the place where it was looked for.

mod requirements;
mod result;

use std::{
    collections::BTreeMap,
    fmt,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use tokio::process::Command;

pub use requirements::RequirementsError;
pub use result::{Outcome, ResultError};

/// A run that takes longer than this is stopped.
const RUN_MAX: Duration = Duration::from_secs(600);

/// A scenario that takes longer than this fails, in milliseconds.
const SCENARIO_MS_MAX: u32 = 60_000;

/// How much of the suite's own words an error repeats.
const SAID_CHARS_MAX: usize = 2_000;

/// Why the suite could not be run, as opposed to what it found.
#[derive(Debug, thiserror::Error)]
pub enum ConformanceError {
    #[error("find the cache folder: set GANTRY_CACHE or HOME")]
    NoCache,
    #[error("find {} (cargo xtask setup installs it)", .0.display())]
    Missing(PathBuf),
    #[error("run the conformance suite")]
    Run(#[source] std::io::Error),
    #[error("run the conformance suite: it took longer than {} s", RUN_MAX.as_secs())]
    Slow,
    #[error("run the conformance suite: it left no results and said: {0}")]
    NoResults(String),
    #[error(transparent)]
    Requirements(#[from] RequirementsError),
    #[error(transparent)]
    Result(#[from] ResultError),
}

/// What one run found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Every scenario that the requirements name, whether it ran or not.
    pub scenarios: BTreeMap<String, Scenario>,
    /// How many of the scored scenarios passed.
    pub scored_passed: usize,
    /// How many scenarios count.
    pub scored_total: usize,
    /// How many of the others passed.
    pub unscored_passed: usize,
    /// How many scenarios run without counting.
    pub unscored_total: usize,
}

/// What one scenario found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scenario {
    /// Whether it counts for the requirements.
    pub scored: bool,
    /// Whether the suite wrote a result for it.
    pub ran: bool,
    /// The verdict on each check, in order of its id; a check may be made several times.
    pub checks: Vec<(String, Outcome)>,
}

impl Scenario {
    /// It ran and no check failed. Warnings do not count against it, as the suite has it.
    pub fn passed(&self) -> bool {
        self.ran
            && self
                .checks
                .iter()
                .all(|(_, outcome)| *outcome != Outcome::Failed)
    }
}

impl Report {
    fn new(scenarios: BTreeMap<String, Scenario>) -> Self {
        let count = |scored, passed: bool| {
            let counted = scenarios
                .values()
                .filter(|scenario| scenario.scored == scored);
            counted
                .filter(|scenario| !passed || scenario.passed())
                .count()
        };
        Self {
            scored_passed: count(true, true),
            scored_total: count(true, false),
            unscored_passed: count(false, true),
            unscored_total: count(false, false),
            scenarios,
        }
    }
}

/// The score, then each scenario that did not pass with its failed checks.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            scored_passed,
            scored_total,
            unscored_passed,
            unscored_total,
            ..
        } = self;
        write!(
            f,
            "{scored_passed}/{scored_total} scored, {unscored_passed}/{unscored_total} unscored"
        )?;
        for (name, scenario) in self
            .scenarios
            .iter()
            .filter(|(_, scenario)| !scenario.passed())
        {
            let ran = if scenario.ran {
                "failed"
            } else {
                "did not run"
            };
            write!(f, "\n{name} {ran}")?;
            for (check, _) in scenario
                .checks
                .iter()
                .filter(|(_, outcome)| *outcome == Outcome::Failed)
            {
                write!(f, " {check}")?;
            }
        }
        Ok(())
    }
}

/// Runs every server scenario of a requirement set against `url`.
///
/// `requirements` is a revision that the suite has a set for: `2025-11-25` or `2026-07-28`.
/// The host in `url` must be `localhost` or a loopback address.
pub async fn run(url: &str, requirements: &str) -> Result<Report, ConformanceError> {
    let suite = Suite::find()?;
    let wanted = requirements::read(&suite.package, requirements)?;
    let results = tempfile::tempdir().map_err(ConformanceError::Run)?;

    let mut child = Command::new(&suite.node);
    child
        .arg(suite.package.join("dist/index.js"))
        .args(["server", "--url", url, "--requirements", requirements])
        .args(["--timeout", &SCENARIO_MS_MAX.to_string(), "-o"])
        .arg(results.path())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    // The exit code only repeats that a scenario failed, which the results say better.
    let ended = tokio::time::timeout(RUN_MAX, child.output())
        .await
        .map_err(|_| ConformanceError::Slow)?
        .map_err(ConformanceError::Run)?;

    let mut found = result::read(results.path())?;
    if found.is_empty() {
        return Err(ConformanceError::NoResults(beginning(&ended.stderr)));
    }
    let scenario = |(name, scored): (String, bool)| {
        let checks = found.remove(&name);
        let ran = checks.is_some();
        (
            name,
            Scenario {
                scored,
                ran,
                checks: checks.unwrap_or_default(),
            },
        )
    };
    Ok(Report::new(wanted.into_iter().map(scenario).collect()))
}

/// As much of what a program said as an error should carry.
fn beginning(said: &[u8]) -> String {
    String::from_utf8_lossy(said)
        .chars()
        .take(SAID_CHARS_MAX)
        .collect()
}

/// Where the suite is installed, and what runs it.
struct Suite {
    node: PathBuf,
    package: PathBuf,
}

impl Suite {
    /// `$GANTRY_NODE` if it is set, and otherwise what is installed beside the suite.
    fn find() -> Result<Self, ConformanceError> {
        let modules = cache_folder()?.join("npm/conformance/node_modules");
        let arch = if cfg!(target_arch = "aarch64") {
            "arm64"
        } else {
            "x64"
        };
        let node = variable("GANTRY_NODE")
            .unwrap_or_else(|| modules.join(format!("node-linux-{arch}/bin/node")));
        let package = modules.join("@modelcontextprotocol/conformance");
        Ok(Self {
            node: existing(node)?,
            package: existing(package)?,
        })
    }
}

fn existing(path: PathBuf) -> Result<PathBuf, ConformanceError> {
    if Path::exists(&path) {
        Ok(path)
    } else {
        Err(ConformanceError::Missing(path))
    }
}

/// `$GANTRY_CACHE`, else `$XDG_CACHE_HOME/gantry`, else `~/.cache/gantry`.
fn cache_folder() -> Result<PathBuf, ConformanceError> {
    variable("GANTRY_CACHE")
        .or_else(|| variable("XDG_CACHE_HOME").map(|folder| folder.join("gantry")))
        .or_else(|| variable("HOME").map(|folder| folder.join(".cache/gantry")))
        .ok_or(ConformanceError::NoCache)
}

fn variable(name: &str) -> Option<PathBuf> {
    std::env::var_os(name)
        .filter(|value| !value.is_empty())
        .map(PathBuf::from)
}
