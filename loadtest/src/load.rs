//! The load generator: calls an MCP server at a chosen pace and says how it answered.
//!
//! It is a client only as far as measuring needs one: HTTP/1.1 over kept-alive TCP, one call at a time per
//! connection, answers read to their end and matched by id. It never repeats a call, never follows a redirect,
//! and never reads a configuration file: what it does is what [`Options`] says.

mod answer;
mod client;
mod connection;
mod events;
mod journal;
mod options;
mod pace;
mod report;
mod request;
mod target;
mod verdict;

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use tokio::task::JoinSet;

use client::Client;
use journal::Journal;
use pace::Schedule;
use request::Calls;

pub use options::{CONNECTIONS_MAX, Era, Extent, Options, Work, duration};
pub use report::{Latency, Report};
pub use target::Target;

use report::Tally;

/// Why a run could not begin, or could not be counted.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    #[error("url `{0}`: {1}")]
    Url(String, &'static str),
    #[error("option `{0}`: {1}")]
    Option(&'static str, String),
    #[error("resolving {host}: {source}")]
    Resolve { host: String, source: io::Error },
    #[error("opening connection {connection} to {target}: {reason}")]
    Open {
        target: String,
        connection: usize,
        reason: String,
    },
    #[error("writing the journal {path}: {source}")]
    Journal { path: String, source: io::Error },
    #[error("making room for latencies: {0}")]
    Histogram(#[from] hdrhistogram::CreationError),
    #[error("a connection's task ended early: {0}")]
    Task(#[from] tokio::task::JoinError),
}

/// What all connections of one run share.
struct Run {
    calls: Calls,
    target: Target,
    schedule: Schedule,
    tally: Tally,
    journal: Option<Journal>,
    timeout: std::time::Duration,
    reconnects: AtomicU64,
    sessions: AtomicU64,
}

/// Runs one load to its end on the current tokio runtime.
///
/// All connections are opened (and, with [`Era::Session`], all sessions begun) before the clock starts; a target that
/// cannot be reached then is an error. What fails later is counted in the report.
pub async fn run(options: Options) -> Result<Report, Fault> {
    options.check()?;
    let target = options.target.clone().resolve().await?;
    let journal = options
        .journal
        .as_deref()
        .map(Journal::create)
        .transpose()?;
    let run = Arc::new(Run {
        calls: Calls::new(&options)?,
        target,
        schedule: Schedule::new(options.extent, options.rate, options.timeout),
        tally: Tally::new()?,
        journal,
        timeout: options.timeout,
        reconnects: AtomicU64::new(0),
        sessions: AtomicU64::new(0),
    });
    let mut clients = Vec::with_capacity(options.connections);
    for connection in 0..options.connections {
        let mut client = Client::new(Arc::clone(&run));
        client.open().await.map_err(|reason| Fault::Open {
            target: run.target.to_string(),
            connection,
            reason: reason.to_string(),
        })?;
        clients.push(client);
    }
    let started = run.schedule.start(Instant::now());
    let mut tasks = JoinSet::new();
    for client in clients {
        tasks.spawn(client.call_until_over());
    }
    while let Some(ended) = tasks.join_next().await {
        ended?;
    }
    let elapsed = started.elapsed();
    if let Some(journal) = &run.journal {
        journal.flush()?;
    }
    run.tally.count_skipped(run.schedule.skipped());
    let counts = report::Counts {
        connections: options.connections,
        reconnects: run.reconnects.load(Ordering::Relaxed),
        sessions: run.sessions.load(Ordering::Relaxed),
        rate: options.rate,
    };
    Ok(run.tally.report(elapsed, counts))
}
