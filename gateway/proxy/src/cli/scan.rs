//! `gantry scan`: the guardrails over JSON lines.
//!
//! One message a line on standard input, one answer a line on standard output:
//! `{"redacted": <message>, "blocked": bool, "injection": 0..1, "findings": […]}`. It is the code
//! that the gateway runs, and offsets are code points of the decoded text.

use std::{
    fmt,
    io::{self, BufRead as _, Write as _},
    path::PathBuf,
    process::ExitCode,
    time::{Duration, Instant},
};

use gantry_guard::Kind;
use serde::{Deserialize, Serialize};

use crate::{
    config::{
        self,
        guardrails::{Action, Direction, Guardrails as Checked},
    },
    guardrails::{Guardrails, Report, Scope},
};

/// Longest line.
const LINE_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// What is read and written at once.
const BUFFER_BYTES: usize = 64 * 1024;

/// What `gantry scan` is told.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The guardrails of this configuration, instead of presets.
    #[arg(short, long, conflicts_with = "preset")]
    config: Option<PathBuf>,
    /// Presets, each with an action where it is not `redact`: `pii,secrets=block`. Left out: `pii`
    /// and `secrets` are redacted, `hidden-text` and `injection` are noted.
    #[arg(short, long, value_delimiter = ',')]
    preset: Vec<String>,
    /// The server that messages are taken to be of, for rules that name one.
    #[arg(long, default_value = "")]
    server: String,
    /// Lists every kind with its groups.
    #[arg(long)]
    kinds: bool,
    /// Says on standard error what scanning cost: the time in the guardrails alone.
    #[arg(long)]
    timing: bool,
}

/// What scanning has cost so far.
#[derive(Default)]
struct Timing {
    messages: u64,
    bytes: u64,
    took: Duration,
}

impl Timing {
    fn add(&mut self, message: &[u8], took: Duration) {
        self.messages += 1;
        self.bytes += message.len() as u64;
        self.took += took;
    }
}

impl fmt::Display for Timing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let micros = self.took.as_secs_f64() * 1e6;
        let (messages, bytes) = (self.messages as f64, self.bytes as f64);
        write!(
            f,
            "{messages} messages of {:.0} bytes on average: {:.2} µs a message, {:.1} MB/s",
            bytes / messages,
            micros / messages,
            bytes / micros
        )
    }
}

/// Scans standard input.
pub fn run(arguments: &Arguments) -> ExitCode {
    if arguments.kinds {
        return list();
    }
    let checked = match (&arguments.config, arguments.preset.as_slice()) {
        (Some(path), _) => match config::load(path) {
            Ok(checked) => checked.guardrails,
            Err(faults) => {
                eprintln!("{faults}");
                return ExitCode::from(super::FAULTY_CONFIGURATION);
            }
        },
        (None, presets) => match preset(presets) {
            Ok(checked) => checked,
            Err(name) => {
                eprintln!(
                    "gantry: no preset or kind `{name}`; there are {}",
                    Kind::groups().join(", ")
                );
                return ExitCode::from(super::FAULTY_CONFIGURATION);
            }
        },
    };
    // For the clients of classifiers, which are made with the guardrails and not asked here.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let guardrails = match Guardrails::compile(&checked) {
        Ok(guardrails) => guardrails,
        Err(error) => {
            eprintln!("gantry: {}", super::chain(&error));
            return ExitCode::FAILURE;
        }
    };
    let mut timing = Timing::default();
    let scanned = scan(&guardrails, &arguments.server, &mut timing);
    if arguments.timing && timing.messages > 0 {
        eprintln!("{timing}");
    }
    match scanned {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("gantry: {}", super::chain(&error));
            ExitCode::FAILURE
        }
    }
}

fn list() -> ExitCode {
    let mut out = io::stdout().lock();
    for kind in Kind::all() {
        let groups: Vec<&str> = Kind::groups()
            .into_iter()
            .filter(|group| kind.is_in(group))
            .collect();
        if writeln!(out, "{}\t{}", kind.name(), groups.join(" ")).is_err() {
            break;
        }
    }
    ExitCode::SUCCESS
}

/// The guardrails that presets stand for, or the name of one that there is not.
fn preset(presets: &[String]) -> Result<Checked, String> {
    let everything =
        ["pii", "secrets", "hidden-text=monitor", "injection=monitor"].map(str::to_owned);
    let presets = if presets.is_empty() {
        &everything[..]
    } else {
        presets
    };
    let mut checked = Checked {
        injection_score: 0.5,
        ..Checked::default()
    };
    for preset in presets {
        let (name, action) = preset.split_once('=').unwrap_or((preset, "redact"));
        let all = [
            Action::Off,
            Action::Monitor,
            Action::Redact,
            Action::Mask,
            Action::Hash,
            Action::Tokenise,
            Action::Block,
        ];
        let action = all
            .into_iter()
            .find(|one| one.as_str() == action)
            .ok_or_else(|| preset.clone())?;
        if Kind::named(name).is_some() {
            checked.kinds.push((name.to_owned(), action));
        } else if Kind::groups().contains(&name) {
            checked.groups.push((name.to_owned(), action));
        } else {
            return Err(name.to_owned());
        }
    }
    Ok(checked)
}

fn scan(guardrails: &Guardrails, server: &str, timing: &mut Timing) -> io::Result<()> {
    let mut input = io::BufReader::with_capacity(BUFFER_BYTES, io::stdin().lock());
    let mut out = io::BufWriter::with_capacity(BUFFER_BYTES, io::stdout().lock());
    let mut line = Vec::new();
    loop {
        line.clear();
        let read = io::Read::take(&mut input, LINE_BYTES_MAX).read_until(b'\n', &mut line)?;
        if read == 0 {
            return out.flush();
        }
        let message = line.trim_ascii();
        if message.is_empty() {
            continue;
        }
        answer(guardrails, server, message, timing, &mut out)?;
        // Whoever waits for an answer before the next message has it.
        if input.buffer().is_empty() {
            out.flush()?;
        }
    }
}

/// What a message says of itself.
#[derive(Default, Deserialize)]
struct Envelope {
    id: Option<serde_json::Value>,
    method: Option<String>,
    params: Option<Params>,
}

#[derive(Default, Deserialize)]
struct Params {
    name: Option<String>,
}

/// A finding, as it is written.
#[derive(Serialize)]
struct Found<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    rule: &'a str,
    json_pointer: &'a str,
    start: usize,
    end: usize,
    action: &'a str,
    score: f64,
}

fn answer(
    guardrails: &Guardrails,
    server: &str,
    message: &[u8],
    timing: &mut Timing,
    out: &mut impl io::Write,
) -> io::Result<()> {
    let envelope: Envelope = serde_json::from_slice(message).unwrap_or_default();
    let subject = envelope.params.and_then(|params| params.name);
    let method = envelope.method.as_deref();
    let scope = Scope {
        direction: if method.is_some_and(|method| !method.starts_with("notifications/")) {
            Direction::Request
        } else {
            Direction::Response
        },
        server,
        method: method.unwrap_or("tools/call"),
        subject: subject.as_deref(),
        agent: "",
        teams: &[],
        untyped: false,
    };
    let begun = Instant::now();
    let acted = guardrails.act(&scope, message);
    timing.add(message, begun.elapsed());
    match acted {
        Ok(acted) => {
            out.write_all(b"{\"redacted\":")?;
            one_line(&acted.message, out)?;
            rest(out, false, &acted.report)
        }
        Err(blocked) => {
            out.write_all(b"{\"redacted\":")?;
            let id = envelope.id.map(|id| id.to_string());
            out.write_all(&blocked.message(id.as_deref()))?;
            rest(out, true, &blocked.report)
        }
    }
}

/// A message may not have line breaks between its tokens here.
fn one_line(message: &[u8], out: &mut impl io::Write) -> io::Result<()> {
    let mut kept = 0;
    for end in memchr::memchr2_iter(b'\n', b'\r', message) {
        out.write_all(message.get(kept..end).unwrap_or_default())?;
        out.write_all(b" ")?;
        kept = end + 1;
    }
    out.write_all(message.get(kept..).unwrap_or_default())
}

fn rest(out: &mut impl io::Write, blocked: bool, report: &Report) -> io::Result<()> {
    write!(
        out,
        ",\"blocked\":{blocked},\"injection\":{:.3},\"findings\":[",
        report.injection
    )?;
    for (place, one) in report.evidence.iter().enumerate() {
        let found = Found {
            kind: &one.kind,
            rule: &one.rule,
            json_pointer: &one.pointer,
            start: one.span.0,
            end: one.span.1,
            action: one.action.as_str(),
            score: one.score,
        };
        if place > 0 {
            out.write_all(b",")?;
        }
        serde_json::to_writer(&mut *out, &found)?;
    }
    out.write_all(b"]}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_scanning_cost_is_said() {
        let mut timing = Timing::default();
        timing.add(&[b' '; 100], Duration::from_micros(2));
        timing.add(&[b' '; 300], Duration::from_micros(6));
        assert_eq!(
            timing.to_string(),
            "2 messages of 200 bytes on average: 4.00 µs a message, 50.0 MB/s"
        );
    }
}
