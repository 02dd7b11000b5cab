//! One address of a server, and what is known of its health.
//!
//! What is known outlives configurations: an endpoint that a reload keeps does not begin anew.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{
        Arc, Mutex, PoisonError, Weak,
        atomic::{AtomicBool, AtomicI32, AtomicU8, AtomicUsize, Ordering::Relaxed},
    },
};

use http::HeaderValue;
use pingora_core::upstreams::peer::HttpPeer;
use url::Url;

use super::breaker::Breaker;
use crate::{config::Health, telemetry::metrics::Metrics};

/// One address of a server, ready to connect to.
#[derive(Debug)]
pub(super) struct Endpoint {
    pub address: SocketAddr,
    pub url: Url,
    /// What a server of this process is shown.
    pub key: Option<HeaderValue>,
    pub peer: HttpPeer,
    /// As the record and the metrics name it.
    pub label: Arc<str>,
    pub state: Arc<State>,
}

/// What is known of an endpoint.
pub(super) struct State {
    /// Exchanges under way.
    load: AtomicUsize,
    /// By active checks.
    healthy: AtomicBool,
    /// Checks in a row that went well (positive) or failed (negative).
    streak: AtomicI32,
    /// By what became of calls.
    pub breaker: Breaker,
    /// How the last check was answered; see `probe`.
    pub dialect: AtomicU8,
    place: Place,
    metrics: Arc<Metrics>,
}

/// Where an endpoint belongs.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub server: Arc<str>,
    pub version: Arc<str>,
    pub endpoint: Arc<str>,
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.place.fmt(f)
    }
}

impl State {
    fn new(place: Place, metrics: Arc<Metrics>) -> Self {
        let state = Self {
            load: AtomicUsize::new(0),
            healthy: AtomicBool::new(true),
            streak: AtomicI32::new(0),
            breaker: Breaker::default(),
            dialect: AtomicU8::new(0),
            place,
            metrics,
        };
        state.show(true);
        state
    }

    pub(super) fn place(&self) -> &Place {
        &self.place
    }

    pub(super) fn load(&self) -> usize {
        self.load.load(Relaxed)
    }

    /// Whether active checks say that it is there.
    pub(super) fn is_healthy(&self) -> bool {
        self.healthy.load(Relaxed)
    }

    /// Counts an active check. True when that changes whether the endpoint is in.
    pub(super) fn checked(&self, good: bool, rules: &Health) -> bool {
        let streak = self.streak.load(Relaxed);
        let streak = match (good, streak > 0) {
            (true, true) | (false, false) => streak.saturating_add(if good { 1 } else { -1 }),
            (true, false) => 1,
            (false, true) => -1,
        };
        self.streak.store(streak, Relaxed);
        let needed = if good {
            rules.healthy_after
        } else {
            rules.unhealthy_after
        };
        if streak.unsigned_abs() < needed {
            return false;
        }
        let changed = self.healthy.swap(good, Relaxed) != good;
        if changed {
            self.show(good);
        }
        changed
    }

    /// Shows in the metrics whether the endpoint takes calls.
    pub(super) fn show(&self, up: bool) {
        let Place {
            server,
            version,
            endpoint,
        } = &self.place;
        self.metrics
            .traffic()
            .endpoint(server, version, endpoint, up);
    }
}

impl Drop for State {
    fn drop(&mut self) {
        let Place {
            server,
            version,
            endpoint,
        } = &self.place;
        self.metrics
            .traffic()
            .forget_endpoint(server, version, endpoint);
    }
}

/// Counts an exchange as under way until it is dropped.
#[derive(Debug)]
pub(super) struct Load(Arc<State>);

impl Load {
    pub(super) fn on(state: &Arc<State>) -> Self {
        state.load.fetch_add(1, Relaxed);
        Self(Arc::clone(state))
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.0.load.fetch_sub(1, Relaxed);
    }
}

/// The states of one version's endpoints, by address. They live as long as an endpoint has them.
pub(super) struct States {
    server: Arc<str>,
    version: Arc<str>,
    metrics: Arc<Metrics>,
    by_address: Mutex<HashMap<SocketAddr, Weak<State>>>,
}

impl States {
    pub(super) fn new(server: &str, version: &str, metrics: &Arc<Metrics>) -> Self {
        Self {
            server: server.into(),
            version: version.into(),
            metrics: Arc::clone(metrics),
            by_address: Mutex::default(),
        }
    }

    /// The state of an address, which is new where no endpoint has it.
    pub(super) fn of(&self, address: SocketAddr, label: &Arc<str>) -> Arc<State> {
        let mut known = self
            .by_address
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        known.retain(|_, state| state.strong_count() > 0);
        if let Some(state) = known.get(&address).and_then(Weak::upgrade) {
            return state;
        }
        let place = Place {
            server: Arc::clone(&self.server),
            version: Arc::clone(&self.version),
            endpoint: Arc::clone(label),
        };
        let state = Arc::new(State::new(place, Arc::clone(&self.metrics)));
        known.insert(address, Arc::downgrade(&state));
        state
    }
}
