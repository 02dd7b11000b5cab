//! `gantry run`: the gateway itself.

use std::{path::Path, process::ExitCode};

use crate::{config, server, telemetry::logs};

/// Runs the gateway that the file at `path` configures, until it is told to end. When it
/// `takes_over`, another gateway with the same configuration hands it its listening sockets.
pub fn run(path: &Path, takes_over: bool) -> ExitCode {
    let config = match config::load(path) {
        Ok(config) => config,
        Err(faults) => {
            eprintln!("{faults}");
            return ExitCode::from(super::FAULTY_CONFIGURATION);
        }
    };
    let _flushed_at_exit = logs::start(config.telemetry.log);
    match server::serve(path, &config, takes_over) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(error = super::chain(&error), "the gateway cannot run");
            ExitCode::FAILURE
        }
    }
}
