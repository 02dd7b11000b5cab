//! A request that a program has been given.

use std::sync::{Arc, atomic::Ordering::Relaxed};

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot};

use super::Process;

/// A request under way. Dropping it before its answer has come cancels it.
pub(in crate::local::stdio) struct Underway {
    pub(super) process: Arc<Process>,
    pub(super) number: u64,
    pub id: Box<str>,
    pub notes: mpsc::Receiver<Bytes>,
    pub answer: oneshot::Receiver<Bytes>,
}

impl Underway {
    /// The same, whose answer `hear` gets as well.
    pub(in crate::local::stdio) fn overheard(
        mut self,
        hear: impl FnOnce(&Bytes) + Send + 'static,
    ) -> Self {
        let (pass, passed) = oneshot::channel();
        let answer = std::mem::replace(&mut self.answer, passed);
        tokio::spawn(async move {
            if let Ok(answer) = answer.await {
                hear(&answer);
                // Whoever has asked may be gone.
                let _ = pass.send(answer);
            }
        });
        self
    }

    /// Whether the end of the program says something about the server, and not only about what this caller did to its
    /// own one.
    pub(in crate::local::stdio) fn concerns_all(&self) -> bool {
        self.process.for_all || !self.process.answered.load(Relaxed)
    }

    /// Whether the program is still there to answer.
    pub(in crate::local::stdio) fn ended(&self) -> bool {
        !self.process.is_alive()
    }
}

impl Drop for Underway {
    fn drop(&mut self) {
        self.process.withdraw(self.number, true);
    }
}
