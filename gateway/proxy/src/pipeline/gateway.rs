//! Everything that a request needs, as one configuration built it.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use gantry_analytics::Log;
use gantry_mcp::frame::Bounds;

use crate::{
    auth::Identity,
    config::Checked,
    guardrails::{Guardrails, GuardrailsError},
    limits::Limits,
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
    /// [`CompileError`] when a file that the configuration names cannot be read.
    pub fn compile(
        config: &Checked,
        upstream: Arc<Upstream>,
        log: Log,
        metrics: Arc<Metrics>,
    ) -> Result<Self, CompileError> {
        Ok(Self {
            identity: identity(config.insecure.anonymous, config.listen.address),
            policy: Policy::compile(config),
            limits: Limits::none(),
            guardrails: Guardrails::compile(&config.guardrails)?,
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

/// Why a configuration cannot be put in force, although it was checked.
#[derive(Debug, thiserror::Error)]
pub enum CompileError {
    /// A file that a server names cannot be read.
    #[error(transparent)]
    Pool(#[from] PoolError),
    /// A guardrail, or the lockfile.
    #[error(transparent)]
    Guardrails(#[from] GuardrailsError),
}

fn identity(anonymous_anywhere: bool, listen: SocketAddr) -> Identity {
    if anonymous_anywhere && !listen.ip().is_loopback() {
        Identity::AnonymousAnywhere
    } else {
        Identity::AnonymousLocal
    }
}
