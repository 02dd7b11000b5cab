//! Everything that a request needs, as one configuration built it.

use std::{
    collections::HashSet,
    sync::Arc,
    time::{Duration, Instant},
};

use gantry_analytics::{
    Log,
    cost::{Book, Prices},
};
use gantry_mcp::frame::Bounds;

use super::Capture;
use crate::{
    auth::{Credentials, Fetcher, FetcherError, Identity},
    config::{Checked, Measure, PriceBook},
    guardrails::{Guardrails, GuardrailsError},
    limits::{Ledger, Limits},
    local::{Local, LocalError, Services},
    policy::Policy,
    routing::{Routes, Seals},
    telemetry::{metrics::Metrics, spans::Spans},
    upstream::{PoolError, Pools, Upstream},
};

/// The endpoint of all servers in records and metrics.
pub const EVERY: &str = "*";

/// What outlives configurations.
#[derive(Clone)]
pub struct Lasting {
    /// The connections to all servers.
    pub upstream: Arc<Upstream>,
    /// The connections to authorization servers.
    pub fetcher: Arc<Fetcher>,
    /// The servers within this process.
    pub local: Arc<Local>,
    /// What limits have counted.
    pub ledger: Arc<Ledger>,
    /// The trail.
    pub log: Log,
    /// The metrics.
    pub metrics: Arc<Metrics>,
    /// The export of traces.
    pub spans: Option<Spans>,
    /// Where arguments and results go, if anywhere.
    pub capture: Option<Capture>,
    /// What seals session ids where the configuration names no keys.
    pub session_key: [u8; 32],
}

/// Why a checked configuration cannot be put into effect.
#[derive(Debug, thiserror::Error)]
pub enum CompileError {
    /// A server's endpoints cannot be built.
    #[error(transparent)]
    Pools(#[from] PoolError),
    /// Its authorization servers cannot be asked.
    #[error(transparent)]
    Fetcher(#[from] FetcherError),
    /// A server within this process.
    #[error(transparent)]
    Local(#[from] LocalError),
    /// A guardrail, or the lockfile.
    #[error(transparent)]
    Guardrails(#[from] GuardrailsError),
}

/// One configuration, compiled. Immutable: a change builds a whole new one, and a request keeps
/// the one that it started with.
pub struct Gateway {
    /// Who counts as a caller.
    pub identity: Identity,
    /// What the gateway shows to servers.
    pub credentials: Credentials,
    /// What callers may do.
    pub policy: Policy,
    /// How much they may do.
    pub limits: Limits,
    /// What calls cost.
    pub prices: Prices,
    /// The claim that names a caller's tenant.
    pub tenant_claim: Option<String>,
    /// What has been counted for limits; outlives configurations.
    pub ledger: Arc<Ledger>,
    /// What may pass.
    pub guardrails: Guardrails,
    /// Where calls go.
    pub routes: Routes,
    /// The names of endpoints that stand for several servers.
    pub bundles: HashSet<String>,
    /// The endpoints behind the routes.
    pub pools: Arc<Pools>,
    /// What opens and seals session ids.
    pub seals: Arc<Seals>,
    /// How messages are read.
    pub bounds: Bounds,
    /// Silence on an event stream after which a comment is sent.
    pub keep_alive: Duration,
    /// What a request may be before it is read.
    pub requests: crate::config::Requests,
    /// The connections to all servers; outlives configurations.
    pub upstream: Arc<Upstream>,
    /// The trail; outlives configurations.
    pub log: Log,
    /// False where the operator asked for no records.
    pub recorded: bool,
    /// Whether calls that may change something are noted before they are made.
    pub intent: bool,
    /// The metrics; outlive configurations.
    pub metrics: Arc<Metrics>,
    /// The traces; outlive configurations.
    pub spans: Option<Spans>,
    /// Arguments and results; outlives configurations.
    pub capture: Option<Capture>,
}

impl Gateway {
    /// Compiles a checked configuration with its `services`, on top of what outlives it. What the `previous` one has
    /// learned and holds is carried on.
    ///
    /// # Errors
    /// [`CompileError`] when a file that it names has become unusable.
    pub fn compile(
        config: &Checked,
        services: &Services,
        lasting: Lasting,
        previous: Option<&Self>,
    ) -> Result<Self, CompileError> {
        let Lasting {
            upstream,
            fetcher,
            local: _,
            ledger,
            log,
            metrics,
            spans,
            capture,
            session_key,
        } = lasting;
        // What can fail comes first: until then nothing has changed.
        let identity = Identity::compile(config, &fetcher)?;
        let credentials = Credentials::compile(config, &fetcher)?;
        let guardrails = Guardrails::compile(&config.guardrails)?;
        let routes = previous.map(|gateway| &gateway.routes);
        let pools = previous.map(|gateway| &*gateway.pools);
        let pools = Arc::new(Pools::compile(config, services, &metrics, pools)?);
        let bundles = config.bundles.iter().map(|bundle| bundle.name.as_str());
        let servers = config.servers.iter().map(|server| server.name.as_str());
        let names: Vec<&str> = servers.chain(bundles.clone()).chain([EVERY]).collect();
        metrics.serve(&names);
        metrics.issuers(identity.key_ages());
        if needs_tokens(config) {
            // Before the first call has to wait for it.
            ledger.tokens();
        }
        Ok(Self {
            identity,
            credentials,
            policy: Policy::compile(config),
            limits: Limits::compile(config, &ledger),
            prices: prices(config),
            tenant_claim: config
                .prices
                .as_ref()
                .and_then(|prices| prices.tenant_claim.clone()),
            ledger,
            guardrails,
            routes: Routes::compile(config, routes, Instant::now()),
            bundles: bundles.map(str::to_owned).collect(),
            pools,
            seals: Arc::new(seals(config, &session_key)),
            bounds: Bounds {
                depth_max: config.requests.depth_max as usize,
            },
            keep_alive: config.streams.keep_alive,
            requests: config.requests,
            upstream,
            log,
            recorded: !config.insecure.unrecorded,
            intent: config.audit.intent && !config.insecure.unrecorded,
            metrics,
            spans,
            capture,
        })
    }
}

fn seals(config: &Checked, own: &[u8; 32]) -> Seals {
    let sessions = &config.sessions;
    let keys = sessions.keys.iter().map(|key| key.expose().as_bytes());
    match sessions.keys.is_empty() {
        true => Seals::new([own.as_slice()], sessions.lifetime),
        false => Seals::new(keys, sessions.lifetime),
    }
}

fn prices(config: &Checked) -> Prices {
    let books = config.prices.iter().flat_map(|prices| &prices.books);
    let book = |book: &PriceBook| Book::new(&book.name, book.valid_from_us, book.prices.clone());
    Prices::new(books.map(book).collect())
}

fn needs_tokens(config: &Checked) -> bool {
    let books = config.prices.iter().flat_map(|prices| &prices.books);
    let mut prices = books.flat_map(|book| &book.prices);
    let mut measures = config.limits.iter().flat_map(|limit| &limit.measures);
    prices.any(|price| price.rates.needs_tokens())
        || measures.any(|measure| matches!(measure, Measure::Tokens(_)))
}
