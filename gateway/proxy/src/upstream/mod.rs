//! The side towards the MCP servers: connections, the exchange of one call, and its faults.
//!
//! [`Upstream::send`] takes the evidence of every stage by value, so that a message that skipped a
//! check cannot leave. This room never reads a message and never decides about one.

mod answer;
mod breaker;
mod budget;
mod capacity;
mod discovery;
mod endpoint;
mod exchange;
mod failed;
mod head;
mod peer;
mod pool;
mod pools;
mod probe;
mod send;
mod transmit;
mod tries;

pub use answer::{format, is_encoded, is_session_unknown};
pub use exchange::{Copy, Exchange};
pub use failed::Failed;
pub use head::{OwnHeaders, Verb};
pub use pools::{PoolError, Pools};
pub use send::{Effort, Terms, Upstream};
