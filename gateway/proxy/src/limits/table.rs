//! Counts by key, bounded in number.
//!
//! Keys are hashes under a secret seed, eight bytes each, so that a caller can neither choose two
//! keys that collide nor make one long. At the maximum number of keys the chance that any two of
//! them share a count is below one in a million.

use std::{
    collections::HashMap,
    hash::{BuildHasherDefault, Hasher},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use super::Moment;

/// Parts of a table that are locked on their own.
const SHARDS: usize = 64;

/// The most keys that one limit counts; further ones share a count.
pub(super) const KEYS_MAX: usize = 1 << 21;
const SHARD_KEYS_MAX: usize = KEYS_MAX / SHARDS;

/// A full shard looks for idle keys once in so many attempts to add one, so that adding stays
/// cheap where there are none.
const ATTEMPTS_PER_SWEEP: u32 = 1 << 10;

/// A shard gives memory back once it uses less than this part of it.
const SPARSE: usize = 4;
const CAPACITY_MIN: usize = 64;

/// What is counted for one key.
pub(super) trait Slot: Copy + Default {
    /// Whether it is as good as a new one, so that it may be forgotten.
    fn is_idle(&self, now: Moment) -> bool;
}

/// A table of slots.
#[derive(Debug)]
pub(super) struct Table<S> {
    shards: Box<[Mutex<Shard<S>>]>,
    overflows: AtomicU64,
}

#[derive(Debug, Default)]
struct Shard<S> {
    slots: HashMap<u64, S, BuildHasherDefault<Hashed>>,
    /// Shared by all keys that found no room.
    overflow: S,
    attempts: u32,
}

impl<S: Slot> Default for Table<S> {
    fn default() -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            overflows: AtomicU64::new(0),
        }
    }
}

impl<S: Slot> Table<S> {
    /// Runs `count` on the slot of a key, alone.
    pub(super) fn with<R>(&self, key: u64, now: Moment, count: impl FnOnce(&mut S) -> R) -> R {
        let Some(mut shard) = self.shard(key) else {
            // The number of shards is constant: this is never reached.
            return count(&mut S::default());
        };
        if let Some(slot) = shard.slots.get_mut(&key) {
            return count(slot);
        }
        if shard.has_room(now) {
            return count(shard.slots.entry(key).or_default());
        }
        self.overflows.fetch_add(1, Ordering::Relaxed);
        count(&mut shard.overflow)
    }

    /// As [`Table::with`], for the slot of a key that is there, which is forgotten if that leaves
    /// it idle.
    pub(super) fn end(&self, key: u64, now: Moment, count: impl FnOnce(&mut S)) {
        let Some(mut shard) = self.shard(key) else {
            return;
        };
        let Some(slot) = shard.slots.get_mut(&key) else {
            return count(&mut shard.overflow);
        };
        count(slot);
        if slot.is_idle(now) {
            shard.slots.remove(&key);
        }
    }

    /// Forgets all idle keys. One shard is locked at a time.
    pub(super) fn sweep(&self, now: Moment) {
        for shard in &self.shards {
            lock(shard).sweep(now);
        }
    }

    /// Keys that are counted right now.
    pub(super) fn keys(&self) -> usize {
        self.shards
            .iter()
            .map(|shard| lock(shard).slots.len())
            .sum()
    }

    /// How often a key found no room.
    pub(super) fn overflows(&self) -> u64 {
        self.overflows.load(Ordering::Relaxed)
    }

    fn shard(&self, key: u64) -> Option<MutexGuard<'_, Shard<S>>> {
        // The map uses the highest and the lowest bits.
        let index = (key >> 40) as usize % SHARDS;
        self.shards.get(index).map(lock)
    }
}

/// A panic while counting leaves numbers, and any number is a valid state.
fn lock<S>(shard: &Mutex<Shard<S>>) -> MutexGuard<'_, Shard<S>> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<S: Slot> Shard<S> {
    fn has_room(&mut self, now: Moment) -> bool {
        if self.slots.len() < SHARD_KEYS_MAX {
            return true;
        }
        if self.attempts.is_multiple_of(ATTEMPTS_PER_SWEEP) {
            self.sweep(now);
        }
        self.attempts = self.attempts.wrapping_add(1);
        self.slots.len() < SHARD_KEYS_MAX
    }

    fn sweep(&mut self, now: Moment) {
        self.slots.retain(|_, slot| !slot.is_idle(now));
        let keys = self.slots.len();
        if self.slots.capacity() > (keys * SPARSE).max(CAPACITY_MIN) {
            self.slots.shrink_to(keys * 2);
        }
    }
}

/// Keys are hashes already.
#[derive(Debug, Default)]
struct Hashed(u64);

impl Hasher for Hashed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write_u64(&mut self, key: u64) {
        self.0 = key;
    }

    fn write(&mut self, bytes: &[u8]) {
        // Keys are single integers; this serves whoever hashes something else.
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Copy, Default)]
    struct Until(u64);

    impl Slot for Until {
        fn is_idle(&self, now: Moment) -> bool {
            self.0 <= now.nanos
        }
    }

    fn at(nanos: u64) -> Moment {
        Moment { nanos, unix_s: 0 }
    }

    /// A number that is spread as a hash is.
    fn key(number: u64) -> u64 {
        let mixed = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    #[test]
    fn idle_keys_leave_and_give_their_memory_back() {
        let table = Table::<Until>::default();
        for number in 0..100_000 {
            table.with(key(number), at(0), |slot| slot.0 = number);
        }
        assert_eq!(table.keys(), 100_000);
        table.sweep(at(90_000));
        assert_eq!(table.keys(), 9_999);
        table.sweep(at(100_000));
        assert_eq!(table.keys(), 0);
        let capacity: usize = table.shards.iter().map(|s| lock(s).slots.capacity()).sum();
        assert!(capacity <= SHARDS * CAPACITY_MIN * SPARSE, "{capacity}");
    }

    #[test]
    fn keys_beyond_the_maximum_share_a_count_and_disturb_nobody() {
        let table = Table::<Until>::default();
        // All in one shard.
        let key = |number: u64| key(number) & !(0x3f << 40);
        for number in 0..SHARD_KEYS_MAX as u64 {
            table.with(key(number), at(0), |slot| slot.0 = 10);
        }
        for number in 0..100 {
            table.with(key(u64::MAX - number), at(0), |slot| slot.0 += 1);
        }
        assert_eq!((table.keys(), table.overflows()), (SHARD_KEYS_MAX, 100));
        assert_eq!(table.with(key(u64::MAX), at(0), |slot| slot.0), 100);
        assert_eq!(table.with(key(7), at(0), |slot| slot.0), 10);
        // Once the others are idle there is room again, at the latest after so many attempts.
        for _ in 0..=ATTEMPTS_PER_SWEEP {
            table.with(key(u64::MAX), at(10), |slot| slot.0 = 20);
        }
        assert_eq!(table.keys(), 1);
    }

    /// What a million keys take: printed, so that the bound can be compared with a machine.
    #[test]
    fn millions_of_keys_are_bounded() {
        let table = Table::<Until>::default();
        for number in 0..(KEYS_MAX as u64 * 3 / 2) {
            table.with(key(number), at(0), |slot| slot.0 = u64::MAX);
        }
        let capacity: usize = table.shards.iter().map(|s| lock(s).slots.capacity()).sum();
        // hashbrown: seven eighths of its buckets are usable, each with a byte of its own.
        let bytes = capacity * 8 / 7 * (size_of::<(u64, Until)>() + 1);
        let keys = table.keys();
        println!("{keys} keys in {bytes} bytes: {} bytes a key", bytes / keys);
        assert!(keys <= KEYS_MAX, "{keys}");
        assert!(bytes <= 72 << 20, "{bytes}");
        assert!(table.overflows() > 0);
    }
}
