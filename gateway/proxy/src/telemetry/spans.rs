//! Traces: one span per call, with a child per phase and per try at a server, over OTLP.
//!
//! Spans are made when a call has ended, from what its record says, and handed to a thread of its
//! own through a bounded queue: a collector that is slow or gone costs spans, never calls. They
//! hold what the record holds and nothing more: no arguments, no results, no session ids.

mod call;
mod exporter;

use std::{
    collections::HashMap,
    io,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use opentelemetry_otlp::ExporterBuildError;
use opentelemetry_sdk::trace::SpanData;
use tokio::sync::{mpsc, oneshot};

pub use call::{Call, Part, Try};

/// Calls whose spans wait for the exporter.
const QUEUE_CALLS: usize = 4_096;
/// A trace id's low 63 bits decide, as OpenTelemetry's `TraceIdRatioBased` does.
const RATIO_ONE: f64 = 9_223_372_036_854_775_808.0;

/// Where spans go, and which.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `http://host:4318/v1/traces` for HTTP, `http://host:4317` for gRPC.
    pub url: String,
    pub protocol: Protocol,
    pub headers: HashMap<String, String>,
    pub timeout: Duration,
    /// The part of all calls that is traced; those that fail always are.
    pub ratio: f64,
    /// This gateway's name.
    pub instance: String,
}

/// How spans travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    Http,
    Grpc,
}

/// Why spans cannot be exported.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The exporter refuses its settings.
    #[error("cannot set up the OTLP exporter: {0}")]
    Exporter(#[from] ExporterBuildError),
    /// A thread, a runtime or this machine's certificates are missing.
    #[error("cannot start the OTLP exporter: {0}")]
    Start(#[from] io::Error),
}

/// Takes the spans of calls. Clones feed the same exporter.
#[derive(Clone, Debug)]
pub struct Spans {
    queue: mpsc::Sender<Vec<SpanData>>,
    /// Trace ids below it are traced.
    bound: u64,
    counts: Arc<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    exported: AtomicU64,
    dropped: AtomicU64,
}

impl Spans {
    /// Starts the exporter's thread.
    ///
    /// # Errors
    /// [`StartError`] when the settings cannot work; a collector that is not there is no error.
    pub fn start(settings: &Settings) -> Result<(Self, Exporting), StartError> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        // The gRPC exporter looks for a runtime as soon as it is made.
        let exporter = {
            let _entered = runtime.enter();
            exporter::Exporter::new(settings)?
        };
        let (queue, spans) = mpsc::channel(QUEUE_CALLS);
        let (stop, stopped) = oneshot::channel();
        let counts = Arc::new(Counts::default());
        let counted = Arc::clone(&counts);
        let thread = thread::Builder::new()
            .name("otlp".to_owned())
            .spawn(move || runtime.block_on(exporter.run(spans, stopped, &counted)))?;
        let spans = Self {
            queue,
            bound: (settings.ratio.clamp(0.0, 1.0) * RATIO_ONE) as u64,
            counts,
        };
        Ok((spans, Exporting { thread, stop }))
    }

    /// Whether a call is traced.
    pub fn wants(&self, call: &Call<'_>) -> bool {
        call.is_error() || call.sample() < self.bound
    }

    /// Hands a call's spans over, if the call is to be traced and the exporter keeps up.
    pub fn record(&self, call: &Call<'_>) {
        if !self.wants(call) {
            return;
        }
        let spans = call.spans();
        let count = spans.len() as u64;
        if self.queue.try_send(spans).is_err() {
            self.counts.dropped.fetch_add(count, Relaxed);
        }
    }

    /// Spans that a collector has taken, and spans that were given up.
    pub fn counts(&self) -> (u64, u64) {
        let Counts { exported, dropped } = &*self.counts;
        (exported.load(Relaxed), dropped.load(Relaxed))
    }
}

/// The exporter's thread.
#[derive(Debug)]
pub struct Exporting {
    thread: JoinHandle<()>,
    stop: oneshot::Sender<()>,
}

impl Exporting {
    /// Takes no more spans and waits until those in the queue are exported, at most for
    /// `deadline`. Blocks the thread.
    pub fn stop(self, deadline: Duration) {
        let until = Instant::now() + deadline;
        // A thread that has ended needs no telling.
        let _ = self.stop.send(());
        while !self.thread.is_finished() && Instant::now() < until {
            thread::sleep(Duration::from_millis(10));
        }
        if !self.thread.is_finished() {
            tracing::warn!("the OTLP exporter did not end in time; spans are lost");
        }
    }
}
