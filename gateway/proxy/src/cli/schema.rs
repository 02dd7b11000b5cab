//! `gantry schema`: the configuration's JSON Schema, or its reference in Markdown.

use std::{
    io::{self, Write as _},
    process::ExitCode,
};

use crate::config;

/// Prints the schema on standard output, or the reference instead.
pub fn run(reference: bool) -> ExitCode {
    let page = if reference {
        config::reference()
    } else {
        config::json_schema()
    };
    match io::stdout().write_all(page.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}
