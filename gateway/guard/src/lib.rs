//! A scanner for JSON messages: personal data, secrets, hidden text and instructions to models.
//!
//! A message goes through three steps, none of which changes it. The *walk* collects every key, string and number,
//! decoded, in one buffer, together with *views*: what a string says once its escapes, entities or base64 are undone.
//! One pass of Vectorscan over the buffer finds all words and literals at once. What it finds, and whatever has the
//! shape of an identifier, is then *judged* by check digits, by the words around it and by what examples look like.
//! [`redact`] splices findings out of the message's own bytes.
//!
//! The crate knows nothing of a gateway, does no I/O, reads no clock and keeps no value that it has seen.

mod block;
mod checks;
#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that fails says so by panicking"
)]
mod corpus;
pub mod database;
mod find;
mod injection;
mod json;
pub mod kind;
mod place;
pub mod redact;
mod rules;
mod scanner;
mod secrets;
mod shape;
mod table;
mod text;
mod views;
mod vocabulary;
mod work;

pub use json::JsonError;
pub use kind::Kind;
pub use scanner::{
    CodePoints, CompileError, Custom, Finding, Limits, Scan, ScanError, Scanner, Wanted, What,
};
