//! The command line: what each subcommand of `gantry` does.

pub mod audit;
pub mod check;
pub mod run;
pub mod schema;

/// The exit code when the configuration has faults, as distinct from a run that failed.
pub const FAULTY_CONFIGURATION: u8 = 2;
