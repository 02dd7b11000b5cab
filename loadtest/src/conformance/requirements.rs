//! Which server scenarios a requirement set names, read from the suite's own file.
//!
//! The file is YAML of a fixed form, so its lines are read as they are: a list of names under
//! `server:`, and entries of `scenario:` and `leg:` under `not_scored:`.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

/// Why a requirement set could not be read.
#[derive(Debug, thiserror::Error)]
pub enum RequirementsError {
    #[error("read the requirements in {}", path.display())]
    Read {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("read the requirements in {}: no server scenario found", .0.display())]
    Empty(PathBuf),
}

/// Each server scenario of the set, and whether it is scored.
pub(super) fn read(
    package: &Path,
    requirements: &str,
) -> Result<BTreeMap<String, bool>, RequirementsError> {
    let path = package
        .join("requirements")
        .join(format!("{requirements}.yaml"));
    let read_error = |source| RequirementsError::Read {
        path: path.clone(),
        source,
    };
    let text = fs::read_to_string(&path).map_err(read_error)?;
    let scenarios = parse(&text);
    if scenarios.values().any(|scored| *scored) {
        Ok(scenarios)
    } else {
        Err(RequirementsError::Empty(path))
    }
}

fn parse(text: &str) -> BTreeMap<String, bool> {
    let mut scenarios = BTreeMap::new();
    let mut section = "";
    let mut named = "";
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        if let Some(key) = line.strip_suffix(':').filter(|key| !key.starts_with(' ')) {
            section = key;
            continue;
        }
        let line = line.trim();
        match section {
            "server" => {
                if let Some(name) = line.strip_prefix("- ") {
                    scenarios.insert(name.to_owned(), true);
                }
            }
            "not_scored" => {
                if let Some(name) = line.strip_prefix("- scenario: ") {
                    named = name;
                } else if line == "leg: server" {
                    scenarios.insert(named.to_owned(), false);
                }
            }
            _ => {}
        }
    }
    scenarios
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn only_server_scenarios_are_taken() {
        let text = "# server:\nserver:\n  - ping\n  - tools-list\n\nclient:\n  - initialize\n\n\
                    not_scored:\n  - scenario: auth/dpop\n    leg: client\n    reason: extension\n  \
                    - scenario: tasks-lifecycle\n    leg: server\n    note: >-\n      some words\n";
        let scenarios: Vec<(String, bool)> = parse(text).into_iter().collect();
        let expected = [
            ("ping", true),
            ("tasks-lifecycle", false),
            ("tools-list", true),
        ];
        assert_eq!(
            scenarios,
            expected.map(|(name, scored)| (name.to_owned(), scored))
        );
    }
}
