//! How much a server is given at a time: calls beyond wait in a bounded queue, then are refused.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use pingora_timeout::fast_timeout::fast_timeout;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::config;

/// What one server has room for.
#[derive(Debug)]
pub(super) struct Capacity {
    rules: config::Capacity,
    calls: Arc<Semaphore>,
    streams: Arc<Semaphore>,
    waiting: AtomicU32,
}

/// Why there was no room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Full {
    /// As many calls wait as may wait.
    Queue,
    /// The call waited as long as it may.
    Waited,
    /// As many streams are open as may be open.
    Streams,
}

impl Full {
    /// As the metrics name it.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Queue => "queue_full",
            Self::Waited => "queue_timeout",
            Self::Streams => "streams",
        }
    }
}

impl Capacity {
    pub(super) fn new(rules: config::Capacity) -> Self {
        let room = |count: u32| Arc::new(Semaphore::new(count as usize));
        Self {
            calls: room(rules.calls),
            streams: room(rules.streams),
            waiting: AtomicU32::new(0),
            rules,
        }
    }

    pub(super) fn rules(&self) -> config::Capacity {
        self.rules
    }

    /// Takes room for one exchange, and says how long that took.
    pub(super) async fn enter(
        &self,
        endless: bool,
    ) -> Result<(OwnedSemaphorePermit, Duration), Full> {
        if endless {
            let room = Arc::clone(&self.streams).try_acquire_owned();
            return room
                .map(|room| (room, Duration::ZERO))
                .map_err(|_| Full::Streams);
        }
        if let Ok(room) = Arc::clone(&self.calls).try_acquire_owned() {
            return Ok((room, Duration::ZERO));
        }
        let begun = Instant::now();
        let _place = Place::take(&self.waiting, self.rules.queue).ok_or(Full::Queue)?;
        let room = Arc::clone(&self.calls).acquire_owned();
        match fast_timeout(self.rules.queue_timeout, room).await {
            Ok(Ok(room)) => Ok((room, begun.elapsed())),
            // The semaphore is never closed.
            Ok(Err(_)) | Err(_) => Err(Full::Waited),
        }
    }
}

/// One place in the queue, until it is dropped.
struct Place<'a>(&'a AtomicU32);

impl<'a> Place<'a> {
    fn take(waiting: &'a AtomicU32, max: u32) -> Option<Self> {
        let more = |waiting: u32| (waiting < max).then_some(waiting + 1);
        waiting.fetch_update(Relaxed, Relaxed, more).ok()?;
        Some(Self(waiting))
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn calls_wait_in_a_bounded_queue_for_a_bounded_time() {
        let capacity = Arc::new(Capacity::new(config::Capacity {
            calls: 1,
            queue: 1,
            queue_timeout: Duration::from_millis(50),
            streams: 1,
        }));
        let (first, _) = capacity.enter(false).await.unwrap();
        let waiting = tokio::spawn({
            let capacity = Arc::clone(&capacity);
            async move { capacity.enter(false).await.map(drop) }
        });
        while capacity.waiting.load(Relaxed) == 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(capacity.enter(false).await.unwrap_err(), Full::Queue);
        drop(first);
        assert_eq!(waiting.await.unwrap(), Ok(()));
        let (_first, _) = capacity.enter(false).await.unwrap();
        assert_eq!(capacity.enter(false).await.unwrap_err(), Full::Waited);
        let (_stream, _) = capacity.enter(true).await.unwrap();
        assert_eq!(capacity.enter(true).await.unwrap_err(), Full::Streams);
    }
}
