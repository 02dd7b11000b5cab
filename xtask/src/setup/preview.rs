//! The page that draws the dashboards: Grafana's front-end libraries from npm, and the page built with them.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::npm;
use crate::cache::Cache;
use crate::command;

/// Beside the page itself, what takes pictures of it.
const FILES: [&str; 3] = ["index.html", "vite.config.mjs", "shots.mjs"];

/// Installs the packages, and builds the page where it changed.
pub(crate) fn install(root: &Path, pins: &Path, cache: &Cache) -> Result<()> {
    npm::install(pins, cache, "preview")?;
    let source = root.join("dashboards/preview");
    let inputs = inputs(&source, pins)?;
    cache.install("preview", &inputs, |folder| {
        for file in files(&source)? {
            let to = folder.join(&file);
            if let Some(parent) = to.parent() {
                fs::create_dir_all(parent)?;
            }
            fs::copy(source.join(&file), &to)
                .with_context(|| format!("cannot copy {}", file.display()))?;
        }
        let packages = cache.root().join("npm/preview/node_modules");
        symlink(&packages, folder.join("node_modules"))?;
        let vite = packages.join("vite/bin/vite.js");
        command::capture(
            Command::new(cache.node())
                .arg(vite)
                .arg("build")
                .current_dir(folder),
        )
        .map(drop)
    })
}

/// All that the built page depends on.
fn inputs(source: &Path, pins: &Path) -> Result<String> {
    let mut inputs = npm::inputs(pins, "preview")?;
    for file in files(source)? {
        let text = fs::read_to_string(source.join(&file))
            .with_context(|| format!("cannot read {}", file.display()))?;
        inputs.push_str(&text);
    }
    Ok(inputs)
}

/// Relative to the page's folder.
fn files(source: &Path) -> Result<Vec<PathBuf>> {
    let folder = source.join("src");
    let entries =
        fs::read_dir(&folder).with_context(|| format!("cannot list {}", folder.display()))?;
    let mut files: Vec<PathBuf> = FILES.iter().map(PathBuf::from).collect();
    for entry in entries {
        files.push(Path::new("src").join(entry?.file_name()));
    }
    files.sort();
    Ok(files)
}
