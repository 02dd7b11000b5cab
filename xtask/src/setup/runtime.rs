//! ONNX Runtime: one library out of one package of PyPI.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use super::python;
use crate::cache::Cache;
use crate::command;

pub(crate) fn install(pins: &Path, cache: &Cache) -> Result<()> {
    let requirements = pins.join("python/onnxruntime.txt");
    let inputs = fs::read_to_string(&requirements)
        .with_context(|| format!("cannot read {}", requirements.display()))?;
    cache.install("onnxruntime", &inputs, |folder| {
        let package = folder.join("package");
        let mut pip = python::pip(cache, &requirements);
        pip.arg("--target").arg(&package);
        command::capture(&mut pip).context("is PyPI reachable?")?;
        let libraries = package.join("onnxruntime/capi");
        let library = fs::read_dir(&libraries)
            .with_context(|| format!("cannot read {}", libraries.display()))?
            .filter_map(std::result::Result::ok)
            .find(|file| {
                file.file_name()
                    .as_encoded_bytes()
                    .starts_with(b"libonnxruntime.so")
            })
            .with_context(|| format!("no library in {}", libraries.display()))?;
        let place = folder.join("libonnxruntime.so");
        fs::rename(library.path(), &place)
            .with_context(|| format!("cannot move {}", library.path().display()))?;
        fs::remove_dir_all(&package).with_context(|| format!("cannot remove {}", package.display()))
    })
}
