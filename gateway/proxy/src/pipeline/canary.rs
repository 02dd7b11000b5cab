//! What the end of a call says about the version that answered it.

use std::time::{Duration, Instant};

use gantry_analytics::record::{Outcome, Record};

use super::{Ending, Entry, Gateway, Trail};

/// What the record calls the withdrawal of a version.
const WITHDRAWN: &str = "gantry/canary_withdrawn";

/// Shows a closed call to the watch over its server. When the new version thereby breaks its bounds,
/// it is withdrawn: that is a metric, a line of the log, and a record of its own.
pub(super) async fn watch(gateway: &Gateway, entry: &Entry, record: &Record<'_>) {
    if record.attempts == 0 || entry.is_endless() {
        return;
    }
    let failed = match record.outcome {
        Outcome::Ok => false,
        Outcome::ToolError | Outcome::RpcError | Outcome::UpstreamError | Outcome::Timeout => true,
        // The rest says nothing about the server.
        _ => return,
    };
    let Ok(server) = gateway.routes.find(record.server) else {
        return;
    };
    let latency = Duration::from_micros(entry.upstream_us);
    let version = record.server_version;
    let Some(breach) = server.observe(version, failed, latency, Instant::now()) else {
        return;
    };
    let traffic = gateway.metrics.traffic();
    traffic.withdrawn(server.name(), version, true);
    tracing::warn!(server = &**server.name(), version, %breach, "a canary is withdrawn");
    let ending = Ending {
        outcome: Outcome::Ok,
        http_status: 0,
        rpc_code: 0,
        error: breach.to_string(),
        rule: None,
        unreached: false,
        limited: None,
    };
    let event = Trail::event(WITHDRAWN, server.name(), version).close(ending);
    let row = event.record(&event.lists()).encode();
    if let Err(error) = gateway.log.append(row).await {
        tracing::error!(%error, "the withdrawal of a canary is not in the trail");
    }
}
