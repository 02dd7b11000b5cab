//! The gateway as its users meet it: real processes, real HTTP, real servers, a real store.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that fails says so by panicking"
)]

mod access;
mod alerts;
mod capture;
mod cli;
mod conformance;
mod faults;
mod federation;
mod fidelity;
mod gateway;
mod gauges;
mod guard;
mod identity;
mod issuer;
mod limits;
mod message;
mod oauth;
mod peer;
mod peers;
mod process;
mod proxying;
mod raw;
mod records;
mod redis;
mod rest;
mod stdio;
mod streams;
mod tasks;
mod tokens;
mod torture;
mod traces;
mod traffic;
mod trail;
mod trouble;
mod usage;
