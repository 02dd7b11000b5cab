//! `gantry-load`: calls an MCP server at a chosen pace and prints how it answered.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, anyhow};
use clap::Parser;
use gantry_loadtest::load::{self, Era, Extent, Options, Work};

/// Load generator for MCP servers and gateways over Streamable HTTP.
///
/// Exit code 0 means that the run took place; what failed in it is in the report.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// The endpoint, such as http://127.0.0.1:8080/mcp/orders.
    #[arg(long)]
    url: String,
    /// Connections, each with one call under way at a time.
    #[arg(long, default_value_t = 1)]
    connections: usize,
    /// How long to begin calls for: 500ms, 5s, 2m. Five seconds when --calls is missing too.
    #[arg(long, value_parser = load::duration)]
    duration: Option<Duration>,
    /// How many calls to make.
    #[arg(long)]
    calls: Option<u64>,
    /// Calls per second over all connections, at fixed times; without it each connection calls as fast as it is answered.
    #[arg(long)]
    rate: Option<f64>,
    /// The tool. Names ending in `echo` and `sized` get their arguments from the options below.
    #[arg(long, default_value = "echo")]
    tool: String,
    /// Arguments of the tool, as a JSON object; each string "{id}" in it becomes the call's id.
    #[arg(long)]
    arguments: Option<String>,
    /// Length of the text that `echo` is given.
    #[arg(long, default_value_t = 100)]
    bytes: usize,
    /// Length of the answer that `sized` is asked for.
    #[arg(long, default_value_t = 1024)]
    answer_bytes: usize,
    /// Events that `sized` is asked to send before its answer.
    #[arg(long, default_value_t = 0)]
    events: u32,
    /// Pause of `sized` before each event, or before its answer.
    #[arg(long, default_value_t = 0)]
    delay_ms: u64,
    /// Ask for tools/list instead of calling a tool.
    #[arg(long)]
    list: bool,
    /// Speak 2025-11-25: initialize once per connection, then send its session id. The default is 2026-07-28.
    #[arg(long)]
    session: bool,
    /// Make ids strings: PREFIX-1, PREFIX-2, …
    #[arg(long, value_name = "PREFIX")]
    ids: Option<String>,
    /// Append one line per call to FILE: id, answered|sent|failed, why; separated by tabs.
    #[arg(long, value_name = "FILE")]
    journal: Option<PathBuf>,
    /// The longest that one call may take.
    #[arg(long, default_value = "30s", value_parser = load::duration)]
    timeout: Duration,
    /// A further request header, as `Name: value`; may be given several times.
    #[arg(long = "header", value_name = "NAME: VALUE")]
    headers: Vec<String>,
    /// Threads of the generator. One is enough for most targets, and leaves the others' cores alone.
    #[arg(long, default_value_t = 1)]
    threads: usize,
    /// Print the report as one line of JSON.
    #[arg(long)]
    json: bool,
}

impl Arguments {
    fn work(&self) -> anyhow::Result<Work> {
        if self.list {
            return Ok(Work::List);
        }
        if let Some(arguments) = &self.arguments {
            return Ok(Work::Call {
                tool: self.tool.clone(),
                arguments: arguments.clone(),
                progress: false,
            });
        }
        if self.tool.ends_with("echo") {
            return Ok(Work::echo(&self.tool, self.bytes)?);
        }
        if self.tool.ends_with("sized") {
            return Ok(Work::sized(
                &self.tool,
                self.answer_bytes,
                self.events,
                self.delay_ms,
            ));
        }
        Err(anyhow!(
            "--arguments is needed for the tool `{}`",
            self.tool
        ))
    }

    fn options(&self) -> anyhow::Result<Options> {
        let header = |text: &String| {
            let (name, value) = text
                .split_once(':')
                .ok_or_else(|| anyhow!("--header must be `Name: value`"))?;
            anyhow::Ok((name.trim().to_owned(), value.trim().to_owned()))
        };
        let default = if self.calls.is_none() {
            Some(Duration::from_secs(5))
        } else {
            None
        };
        Ok(Options {
            connections: self.connections,
            extent: Extent {
                calls_max: self.calls,
                duration: self.duration.or(default),
            },
            rate: self.rate,
            era: if self.session {
                Era::Session
            } else {
                Era::Stateless
            },
            work: self.work()?,
            ids: self.ids.clone(),
            journal: self.journal.clone(),
            timeout: self.timeout,
            headers: self
                .headers
                .iter()
                .map(header)
                .collect::<anyhow::Result<_>>()?,
            ..Options::new(&self.url)?
        })
    }
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let options = arguments.options()?;
    let runtime = match arguments.threads {
        0 | 1 => tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build(),
        threads => tokio::runtime::Builder::new_multi_thread()
            .worker_threads(threads)
            .enable_all()
            .build(),
    };
    let report = runtime
        .context("starting the runtime")?
        .block_on(load::run(options))?;
    if arguments.json {
        println!("{}", serde_json::to_string(&report)?);
    } else {
        print!("{report}");
    }
    Ok(())
}
