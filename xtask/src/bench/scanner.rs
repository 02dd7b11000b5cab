//! What the guardrails cost a message: `gantry scan --timing` over the labelled sample and over messages by size.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use crate::command;

/// Bytes of each input, about, so that the clock is read about something.
const INPUT_BYTES: usize = 4_000_000;
/// Of so many short runs the fastest counts: other work on the machine can only slow one down, and does for seconds.
const RUNS: usize = 12;

const SAMPLE: &str = "gateway/proxy/tests/guard/messages.jsonl.xz";
const PROSE: &str = "The order 48213 of 2026-03-14 was shipped from Zurich; 3 items, total 129.95, tracking X8812-22. ";

/// What is redacted, and whether the rest (`hidden-text`, `injection`) is looked for and noted.
const PRESETS: [&[&str]; 2] = [&["--preset", "pii,secrets"], &[]];

/// A table: messages, their size, microseconds and megabytes a second.
pub(crate) fn measure(root: &Path, bins: &Path, out: &Path) -> Result<String> {
    let sizes = [("1 KB", 1_000), ("16 KB", 16_000), ("1 MB", 1_000_000)];
    let mut inputs = vec![("the labelled sample", sample(root)?)];
    for (name, bytes) in sizes {
        inputs.push((name, vec![answer(&PROSE.repeat(bytes / PROSE.len() + 1))]));
    }
    let mut table = "| messages | bytes | µs a message | MB/s | with all: µs | MB/s |\n|---|--:|--:|--:|--:|--:|\n".to_owned();
    for (name, messages) in inputs {
        println!("bench: scanner, {name}");
        let input = out.join("scanner.jsonl");
        fs::write(&input, repeated(&messages))?;
        let mut best: [Option<Timing>; PRESETS.len()] = [None, None];
        for _ in 0..RUNS {
            for (best, preset) in best.iter_mut().zip(PRESETS) {
                let timing = run(bins, preset, &input)?;
                if best.as_ref().is_none_or(|best| timing.micros < best.micros) {
                    *best = Some(timing);
                }
            }
        }
        if let [Some(some), Some(all)] = best {
            // Writing to a String cannot fail.
            let _ = writeln!(
                table,
                "| {name} | {} | {} | {} | {} | {} |",
                some.bytes, some.micros, some.rate, all.micros, all.rate
            );
        }
    }
    Ok(table)
}

/// The figures of one run.
struct Timing {
    bytes: u64,
    micros: f64,
    rate: f64,
}

fn run(bins: &Path, preset: &[&str], input: &Path) -> Result<Timing> {
    let scan = Command::new(bins.join("gantry"))
        .args(["scan", "--timing"])
        .args(preset)
        .stdin(File::open(input)?)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .output()
        .context("cannot run gantry scan")?;
    let said = String::from_utf8_lossy(&scan.stderr);
    if !scan.status.success() {
        bail!("gantry scan failed: {said}");
    }
    read(&said).with_context(|| format!("gantry scan says {said:?}"))
}

/// Reads `118 messages of 315 bytes on average: 5.90 µs a message, 53.4 MB/s`.
fn read(said: &str) -> Option<Timing> {
    let (_, rest) = said.split_once(" messages of ")?;
    let (bytes, rest) = rest.split_once(" bytes on average: ")?;
    let (micros, rest) = rest.split_once(" µs a message, ")?;
    Some(Timing {
        bytes: bytes.parse().ok()?,
        micros: micros.parse().ok()?,
        rate: rest.split_once(" MB/s")?.0.parse().ok()?,
    })
}

/// The messages of the sample, as they are on the wire.
fn sample(root: &Path) -> Result<Vec<String>> {
    let mut unpack = Command::new("xz");
    unpack
        .args(["--decompress", "--stdout"])
        .arg(root.join(SAMPLE));
    let rows = command::capture(&mut unpack)?;
    let wire = |row: &str| {
        let row: Value = serde_json::from_str(row).ok()?;
        Some(row.get("wire")?.as_str()?.replace('\n', " "))
    };
    Ok(rows.lines().filter_map(wire).collect())
}

fn answer(text: &str) -> String {
    json!({"jsonrpc": "2.0", "id": 1, "result": {"content": [{"type": "text", "text": text}]}})
        .to_string()
}

fn repeated(messages: &[String]) -> String {
    let mut all = String::new();
    while all.len() < INPUT_BYTES {
        for message in messages {
            all.push_str(message);
            all.push('\n');
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_scan_says_is_read() {
        let timing =
            read("118 messages of 315 bytes on average: 5.90 µs a message, 53.4 MB/s\n").unwrap();
        assert_eq!((timing.bytes, timing.micros, timing.rate), (315, 5.9, 53.4));
        assert!(read("gantry: no preset").is_none());
    }
}
