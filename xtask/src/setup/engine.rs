//! The embedded engine: one library out of one npm package.
//! A library that is in place already and has the pinned digest is adopted as it is.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::npm;
use crate::cache::{self, Cache};
use crate::command;

const LIBRARY: &str = "libchdb.so";

pub(crate) fn install(pins: &Path, cache: &Cache) -> Result<()> {
    if !cfg!(target_arch = "x86_64") {
        bail!(
            "the embedded engine is published for x86-64 only; point `audit` at a ClickHouse server instead"
        );
    }
    let inputs = npm::inputs(pins, "engine")?;
    adopt(pins, cache, &inputs)?;
    cache.install("engine", &inputs, |folder| {
        let set = folder.join("set");
        fs::create_dir(&set).with_context(|| format!("cannot create {}", set.display()))?;
        npm::fetch(pins, "engine", &set)?;
        let library = set
            .join("node_modules/@chdb/lib-linux-x64-gnu")
            .join(LIBRARY);
        fs::rename(&library, folder.join(LIBRARY))
            .with_context(|| format!("no {} in the package", library.display()))?;
        fs::remove_dir_all(&set).with_context(|| format!("cannot remove {}", set.display()))?;
        if !has_digest(pins, folder) {
            bail!("{LIBRARY} does not have the pinned digest");
        }
        Ok(())
    })
}

fn adopt(pins: &Path, cache: &Cache, inputs: &str) -> Result<()> {
    let place = cache.root().join("engine");
    if cache::is_stamped(&place, inputs) || !place.join(LIBRARY).exists() {
        return Ok(());
    }
    let _hold = cache.hold("engine")?;
    if !cache::is_stamped(&place, inputs) && has_digest(pins, &place) {
        println!("setup: adopting {}", place.join(LIBRARY).display());
        cache::stamp(&place, inputs)?;
    }
    Ok(())
}

fn has_digest(pins: &Path, folder: &Path) -> bool {
    let digest = pins.join("npm/engine/libchdb.sha256");
    command::capture(
        Command::new("sha256sum")
            .arg("--check")
            .arg(digest)
            .current_dir(folder),
    )
    .is_ok()
}
