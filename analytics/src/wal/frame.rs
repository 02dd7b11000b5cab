//! A row on disk: `length u32 | crc32c u32 | row`, little-endian; the checksum is over the row.
//!
//! The row starts with its identity (gateway, epoch, seq), so a frame that belongs elsewhere is
//! told from one that belongs here even when its checksum is right.

use std::io::{self, Read};

/// Longest row, identity included, that the log takes. The record's own maxima keep it below.
pub const ROW_BYTES_MAX: usize = 64 * 1024;

/// Bytes before the row.
pub(crate) const HEAD_BYTES: usize = 8;

/// Appends the frame of one row to `buffer`; returns the frame's length in bytes.
pub(crate) fn push(buffer: &mut Vec<u8>, gateway: &str, epoch: u32, seq: u64, row: &[u8]) -> usize {
    let start = buffer.len();
    buffer.extend_from_slice(&[0; HEAD_BYTES]);
    push_identity(buffer, gateway, epoch, seq);
    buffer.extend_from_slice(row);
    let frame = buffer.get_mut(start..).unwrap_or_default();
    let frame_bytes = frame.len();
    if let Some((head, body)) = frame.split_first_chunk_mut::<HEAD_BYTES>() {
        let checksum = crc32c::crc32c(body);
        *head = head_of(body.len() as u32, checksum);
    }
    frame_bytes
}

/// Bytes that the identity columns of `gateway` take: a text, a `UInt32`, a `UInt64`.
pub(crate) fn identity_bytes(gateway: &str) -> usize {
    1 + gateway.len() + 4 + 8
}

/// RowBinary of (gateway, epoch, seq). A gateway's name has fewer than 128 bytes, so its length
/// is one byte.
fn push_identity(buffer: &mut Vec<u8>, gateway: &str, epoch: u32, seq: u64) {
    buffer.push(gateway.len() as u8);
    buffer.extend_from_slice(gateway.as_bytes());
    buffer.extend_from_slice(&epoch.to_le_bytes());
    buffer.extend_from_slice(&seq.to_le_bytes());
}

fn head_of(row_bytes: u32, checksum: u32) -> [u8; HEAD_BYTES] {
    (u64::from(row_bytes) | u64::from(checksum) << 32).to_le_bytes()
}

/// Reads frames one after the other until the first that is not whole.
pub(crate) struct Frames<R> {
    source: R,
    row: Vec<u8>,
    identity: Vec<u8>,
    gateway: String,
    epoch: u32,
    seq: u64,
}

impl<R: Read> Frames<R> {
    /// `source` stands at the first frame's first byte; that frame holds row `first_seq`.
    pub(crate) fn new(source: R, gateway: &str, epoch: u32, first_seq: u64) -> Self {
        Self {
            source,
            row: Vec::new(),
            identity: Vec::with_capacity(identity_bytes(gateway)),
            gateway: gateway.to_owned(),
            epoch,
            seq: first_seq,
        }
    }

    /// The next whole row and its sequence number. `None` at the end, and at the first frame
    /// that is torn, damaged or not the one expected here: nothing after it can be trusted.
    pub(crate) fn next(&mut self) -> io::Result<Option<(u64, &[u8])>> {
        let mut head = [0; HEAD_BYTES];
        if !fill(&mut self.source, &mut head)? {
            return Ok(None);
        }
        let head = u64::from_le_bytes(head);
        let row_bytes = (head & u64::from(u32::MAX)) as usize;
        if row_bytes > ROW_BYTES_MAX {
            return Ok(None);
        }
        self.row.resize(row_bytes, 0);
        if !fill(&mut self.source, &mut self.row)? {
            return Ok(None);
        }
        let whole = u64::from(crc32c::crc32c(&self.row)) == head >> 32;
        if !whole || !self.is_expected() {
            return Ok(None);
        }
        let seq = self.seq;
        self.seq += 1;
        Ok(Some((seq, &self.row)))
    }

    fn is_expected(&mut self) -> bool {
        self.identity.clear();
        push_identity(&mut self.identity, &self.gateway, self.epoch, self.seq);
        self.row.starts_with(&self.identity)
    }
}

/// Fills `target`; false when the source ends before.
fn fill(source: &mut impl Read, target: &mut [u8]) -> io::Result<bool> {
    match source.read_exact(target) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows_of(bytes: &[u8]) -> Vec<(u64, Vec<u8>)> {
        let mut frames = Frames::new(bytes, "gw", 3, 10);
        let mut rows = Vec::new();
        while let Some((seq, row)) = frames.next().unwrap() {
            rows.push((seq, row.to_vec()));
        }
        rows
    }

    fn two_frames() -> Vec<u8> {
        let mut bytes = Vec::new();
        push(&mut bytes, "gw", 3, 10, b"first");
        push(&mut bytes, "gw", 3, 11, b"second");
        bytes
    }

    #[test]
    fn frames_read_back() {
        let rows = rows_of(&two_frames());
        assert_eq!(rows.len(), 2);
        assert!(rows[0].1.ends_with(b"first") && rows[0].0 == 10);
        assert!(rows[1].1.ends_with(b"second") && rows[1].0 == 11);
        assert_eq!(rows[0].1.len(), identity_bytes("gw") + 5);
    }

    #[test]
    fn a_changed_byte_ends_the_reading() {
        let whole = two_frames();
        let first_bytes = HEAD_BYTES + identity_bytes("gw") + 5;
        for at in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[at] ^= 0x40;
            let rows = rows_of(&bytes);
            assert_eq!(rows.len(), usize::from(at >= first_bytes), "byte {at}");
        }
    }

    #[test]
    fn zeros_and_strangers_are_not_rows() {
        assert!(rows_of(&[0; 64]).is_empty());
        let mut stranger = Vec::new();
        push(&mut stranger, "gw", 2, 10, b"of another epoch");
        assert!(rows_of(&stranger).is_empty());
    }
}
