//! What Gantry is tested and measured with.
//!
//! It knows nothing of the gateway: everything here speaks MCP over HTTP like anybody else.

pub mod conformance;
pub mod echo;
pub mod fixture;
pub mod load;
pub mod passthrough;
