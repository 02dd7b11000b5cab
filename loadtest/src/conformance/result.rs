//! The files that the suite writes: one folder per scenario, `server-NAME-TIME`, with its checks.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use serde::Deserialize;

/// Length of the time that ends a folder's name, with its hyphen: `-2026-11-22T10-42-34-927Z`.
const TIME_BYTES: usize = 25;

/// Why the suite's results could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ResultError {
    #[error("read the suite's results in {}", path.display())]
    Read {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("parse the suite's results in {}", path.display())]
    Parse {
        path: PathBuf,
        source: serde_json::Error,
    },
}

/// The verdict on one check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    Passed,
    Warned,
    Failed,
}

#[derive(Deserialize)]
struct Check {
    id: String,
    status: Status,
}

/// The suite's own words; what is merely noted or skipped is no verdict.
#[derive(Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum Status {
    Success,
    Warning,
    Failure,
    Info,
    Skipped,
}

impl Status {
    fn outcome(&self) -> Option<Outcome> {
        match self {
            Self::Success => Some(Outcome::Passed),
            Self::Warning => Some(Outcome::Warned),
            Self::Failure => Some(Outcome::Failed),
            Self::Info | Self::Skipped => None,
        }
    }
}

/// The verdicts of each scenario that left a result, by its name.
pub(super) fn read(folder: &Path) -> Result<BTreeMap<String, Vec<(String, Outcome)>>, ResultError> {
    let read_error = |source| ResultError::Read {
        path: folder.to_owned(),
        source,
    };
    let mut scenarios = BTreeMap::new();
    for entry in fs::read_dir(folder).map_err(read_error)? {
        let entry = entry.map_err(read_error)?;
        if let Some(name) = entry.file_name().to_str().and_then(scenario_name) {
            scenarios.insert(
                name.to_owned(),
                read_checks(&entry.path().join("checks.json"))?,
            );
        }
    }
    Ok(scenarios)
}

fn scenario_name(folder: &str) -> Option<&str> {
    let end = folder.len().checked_sub(TIME_BYTES)?;
    folder.get(..end)?.strip_prefix("server-")
}

fn read_checks(path: &Path) -> Result<Vec<(String, Outcome)>, ResultError> {
    let text = fs::read(path).map_err(|source| ResultError::Read {
        path: path.to_owned(),
        source,
    })?;
    let checks: Vec<Check> =
        serde_json::from_slice(&text).map_err(|source| ResultError::Parse {
            path: path.to_owned(),
            source,
        })?;
    let verdict = |check: Check| check.status.outcome().map(|outcome| (check.id, outcome));
    let mut verdicts: Vec<_> = checks.into_iter().filter_map(verdict).collect();
    verdicts.sort();
    Ok(verdicts)
}

#[cfg(test)]
mod tests {
    use super::scenario_name;

    #[test]
    fn a_folder_is_named_after_its_scenario_and_the_time() {
        let name = |folder| scenario_name(folder).unwrap_or("none");
        assert_eq!(
            name("server-server-sse-polling-2026-11-22T10-42-34-927Z"),
            "server-sse-polling"
        );
        assert_eq!(name("server-ping-2026-11-22T10-42-33-761Z"), "ping");
        assert_eq!(name("notes.txt"), "none");
    }
}
