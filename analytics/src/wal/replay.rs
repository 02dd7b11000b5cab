//! Reading a log's directory without owning it: every whole row that is still there, in order.
//!
//! It changes nothing, so it may be used on a copy, on a read-only mount, or beside the gateway
//! that writes the log; rows that are delivered may be gone.

use std::{
    io,
    ops::ControlFlow,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{
    directory,
    frame::{self, Frames},
    segment::Segment,
};
use crate::log::EventId;

/// Why a log could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    #[error("cannot list the audit log's directory {}", path.display())]
    Directory { path: PathBuf, source: io::Error },
    #[error("cannot read the audit log's segment {}", path.display())]
    Segment { path: PathBuf, source: io::Error },
}

/// Calls `visit` with each row's identity and its RowBinary bytes without the identity columns,
/// until it breaks or the rows end.
///
/// # Errors
/// The directory or a segment could not be read. A damaged or torn row is no error: it ends its
/// segment.
pub fn replay(
    directory: &Path,
    mut visit: impl FnMut(EventId, &[u8]) -> ControlFlow<()>,
) -> Result<(), ReplayError> {
    let paths = directory::segments_in(directory).map_err(|source| ReplayError::Directory {
        path: directory.to_owned(),
        source,
    })?;
    for path in paths {
        let flow = replay_segment(&path, &mut visit)
            .map_err(|source| ReplayError::Segment { path, source })?;
        if flow.is_break() {
            break;
        }
    }
    Ok(())
}

fn replay_segment(
    path: &Path,
    visit: &mut impl FnMut(EventId, &[u8]) -> ControlFlow<()>,
) -> io::Result<ControlFlow<()>> {
    let Some((segment, source)) = Segment::open(path)? else {
        return Ok(ControlFlow::Continue(()));
    };
    let gateway: Arc<str> = Arc::from(segment.gateway.as_str());
    let mut frames = Frames::new(source, &segment.gateway, segment.epoch, segment.first_seq);
    while let Some((seq, row)) = frames.next()? {
        let event = EventId {
            gateway: Arc::clone(&gateway),
            epoch: segment.epoch,
            seq,
        };
        let contents = row
            .get(frame::identity_bytes(&gateway)..)
            .unwrap_or_default();
        if visit(event, contents).is_break() {
            return Ok(ControlFlow::Break(()));
        }
    }
    Ok(ControlFlow::Continue(()))
}
