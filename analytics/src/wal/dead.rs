//! Rows that ClickHouse refuses for what is in them: each becomes a segment of its own in `dead/`,
//! which `replay` reads like any other. They are never deleted here.

use std::{
    fs,
    io::{self, Write as _},
};

use super::{
    Position,
    batch::Batch,
    directory::{self, Directory},
    frame,
    segment::Segment,
};

/// The directory within the log's own.
pub(crate) const DIRECTORY: &str = "dead";
/// Most rows that are put aside. Beyond it something else than rows is wrong, and the delivery
/// waits for it to be put right.
pub(crate) const ROWS_MAX: u64 = 10_000;

/// How many rows have been put aside so far.
pub(crate) fn count(log: &Directory) -> io::Result<u64> {
    match directory::segments_in(&log.path().join(DIRECTORY)) {
        Ok(segments) => Ok(segments.len() as u64),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
        Err(error) => Err(error),
    }
}

/// Keeps the one row of `batch`, durably. Doing it again changes nothing.
pub(crate) fn bury(log: &Directory, batch: &Batch) -> io::Result<()> {
    let folder = log.path().join(DIRECTORY);
    fs::create_dir_all(&folder)?;
    let range = &batch.range;
    let first = Position {
        epoch: range.epoch,
        seq: range.first_seq,
    };
    let (_, mut file) = Segment::create(&folder, &range.gateway, first, 0)?;
    let contents = batch
        .bytes
        .get(frame::identity_bytes(&range.gateway)..)
        .unwrap_or_default();
    let mut framed = Vec::new();
    frame::push(
        &mut framed,
        &range.gateway,
        range.epoch,
        range.first_seq,
        contents,
    );
    file.write_all(&framed)?;
    file.sync_all()?;
    fs::File::open(&folder)?.sync_all()?;
    log.sync()
}
