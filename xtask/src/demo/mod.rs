//! `cargo xtask demo`: real servers, Gantry in front of them, real clients, and the trail read back from ClickHouse.
//!
//! Everything runs on the loopback interface, keeps its files in `out/demo`, and ends with this program.

mod session;
mod site;
mod trail;

use std::path::Path;

use anyhow::Result;

use crate::cache::Cache;
use crate::setup::{self, Purpose};
use crate::{command, command::cargo};

/// Shows it all, and stays up until Ctrl-C. With `once` it ends after the table, and fails unless the rows are the calls.
pub(crate) fn run(root: &Path, once: bool) -> Result<()> {
    let cache = Cache::open()?;
    setup::install(root, &cache, Purpose::Demo)?;
    println!("demo: building");
    let packages = ["gantry", "gantry-store", "gantry-loadtest"]
        .map(|name| ["--package", name])
        .concat();
    command::run(
        cargo(root)
            .args(["build", "--quiet", "--bins"])
            .args(packages),
    )?;

    let site = site::Site::start(root, &cache)?;
    println!("demo: {} is up; holding sessions through it", site.base());
    let expected = session::hold_all(root, &cache, &site)?;
    let trail = trail::Trail::new(&site);
    let verdict = trail.settle(&expected);
    println!("\n{}", trail.table()?);
    verdict?;
    println!(
        "Every call is a row: {} of {}.",
        expected.len(),
        expected.len()
    );
    if once {
        return Ok(());
    }
    println!("\n{}\nCtrl-C ends it.", site.invitation());
    site.wait()
}
