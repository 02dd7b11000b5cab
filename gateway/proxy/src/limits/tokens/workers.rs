//! The threads that count, and what may wait for them.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread,
};

use bytes::Bytes;
use gantry_mcp::answer::Format;
use tokio::sync::oneshot;

use super::texts;

/// Texts that wait to be counted.
const JOBS_MAX: usize = 1_024;

/// Memory of all texts that wait or are being kept.
const BYTES_MAX: usize = 64 << 20;

/// One core in so many counts.
const CORES_PER_THREAD: usize = 4;
const THREADS_MAX: usize = 4;

/// One text to count; the reply is none where it cannot be read.
pub(super) enum Job {
    Arguments {
        json: Bytes,
        reserved: Reserved,
        reply: oneshot::Sender<Option<u64>>,
    },
    Answer {
        body: Vec<u8>,
        format: Format,
        reserved: Reserved,
        reply: oneshot::Sender<Option<u64>>,
    },
}

impl Job {
    fn run(self) {
        // Whoever asked may have stopped waiting.
        let _ = match self {
            Self::Arguments {
                json,
                reserved,
                reply,
            } => {
                let counted = texts::arguments(&json);
                drop((json, reserved));
                reply.send(counted)
            }
            Self::Answer {
                body,
                format,
                reserved,
                reply,
            } => {
                let counted = texts::answer(body, format);
                drop(reserved);
                reply.send(counted)
            }
        };
    }
}

/// The queue in front of the threads, which end with it.
#[derive(Debug)]
pub(super) struct Workers {
    jobs: SyncSender<Job>,
    bytes: Arc<AtomicUsize>,
}

impl Workers {
    pub(super) fn start() -> Arc<Self> {
        let (jobs, waiting) = sync_channel(JOBS_MAX);
        let waiting = Arc::new(Mutex::new(waiting));
        let cores = thread::available_parallelism().map_or(1, usize::from);
        for _ in 0..(cores / CORES_PER_THREAD).clamp(1, THREADS_MAX) {
            let waiting = Arc::clone(&waiting);
            let started = thread::Builder::new()
                .name("tokens".to_owned())
                .spawn(move || work(&waiting));
            if let Err(error) = started {
                // Without any thread the queue fills up, and tokens are estimated.
                tracing::error!(%error, "cannot start a thread that counts tokens");
            }
        }
        Arc::new(Self {
            jobs,
            bytes: Arc::default(),
        })
    }

    /// Reserves memory for a text; none where there is too little.
    pub(super) fn reserve(&self, bytes: usize) -> Option<Reserved> {
        let mut reserved = Reserved {
            bytes: 0,
            all: Arc::clone(&self.bytes),
        };
        reserved.grow(bytes).then_some(reserved)
    }

    /// Whether there was room in the queue.
    pub(super) fn enqueue(&self, job: Job) -> bool {
        self.jobs.try_send(job).is_ok()
    }
}

fn work(waiting: &Mutex<Receiver<Job>>) {
    // The first text should not have to wait for it.
    texts::load();
    loop {
        let job = waiting
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .recv();
        match job {
            Ok(job) => job.run(),
            // The queue is gone.
            Err(_) => return,
        }
    }
}

/// Memory that is given back when this is dropped.
#[derive(Debug)]
pub(super) struct Reserved {
    bytes: usize,
    all: Arc<AtomicUsize>,
}

impl Reserved {
    /// Reserves more; false, and nothing, where there is too little.
    pub(super) fn grow(&mut self, bytes: usize) -> bool {
        let before = self.all.fetch_add(bytes, Ordering::Relaxed);
        if before.saturating_add(bytes) > BYTES_MAX {
            self.all.fetch_sub(bytes, Ordering::Relaxed);
            return false;
        }
        self.bytes += bytes;
        true
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        self.all.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}
