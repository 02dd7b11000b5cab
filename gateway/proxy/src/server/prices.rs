//! The price books of the configuration in effect, loaded into the store beside the trail.
//!
//! Repricing needs them there and nothing else does, so that no call and no record ever waits for
//! it: what cannot be loaded is tried again.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use gantry_analytics::{Store, price_book};
use pingora_core::{server::ShutdownWatch, services::background::BackgroundService};
use tokio::sync::watch;

use crate::{admin, config};

/// How long after a failure it is tried again.
const AGAIN_AFTER: Duration = Duration::from_secs(30);

/// Loads the books when the process begins and whenever another configuration takes effect.
pub(super) struct Loading {
    pub(super) store: Store,
    pub(super) state: Arc<admin::State>,
    pub(super) generation: watch::Receiver<u64>,
}

#[async_trait]
impl BackgroundService for Loading {
    async fn start(&self, mut shutdown: ShutdownWatch) {
        let mut generation = self.generation.clone();
        let mut is_told = false;
        loop {
            let is_loaded = tokio::select! {
                _ = shutdown.changed() => return,
                is_loaded = self.load(is_told) => is_loaded,
            };
            is_told = !is_loaded;
            tokio::select! {
                _ = shutdown.changed() => return,
                changed = generation.changed() => if changed.is_err() {
                    return;
                },
                () = tokio::time::sleep(AGAIN_AFTER), if !is_loaded => {}
            }
        }
    }
}

impl Loading {
    /// Whether the books of the configuration in effect are there now. Only the first failure in a
    /// row is told.
    async fn load(&self, is_told: bool) -> bool {
        let config = self.state.config();
        let books = config.prices.as_ref().map(config::Prices::loadable);
        match price_book::load(&self.store, &books.unwrap_or_default(), false).await {
            Ok(names) => {
                if !names.is_empty() {
                    tracing::info!(books = names.join(" "), "price books are loaded");
                }
                true
            }
            Err(error) => {
                if !is_told {
                    tracing::warn!(
                        error = error.words(),
                        retry_s = AGAIN_AFTER.as_secs(),
                        "price books are not loaded; calls are charged all the same"
                    );
                }
                false
            }
        }
    }
}
