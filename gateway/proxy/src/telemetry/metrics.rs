//! The metrics: what is counted, and the page that Prometheus reads.
//!
//! A label value never comes straight from a client: methods are those of the protocol, servers
//! those of the configuration, and a tool's name counts only once a call of it has succeeded. The
//! number of tools and endpoints is bounded per server. Agents, sessions and traces are never
//! labels; the audit trail has them.

mod audit;
mod governance;
mod issuers;
mod labels;
mod limits;
mod series;
mod traffic;

use std::{
    collections::HashMap,
    sync::{Arc, OnceLock},
    time::{Duration, SystemTime},
};

use arc_swap::ArcSwap;
use gantry_analytics::{
    Stats,
    payload::Outbox,
    record::{Kind, Outcome, Record},
};
use prometheus::{
    Gauge, HistogramOpts, HistogramVec, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
    TextEncoder, core::Collector, process_collector::ProcessCollector,
};

use super::{family::Family, spans::Spans};
pub use governance::DEGRADED;
use governance::Governance;
use issuers::Issuer;
use labels::{ENDPOINT, ERROR_TYPE, FAMILY, METHOD, OUTCOME, REASON, SERVER, TOOL, UNKNOWN};
use limits::LimitSeries;
use series::ServerSeries;
pub use traffic::Traffic;

pub use limits::Spent;

/// The media type of [`Metrics::render`].
pub const CONTENT_TYPE: &str = prometheus::TEXT_FORMAT;

/// Upper bounds in seconds. The upper half is that of the semantic conventions; the lower half is
/// finer, because most of a gateway's calls are shorter than 10 ms.
const DURATION_BUCKETS: [f64; 17] = [
    0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0,
    300.0,
];

/// One MCP operation that has ended.
#[derive(Clone, Copy, Debug)]
pub struct Operation<'a> {
    /// The server's configured name.
    pub server: &'a str,
    /// The JSON-RPC method, or the HTTP verb where there was no message.
    pub method: &'a str,
    pub kind: Kind,
    /// The tool's name; it counts where `kind` is [`Kind::Tool`].
    pub tool: &'a str,
    pub outcome: Outcome,
    /// The JSON-RPC error code of the answer; 0 where there was none.
    pub rpc_code: i32,
    /// The upstream endpoint that answered; empty where none was asked.
    pub endpoint: &'a str,
    /// From the first byte of the request to the last of the answer.
    pub duration: Duration,
    /// The upstream's share of it, where one was asked.
    pub upstream: Option<Duration>,
    pub request_bytes: u64,
    pub response_bytes: u64,
    /// A stream that lives as long as both ends want: counted, and no sample of latency.
    pub endless: bool,
}

/// All metrics of one gateway.
pub struct Metrics {
    registry: Registry,
    servers: ArcSwap<HashMap<Box<str>, Arc<ServerSeries>>>,
    families: Families,
    traffic: Traffic,
    /// For requests whose server is not configured.
    unknown: Arc<ServerSeries>,
    limits: LimitSeries,
    auth_failures: IntCounterVec,
    issuers: ArcSwap<Vec<Issuer>>,
    connections: IntGauge,
    governance: Governance,
    spans: OnceLock<Spans>,
    payloads: OnceLock<Outbox>,
    reload_success: IntGauge,
    reload_timestamp: Gauge,
}

impl Metrics {
    /// Registers everything for the configured servers.
    pub fn new(servers: &[&str]) -> Arc<Self> {
        let registry = Registry::new();
        let families = Families::register(&registry);
        let build = Opts::new(Family::BuildInfo.name(), Family::BuildInfo.help());
        let build = build.const_label("version", env!("CARGO_PKG_VERSION"));
        register(&registry, IntGauge::with_opts(build)).set(1);
        // Without /proc there is nothing to collect, and the gateway serves all the same.
        let _ = registry.register(Box::new(ProcessCollector::for_self()));
        let metrics = Self {
            servers: ArcSwap::default(),
            traffic: Traffic::register(&registry),
            limits: LimitSeries::register(&registry, &families.overflow),
            unknown: Arc::new(ServerSeries::new(UNKNOWN, &families)),
            governance: Governance::register(&registry, &families.overflow),
            spans: OnceLock::new(),
            payloads: OnceLock::new(),
            families,
            auth_failures: register(
                &registry,
                IntCounterVec::new(opts(Family::AuthFailures), &[REASON]),
            ),
            issuers: ArcSwap::default(),
            connections: register(
                &registry,
                IntGauge::with_opts(opts(Family::DownstreamConnections)),
            ),
            reload_success: register(&registry, IntGauge::with_opts(opts(Family::ReloadSuccess))),
            reload_timestamp: register(&registry, Gauge::with_opts(opts(Family::ReloadTimestamp))),
            registry,
        };
        metrics.serve(servers);
        metrics.reloaded(Some(SystemTime::now()));
        Arc::new(metrics)
    }

    /// Gets ready to count for these servers; what was counted for them before is kept.
    pub fn serve(&self, servers: &[&str]) {
        let known = self.servers.load_full();
        let series = |name: &&str| {
            let kept = known.get(*name).map(Arc::clone);
            let series = kept.unwrap_or_else(|| Arc::new(ServerSeries::new(name, &self.families)));
            (Box::from(*name), series)
        };
        self.servers
            .store(Arc::new(servers.iter().map(series).collect()));
    }

    /// The metrics of how calls are spread.
    pub fn traffic(&self) -> &Traffic {
        &self.traffic
    }

    /// Counts an operation that has ended. Allocates only the first time that its labels occur.
    pub fn observe(&self, operation: &Operation<'_>) {
        self.server(operation.server).observe(operation);
    }

    /// Counts what the stages decided about a call and found in it.
    pub fn govern(&self, record: &Record<'_>) {
        let known = self.servers.load().contains_key(record.server);
        let server = if known { record.server } else { UNKNOWN };
        self.governance.observe(record, server);
    }

    /// A phase of a call took so long.
    pub fn phase(&self, name: &str, took: Duration) {
        self.governance.phase(name, took);
    }

    /// Shows the exporter's figures from now on.
    pub fn exporting(&self, spans: Spans) {
        // There is one exporter in a process.
        let _ = self.spans.set(spans);
    }

    /// Shows what becomes of arguments and results from now on.
    pub fn capturing(&self, outbox: Outbox) {
        // There is one outbox in a process.
        let _ = self.payloads.set(outbox);
    }

    /// Counts a request as being answered until the guard is dropped.
    pub fn in_flight(&self, server: &str) -> Counted {
        Counted::up(&self.server(server).inflight)
    }

    /// Counts an event stream as open until the guard is dropped.
    pub fn open_stream(&self, server: &str) -> Counted {
        Counted::up(&self.server(server).open_streams)
    }

    /// Counts a client's connection as open until the guard is dropped.
    pub fn connection(&self) -> Counted {
        Counted::up(&self.connections)
    }

    /// Shows from now on how old the keys of these issuers are. There are as many as the
    /// configuration names.
    pub fn issuers(&self, issuers: Vec<Issuer>) {
        self.issuers.store(Arc::new(issuers));
    }

    /// Counts a request whose sender could not be identified. Reasons are a closed set of words.
    pub fn unidentified(&self, reason: &'static str) {
        self.auth_failures.with_label_values(&[reason]).inc();
    }

    /// Counts a call that a limit refused. `scope` is what it counts by, `unit` what it counts.
    pub fn limited(&self, scope: &str, unit: &str) {
        self.limits.limited(scope, unit);
    }

    /// Counts what a call used and cost.
    pub fn spent(&self, spent: &Spent<'_>) {
        self.limits.spent(spent);
    }

    /// Notes how many keys limits count, and how often there was no room for one so far.
    pub fn limit_keys(&self, keys: usize, overflows: u64) {
        self.limits.keys(keys, overflows);
    }

    /// Notes whether the Redis of shared limits answers, how often it did not, and how many charges
    /// were lost so far.
    pub fn limits_shared(&self, is_here: bool, failures: u64, lost: u64) {
        self.limits.shared(is_here, failures, lost);
    }

    /// Notes that a configuration was read and took effect at `since`, or that it was refused.
    pub fn reloaded(&self, since: Option<SystemTime>) {
        self.reload_success.set(i64::from(since.is_some()));
        let age = since.and_then(|since| since.duration_since(SystemTime::UNIX_EPOCH).ok());
        if let Some(age) = age {
            self.reload_timestamp.set(age.as_secs_f64());
        }
    }

    /// The page for Prometheus (text format 0.0.4), with the audit trail's figures of this moment.
    pub fn render(&self, stats: &Stats) -> String {
        let mut page = String::new();
        if let Err(error) = TextEncoder::new().encode_utf8(&self.registry.gather(), &mut page) {
            // What was encoded so far is still a whole number of families.
            tracing::error!(%error, "cannot encode metrics");
        }
        let (exported, dropped) = self.spans.get().map_or((0, 0), Spans::counts);
        audit::write_spans(&mut page, exported, dropped);
        audit::write(&mut page, stats);
        audit::write_payloads(&mut page, self.payloads.get().map(Outbox::counts));
        issuers::write(&mut page, &self.issuers.load());
        page
    }

    fn server(&self, name: &str) -> Arc<ServerSeries> {
        let servers = self.servers.load();
        Arc::clone(servers.get(name).unwrap_or(&self.unknown))
    }
}

/// Holds a gauge one higher until it is dropped.
#[derive(Debug)]
#[must_use = "the gauge falls again when this is dropped"]
pub struct Counted(IntGauge);

impl Counted {
    fn up(gauge: &IntGauge) -> Self {
        gauge.inc();
        Self(gauge.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// The families whose series are made as they are needed.
#[derive(Clone)]
struct Families {
    requests: IntCounterVec,
    server_duration: HistogramVec,
    client_duration: HistogramVec,
    inflight: IntGaugeVec,
    open_streams: IntGaugeVec,
    request_bytes: IntCounterVec,
    response_bytes: IntCounterVec,
    overflow: IntCounterVec,
}

impl Families {
    fn register(registry: &Registry) -> Self {
        let counters =
            |family, labels: &[&str]| register(registry, IntCounterVec::new(opts(family), labels));
        let gauges = |family| register(registry, IntGaugeVec::new(opts(family), &[SERVER]));
        let durations = |family: Family, labels: &[&str]| {
            let opts = HistogramOpts::new(family.name(), family.help());
            let opts = opts.buckets(DURATION_BUCKETS.to_vec());
            register(registry, HistogramVec::new(opts, labels))
        };
        Self {
            requests: counters(Family::Requests, &[SERVER, METHOD, TOOL, OUTCOME]),
            server_duration: durations(Family::ServerDuration, &[SERVER, METHOD, ERROR_TYPE]),
            client_duration: durations(
                Family::ClientDuration,
                &[SERVER, ENDPOINT, METHOD, ERROR_TYPE],
            ),
            inflight: gauges(Family::Inflight),
            open_streams: gauges(Family::OpenStreams),
            request_bytes: counters(Family::RequestBytes, &[SERVER]),
            response_bytes: counters(Family::ResponseBytes, &[SERVER]),
            overflow: counters(Family::Overflow, &[FAMILY]),
        }
    }
}

fn opts(family: Family) -> Opts {
    Opts::new(family.name(), family.help())
}

/// Registers a collector that was just made.
#[expect(
    clippy::expect_used,
    reason = "names and labels are constants, each registered once: the first test shows it"
)]
fn register<C: Collector + Clone + 'static>(
    registry: &Registry,
    collector: prometheus::Result<C>,
) -> C {
    let collector = collector.expect("constant names are valid");
    registry
        .register(Box::new(collector.clone()))
        .expect("each family is registered once");
    collector
}

#[cfg(test)]
mod tests;
