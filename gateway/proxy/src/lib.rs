//! Gantry: the gateway between AI agents and the MCP servers that they use.
//!
//! Modules are declared in the order of a request. Each may use what stands above it and nothing
//! below (`tests/layers.rs` holds the table); only `upstream` and `server` know Pingora.

pub mod config;
pub mod telemetry;

pub mod auth;
pub mod policy;

pub mod limits;

pub mod guardrails;

pub mod routing;

pub mod local;

pub mod upstream;

pub mod pipeline;

pub mod federation;

pub mod admin;
pub mod server;

pub mod cli;
