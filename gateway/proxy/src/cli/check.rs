//! `gantry check`: every fault of a configuration, or what it means.

use std::{
    io::{self, Write as _},
    path::Path,
    process::ExitCode,
};

use crate::config;

/// Prints the effective configuration on standard output, or every fault on standard error.
/// Nothing is started, and no address is opened.
pub fn run(path: &Path) -> ExitCode {
    match config::load(path) {
        Ok(checked) => match io::stdout().write_all(config::effective(&checked).as_bytes()) {
            Ok(()) => ExitCode::SUCCESS,
            Err(_) => ExitCode::FAILURE,
        },
        Err(faults) => {
            eprintln!("{faults}");
            ExitCode::from(super::FAULTY_CONFIGURATION)
        }
    }
}
