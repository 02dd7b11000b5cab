//! The side towards the MCP servers: connections, the exchange of one call, and its faults.
//!
//! [`Upstream::send`] takes the evidence of every stage by value, so that a message that skipped a
//! check cannot leave. This room never reads a message and never decides about one.

mod discovery;
mod exchange;
mod failed;
mod head;
mod pools;

pub use exchange::{Exchange, Terms, Upstream};
pub use failed::Failed;
pub use head::{OwnHeaders, Verb};
pub use pools::{PoolError, Pools};
