//! What has been counted: it outlives configurations.

use std::{
    collections::HashMap,
    hash::{BuildHasher, RandomState},
    sync::{Arc, Mutex, OnceLock, PoisonError, Weak},
    time::{Instant, SystemTime, UNIX_EPOCH},
};

use super::{
    count::{Budget, Calls, Concurrent, Debt, Size},
    rule::Key,
    shared::Shared,
    tokens::Tokens,
};
use crate::config::{self, Measure};

/// The moment of a decision: on the clock that never jumps, which rates go by, and on the one that
/// calendars go by.
#[derive(Debug, Clone, Copy)]
pub struct Now {
    pub instant: Instant,
    pub utc: SystemTime,
}

impl Now {
    /// This moment.
    pub fn read() -> Self {
        Self {
            instant: Instant::now(),
            utc: SystemTime::now(),
        }
    }
}

/// A moment as counts see it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Moment {
    /// Since the ledger began.
    pub(super) nanos: u64,
    /// Since the Unix epoch.
    pub(super) unix_s: i64,
}

/// All counts of one gateway.
///
/// A configuration's limits find theirs by what they are: a rule that stays keeps its counts, also
/// where it moves in the file or gets another name. A rule whose rate changes begins anew; a budget
/// or a number of concurrent calls keeps its count whatever its new maximum is. Counts that no
/// configuration in use refers to are forgotten.
#[derive(Debug)]
pub struct Ledger {
    began: Instant,
    seed: RandomState,
    counts: Mutex<HashMap<String, Weak<Count>>>,
    tokens: OnceLock<Tokens>,
    shared: Mutex<Option<(config::Redis, Weak<Shared>)>>,
}

/// The counts of one measure of one rule.
pub(super) enum Count {
    Calls(Calls),
    Debt(Debt),
    Concurrent(Concurrent),
    Budget(Budget),
}

impl std::fmt::Debug for Count {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}", self.size())
    }
}

/// The size of a ledger, for the metrics.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Figures {
    /// Counts of single keys that are kept.
    pub keys: usize,
    /// How often a key found no room and was counted together with others.
    pub overflows: u64,
}

/// How the Redis of shared limits does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RedisFigures {
    /// Whether it answers.
    pub is_here: bool,
    /// How often it went away or could not be connected to.
    pub failures: u64,
    /// Charges that did not reach it.
    pub lost: u64,
}

impl Default for Ledger {
    fn default() -> Self {
        Self {
            began: Instant::now(),
            seed: RandomState::new(),
            counts: Mutex::default(),
            tokens: OnceLock::new(),
            shared: Mutex::default(),
        }
    }
}

impl Ledger {
    /// Forgets the counts that are as good as new.
    pub fn sweep(&self, now: Now) {
        let now = self.moment(now);
        for count in self.in_use() {
            count.sweep(now);
        }
    }

    /// What counts tokens; started when it is first needed.
    pub fn tokens(&self) -> &Tokens {
        self.tokens.get_or_init(Tokens::start)
    }

    /// What shares limits through a Redis: the one in use, where it is the same.
    pub(super) fn shared(&self, redis: &config::Redis) -> Arc<Shared> {
        let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((known, weak)) = &*shared
            && known == redis
            && let Some(same) = weak.upgrade()
        {
            return same;
        }
        let new = Shared::start(redis);
        *shared = Some((redis.clone(), Arc::downgrade(&new)));
        new
    }

    /// The size of all counts.
    pub fn figures(&self) -> Figures {
        let mut figures = Figures::default();
        for size in self.in_use().into_iter().map(|count| count.size()) {
            figures.keys += size.keys;
            figures.overflows += size.overflows;
        }
        figures
    }

    /// How the Redis of shared limits does, where there is one.
    pub fn redis(&self) -> Option<RedisFigures> {
        let shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        let shared = shared.as_ref().and_then(|(_, shared)| shared.upgrade())?;
        Some(RedisFigures {
            is_here: shared.is_here(),
            failures: shared.failures(),
            lost: shared.lost(),
        })
    }

    pub(super) fn moment(&self, now: Now) -> Moment {
        let nanos = now.instant.saturating_duration_since(self.began).as_nanos();
        let unix = now.utc.duration_since(UNIX_EPOCH).unwrap_or_default();
        Moment {
            nanos: u64::try_from(nanos).unwrap_or(u64::MAX),
            unix_s: i64::try_from(unix.as_secs()).unwrap_or(i64::MAX),
        }
    }

    /// The hash that stands for a key.
    pub(super) fn hash(&self, key: &Key<'_>) -> u64 {
        self.seed.hash_one(key)
    }

    /// The counts of this identity, which are new where nobody has them.
    pub(super) fn count(&self, identity: &str, measure: Measure) -> Arc<Count> {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.retain(|_, count| count.strong_count() > 0);
        if let Some(count) = counts.get(identity).and_then(Weak::upgrade) {
            return count;
        }
        let count = Arc::new(Count::new(measure));
        counts.insert(identity.to_owned(), Arc::downgrade(&count));
        count
    }

    fn in_use(&self) -> Vec<Arc<Count>> {
        let counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.values().filter_map(Weak::upgrade).collect()
    }
}

impl Count {
    fn new(measure: Measure) -> Self {
        match measure {
            Measure::Calls { rate, burst } => Self::Calls(Calls::new(rate, burst)),
            Measure::Tokens(rate) | Measure::Bytes(rate) => Self::Debt(Debt::new(rate)),
            Measure::Concurrent(_) => Self::Concurrent(Concurrent::new()),
            Measure::Cost { term, .. } => Self::Budget(Budget::new(term)),
        }
    }

    fn sweep(&self, now: Moment) {
        match self {
            Self::Calls(calls) => calls.sweep(now),
            Self::Debt(debt) => debt.sweep(now),
            Self::Concurrent(concurrent) => concurrent.sweep(now),
            Self::Budget(budget) => budget.sweep(now),
        }
    }

    fn size(&self) -> Size {
        match self {
            Self::Calls(calls) => calls.size(),
            Self::Debt(debt) => debt.size(),
            Self::Concurrent(concurrent) => concurrent.size(),
            Self::Budget(budget) => budget.size(),
        }
    }
}
