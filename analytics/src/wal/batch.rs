//! Reading a batch: a range of one segment's rows, as ClickHouse will read them, and what a seal
//! says about them.

use std::{io, path::Path};

use super::{
    cursor::{Cursor, Range},
    frame::{self, HEAD_BYTES},
    segment::Segment,
};
use crate::{record::shape, seal::Digests};

/// From this many undelivered rows on the delivery does not wait for more.
pub(crate) const BATCH_ROWS_READY: u64 = 10_000;
/// Most rows of one batch.
pub(crate) const BATCH_ROWS_MAX: u64 = 100_000;
/// Most bytes of one batch, so that long rows do not make a batch grow without bound.
const BATCH_BYTES_MAX: usize = 32 * 1024 * 1024;

/// A range and its rows' bytes, as ClickHouse will read them.
pub(crate) struct Batch {
    pub(crate) range: Range,
    pub(crate) rows: u64,
    pub(crate) bytes: Vec<u8>,
    pub(crate) digests: Digests,
    /// False for a range of one row whose bytes are no row: sent among others it would make
    /// ClickHouse read those wrongly.
    pub(crate) is_readable: bool,
    pub(super) segment: Segment,
    /// Where the row after the batch starts in its segment.
    pub(super) end_offset: u64,
}

impl Batch {
    /// Reads the rows from `offset` on: the pending range, else as many as a batch may have.
    pub(super) fn read(segment: Segment, offset: u64, cursor: Cursor) -> io::Result<Self> {
        let first_seq = cursor.next_seq(segment.epoch, segment.first_seq);
        let pending = cursor.pending;
        let wanted = match &pending {
            Some(range) if range.starts_at(&segment.gateway, segment.epoch, first_seq) => {
                range.last_seq - first_seq + 1
            }
            Some(range) => {
                let what = format!("pending range {}", range.token());
                return Err(unreadable(&segment.path, &what));
            }
            None => (segment.end_seq() - first_seq).min(BATCH_ROWS_MAX),
        };
        let mut frames = segment.frames_from(offset, first_seq)?;
        let identity_bytes = frame::identity_bytes(&segment.gateway);
        let (mut bytes, mut digests, mut rows) = (Vec::new(), Digests::default(), 0);
        let mut is_readable = true;
        while rows < wanted && (pending.is_some() || bytes.len() < BATCH_BYTES_MAX) {
            let Some((_, row)) = frames.next()? else {
                let what = format!("row {}", first_seq + rows);
                return Err(unreadable(&segment.path, &what));
            };
            if !shape::is_row(row.get(identity_bytes..).unwrap_or_default()) {
                // By itself, unless an earlier version has named its range.
                if rows > 0 && pending.is_none() {
                    break;
                }
                is_readable = false;
            }
            digests.add(row, identity_bytes);
            bytes.extend_from_slice(row);
            rows += 1;
            if !is_readable && pending.is_none() {
                break;
            }
        }
        let end_offset = offset + bytes.len() as u64 + rows * HEAD_BYTES as u64;
        let range = pending.unwrap_or_else(|| Range {
            gateway: segment.gateway.clone(),
            epoch: segment.epoch,
            first_seq,
            last_seq: first_seq + rows - 1,
            shard: None,
        });
        Ok(Self {
            range,
            rows,
            bytes,
            digests,
            is_readable: is_readable || rows > 1,
            segment,
            end_offset,
        })
    }
}

fn unreadable(path: &Path, what: &str) -> io::Error {
    let text = format!("{what} cannot be read from {}", path.display());
    io::Error::new(io::ErrorKind::InvalidData, text)
}
