//! `cargo xtask lint`: formatting, clippy, the rule of who may import whom, and licences where cargo-deny is installed.

use std::path::Path;

use anyhow::Result;

use crate::setup::system;
use crate::{
    command,
    command::{cargo, workspace},
};

pub(crate) fn run(root: &Path) -> Result<()> {
    system::ensure(system::BUILD)?;
    command::run(cargo(root).args(["fmt", "--all", "--check"]))?;
    let strict = ["--", "-D", "warnings"];
    command::run(
        workspace(root, ["clippy", "--quiet"])
            .arg("--all-targets")
            .args(strict),
    )?;
    // What is shipped has no features.
    command::run(
        cargo(root)
            .args(["clippy", "--quiet", "--workspace"])
            .args(strict),
    )?;
    if root.join("gateway/proxy/tests/layers.rs").exists() {
        command::run(workspace(root, ["test", "--quiet"]).args(["--test", "layers"]))?;
    }
    if root.join("deny.toml").exists() && command::find("cargo-deny").is_some() {
        // Advisories need the network; these three do not.
        command::run(cargo(root).args([
            "deny",
            "--offline",
            "check",
            "bans",
            "licenses",
            "sources",
        ]))?;
    }
    Ok(())
}
