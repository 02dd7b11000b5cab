//! Where calls go: versions, sessions, failures, changes.

mod failover;
mod http2;
mod load;
mod protection;
mod reload;
mod sessions;
mod tls;
mod versions;
mod wire;

pub(crate) use sessions::Session;

use std::time::Duration;

use serde_json::json;

use crate::{
    gateway::{Gateway, client, fixture},
    process::Process,
};

/// Three fixtures, each a process of its own.
pub(super) fn three() -> Vec<Process> {
    (0..3).map(|_| fixture()).collect()
}

/// The list of their endpoints, as YAML.
pub(super) fn urls(fixtures: &[Process]) -> String {
    let urls = fixtures
        .iter()
        .map(|fixture| format!("'http://{}/mcp'", fixture.address));
    format!("[{}]", urls.collect::<Vec<_>>().join(", "))
}

/// The audit section of a gateway that delivers nowhere.
pub(super) const AUDIT: &str = "audit: {gateway: test, spool: {dir: SPOOL}}";

/// Makes every exchange of a fixture slow, or answers it with a status.
pub(super) async fn set_faults(fixture: &Process, delay_ms: u64, status: u16) {
    let faults = json!({"delay_ms": delay_ms, "status": status});
    let set = client()
        .post(format!("http://{}/faults", fixture.address))
        .header("content-type", "application/json")
        .body(faults.to_string());
    assert_eq!(set.send().await.unwrap().status(), 204);
}

/// Tool calls that a fixture has begun.
pub(super) async fn calls(fixture: &Process) -> u64 {
    let counted = client().get(format!("http://{}/calls", fixture.address));
    let counted: serde_json::Value =
        serde_json::from_str(&counted.send().await.unwrap().text().await.unwrap()).unwrap();
    counted["begun"].as_u64().unwrap()
}

/// The value of a series whose line begins with `series`; 0 where there is none.
pub(super) async fn metric(gateway: &Gateway, series: &str) -> f64 {
    let (_, page) = gateway.admin("/metrics").await;
    let line = page.lines().find(|line| line.starts_with(series));
    line.and_then(|line| line.rsplit(' ').next()?.parse().ok())
        .unwrap_or(0.0)
}

/// Waits until a series has a value.
pub(super) async fn metric_becomes(gateway: &Gateway, series: &str, value: f64) {
    let patience = tokio::time::Instant::now() + Duration::from_secs(30);
    while metric(gateway, series).await != value {
        assert!(
            tokio::time::Instant::now() < patience,
            "{series} is not {value}: {}",
            gateway.admin("/metrics").await.1
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
