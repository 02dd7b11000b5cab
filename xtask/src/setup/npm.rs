//! Sets of npm packages, each installed from its checked-in lock file. No package's install script is run.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use crate::cache::Cache;
use crate::command;

/// Installs the set `xtask/peers/npm/<set>` at `npm/<set>` in the cache.
pub(crate) fn install(pins: &Path, cache: &Cache, set: &str) -> Result<()> {
    let inputs = inputs(pins, set)?;
    cache.install(&format!("npm/{set}"), &inputs, |folder| {
        fetch(pins, set, folder)
    })
}

/// The text that decides whether a set must be installed again.
pub(crate) fn inputs(pins: &Path, set: &str) -> Result<String> {
    let lock = pins.join("npm").join(set).join("package-lock.json");
    fs::read_to_string(&lock).with_context(|| format!("cannot read {}", lock.display()))
}

/// Puts the set's `node_modules` into `folder`; npm checks every package against the lock file's digests.
pub(crate) fn fetch(pins: &Path, set: &str, folder: &Path) -> Result<()> {
    for file in ["package.json", "package-lock.json"] {
        let from = pins.join("npm").join(set).join(file);
        fs::copy(&from, folder.join(file))
            .with_context(|| format!("cannot copy {}", from.display()))?;
    }
    let settings = pins.join("npm").join(set).join(".npmrc");
    if settings.exists() {
        fs::copy(&settings, folder.join(".npmrc"))
            .with_context(|| format!("cannot copy {}", settings.display()))?;
    }
    let mut npm = Command::new("npm");
    npm.args([
        "ci",
        "--ignore-scripts",
        "--no-audit",
        "--no-fund",
        "--loglevel=error",
    ])
    .current_dir(folder);
    command::capture(&mut npm).context("is the npm registry reachable?")?;
    Ok(())
}
