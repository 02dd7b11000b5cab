//! `gantry-fixture`: an MCP server to put behind a gateway under test.
//!
//! It prints one line with its address once it listens, and serves until SIGTERM or SIGINT.

use std::{net::SocketAddr, time::Duration};

use anyhow::Context;
use clap::Parser;
use gantry_loadtest::fixture::{self, Options};
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

/// An MCP server for conformance, load and fault tests.
#[derive(Parser)]
#[command(name = "gantry-fixture", version)]
struct Arguments {
    /// Address to listen on; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,

    /// List this many further tools, each with a schema of realistic size.
    #[arg(long, value_name = "N", default_value_t = 0)]
    tools: usize,

    /// Comment that keeps a silent stream open, every so many milliseconds; 0 sends none.
    #[arg(long, value_name = "MS", default_value_t = 15_000)]
    keep_alive_ms: u64,

    /// Answer with JSON where nothing precedes the answer, and keep no legacy sessions.
    #[arg(long)]
    json: bool,

    /// Serve one client over standard input and output instead of listening.
    #[arg(long)]
    stdio: bool,

    /// Log nothing, for measurements.
    #[arg(long)]
    quiet: bool,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    if !arguments.quiet {
        let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn"));
        tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_writer(std::io::stderr)
            .init();
    }
    if arguments.stdio {
        fixture::serve_stdio(arguments.tools).await?;
        return Ok(());
    }
    let mut terminate = signal(SignalKind::terminate()).context("listen for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("listen for SIGINT")?;

    let options = Options {
        listen: arguments.listen,
        extra_tools: arguments.tools,
        keep_alive: (arguments.keep_alive_ms > 0)
            .then(|| Duration::from_millis(arguments.keep_alive_ms)),
        json: arguments.json,
    };
    let fixture = fixture::start(options).await?;
    println!("listening on {}", fixture.url());

    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    fixture.stop();
    Ok(())
}
