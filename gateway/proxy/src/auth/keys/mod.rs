//! The keys of an issuer: which ones it publishes, and how they are kept at hand.

mod schedule;
mod set;
mod source;

pub(super) use set::KeySet;
pub(super) use source::KeySource;
pub use source::Unavailable;
