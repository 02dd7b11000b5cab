//! The record of every call: its columns, the write-ahead log that keeps it, the delivery into
//! ClickHouse, and the way back out (`query`, `tail`).
//!
//! The crate knows nothing of the gateway. A row is encoded once, by the caller, into the very
//! bytes that ClickHouse will read; from there on nobody looks inside it again:
//!
//! ```text
//! Record::encode ─▶ Log::append ─▶ queue ─▶ writer thread ─▶ segments ─▶ Delivery ─▶ ClickHouse
//!                                                                       └▶ seal ─▶
//! ```
//!
//! What it never does: block a caller's async runtime, drop a row in silence, or send a batch
//! under a token that could later name other rows.

pub mod calls;
pub mod clickhouse;
pub mod columns;
pub mod cost;
pub mod delivery;
pub mod erase;
pub mod export;
pub mod log;
pub mod migrate;
pub mod payload;
pub mod price_book;
pub mod query;
pub mod record;
pub mod seal;
pub mod stats;
pub mod subject;
pub mod tail;
pub mod verify;
pub mod wal;

pub use crate::clickhouse::Store;
pub use delivery::Delivery;
pub use log::{EventId, Log};
pub use record::{AuthMethod, GuardAction, Kind, Outcome, Record, Transport};
pub use stats::Stats;
