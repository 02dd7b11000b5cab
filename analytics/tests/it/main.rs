//! The record, the log and the delivery against a real ClickHouse engine.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "here a panic is a finding"
)]

mod cluster;
mod delivery;
mod intents;
mod kill;
mod places;
mod prices;
mod record;
mod refused;
mod sample;
mod schema;
mod store;
mod trail;
mod verify;
mod wal;
