//! Prometheus and its `promtool`, out of Debian's package. The package is unpacked and not installed: installing it would
//! start a server.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::cache::Cache;
use crate::command;

/// Changes when what is unpacked changes; the version is Debian's own.
const INPUTS: &str = "prometheus, unpacked";

pub(crate) fn install(cache: &Cache) -> Result<()> {
    if ["prometheus", "promtool"]
        .map(command::find)
        .iter()
        .all(Option::is_some)
    {
        return Ok(());
    }
    if command::find("apt-get").is_none() {
        bail!(
            "Prometheus is missing and there is no apt-get: put prometheus and promtool on the PATH"
        );
    }
    cache.install("prometheus", INPUTS, |folder| {
        if download(folder).is_err() {
            refresh()?;
            download(folder).context("are Debian's packages reachable?")?;
        }
        let package = package(folder)?;
        command::capture(
            Command::new("dpkg-deb")
                .arg("--extract")
                .arg(&package)
                .arg(folder),
        )?;
        fs::remove_file(&package).with_context(|| format!("cannot remove {}", package.display()))
    })?;
    command::capture(Command::new(cache.promtool()).arg("--version")).map(drop)
}

fn download(folder: &Path) -> Result<String> {
    command::capture(
        Command::new("apt-get")
            .args(["-q", "download", "prometheus"])
            .current_dir(folder),
    )
}

/// The package lists may be absent, as in a fresh container image.
fn refresh() -> Result<()> {
    if !rustix::process::geteuid().is_root() {
        bail!("the package lists are missing; run: sudo apt-get update");
    }
    command::capture(Command::new("apt-get").args(["-q", "update"]))
        .context("are Debian's packages reachable?")
        .map(drop)
}

fn package(folder: &Path) -> Result<std::path::PathBuf> {
    let files =
        fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))?;
    let mut paths = files.filter_map(|file| file.ok().map(|file| file.path()));
    paths
        .find(|path| path.extension().is_some_and(|extension| extension == "deb"))
        .context("apt-get downloaded nothing")
}
