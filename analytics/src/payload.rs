//! Arguments and results of calls, beside their records: what the operator asks for, in a table of
//! its own that forgets.
//!
//! ```text
//! Outbox::keep ─▶ bounded queue ─▶ thread: inspect ─▶ cut ─▶ encode ─▶ ClickHouse
//! ```
//!
//! Nothing of it is ever on this machine's disk, and nothing depends on it: what there is no room
//! for, and what has not arrived when the process ends, is dropped and counted. What is stored has
//! passed the inspection that the gateway gives; what could not be inspected is stored without its
//! text.

mod dispatch;
mod outbox;
mod read;

use std::time::Duration;

use bytes::Bytes;

pub use dispatch::{Dispatch, StartError};
pub use outbox::{Counts, Outbox, Room};
pub use read::{Kept, ReadError, of};

use crate::{
    log::EventId,
    record::{
        NAME_BYTES_MAX,
        rowbinary::{RowBuffer, bounded},
    },
};

/// Where they go.
pub(crate) const TABLE: &str = "audit_payload";

/// The columns that [`Payload::encode`] fills, in its order.
const COLUMNS: &str = "gateway, epoch, seq, direction, ts, tenant, subject, server, tool, bytes, \
    truncated, payload, expires";

/// Says of a JSON text what of it may be stored; `None` where that cannot be said.
pub type Inspect = Box<dyn Fn(&[u8]) -> Option<Vec<u8>> + Send>;

/// How payloads are kept.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// The longest text that is stored of each.
    pub bytes_max: usize,
    /// How long each is kept, from the call on.
    pub keep: Duration,
    /// Longest time for one insert.
    pub insert_timeout: Duration,
}

/// Which way it went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i8)]
pub enum Direction {
    Request = 0,
    Response = 1,
}

/// What a caller sent, or what its server answered.
#[derive(Clone, Debug)]
pub struct Payload {
    /// The record that it belongs to.
    pub id: EventId,
    pub direction: Direction,
    /// Of the record: microseconds since the Unix epoch.
    pub ts_us: i64,
    pub tenant: String,
    pub subject: u64,
    pub server: String,
    pub tool: String,
    /// The length of the text.
    pub bytes: u64,
    /// JSON text. `None` where it was too long to be held.
    pub text: Option<Bytes>,
}

impl Payload {
    /// The row, with what may be stored of the text.
    fn encode(&self, may_store: Option<&str>, settings: &Settings) -> Vec<u8> {
        let text = bounded(may_store.unwrap_or_default(), settings.bytes_max);
        let is_whole = may_store.is_some_and(|whole| whole.len() == text.len());
        let keep_us = i64::try_from(settings.keep.as_micros()).unwrap_or(i64::MAX);
        let expires_s = self.ts_us.saturating_add(keep_us) / 1_000_000;
        let expires_s = u32::try_from(expires_s.max(0)).unwrap_or(u32::MAX);
        let mut row = RowBuffer::with_capacity(256 + text.len());
        row.text(&self.id.gateway, NAME_BYTES_MAX);
        row.fixed(self.id.epoch.to_le_bytes());
        row.fixed(self.id.seq.to_le_bytes());
        row.fixed((self.direction as i8).to_le_bytes());
        row.fixed(self.ts_us.to_le_bytes());
        row.text(&self.tenant, NAME_BYTES_MAX);
        row.fixed(self.subject.to_le_bytes());
        row.text(&self.server, NAME_BYTES_MAX);
        row.text(&self.tool, NAME_BYTES_MAX);
        row.fixed(self.bytes.to_le_bytes());
        row.fixed([u8::from(!is_whole)]);
        row.bytes(text.as_bytes());
        row.fixed(expires_s.to_le_bytes());
        row.into_bytes()
    }
}

fn insert_statement(table: &str) -> String {
    format!("INSERT INTO {table} ({COLUMNS}) FORMAT RowBinary")
}
