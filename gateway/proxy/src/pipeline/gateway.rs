//! Everything that a request needs, as one configuration built it.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use gantry_analytics::{
    Log,
    cost::{Book, Prices},
};
use gantry_mcp::frame::Bounds;

use crate::{
    auth::Identity,
    config::{Checked, Measure, PriceBook},
    guardrails::Guardrails,
    limits::{Ledger, Limits},
    policy::Policy,
    routing::Routes,
    telemetry::metrics::Metrics,
    upstream::{PoolError, Pools, Upstream},
};

/// One configuration, compiled. Immutable: a change builds a whole new one, and a request keeps
/// the one that it started with.
pub struct Gateway {
    /// Who counts as a caller.
    pub identity: Identity,
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
    /// The endpoints behind the routes.
    pub pools: Pools,
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
    /// The metrics; outlive configurations.
    pub metrics: Arc<Metrics>,
}

impl Gateway {
    /// Compiles a checked configuration on top of what outlives it.
    ///
    /// # Errors
    /// [`PoolError`] when a file that a server names cannot be read.
    pub fn compile(
        config: &Checked,
        upstream: Arc<Upstream>,
        ledger: Arc<Ledger>,
        log: Log,
        metrics: Arc<Metrics>,
    ) -> Result<Self, PoolError> {
        if needs_tokens(config) {
            // Before the first call has to wait for it.
            ledger.tokens();
        }
        Ok(Self {
            identity: identity(config.insecure.anonymous, config.listen.address),
            policy: Policy::compile(config),
            limits: Limits::compile(config, &ledger),
            prices: prices(config),
            tenant_claim: config
                .prices
                .as_ref()
                .and_then(|prices| prices.tenant_claim.clone()),
            ledger,
            guardrails: Guardrails::none(),
            routes: Routes::compile(config),
            pools: Pools::compile(config)?,
            bounds: Bounds {
                depth_max: config.requests.depth_max as usize,
            },
            keep_alive: config.streams.keep_alive,
            requests: config.requests,
            upstream,
            log,
            metrics,
        })
    }
}

fn identity(anonymous_anywhere: bool, listen: SocketAddr) -> Identity {
    if anonymous_anywhere && !listen.ip().is_loopback() {
        Identity::AnonymousAnywhere
    } else {
        Identity::AnonymousLocal
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
