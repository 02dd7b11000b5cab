//! Counting tokens, on threads of its own: to count a text takes longer than its call takes to
//! pass.
//!
//! What is counted are the arguments as JSON text, and of a result the texts that a model reads:
//! each `text` in it, or its `structuredContent` where there is none. Pictures, sounds and other
//! binary data are not counted. The vocabulary is `o200k_base`. Where counting would take too much
//! memory or time, tokens are estimated at one for four bytes.

mod texts;
mod workers;

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use gantry_mcp::answer::Format;
use tokio::sync::oneshot;

use workers::{Job, Reserved, Workers};

/// The largest body of an answer that is kept for counting.
const ANSWER_BYTES_MAX: usize = 4 << 20;

/// How long the record of a call waits for its tokens. They have usually been counted by then.
const COUNT_TIMEOUT: Duration = Duration::from_millis(250);

/// Bytes that one token is taken for where it is not counted.
const BYTES_PER_TOKEN: u64 = 4;

/// A number of tokens.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Count {
    pub tokens: u64,
    /// Whether it is made out from the number of bytes alone.
    pub is_estimate: bool,
}

/// Counts tokens. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Tokens(Arc<Workers>);

impl Tokens {
    /// Starts the threads.
    pub(super) fn start() -> Self {
        Self(Workers::start())
    }

    /// Begins to count arguments.
    pub fn arguments(&self, json: Bytes) -> Counting {
        let bytes = json.len();
        self.begin(bytes, |reserved, reply| Job::Arguments {
            json,
            reserved,
            reply,
        })
    }

    /// Begins to keep an answer for counting.
    pub fn answer(&self) -> Answer {
        Answer {
            tokens: self.clone(),
            body: Vec::new(),
            reserved: self.0.reserve(0),
            bytes: 0,
        }
    }

    fn begin(
        &self,
        bytes: usize,
        job: impl FnOnce(Reserved, oneshot::Sender<Option<u64>>) -> Job,
    ) -> Counting {
        let (reply, counted) = oneshot::channel();
        let begun = self
            .0
            .reserve(bytes)
            .is_some_and(|reserved| self.0.enqueue(job(reserved, reply)));
        Counting {
            bytes: bytes as u64,
            counted: begun.then_some(counted),
        }
    }
}

/// A count under way.
#[derive(Debug)]
pub struct Counting {
    bytes: u64,
    counted: Option<oneshot::Receiver<Option<u64>>>,
}

impl Counting {
    /// The count, or an estimate where it takes too long.
    pub async fn finish(self) -> Count {
        let counted = match self.counted {
            Some(counted) => tokio::time::timeout(COUNT_TIMEOUT, counted).await.ok(),
            None => None,
        };
        match counted.and_then(Result::ok).flatten() {
            Some(tokens) => Count {
                tokens,
                is_estimate: false,
            },
            None => Count {
                tokens: self.bytes.div_ceil(BYTES_PER_TOKEN),
                is_estimate: true,
            },
        }
    }
}

/// An answer that is kept until it is whole.
#[derive(Debug)]
pub struct Answer {
    tokens: Tokens,
    body: Vec<u8>,
    /// None once it has become too large, or memory too scarce, to keep it.
    reserved: Option<Reserved>,
    bytes: u64,
}

impl Answer {
    /// Takes the next piece of the body.
    pub fn feed(&mut self, piece: &[u8]) {
        self.bytes = self.bytes.saturating_add(piece.len() as u64);
        let fits = self.body.len() + piece.len() <= ANSWER_BYTES_MAX
            && self
                .reserved
                .as_mut()
                .is_some_and(|reserved| reserved.grow(piece.len()));
        if fits {
            self.body.extend_from_slice(piece);
        } else {
            self.reserved = None;
            self.body = Vec::new();
        }
    }

    /// Begins to count what has been kept.
    pub fn count(self, format: Format) -> Counting {
        let (body, reserved) = (self.body, self.reserved);
        let (reply, counted) = oneshot::channel();
        let begun = reserved.is_some_and(|reserved| {
            self.tokens.0.enqueue(Job::Answer {
                body,
                format,
                reserved,
                reply,
            })
        });
        Counting {
            bytes: self.bytes,
            counted: begun.then_some(counted),
        }
    }
}

#[cfg(test)]
mod tests;
