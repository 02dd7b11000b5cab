//! The log: one line per event on standard error.
//!
//! A line is whole and is one line whatever stands in its values. Writing never blocks a request:
//! lines wait in a bounded queue, and when it is full they are lost and counted rather than waited
//! for. The log never holds arguments or results of calls; that is up to those who write events,
//! who have only named fields to write them with.

mod escape;
mod line;

use std::{io, panic};

use tracing::level_filters::LevelFilter;
use tracing_appender::non_blocking::{ErrorCounter, NonBlocking, NonBlockingBuilder, WorkerGuard};
use tracing_log::LogTracer;
use tracing_subscriber::{
    Layer as _, Registry, filter::Targets, fmt::MakeWriter, layer::SubscriberExt as _,
};

use crate::config::{Log, LogLevel};
use line::Line;

/// Lines that wait for standard error.
const LINES_MAX: usize = 16_384;

/// The crates whose events the configured level is about. Of everybody else's only warnings and
/// errors are written, unless the level asks for more than `info`.
const OWN: [&str; 3] = ["gantry", "gantry_analytics", "gantry_mcp"];

/// Flushes the log when it is dropped, at the end of the process.
#[must_use = "the log ends when this is dropped"]
pub struct Logs {
    _worker: WorkerGuard,
    lost: ErrorCounter,
}

impl Logs {
    /// Lines that were lost because standard error did not keep up.
    pub fn lost_lines(&self) -> usize {
        self.lost.dropped_lines()
    }
}

/// Sends the events of this process, those of the `log` crate included, to standard error. Only
/// the first call in a process has an effect.
pub fn start(settings: Log) -> Logs {
    let (writer, worker) = bounded(io::stderr());
    let lost = writer.error_counter();
    let subscriber = subscriber(settings, writer);
    if tracing::subscriber::set_global_default(subscriber).is_ok() {
        let level = foreign_level(settings.level);
        // Fails only where another logger was set before, which then keeps those events.
        let _ = LogTracer::builder().with_max_level(as_log(level)).init();
        write_panics();
    }
    Logs {
        _worker: worker,
        lost,
    }
}

fn bounded(out: impl io::Write + Send + 'static) -> (NonBlocking, WorkerGuard) {
    NonBlockingBuilder::default()
        .buffered_lines_limit(LINES_MAX)
        .lossy(true)
        .thread_name("log")
        .finish(out)
}

fn subscriber<W>(settings: Log, writer: W) -> impl tracing::Subscriber + Send + Sync
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let own = own_level(settings.level);
    let targets = Targets::new()
        .with_default(foreign_level(settings.level))
        .with_targets(OWN.map(|target| (target, own)));
    let lines = tracing_subscriber::fmt::layer()
        .event_format(Line::new(settings.format))
        .with_writer(writer)
        .with_filter(targets);
    Registry::default().with(lines)
}

fn own_level(level: LogLevel) -> LevelFilter {
    match level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    }
}

fn foreign_level(level: LogLevel) -> LevelFilter {
    match level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn | LogLevel::Info => LevelFilter::WARN,
        LogLevel::Debug => LevelFilter::INFO,
        LogLevel::Trace => LevelFilter::DEBUG,
    }
}

fn as_log(level: LevelFilter) -> log::LevelFilter {
    match level.into_level() {
        None => log::LevelFilter::Off,
        Some(tracing::Level::ERROR) => log::LevelFilter::Error,
        Some(tracing::Level::WARN) => log::LevelFilter::Warn,
        Some(tracing::Level::INFO) => log::LevelFilter::Info,
        Some(tracing::Level::DEBUG) => log::LevelFilter::Debug,
        Some(tracing::Level::TRACE) => log::LevelFilter::Trace,
    }
}

/// A panic becomes an event that says where it happened. Its text is left out: it may quote data.
fn write_panics() {
    panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string);
        let thread = std::thread::current();
        tracing::error!(
            place = place.as_deref().unwrap_or_default(),
            thread = thread.name().unwrap_or_default(),
            "a thread panicked"
        );
    }));
}

#[cfg(test)]
mod tests;
