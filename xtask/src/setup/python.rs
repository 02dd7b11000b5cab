//! The virtual environment with the Python peers.
//!
//! Its scripts hold their own path, so it is built where it stays; pip brings an older one up to date, and the stamp is
//! written last. Use it as `venv/bin/python`.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use crate::cache::{self, Cache};
use crate::command;

pub(crate) fn install(pins: &Path, cache: &Cache) -> Result<()> {
    let requirements = pins.join("python/requirements.txt");
    let inputs = fs::read_to_string(&requirements)
        .with_context(|| format!("cannot read {}", requirements.display()))?;
    let place = cache.root().join("venv");
    if is_whole(cache, &inputs) {
        return Ok(());
    }
    let _hold = cache.hold("venv")?;
    if is_whole(cache, &inputs) {
        return Ok(());
    }
    println!("setup: installing venv into {}", place.display());
    if !answers(&cache.python()) {
        command::capture(
            Command::new("python3")
                .args(["-m", "venv", "--clear"])
                .arg(&place),
        )
        .context("cannot create the virtual environment")?;
    }
    command::capture(&mut pip(cache, &requirements)).context("is PyPI reachable?")?;
    command::capture(Command::new(cache.python()).args(["-m", "pip", "check"]))
        .context("the pins contradict each other")?;
    cache::stamp(&place, &inputs)
}

/// Installs what a file pins, and nothing that it leaves out.
pub(crate) fn pip(cache: &Cache, requirements: &Path) -> Command {
    let mut pip = Command::new(cache.python());
    pip.args([
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        "--disable-pip-version-check",
        "--requirement",
    ]);
    pip.arg(requirements);
    pip
}

fn is_whole(cache: &Cache, inputs: &str) -> bool {
    cache::is_stamped(&cache.root().join("venv"), inputs) && answers(&cache.python())
}

/// The interpreter that the environment was made from may have gone.
fn answers(python: &Path) -> bool {
    command::capture(Command::new(python).arg("--version")).is_ok()
}
