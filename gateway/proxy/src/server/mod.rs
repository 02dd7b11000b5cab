//! The listeners: requests in, answers out, and the process around them.
//!
//! Hooks are one to three lines that delegate: `inbound` reads a request, the pipeline decides,
//! `outbound` delivers the answer. Nothing here decides about a call.

mod admin;
mod certificates;
mod connection;
mod hooks;
mod inbound;
mod intake;
mod limits;
mod metadata;
mod origin;
mod outbound;
mod prices;
mod process;
mod refuse;
mod reload;
mod session_key;
mod spool;
mod tls;

pub use process::{ServeError, serve};
