//! What a server is told when what it asks of the client, or the client's answer, is blocked.
//!
//! In the revisions before 2026-07-28 a server asks in the middle of a call (sampling, elicitation,
//! roots), and waits: a request that is dropped without a word would hold the call until it times
//! out. In the modern era such requests are part of a result, which is replaced as a whole.

use std::{fmt, sync::Arc, time::Duration};

use http::HeaderValue;
use tokio::time::timeout;

use super::Gateway;
use crate::{
    guardrails::{Blocked, Screened},
    policy::Permit,
    routing::{self, Claim, Server, Target},
    telemetry::metrics::Metrics,
    upstream::{OwnHeaders, Pools, Upstream},
};

/// How long a server may take to accept it. The call's own answer waits meanwhile.
const TIMEOUT: Duration = Duration::from_secs(10);
/// The longest id that is answered.
const ID_BYTES_MAX: usize = 1024;

/// The way back to the server of one session.
pub struct Decline {
    upstream: Arc<Upstream>,
    pools: Arc<Pools>,
    target: Target,
    own: OwnHeaders,
    revision: Option<HeaderValue>,
    metrics: Arc<Metrics>,
}

impl fmt::Debug for Decline {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Decline").finish_non_exhaustive()
    }
}

impl Decline {
    /// The way to the server of a call that belongs to a session; `None` where it belongs to none:
    /// nothing that a server asks outside of a session could be answered.
    pub fn to(
        gateway: &Gateway,
        target: &Target,
        own: &OwnHeaders,
        revision: Option<&HeaderValue>,
    ) -> Option<Self> {
        target.session()?;
        Some(Self {
            upstream: Arc::clone(&gateway.upstream),
            pools: Arc::clone(&gateway.pools),
            target: target.clone(),
            own: own.clone(),
            revision: revision.cloned(),
            metrics: Arc::clone(&gateway.metrics),
        })
    }

    /// Answers the request with this id (its JSON text) with an error. A server that cannot be told
    /// is left waiting, and its own deadline ends that.
    pub async fn send(&self, blocked: &Blocked, id: &str) {
        if !is_id(id) {
            return;
        }
        let screened = Screened::declining(blocked, id, self.revision.clone());
        let told = self
            .upstream
            .tell(&self.pools, &self.target, screened, &self.own);
        let server = self.target.server().name();
        match timeout(TIMEOUT, told).await {
            Ok(Ok(status)) if status.is_success() => return,
            Ok(Ok(status)) => tracing::warn!(%server, %status, "a server does not hear of a block"),
            Ok(Err(error)) => tracing::warn!(%server, %error, "a server does not hear of a block"),
            Err(_) => tracing::warn!(%server, "a server does not hear of a block in time"),
        }
        self.metrics.traffic().untold(server);
    }
}

/// Tells a server that the answer of the client to its request was blocked.
pub(super) async fn answer(
    gateway: &Gateway,
    server: &Arc<Server>,
    permit: &Permit,
    claim: Claim,
    revision: Option<&HeaderValue>,
    traceparent: String,
    (blocked, id): (&Blocked, &str),
) {
    let nothing = Screened::declining(blocked, id, None);
    let target = routing::choose(server, permit, &nothing, claim, &gateway.seals);
    let credential = gateway
        .credentials
        .obtain(server.name(), permit.caller())
        .await;
    let Ok(credential) = credential else {
        tracing::warn!(server = %server.name(), "a server does not hear of a block");
        gateway.metrics.traffic().untold(server.name());
        return;
    };
    let own = OwnHeaders {
        traceparent,
        credential,
    };
    if let Some(decline) = Decline::to(gateway, &target, &own, revision) {
        decline.send(blocked, id).await;
    }
}

/// Whether this is an id of JSON-RPC, and no longer than need be.
fn is_id(id: &str) -> bool {
    id.len() <= ID_BYTES_MAX && id.starts_with(|first: char| matches!(first, '"' | '-' | '0'..='9'))
}
