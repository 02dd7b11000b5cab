//! The upkeep of limits: keys that nobody uses leave, and the metrics say how many there are.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use pingora_core::{server::ShutdownWatch, services::background::BackgroundService};

use crate::{
    limits::{Ledger, Now},
    telemetry::metrics::Metrics,
};

/// How often Redis is looked after in the metrics.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How often idle keys leave: once in so many looks.
const LOOKS_PER_SWEEP: u32 = 10;

/// Sweeps the ledger as long as the process lives.
pub(super) struct Sweep {
    pub(super) ledger: Arc<Ledger>,
    pub(super) metrics: Arc<Metrics>,
}

#[async_trait]
impl BackgroundService for Sweep {
    async fn start(&self, mut shutdown: ShutdownWatch) {
        for look in 0_u32.. {
            if look.is_multiple_of(LOOKS_PER_SWEEP) {
                self.ledger.sweep(Now::read());
                let figures = self.ledger.figures();
                self.metrics.limit_keys(figures.keys, figures.overflows);
            }
            if let Some(redis) = self.ledger.redis() {
                self.metrics
                    .limits_shared(redis.is_here, redis.failures, redis.lost);
            }
            tokio::select! {
                _ = shutdown.changed() => return,
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
        }
    }
}
