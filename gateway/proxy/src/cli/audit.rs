//! `gantry audit`: the trail in ClickHouse, from the command line.

use std::{
    io::{self, Write as _},
    ops::ControlFlow,
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::{Args, Subcommand};
use gantry_analytics::{
    Store, migrate,
    query::{self, Format},
    tail,
};

use crate::config;

/// What can be done with the trail.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Creates or updates the tables.
    Migrate {
        #[command(flatten)]
        place: Place,
        /// Only says what would be applied.
        #[arg(long)]
        dry_run: bool,
    },
    /// Runs one SELECT and prints its answer.
    Query {
        #[command(flatten)]
        place: Place,
        /// One JSON object per row instead of a table.
        #[arg(long)]
        json: bool,
        /// The statement; the table is `audit_log`.
        sql: String,
    },
    /// Prints the last calls, then each new one as it is delivered.
    Tail {
        #[command(flatten)]
        place: Place,
        /// How many of the last calls are printed first.
        #[arg(short = 'n', long, default_value_t = 20)]
        rows: u32,
        /// Ends after the last calls.
        #[arg(long)]
        no_follow: bool,
    },
}

/// Where the trail is.
#[derive(Debug, Args)]
pub struct Place {
    /// The configuration whose `audit.clickhouse` is meant.
    #[arg(short, long)]
    config: PathBuf,
}

/// Runs one command.
pub fn run(command: Command) -> ExitCode {
    let (Command::Migrate { place, .. }
    | Command::Query { place, .. }
    | Command::Tail { place, .. }) = &command;
    match store(&place.config) {
        Ok(store) => finish(execute(&store, &command)),
        Err(code) => code,
    }
}

pub(super) fn store(path: &Path) -> Result<Store, ExitCode> {
    let config = config::load(path).map_err(|faults| {
        eprintln!("{faults}");
        ExitCode::from(super::FAULTY_CONFIGURATION)
    })?;
    // `https` addresses need a provider, and two libraries bring one each.
    let _ = rustls::crypto::ring::default_provider().install_default();
    match &config.audit.clickhouse {
        Some(clickhouse) => Ok(clickhouse.store()),
        None => {
            eprintln!(
                "{}: audit.clickhouse is not set: there is no store to ask",
                path.display()
            );
            Err(ExitCode::from(super::FAULTY_CONFIGURATION))
        }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn execute(store: &Store, command: &Command) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    match command {
        Command::Migrate { dry_run, .. } => {
            let applied = migrate::migrate(store, *dry_run).await?;
            let done = if *dry_run { "would apply" } else { "applied" };
            for one in &applied {
                writeln!(
                    out,
                    "{done} {:04} {}",
                    one.migration.version, one.migration.name
                )?;
            }
            if applied.is_empty() {
                writeln!(out, "up to date")?;
            }
        }
        Command::Query { json, sql, .. } => {
            let format = if *json { Format::Json } else { Format::Table };
            query::query(store, sql, format, &mut out).await?;
        }
        Command::Tail {
            rows,
            no_follow: true,
            ..
        } => {
            for row in tail::recent(store, *rows).await? {
                writeln!(out, "{row}")?;
            }
        }
        Command::Tail { rows, .. } => {
            tail::tail(store, *rows, |row| match writeln!(out, "{row}") {
                Ok(()) => ControlFlow::Continue(()),
                Err(_) => ControlFlow::Break(()),
            })
            .await?;
        }
    }
    Ok(())
}

fn finish(result: anyhow::Result<()>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("gantry: {}", super::chain(&*error));
            ExitCode::FAILURE
        }
    }
}
