//! The project's own tasks. `cargo xtask help` lists them.

mod bench;
mod cache;
mod command;
mod dashboards;
mod demo;
mod environment;
mod http;
mod lint;
mod process;
mod schema;
mod setup;
mod test;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};

use cache::Cache;

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Gantry's own tasks")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Install what a task needs: system packages, the engine, the real clients and servers
    Setup {
        /// The task
        #[arg(long = "for", value_enum, default_value = "test")]
        purpose: setup::Purpose,
    },
    /// Show Gantry at work: real servers, real clients, the trail in ClickHouse
    Demo {
        /// End after the table, and fail unless its rows are the calls that were made
        #[arg(long)]
        once: bool,
    },
    /// Draw the dashboards without a Grafana server, over sessions of real clients
    Dashboards(dashboards::Arguments),
    /// Measure what Gantry costs, beside a bare Pingora pass-through and no proxy at all
    Bench(bench::Arguments),
    /// Check formatting, clippy and the layers
    Lint,
    /// Run the tests, all of them or those whose names match
    Test {
        /// Names of tests, as the test runner takes them
        filter: Vec<String>,
    },
    /// Refresh the configuration's schema and reference in `config/`
    Schema,
}

fn main() -> ExitCode {
    match run(Arguments::parse().task) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(task: Task) -> Result<()> {
    let root = root()?;
    match task {
        Task::Setup { purpose } => setup::install(&root, &Cache::open()?, purpose),
        Task::Demo { once } => demo::run(&root, once),
        Task::Dashboards(arguments) => dashboards::run(&root, &arguments),
        Task::Bench(arguments) => bench::run(&root, &Cache::open()?, &arguments),
        Task::Lint => lint::run(&root),
        Task::Test { filter } => test::run(&root, &filter),
        Task::Schema => schema::run(&root),
    }
}

/// The checkout that this was built from.
fn root() -> Result<PathBuf> {
    let here = std::env::var_os("CARGO_MANIFEST_DIR")
        .map_or_else(|| env!("CARGO_MANIFEST_DIR").into(), PathBuf::from);
    Ok(here
        .parent()
        .context("xtask is in no workspace")?
        .to_path_buf())
}
