//! `cargo xtask dashboards`: the dashboards' JSON written anew, or the dashboards themselves to look at.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use crate::setup::system;
use crate::{command, command::cargo, demo, environment};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Only write the JSON files in `dashboards/json` anew from their source
    #[arg(long)]
    json: bool,
    /// Look at every dashboard in a browser, fail on any fault or empty panel, and keep pictures in this folder
    #[arg(long, value_name = "FOLDER", conflicts_with = "json")]
    pictures: Option<PathBuf>,
}

pub(crate) fn run(root: &Path, arguments: &Arguments) -> Result<()> {
    if !arguments.json {
        return demo::dashboards(root, arguments.pictures.as_deref());
    }
    system::ensure(system::BUILD)?;
    command::run(cargo(root).args(["build", "--quiet", "--package", "gantry-dashboards"]))?;
    let writer = environment::bin_folder()?.join("gantry-dashboards");
    command::run(Command::new(writer).arg(root.join("dashboards/json")))
}
