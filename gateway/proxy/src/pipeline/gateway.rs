//! Everything that a request needs, as one configuration built it.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use gantry_analytics::Log;
use gantry_mcp::frame::Bounds;

use crate::{
    auth::Identity,
    config::Checked,
    guardrails::Guardrails,
    limits::Limits,
    policy::Policy,
    routing::Routes,
    telemetry::{metrics::Metrics, spans::Spans},
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
    /// False where the operator asked for no records.
    pub recorded: bool,
    /// The metrics; outlive configurations.
    pub metrics: Arc<Metrics>,
    /// The traces; outlive configurations.
    pub spans: Option<Spans>,
}

impl Gateway {
    /// Compiles a checked configuration on top of what outlives it.
    ///
    /// # Errors
    /// [`PoolError`] when a file that a server names cannot be read.
    pub fn compile(
        config: &Checked,
        upstream: Arc<Upstream>,
        log: Log,
        metrics: Arc<Metrics>,
        spans: Option<Spans>,
    ) -> Result<Self, PoolError> {
        Ok(Self {
            identity: identity(config.insecure.anonymous, config.listen.address),
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
            recorded: !config.insecure.unrecorded,
            metrics,
            spans,
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
