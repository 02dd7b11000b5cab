//! What the gateway says about itself: metrics, log lines, trace ids.
//!
//! Nothing here ever sees an argument, a result or a secret; the audit trail is a room of its own.

pub mod family;
pub mod logs;
pub mod metrics;
pub mod spans;
pub mod trace;
