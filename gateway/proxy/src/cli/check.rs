//! `gantry check`: every fault of a configuration, or what it means.

use std::{
    io::{self, Write as _},
    path::PathBuf,
    process::ExitCode,
};

use clap::Args;

use super::replay;
use crate::config;

/// What to check, and against what.
#[derive(Debug, Args)]
pub struct Arguments {
    /// The configuration.
    #[arg(short, long)]
    config: PathBuf,
    /// Lists the recorded calls about which the access rules would decide otherwise than was decided: a configuration
    /// whose `audit.clickhouse` holds the records, as a rule the one in use.
    #[arg(long, value_name = "CONFIG")]
    dry_run: Option<PathBuf>,
    /// How far back records are looked at: `30m`, `24h`.
    #[arg(long, value_name = "PERIOD", default_value = "24h", value_parser = period)]
    since: config::Period,
    /// One JSON object per line instead of a table.
    #[arg(long, requires = "dry_run")]
    json: bool,
}

/// Prints the effective configuration on standard output, or every fault on standard error; with
/// `--dry-run` what would change. Nothing is started, and no address is opened.
pub fn run(arguments: &Arguments) -> ExitCode {
    let checked = match config::load(&arguments.config) {
        Ok(checked) => checked,
        Err(faults) => {
            eprintln!("{faults}");
            return ExitCode::from(super::FAULTY_CONFIGURATION);
        }
    };
    if let Some(against) = &arguments.dry_run {
        return replay::run(&checked, against, arguments.since.into(), arguments.json);
    }
    match io::stdout().write_all(config::effective(&checked).as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn period(text: &str) -> Result<config::Period, &'static str> {
    config::Period::parse(text).ok_or("write a whole number with a unit: `30m`, `24h`")
}
