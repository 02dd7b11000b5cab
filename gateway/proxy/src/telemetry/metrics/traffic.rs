//! What is counted of endpoints, retries, overload and canaries. Each happens rarely, or is set once.

use prometheus::{IntCounterVec, IntGaugeVec, Registry};

use super::{
    labels::{ENDPOINT, REASON, SERVER, VERSION},
    opts, register,
};
use crate::telemetry::family::Family;

/// The metrics of how calls are spread.
pub struct Traffic {
    endpoint_up: IntGaugeVec,
    ejections: IntCounterVec,
    circuit_open: IntGaugeVec,
    retries: IntCounterVec,
    shed: IntCounterVec,
    canary_withdrawn: IntGaugeVec,
    mirrored: IntCounterVec,
    left_out: IntCounterVec,
    untold: IntCounterVec,
}

impl Traffic {
    pub(super) fn register(registry: &Registry) -> Self {
        let counters =
            |family, labels: &[&str]| register(registry, IntCounterVec::new(opts(family), labels));
        let gauges =
            |family, labels: &[&str]| register(registry, IntGaugeVec::new(opts(family), labels));
        Self {
            endpoint_up: gauges(Family::EndpointUp, &[SERVER, VERSION, ENDPOINT]),
            ejections: counters(Family::Ejections, &[SERVER, VERSION, ENDPOINT]),
            circuit_open: gauges(Family::CircuitOpen, &[SERVER, VERSION]),
            retries: counters(Family::Retries, &[SERVER, REASON]),
            shed: counters(Family::Shed, &[SERVER, REASON]),
            canary_withdrawn: gauges(Family::CanaryWithdrawn, &[SERVER, VERSION]),
            mirrored: counters(Family::Mirrored, &[SERVER, REASON]),
            left_out: counters(Family::LeftOut, &[SERVER, REASON]),
            untold: counters(Family::GuardrailUntold, &[SERVER]),
        }
    }

    /// Whether an endpoint takes calls.
    pub fn endpoint(&self, server: &str, version: &str, endpoint: &str, up: bool) {
        let values = [server, version, endpoint];
        self.endpoint_up.with_label_values(&values).set(up.into());
    }

    /// An endpoint is none any more.
    pub fn forget_endpoint(&self, server: &str, version: &str, endpoint: &str) {
        let values = [server, version, endpoint];
        // What was never counted need not be forgotten.
        let _ = self.endpoint_up.remove_label_values(&values);
        let _ = self.ejections.remove_label_values(&values);
    }

    /// An endpoint was put out because its calls fail.
    pub fn ejected(&self, server: &str, version: &str, endpoint: &str) {
        let values = [server, version, endpoint];
        self.ejections.with_label_values(&values).inc();
    }

    /// Whether a version's calls are refused because all of them fail.
    pub fn circuit(&self, server: &str, version: &str, open: bool) {
        self.circuit_open
            .with_label_values(&[server, version])
            .set(open.into());
    }

    /// A call was sent again.
    pub fn repeated(&self, server: &str, reason: &'static str) {
        self.retries.with_label_values(&[server, reason]).inc();
    }

    /// A call or a connection was refused for want of room.
    pub fn shed(&self, server: &str, reason: &'static str) {
        self.shed.with_label_values(&[server, reason]).inc();
    }

    /// Whether the watch has set a version's weight to 0.
    pub fn withdrawn(&self, server: &str, version: &str, withdrawn: bool) {
        let values = [server, version];
        self.canary_withdrawn
            .with_label_values(&values)
            .set(withdrawn.into());
    }

    /// A server's part is missing in an answer that was put together of several.
    pub fn left_out(&self, server: &str, reason: &'static str) {
        self.left_out.with_label_values(&[server, reason]).inc();
    }

    /// A server waits for an answer that was blocked, and could not be told.
    pub fn untold(&self, server: &str) {
        self.untold.with_label_values(&[server]).inc();
    }

    /// A copied call was answered, alike or not.
    pub fn mirrored(&self, server: &str, result: &'static str) {
        self.mirrored.with_label_values(&[server, result]).inc();
    }
}
