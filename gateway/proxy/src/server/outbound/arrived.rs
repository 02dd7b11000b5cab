//! What has arrived of an answer by now.
//!
//! Each write to a caller costs a system call and, often, a packet. Pieces that are already here
//! are therefore passed on together; nothing ever waits for a piece to come.

use bytes::{Bytes, BytesMut};

use crate::upstream::{Exchange, Failed};

/// How much is put together at most. Larger pieces go through as they are, uncopied.
const TOGETHER_BYTES_MAX: usize = 16 * 1024;

/// Some bytes of the body, perhaps none, and how the body ended, if it has.
pub(super) struct Arrived {
    pub bytes: Bytes,
    pub end: Option<Result<(), Failed>>,
}

impl Arrived {
    /// `first`, and everything else that is already here.
    pub(super) async fn gather(exchange: &mut Exchange, first: Bytes) -> Self {
        let mut gathered = Gathered::One(first);
        while gathered.len() < TOGETHER_BYTES_MAX {
            match exchange.arrived().await {
                Some(Ok(Some(piece))) => gathered.push(piece),
                Some(Ok(None)) => return gathered.ended(Some(Ok(()))),
                Some(Err(fault)) => return gathered.ended(Some(Err(fault))),
                None => break,
            }
        }
        gathered.ended(None)
    }

    /// The body's end alone.
    pub(super) fn end(end: Result<(), Failed>) -> Self {
        Self {
            bytes: Bytes::new(),
            end: Some(end),
        }
    }

    /// Whether these are the last bytes of a whole body.
    pub(super) fn is_last(&self) -> bool {
        matches!(self.end, Some(Ok(())))
    }
}

/// One piece as it came, or several put together.
enum Gathered {
    One(Bytes),
    Several(BytesMut),
}

impl Gathered {
    fn len(&self) -> usize {
        match self {
            Self::One(bytes) => bytes.len(),
            Self::Several(bytes) => bytes.len(),
        }
    }

    fn push(&mut self, piece: Bytes) {
        match self {
            Self::One(first) if first.is_empty() => *first = piece,
            Self::One(first) => {
                let mut several = BytesMut::with_capacity(TOGETHER_BYTES_MAX.min(first.len() * 8));
                several.extend_from_slice(first);
                several.extend_from_slice(&piece);
                *self = Self::Several(several);
            }
            Self::Several(bytes) => bytes.extend_from_slice(&piece),
        }
    }

    fn ended(self, end: Option<Result<(), Failed>>) -> Arrived {
        let bytes = match self {
            Self::One(bytes) => bytes,
            Self::Several(bytes) => bytes.freeze(),
        };
        Arrived { bytes, end }
    }
}
