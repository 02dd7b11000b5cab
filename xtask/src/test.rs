//! `cargo xtask test`: every test of the workspace, against the real parts.
//!
//! The runner is cargo-nextest where it is installed, else cargo's own; its summary is the last thing printed.

use std::path::Path;
use std::process::Command;

use anyhow::Result;

use crate::cache::Cache;
use crate::setup::{self, Purpose};
use crate::{command, command::workspace, environment};

/// `filter`: names of tests, as the runner takes them; none means all.
pub(crate) fn run(root: &Path, filter: &[String]) -> Result<()> {
    let cache = Cache::open()?;
    setup::install(root, &cache, Purpose::Test)?;
    let mut variables = environment::variables(&cache)?;
    variables.push(("GANTRY_OPENAPI_CORPUS", cache.descriptions()));
    variables.push(("ORT_DYLIB_PATH", cache.runtime()));
    let with = |command: &mut Command| command::run(command.envs(variables.clone()));
    with(workspace(root, ["build", "--quiet"]).arg("--bins"))?;
    if filter.is_empty() {
        with(workspace(root, ["test", "--quiet"]).arg("--doc"))?;
    }
    if command::find("cargo-nextest").is_some() {
        with(workspace(root, ["nextest", "run"]).args(filter))
    } else {
        // Cargo's own runner takes one name; several are run one after the other.
        let none = [String::new()];
        let names = if filter.is_empty() { &none } else { filter };
        names.iter().try_for_each(|name| {
            let words = ["--lib", "--bins", "--tests", "--no-fail-fast", "--", name];
            with(workspace(root, ["test"]).args(words.into_iter().filter(|word| !word.is_empty())))
        })
    }
}
