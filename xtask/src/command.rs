//! Running other programs to their end, with errors that name what was run. It never starts anything that stays.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

/// How many of a failed program's last lines its error repeats.
const TAIL_LINES_MAX: usize = 20;

/// Runs with this terminal's output.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let status = command
        .status()
        .with_context(|| format!("cannot run {}", line(command)))?;
    if !status.success() {
        bail!("{} failed ({status})", line(command));
    }
    Ok(())
}

/// Runs without a word, and returns what it printed; a failure repeats its last lines.
pub(crate) fn capture(command: &mut Command) -> Result<String> {
    let output = command
        .output()
        .with_context(|| format!("cannot run {}", line(command)))?;
    if !output.status.success() {
        let said = [&output.stdout[..], &output.stderr[..]].concat();
        bail!(
            "{} failed ({}):\n{}",
            line(command),
            output.status,
            tail(&String::from_utf8_lossy(&said))
        );
    }
    String::from_utf8(output.stdout)
        .with_context(|| format!("{} printed something that is not text", line(command)))
}

/// The last lines of a program's output.
pub(crate) fn tail(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let from = lines.len().saturating_sub(TAIL_LINES_MAX);
    lines.get(from..).unwrap_or_default().join("\n")
}

/// Where `PATH` has the program.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|folder| folder.join(program))
        .find(|file| file.is_file())
}

/// The cargo that runs this, in the checkout's root.
pub(crate) fn cargo(root: &Path) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root);
    command
}

/// As [`cargo`], for everything in the workspace with all that it can do. Every task that builds asks for the same, so
/// that nothing is built twice.
pub(crate) fn workspace<'a>(root: &Path, words: impl IntoIterator<Item = &'a str>) -> Command {
    let mut command = cargo(root);
    command
        .args(words)
        .args(["--workspace", "--features", "gantry/onnx"]);
    command
}

fn line(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let words: Vec<_> = words.map(|word| word.to_string_lossy()).collect();
    format!("`{}`", words.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_names_the_command_and_repeats_its_last_words() {
        let error = capture(Command::new("sh").args(["-c", "seq 100; echo broken >&2; exit 3"]))
            .unwrap_err();
        let text = error.to_string();
        assert!(
            text.contains("seq 100") && text.contains("exit status: 3") && text.ends_with("broken"),
            "{text}"
        );
        assert!(!text.contains("\n50\n"), "{text}");
    }

    #[test]
    fn a_missing_program_is_named() {
        let error = run(&mut Command::new("gantry-no-such-program")).unwrap_err();
        assert!(error.to_string().contains("gantry-no-such-program"));
        assert_eq!(find("gantry-no-such-program"), None);
    }
}
