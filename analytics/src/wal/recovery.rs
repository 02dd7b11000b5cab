//! What an earlier process left: every segment up to its last whole row, and how far they were
//! delivered.
//!
//! A torn tail was never acknowledged and is cut off. Rows missing between two segments were:
//! they are counted and reported, and the segment that should hold them is kept as it is.

use std::{collections::VecDeque, fs, io, time::SystemTime};

use super::{
    Position,
    cursor::Cursor,
    directory::Directory,
    frame::HEAD_BYTES,
    segment::{self, Segment},
};

/// The undelivered part of a log.
pub(crate) struct Left {
    pub(crate) cursor: Cursor,
    /// Oldest first; delivered ones are deleted.
    pub(crate) segments: VecDeque<Segment>,
    /// Where the first undelivered row starts in the first segment.
    pub(crate) offset: u64,
    /// When the first of these segments was last written to.
    pub(crate) oldest_written_at: Option<SystemTime>,
    /// Rows that damage has made unreadable.
    pub(crate) rows_lost: u64,
}

impl Left {
    pub(crate) fn unsent_rows(&self) -> u64 {
        let rows: u64 = self.segments.iter().map(|segment| segment.rows).sum();
        let begun = self.segments.front().map_or(0, |front| {
            self.cursor.next_seq(front.epoch, front.first_seq) - front.first_seq
        });
        rows - begun
    }

    pub(crate) fn unsent_bytes(&self) -> u64 {
        let rows = |segment: &Segment| segment.bytes - segment.header_bytes;
        let bytes: u64 = self.segments.iter().map(rows).sum();
        let begun = self
            .segments
            .front()
            .map_or(0, |front| self.offset - front.header_bytes);
        bytes - begun
    }
}

/// Reads the directory and clears it of what is delivered, torn or unfinished.
pub(crate) fn recover(directory: &Directory) -> io::Result<Left> {
    directory.sweep()?;
    let cursor = Cursor::load(directory)?;
    let mut found = scan(directory)?;
    count_lost(&mut found);
    let rows_lost = found.iter().map(|segment| segment.rows_lost).sum();
    let mut segments = VecDeque::new();
    for segment in found {
        if segment.last().is_none_or(|last| last <= cursor.delivered) {
            segment.retire()?;
            continue;
        }
        if segment.rows_lost == 0 {
            segment.truncate()?;
        }
        segments.push_back(segment);
    }
    let mut offset = 0;
    let mut oldest_written_at = None;
    if let Some(front) = segments.front() {
        offset = offset_after(front, cursor.delivered)?;
        oldest_written_at = Some(fs::metadata(&front.path)?.modified()?);
    }
    Ok(Left {
        cursor,
        segments,
        offset,
        oldest_written_at,
        rows_lost,
    })
}

fn scan(directory: &Directory) -> io::Result<Vec<Segment>> {
    let mut segments = Vec::new();
    for path in directory.segments()? {
        if let Some(segment) = Segment::scan(&path)? {
            segments.push(segment);
            continue;
        }
        tracing::error!(segment = %path.display(), "audit log: a segment's header is damaged; set aside");
        segment::set_aside(&path)?;
    }
    Ok(segments)
}

/// Finds what lies between a segment's last whole row and the next segment's first.
fn count_lost(segments: &mut [Segment]) {
    let firsts: Vec<(u32, u64)> = segments
        .iter()
        .map(|segment| (segment.epoch, segment.first_seq))
        .collect();
    for (segment, (next_epoch, next_first)) in segments.iter_mut().zip(firsts.into_iter().skip(1)) {
        if next_epoch != segment.epoch {
            continue;
        }
        segment.rows_lost = next_first.saturating_sub(segment.end_seq());
        if segment.rows_lost > 0 {
            tracing::error!(
                segment = %segment.path.display(),
                rows_lost = segment.rows_lost,
                "audit log: rows of a segment are damaged; it will be set aside, not deleted"
            );
        }
    }
}

/// Where the row after `delivered` starts.
fn offset_after(segment: &Segment, delivered: Position) -> io::Result<u64> {
    let mut offset = segment.header_bytes;
    if segment.epoch != delivered.epoch {
        return Ok(offset);
    }
    let mut frames = segment.frames_from(offset, segment.first_seq)?;
    while let Some((seq, row)) = frames.next()? {
        if seq > delivered.seq {
            break;
        }
        offset += (HEAD_BYTES + row.len()) as u64;
    }
    Ok(offset)
}
