//! The listeners: requests in, answers out, and the process around them.
//!
//! Hooks are one to three lines that delegate: `inbound` reads a request, the pipeline decides,
//! `outbound` delivers the answer. Nothing here decides about a call.

mod admin;
mod connection;
mod hooks;
mod inbound;
mod limits;
mod origin;
mod outbound;
mod process;
mod refuse;

pub use process::{ServeError, serve};
