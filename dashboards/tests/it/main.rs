//! The dashboards against a real ClickHouse engine and a real Prometheus.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "here a panic is a finding"
)]

mod answers;
mod calls;
mod files;
mod lint;
mod metrics;
mod provisioning;
mod store;
