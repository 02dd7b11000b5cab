//! Where tests, the demo and the bench find what was built and installed.

use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::cache::Cache;

/// The folder that this very program was built into; the others are beside it.
pub(crate) fn bin_folder() -> Result<PathBuf> {
    let this = std::env::current_exe().context("cannot tell where this program is")?;
    Ok(this
        .parent()
        .context("this program is in no folder")?
        .to_path_buf())
}

/// The variables that integration tests read; each falls back to a default where it is unset.
pub(crate) fn variables(cache: &Cache) -> Result<Vec<(&'static str, PathBuf)>> {
    let bins = bin_folder()?;
    let mut variables = vec![
        ("GANTRY_CACHE", cache.root().to_path_buf()),
        ("GANTRY_ENGINE", cache.engine()),
        ("GANTRY_NODE", cache.node()),
        ("GANTRY_PYTHON", cache.python()),
    ];
    variables.extend(
        [
            ("GANTRY_BIN", "gantry"),
            ("GANTRY_STORE_BIN", "gantry-store"),
            ("GANTRY_FIXTURE_BIN", "gantry-fixture"),
            ("GANTRY_LOAD_BIN", "gantry-load"),
            ("GANTRY_PASSTHROUGH_BIN", "gantry-passthrough"),
        ]
        .map(|(name, program)| (name, bins.join(program))),
    );
    Ok(variables)
}
