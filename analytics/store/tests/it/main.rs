//! The store as a process, spoken to by the clients that it is for: the `clickhouse` crate, PyPI
//! `clickhouse-connect`, curl, and bare sockets where a client must misbehave.
//!
//! Needs the engine (`cargo xtask setup`), curl, and Python with `venv`.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "what a test calls fails by panicking, as the test does"
)]

mod clickhouse_connect;
mod clickhouse_crate;
mod curl;
mod life;
mod server;
