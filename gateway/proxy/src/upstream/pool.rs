//! The endpoints of one version: which of them takes a call, and what their failures lead to.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Instant,
};

use arc_swap::ArcSwap;
use pingora_load_balancing::{
    Backend, Backends, LoadBalancer,
    selection::{BackendIter, BackendSelection, RoundRobin, consistent::KetamaHashing},
};

use super::{
    breaker::{Breaker, Gate, Rules},
    discovery::Resolver,
    endpoint::{Endpoint, States},
};
use crate::{
    config::{Balance, Check, Health},
    telemetry::metrics::Metrics,
};

/// Steps around the ring of consistent hashing until the choice is left to the other way.
const RING_STEPS_MAX: usize = 512;

/// The endpoints of one version.
pub(super) struct Pool {
    balancer: LoadBalancer<RoundRobin>,
    ring: ArcSwap<KetamaHashing>,
    balance: Balance,
    pub health: Health,
    circuit: Arc<Breaker>,
    /// As the circuit, for what others are kept waiting for: fewer failures are enough.
    patience: Arc<Breaker>,
    states: Arc<States>,
    turn: AtomicUsize,
    metrics: Arc<Metrics>,
}

/// How an exchange with an endpoint went, as far as that says something about the endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Went {
    Well,
    Badly,
}

impl Pool {
    /// A pool without addresses. What `previous` knows of them is carried on.
    pub(super) fn new(
        resolver: Resolver,
        balance: Balance,
        health: Health,
        metrics: Arc<Metrics>,
        previous: Option<&Self>,
    ) -> Self {
        let states = Arc::clone(&resolver.states);
        Self {
            balancer: LoadBalancer::from_backends(Backends::new(Box::new(resolver))),
            ring: ArcSwap::from_pointee(KetamaHashing::build(&[].into())),
            balance,
            health,
            circuit: previous.map_or_else(Arc::default, |pool| Arc::clone(&pool.circuit)),
            patience: previous.map_or_else(Arc::default, |pool| Arc::clone(&pool.patience)),
            states,
            turn: AtomicUsize::new(0),
            metrics,
        }
    }

    pub(super) fn states(&self) -> &Arc<States> {
        &self.states
    }

    /// Resolves the names again.
    pub(super) async fn refresh(&self) -> pingora_core::Result<()> {
        let before = self.balancer.backends().get_backend();
        self.balancer.update().await?;
        let after = self.balancer.backends().get_backend();
        if before != after {
            self.ring.store(Arc::new(KetamaHashing::build(&after)));
        }
        Ok(())
    }

    pub(super) fn endpoints(&self) -> Vec<Arc<Endpoint>> {
        let backends = self.balancer.backends().get_backend();
        backends.iter().filter_map(endpoint).collect()
    }

    /// The endpoint of this name, healthy or not: a session lives there or nowhere.
    pub(super) fn find(&self, label: &str) -> Option<Arc<Endpoint>> {
        let backends = self.balancer.backends().get_backend();
        let mut endpoints = backends.iter().filter_map(endpoint);
        endpoints.find(|endpoint| &*endpoint.label == label)
    }

    /// Whether the version takes calls at all, or those that others wait for (`is_part`).
    pub(super) fn gate(&self, is_part: bool, now: Instant) -> Gate {
        let gate = self.circuit.gate(self.circuit_rules(), now);
        if gate == Gate::Trial {
            self.circuit.begin_trial(now);
        }
        if gate != Gate::Closed || !is_part {
            return gate;
        }
        let gate = self.patience.gate(self.ejection_rules(), now);
        if gate == Gate::Trial {
            self.patience.begin_trial(now);
        }
        gate
    }

    /// The endpoint that takes a call, none of those that were `tried` for it. With `key`, the choice
    /// is by consistent hashing whatever the balance is.
    pub(super) fn pick(
        &self,
        key: u64,
        follows: bool,
        tried: &[Arc<Endpoint>],
        now: Instant,
    ) -> Option<Arc<Endpoint>> {
        let rules = self.ejection_rules();
        let untried = |endpoint: &Endpoint| !tried.iter().any(|one| one.label == endpoint.label);
        let is_in = |endpoint: &Endpoint| {
            let gate = endpoint.state.breaker.gate(rules, now);
            endpoint.state.is_healthy() && !matches!(gate, Gate::Open(_))
        };
        let balance = if follows {
            Balance::ConsistentHash
        } else {
            self.balance
        };
        let picked = self
            .pick_where(balance, key, |endpoint| {
                untried(endpoint) && is_in(endpoint)
            })
            // When all are out, the checks may be wrong, and a call is worth a try.
            .or_else(|| self.pick_where(balance, key, untried))?;
        if picked.state.breaker.gate(rules, now) == Gate::Trial {
            picked.state.breaker.begin_trial(now);
        }
        Some(picked)
    }

    /// Whether there is an endpoint that was not `tried`.
    pub(super) fn has_other(&self, tried: &[Arc<Endpoint>]) -> bool {
        self.balancer.backends().get_backend().len() > tried.len()
    }

    /// A call is sent again.
    pub(super) fn repeated(&self, server: &str, reason: &'static str) {
        self.metrics.traffic().repeated(server, reason);
    }

    /// A call is refused for want of room.
    pub(super) fn shed(&self, server: &str, reason: &'static str) {
        self.metrics.traffic().shed(server, reason);
    }

    fn pick_where(
        &self,
        balance: Balance,
        key: u64,
        fits: impl Fn(&Endpoint) -> bool,
    ) -> Option<Arc<Endpoint>> {
        let accept = |backend: &Backend| endpoint(backend).is_some_and(|endpoint| fits(&endpoint));
        match balance {
            Balance::RoundRobin => {
                // As many steps as there are endpoints, since each step looks at the next one.
                let steps = self.balancer.backends().get_backend().len();
                let picked = self
                    .balancer
                    .select_with(b"", steps, |backend, _| accept(backend));
                picked.as_ref().and_then(endpoint)
            }
            Balance::LeastLoaded => {
                let mut endpoints = self.endpoints();
                // Among equals the one whose turn it is.
                let turn = self.turn.fetch_add(1, Relaxed) % endpoints.len().max(1);
                endpoints.rotate_left(turn);
                let fitting = endpoints.into_iter().filter(|endpoint| fits(endpoint));
                fitting.min_by_key(|endpoint| endpoint.state.load())
            }
            Balance::ConsistentHash => {
                let mut around = self.ring.load_full().iter(&key.to_le_bytes());
                for _ in 0..RING_STEPS_MAX {
                    match around.next() {
                        Some(backend) if accept(backend) => return endpoint(backend),
                        Some(_) => {}
                        None => break,
                    }
                }
                self.endpoints().into_iter().find(|endpoint| fits(endpoint))
            }
        }
    }

    /// Counts how an exchange went, which may put an endpoint out or in and open or close the
    /// version's circuit.
    pub(super) fn report(&self, endpoint: &Endpoint, went: Went, now: Instant) {
        let (state, place) = (&endpoint.state, endpoint.state.place());
        let (server, version) = (&*place.server, &*place.version);
        if went == Went::Well {
            if state.breaker.succeeded() {
                state.show(state.is_healthy());
                tracing::info!(
                    server,
                    version,
                    endpoint = &*endpoint.label,
                    "an endpoint is in again"
                );
            }
            if self.patience.succeeded() {
                tracing::info!(
                    server,
                    version,
                    "a server is asked again for what others wait for"
                );
            }
            if self.circuit.succeeded() {
                self.metrics.traffic().circuit(server, version, false);
                tracing::info!(server, version, "the circuit of a server closes");
            }
            return;
        }
        let rules = self.ejection_rules();
        if let Some(length) = state.breaker.failed(rules, now, || self.can_spare_one(now)) {
            state.show(false);
            self.metrics
                .traffic()
                .ejected(server, version, &endpoint.label);
            let out_ms = length.as_millis() as u64;
            tracing::warn!(
                server,
                version,
                endpoint = &*endpoint.label,
                out_ms,
                "an endpoint is out: its calls fail"
            );
        }
        if let Some(length) = self.patience.failed(rules, now, || true) {
            let out_ms = length.as_millis() as u64;
            tracing::warn!(
                server,
                version,
                out_ms,
                "a server is not asked for what others wait for: its calls fail"
            );
        }
        if let Some(length) = self.circuit.failed(self.circuit_rules(), now, || true) {
            self.metrics.traffic().circuit(server, version, true);
            let open_ms = length.as_millis() as u64;
            tracing::warn!(
                server,
                version,
                open_ms,
                "the circuit of a server opens: all its calls fail"
            );
        }
    }

    /// Whether half of the endpoints stay in when one more goes out.
    fn can_spare_one(&self, now: Instant) -> bool {
        let endpoints = self.endpoints();
        let out = endpoints
            .iter()
            // The one that is asked for holds its own lock; it is not out yet.
            .filter(|endpoint| endpoint.state.breaker.is_open(now))
            .count();
        (out + 1) * 2 <= endpoints.len()
    }

    fn ejection_rules(&self) -> Rules {
        Rules {
            after: self.health.eject_after,
            for_: self.health.eject_for,
        }
    }

    fn circuit_rules(&self) -> Rules {
        Rules {
            after: self.health.open_after,
            for_: self.health.eject_for,
        }
    }

    /// Whether endpoints are asked at all whether they are there.
    pub(super) fn is_checked(&self, several: bool) -> bool {
        match self.health.check {
            Check::None => false,
            Check::Auto => several,
            Check::Mcp | Check::Http(_) => true,
        }
    }
}

fn endpoint(backend: &Backend) -> Option<Arc<Endpoint>> {
    backend.ext.get::<Arc<Endpoint>>().map(Arc::clone)
}
