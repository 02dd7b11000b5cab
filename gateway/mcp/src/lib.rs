//! The Model Context Protocol as a gateway reads it.
//!
//! Bytes in, facts out: what a client's message asks for ([`frame`]), whether its headers say the
//! same ([`headers`]), where the events of a stream begin and end ([`sse`]), what an upstream's
//! answer reports ([`answer`]), which messages it consists of ([`messages`]), what they list
//! ([`listing`]), where they name something ([`mentions`]), which arguments headers mirror
//! ([`mirrors`]), and whether a list was read before ([`again`]). This crate opens no socket, reads no clock and knows nothing of policy, configuration or the gateway; it changes
//! no byte of its own accord.

pub mod again;
pub mod answer;
pub mod frame;
pub mod headers;
mod json;
pub mod jsonrpc;
pub mod listing;
pub mod mentions;
pub mod messages;
pub mod method;
pub mod mirrors;
pub mod revision;
pub mod session;
pub mod sse;
mod words;
