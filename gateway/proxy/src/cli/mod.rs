//! The command line: what each subcommand of `gantry` does.

pub mod audit;
pub mod check;
pub mod explain;
pub mod openapi;
pub mod pin;
mod replay;
pub mod run;
pub mod scan;
pub mod schema;
pub mod supervise;
mod table;

/// The exit code when the configuration has faults, as distinct from a run that failed.
pub const FAULTY_CONFIGURATION: u8 = 2;

/// An error and its causes in one line. Causes that only repeat what was said are left out.
fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        cause = error.source();
    }
    text
}
