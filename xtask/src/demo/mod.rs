//! `cargo xtask demo`: real servers, Gantry in front of them, real clients, the trail read back from ClickHouse, and the
//! dashboards over it. `cargo xtask dashboards` is the same with the dashboards only.
//!
//! Everything runs on the loopback interface, keeps its files in `out/demo`, and ends with this program.

mod agents;
mod board;
mod parts;
mod session;
mod site;
mod trail;

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::Result;

use crate::cache::Cache;
use crate::setup::{self, Purpose};
use crate::{command, command::workspace};
use agents::Callers;
use board::Board;
use site::Site;

/// Between two rounds of sessions while the dashboards are up.
const PAUSE: Duration = Duration::from_secs(3);
/// How many rounds the pictures show.
const ROUNDS: u32 = 4;

/// Shows it all, and stays up until Ctrl-C. With `once` it ends after the table, and fails unless the rows are the calls.
pub(crate) fn run(root: &Path, once: bool) -> Result<()> {
    let cache = Cache::open()?;
    setup::install(root, &cache, Purpose::Demo)?;
    build(root)?;

    let site = Site::start(root, &cache)?;
    println!("demo: {} is up; holding sessions through it", site.base());
    let expected = session::hold_all(root, &cache, site.callers())?;
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
    let board = Board::start(root, &cache, &site)?;
    println!(
        "\nDashboards:   {}\n{}\nCtrl-C ends it.",
        board.address(),
        site.invitation()
    );
    while_busy(root, &cache, site.callers(), || site.wait())
}

/// Draws the dashboards over sessions that go on until Ctrl-C. With `pictures` it takes a picture of each into that
/// folder and ends, and fails on any fault or empty panel.
pub(crate) fn dashboards(root: &Path, pictures: Option<&Path>) -> Result<()> {
    let cache = Cache::open()?;
    let purpose = pictures.map_or(Purpose::Demo, |_| Purpose::Pictures);
    setup::install(root, &cache, purpose)?;
    build(root)?;

    let site = Site::start(root, &cache)?;
    let board = Board::start(root, &cache, &site)?;
    println!("Dashboards: {}", board.address());
    let Some(folder) = pictures else {
        println!("Ctrl-C ends it.");
        return while_busy(root, &cache, site.callers(), || site.wait());
    };
    for _ in 0..ROUNDS {
        session::hold_all(root, &cache, site.callers())?;
    }
    while_busy(root, &cache, site.callers(), || {
        board.picture(&cache, &site, folder)
    })
}

fn build(root: &Path) -> Result<()> {
    println!("demo: building");
    // All of them, as the tests do: a part of the workspace would build its dependencies with other features once more.
    command::run(workspace(root, ["build", "--quiet"]).arg("--bins"))
}

/// Does `work` while sessions with the gateway are held one after the other.
fn while_busy(
    root: &Path,
    cache: &Cache,
    callers: Callers<'_>,
    work: impl FnOnce() -> Result<()>,
) -> Result<()> {
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) && session::hold_all(root, cache, callers).is_ok() {
                thread::sleep(PAUSE);
            }
        });
        let result = work();
        done.store(true, Ordering::Relaxed);
        result
    })
}
