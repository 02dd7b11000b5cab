//! What the figures were measured on, so that a reader can tell whether two reports may be compared.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::command;

/// The machine, the toolchain and the checkout. What cannot be told is left out.
pub(crate) fn describe(root: &Path, profile: &str) -> Value {
    let said = |program: &str, arguments: &[&str]| {
        let output =
            command::capture(Command::new(program).args(arguments).current_dir(root)).ok()?;
        output.lines().next().map(str::to_owned)
    };
    json!({
        "cpu": cpu(),
        "cores": cores(),
        "kernel": first_line("/proc/sys/kernel/osrelease"),
        "load_average_before": first_line("/proc/loadavg"),
        "rustc": said("rustc", &["--version"]),
        "commit": said("git", &["describe", "--always", "--dirty"]),
        "profile": profile,
    })
}

/// How many cores this process may use.
pub(crate) fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

fn cpu() -> Option<String> {
    let text = fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = text.lines().find(|line| line.starts_with("model name"))?;
    line.split_once(": ").map(|(_, name)| name.to_owned())
}

fn first_line(path: &str) -> Option<String> {
    fs::read_to_string(path)
        .ok()?
        .lines()
        .next()
        .map(str::to_owned)
}
