//! One file of the log: a header that says whose rows it holds and from which on, then frames.
//!
//! The header is `magic | format u16 | schema u16 | epoch u32 | first_seq u64 | gateway length
//! u16 | gateway | crc32c u32`, little-endian, the checksum over all before it. A segment gets
//! its name only when its header is whole, so a named file without one is damage, not a crash.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, BufReader, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use rustix::fs::{FallocateFlags, fallocate};

use super::{
    Position,
    directory::UNFINISHED,
    frame::{Frames, HEAD_BYTES},
};
use crate::columns::SCHEMA_VERSION;

const MAGIC: [u8; 8] = *b"GANTRYWL";
const FORMAT_VERSION: u16 = 1;
const ENDING: &str = "wal";
const DAMAGED: &str = "damaged";
/// Header bytes before the gateway's name.
const HEADER_FIXED_BYTES: usize = 26;
/// Longest gateway name; its RowBinary length then takes one byte.
pub(crate) const GATEWAY_BYTES_MAX: usize = 127;
const READ_BUFFER_BYTES: usize = 256 * 1024;

/// A segment as far as it is whole.
#[derive(Clone, Debug)]
pub(crate) struct Segment {
    pub(crate) path: PathBuf,
    pub(crate) gateway: String,
    pub(crate) epoch: u32,
    pub(crate) first_seq: u64,
    pub(crate) rows: u64,
    /// Whole bytes: the header and the whole frames.
    pub(crate) bytes: u64,
    pub(crate) header_bytes: u64,
    /// Rows that the next segment's first number says were here and that cannot be read.
    pub(crate) rows_lost: u64,
}

impl Segment {
    /// The place after this segment's last row.
    pub(crate) fn end_seq(&self) -> u64 {
        self.first_seq + self.rows
    }

    /// The place of the last row, if there is one.
    pub(crate) fn last(&self) -> Option<Position> {
        let rows_before_last = self.rows.checked_sub(1)?;
        Some(Position {
            epoch: self.epoch,
            seq: self.first_seq + rows_before_last,
        })
    }

    /// Makes an empty segment and reserves its disk space, so that a full disk is met here and
    /// not in the middle of a row.
    pub(crate) fn create(
        directory: &Path,
        gateway: &str,
        first: Position,
        reserve_bytes: u64,
    ) -> io::Result<(Self, File)> {
        let path = directory.join(format!("{:010}-{:020}.{ENDING}", first.epoch, first.seq));
        let unfinished = path.with_extension(UNFINISHED);
        let mut file = File::create(&unfinished)?;
        reserve(&file, reserve_bytes)?;
        let header = header_of(gateway, first);
        file.write_all(&header)?;
        fs::rename(&unfinished, &path)?;
        let header_bytes = header.len() as u64;
        let segment = Self {
            path,
            gateway: gateway.to_owned(),
            epoch: first.epoch,
            first_seq: first.seq,
            rows: 0,
            bytes: header_bytes,
            header_bytes,
            rows_lost: 0,
        };
        Ok((segment, file))
    }

    /// Reads a segment from its header to the last whole frame. `Ok(None)`: the header is not
    /// one of ours.
    pub(crate) fn scan(path: &Path) -> io::Result<Option<Self>> {
        let Some((mut segment, source)) = Self::open(path)? else {
            return Ok(None);
        };
        let mut frames = Frames::new(source, &segment.gateway, segment.epoch, segment.first_seq);
        while let Some((_, row)) = frames.next()? {
            segment.bytes += (HEAD_BYTES + row.len()) as u64;
            segment.rows += 1;
        }
        Ok(Some(segment))
    }

    /// Reads the header alone and leaves the source at the first frame.
    pub(crate) fn open(path: &Path) -> io::Result<Option<(Self, BufReader<File>)>> {
        let mut source = BufReader::with_capacity(READ_BUFFER_BYTES, File::open(path)?);
        let segment = read_header(path, &mut source)?;
        Ok(segment.map(|segment| (segment, source)))
    }

    /// The frames from the byte `offset` on, of which the first holds row `seq`.
    pub(crate) fn frames_from(&self, offset: u64, seq: u64) -> io::Result<Frames<BufReader<File>>> {
        let mut file = File::open(&self.path)?;
        file.seek(SeekFrom::Start(offset))?;
        let source = BufReader::with_capacity(READ_BUFFER_BYTES, file);
        Ok(Frames::new(source, &self.gateway, self.epoch, seq))
    }

    /// Cuts off whatever follows the last whole frame, reserved space included. The time of the
    /// last row's writing stays.
    pub(crate) fn truncate(&self) -> io::Result<()> {
        let file = OpenOptions::new().write(true).open(&self.path)?;
        let modified = file.metadata()?.modified()?;
        file.set_len(self.bytes)?;
        file.set_modified(modified)
    }

    /// Deletes the segment, or sets it aside when it holds rows that could not be read.
    pub(crate) fn retire(&self) -> io::Result<()> {
        if self.rows_lost > 0 {
            return set_aside(&self.path);
        }
        fs::remove_file(&self.path)
    }

    /// Makes the rows durable.
    pub(crate) fn sync(&self) -> io::Result<()> {
        File::open(&self.path)?.sync_data()
    }
}

/// Takes a segment that cannot be read out of the log without deleting it.
pub(crate) fn set_aside(path: &Path) -> io::Result<()> {
    fs::rename(path, path.with_extension(DAMAGED))
}

/// The epoch in a segment's file name; `None` for any other file.
pub(crate) fn epoch_of(path: &Path) -> Option<u32> {
    if path.extension()? != ENDING {
        return None;
    }
    let (epoch, seq) = path.file_stem()?.to_str()?.split_once('-')?;
    seq.parse::<u64>().ok()?;
    epoch.parse().ok()
}

/// A file system without reservations (some network and overlay ones) meets a full disk later.
fn reserve(file: &File, bytes: u64) -> io::Result<()> {
    if bytes == 0 {
        return Ok(());
    }
    match fallocate(file, FallocateFlags::KEEP_SIZE, 0, bytes) {
        Ok(()) | Err(rustix::io::Errno::OPNOTSUPP) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

fn header_of(gateway: &str, first: Position) -> Vec<u8> {
    let mut header = Vec::with_capacity(HEADER_FIXED_BYTES + gateway.len() + 4);
    header.extend_from_slice(&MAGIC);
    header.extend_from_slice(&FORMAT_VERSION.to_le_bytes());
    header.extend_from_slice(&SCHEMA_VERSION.to_le_bytes());
    header.extend_from_slice(&first.epoch.to_le_bytes());
    header.extend_from_slice(&first.seq.to_le_bytes());
    header.extend_from_slice(&(gateway.len() as u16).to_le_bytes());
    header.extend_from_slice(gateway.as_bytes());
    let checksum = crc32c::crc32c(&header);
    header.extend_from_slice(&checksum.to_le_bytes());
    header
}

/// Accepts exactly the bytes that `header_of` would write for what it read.
fn read_header(path: &Path, source: &mut impl Read) -> io::Result<Option<Segment>> {
    let mut fixed = Vec::new();
    source
        .take(HEADER_FIXED_BYTES as u64)
        .read_to_end(&mut fixed)?;
    let Some((epoch, seq, gateway_bytes)) = header_fields(&fixed) else {
        return Ok(None);
    };
    if gateway_bytes > GATEWAY_BYTES_MAX {
        return Ok(None);
    }
    let mut rest = Vec::new();
    source
        .take((gateway_bytes + 4) as u64)
        .read_to_end(&mut rest)?;
    let gateway = rest
        .get(..gateway_bytes)
        .and_then(|name| std::str::from_utf8(name).ok());
    let Some(gateway) = gateway else {
        return Ok(None);
    };
    let expected = header_of(gateway, Position { epoch, seq });
    if expected.len() != fixed.len() + rest.len()
        || !expected.ends_with(&rest)
        || !expected.starts_with(&fixed)
    {
        return Ok(None);
    }
    Ok(Some(Segment {
        path: path.to_owned(),
        gateway: gateway.to_owned(),
        epoch,
        first_seq: seq,
        rows: 0,
        bytes: expected.len() as u64,
        header_bytes: expected.len() as u64,
        rows_lost: 0,
    }))
}

/// Epoch, first sequence number and the length of the gateway's name.
fn header_fields(fixed: &[u8]) -> Option<(u32, u64, usize)> {
    let epoch = u32::from_le_bytes(*fixed.get(12..)?.first_chunk()?);
    let seq = u64::from_le_bytes(*fixed.get(16..)?.first_chunk()?);
    let gateway_bytes = u16::from_le_bytes(*fixed.get(24..)?.first_chunk()?);
    Some((epoch, seq, usize::from(gateway_bytes)))
}
