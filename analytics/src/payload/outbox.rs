//! The calls' end: room for texts, one bounded push, and what became of all of them.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use super::Payload;

/// Payloads that wait for the store.
pub(super) const QUEUE_MAX: usize = 8_192;
/// Bytes of texts that are held, from the moment that the first of them is read until they are stored.
const HELD_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Takes payloads. Clones feed the same thread.
#[derive(Clone, Debug)]
pub struct Outbox {
    queue: mpsc::Sender<Packed>,
    room: Arc<Semaphore>,
    counters: Arc<Counters>,
}

/// A payload with the room that it takes.
#[derive(Debug)]
pub(super) struct Packed {
    pub(super) payload: Payload,
    _room: Room,
}

/// What became of payloads since the process began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Stored.
    pub delivered: u64,
    /// Of these, those without their text, which could not be inspected as a whole.
    pub withheld: u64,
    /// Not stored: there was no room for them, or the store does not take them.
    pub dropped: u64,
}

#[derive(Debug, Default)]
pub(super) struct Counters {
    delivered: AtomicU64,
    withheld: AtomicU64,
    dropped: AtomicU64,
}

impl Counters {
    pub(super) fn delivered(&self, count: usize, withheld: usize) {
        self.delivered.fetch_add(count as u64, Relaxed);
        self.withheld.fetch_add(withheld as u64, Relaxed);
    }

    pub(super) fn dropped(&self, count: usize) {
        self.dropped.fetch_add(count as u64, Relaxed);
    }
}

impl Outbox {
    pub(super) fn open(counters: Arc<Counters>) -> (Self, mpsc::Receiver<Packed>) {
        let (queue, packed) = mpsc::channel(QUEUE_MAX);
        let room = Arc::new(Semaphore::new(HELD_BYTES_MAX));
        let outbox = Self {
            queue,
            room,
            counters,
        };
        (outbox, packed)
    }

    /// Room for a text, none of it taken yet.
    pub fn room(&self) -> Room {
        Room {
            all: Arc::clone(&self.room),
            held: None,
        }
    }

    /// Hands a payload over with the room that its text takes. Never waits.
    pub fn keep(&self, payload: Payload, room: Room) {
        let packed = Packed {
            payload,
            _room: room,
        };
        if self.queue.try_send(packed).is_err() {
            self.dropped();
        }
    }

    /// A payload could not even be handed over.
    pub fn dropped(&self) {
        self.counters.dropped(1);
    }

    /// The figures at this moment.
    pub fn counts(&self) -> Counts {
        let Counters {
            delivered,
            withheld,
            dropped,
        } = &*self.counters;
        Counts {
            delivered: delivered.load(Relaxed),
            withheld: withheld.load(Relaxed),
            dropped: dropped.load(Relaxed),
        }
    }
}

/// A part of the room that all texts share; it is free again when this is dropped.
#[derive(Debug)]
pub struct Room {
    all: Arc<Semaphore>,
    held: Option<OwnedSemaphorePermit>,
}

impl Room {
    /// Takes, or gives back, as much as is needed to hold `bytes`. False, and unchanged, where there
    /// is not so much.
    #[must_use]
    pub fn resize(&mut self, bytes: usize) -> bool {
        let held = self
            .held
            .as_ref()
            .map_or(0, OwnedSemaphorePermit::num_permits);
        if bytes <= held {
            let surplus = self.held.as_mut().and_then(|all| all.split(held - bytes));
            drop(surplus);
            return true;
        }
        let more = u32::try_from(bytes - held).ok();
        let more = more.and_then(|more| Arc::clone(&self.all).try_acquire_many_owned(more).ok());
        match (more, &mut self.held) {
            (None, _) => return false,
            (Some(more), Some(held)) => held.merge(more),
            (Some(more), none) => *none = Some(more),
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{EventId, payload::Direction};

    fn payload() -> Payload {
        Payload {
            id: EventId::parse("test/1/2").unwrap(),
            direction: Direction::Request,
            ts_us: 0,
            tenant: String::new(),
            subject: 0,
            server: String::new(),
            tool: String::new(),
            bytes: 2,
            text: Some("{}".into()),
        }
    }

    #[test]
    fn texts_share_a_bounded_room() {
        let (outbox, _packed) = Outbox::open(Arc::default());
        let (mut one, mut other) = (outbox.room(), outbox.room());
        assert!(one.resize(HELD_BYTES_MAX - 1));
        assert!(!other.resize(2));
        assert!(other.resize(1));
        assert!(one.resize(10));
        assert!(other.resize(HELD_BYTES_MAX - 10));
        assert!(!one.resize(11));
        drop(other);
        assert!(one.resize(HELD_BYTES_MAX));
    }

    #[test]
    fn what_the_queue_has_no_place_for_is_dropped_and_counted() {
        let (outbox, packed) = Outbox::open(Arc::default());
        for _ in 0..QUEUE_MAX + 3 {
            outbox.keep(payload(), outbox.room());
        }
        assert_eq!(outbox.counts().dropped, 3);
        assert_eq!(packed.len(), QUEUE_MAX);
        // Nobody takes them any more.
        drop(packed);
        outbox.keep(payload(), outbox.room());
        assert_eq!(outbox.counts().dropped, 4);
    }
}
