//! `cargo xtask test`: every test of the workspace, against the real parts.
//!
//! The runner is cargo-nextest where it is installed, else cargo's own; its summary is the last thing printed.

use std::path::Path;
use std::process::Command;

use anyhow::Result;

use crate::cache::Cache;
use crate::setup::{self, Purpose};
use crate::{command, command::cargo, environment};

/// `filter`: names of tests, as the runner takes them; none means all.
pub(crate) fn run(root: &Path, filter: &[String]) -> Result<()> {
    let cache = Cache::open()?;
    setup::install(root, &cache, Purpose::Test)?;
    let mut variables = environment::variables(&cache)?;
    variables.push(("GANTRY_OPENAPI_CORPUS", cache.descriptions()));
    let with = |command: &mut Command| command::run(command.envs(variables.clone()));
    with(cargo(root).args(["build", "--quiet", "--workspace", "--bins"]))?;
    if filter.is_empty() {
        with(cargo(root).args(["test", "--quiet", "--workspace", "--doc"]))?;
    }
    if command::find("cargo-nextest").is_some() {
        with(
            cargo(root)
                .args(["nextest", "run", "--workspace"])
                .args(filter),
        )
    } else {
        // Cargo's own runner takes one name; several are run one after the other.
        let none = [String::new()];
        let names = if filter.is_empty() { &none } else { filter };
        names.iter().try_for_each(|name| {
            let words = [
                "test",
                "--workspace",
                "--lib",
                "--bins",
                "--tests",
                "--no-fail-fast",
                "--",
                name,
            ];
            with(cargo(root).args(words.into_iter().filter(|word| !word.is_empty())))
        })
    }
}
