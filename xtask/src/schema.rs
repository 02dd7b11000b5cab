//! `cargo xtask schema`: writes the configuration's JSON Schema and reference, which a test holds to the types.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use crate::setup::system;
use crate::{command, command::cargo, environment};

/// The words after `gantry schema`, and the file that holds their output.
const FILES: [(&[&str], &str); 2] = [
    (&["schema"], "config/gantry.schema.json"),
    (&["schema", "--reference"], "config/REFERENCE.md"),
];

pub(crate) fn run(root: &Path) -> Result<()> {
    system::ensure(system::BUILD)?;
    command::run(cargo(root).args(["build", "--quiet", "--package", "gantry"]))?;
    for (words, file) in FILES {
        let text =
            command::capture(Command::new(environment::bin_folder()?.join("gantry")).args(words))?;
        let path = root.join(file);
        let same = fs::read_to_string(&path).is_ok_and(|old| old == text);
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
        println!("{file}: {}", if same { "as it was" } else { "refreshed" });
    }
    Ok(())
}
