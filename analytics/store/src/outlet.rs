//! The way of an answer from the thread that runs a statement to the task that serves its client.
//!
//! The channel holds a few pieces: a client that stops reading stops the engine, and one that goes
//! away, or reads nothing for a minute, ends the statement. An answer that stops before its end is
//! never taken for a whole one.

use std::time::Duration;

use bytes::Bytes;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};

use crate::exception::Exception;

/// Pieces of an answer between the engine and the socket, at most.
const PIECES_MAX: usize = 4;
/// How long a client may leave an answer unread.
const STALL_MAX: Duration = Duration::from_secs(60);

/// Counts of a statement, for `X-ClickHouse-Summary`.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Summary {
    pub(crate) read_rows: u64,
    pub(crate) read_bytes: u64,
    pub(crate) written_rows: u64,
    pub(crate) written_bytes: u64,
    pub(crate) result_rows: u64,
    pub(crate) result_bytes: u64,
    pub(crate) elapsed: Duration,
}

/// The beginning of an answer that succeeds, at least so far.
pub(crate) struct Opening {
    pub(crate) format: String,
    pub(crate) summary: Summary,
    /// All of it, or `None` where it comes in pieces.
    pub(crate) whole: Option<Bytes>,
}

/// A part of an answer that comes in pieces.
pub(crate) enum Piece {
    Data(Bytes),
    /// The statement failed after it had begun to answer.
    Failed(Exception),
    /// The answer is complete. A channel that closes without this one was cut off.
    End,
}

/// The end that the statement's thread holds.
pub(crate) struct Outlet {
    opening: oneshot::Sender<Result<Opening, Exception>>,
    pieces: mpsc::Sender<Piece>,
}

/// The end that the client's task holds.
pub(crate) struct Inlet {
    pub(crate) opening: oneshot::Receiver<Result<Opening, Exception>>,
    pub(crate) pieces: mpsc::Receiver<Piece>,
}

/// Both ends for one answer.
pub(crate) fn channel() -> (Outlet, Inlet) {
    let (opening, opened) = oneshot::channel();
    let (pieces, received) = mpsc::channel(PIECES_MAX);
    (
        Outlet { opening, pieces },
        Inlet {
            opening: opened,
            pieces: received,
        },
    )
}

impl Outlet {
    /// Gives the answer, or its refusal, at once.
    pub(crate) fn answer(self, answer: Result<Opening, Exception>) {
        // Nobody may be waiting any more; the statement has run all the same.
        drop(self.opening.send(answer));
    }

    /// Begins an answer in pieces.
    pub(crate) fn open(self, format: String, summary: Summary) -> Pieces {
        let opening = Opening {
            format,
            summary,
            whole: None,
        };
        drop(self.opening.send(Ok(opening)));
        Pieces(self.pieces)
    }
}

/// Where the pieces go.
pub(crate) struct Pieces(mpsc::Sender<Piece>);

impl Pieces {
    /// Sends a piece, waiting for a slow reader as long as is decent. `false`: nobody wants the rest.
    pub(crate) fn send(&self, piece: Piece) -> bool {
        let sent = tokio::time::timeout(STALL_MAX, self.0.send(piece));
        matches!(Handle::current().block_on(sent), Ok(Ok(())))
    }
}
