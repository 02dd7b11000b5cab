//! Everything that a request needs, as one configuration built it.

use std::{sync::Arc, time::Duration};

use gantry_analytics::Log;
use gantry_mcp::frame::Bounds;

use crate::{
    auth::{Credentials, Fetcher, FetcherError, Identity},
    config::Checked,
    guardrails::Guardrails,
    limits::Limits,
    policy::Policy,
    routing::Routes,
    telemetry::metrics::Metrics,
    upstream::{PoolError, Pools, Upstream},
};

/// Why a checked configuration cannot be put into effect.
#[derive(Debug, thiserror::Error)]
pub enum CompileError {
    /// A server's endpoints cannot be built.
    #[error(transparent)]
    Pools(#[from] PoolError),
    /// Its authorization servers cannot be asked.
    #[error(transparent)]
    Fetcher(#[from] FetcherError),
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
    /// [`CompileError`] when a file that it names has become unusable.
    pub fn compile(
        config: &Checked,
        upstream: Arc<Upstream>,
        fetcher: &Arc<Fetcher>,
        log: Log,
        metrics: Arc<Metrics>,
    ) -> Result<Self, CompileError> {
        Ok(Self {
            identity: Identity::compile(config, fetcher)?,
            credentials: Credentials::compile(config, fetcher)?,
            policy: Policy::compile(config),
            limits: Limits::none(),
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
