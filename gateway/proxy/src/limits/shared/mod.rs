//! Limits that the replicas of a gateway share through one Redis or Valkey.
//!
//! A call takes from all of its limits in one request to Redis, atomically, by Redis's own clock:
//! however many replicas there are, the limit is one. What a call used is charged behind its
//! answer. While Redis is away nothing waits for it.

mod keeper;
mod link;

use std::{
    fmt::Write as _,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use sha2::{Digest, Sha256};

use super::rule::{Key, Meter};
use crate::config::{self, Measure, Rate};
use keeper::Keeper;
pub(super) use link::Away;
use link::Link;

/// Microseconds of a second.
const SECOND: f64 = 1e6;
/// 2025-01-01, at which the scripts' clock begins, in seconds since the Unix epoch.
const EPOCH_S: i64 = 1_735_689_600;

/// Charges that wait for Redis.
const SETTLEMENTS_MAX: usize = 16_384;

/// The Redis of one configuration, and the thread that looks after it.
#[derive(Debug)]
pub(super) struct Shared {
    link: Arc<Link>,
    settlements: tokio::sync::mpsc::Sender<Settlement>,
    /// Charges that were lost: Redis was away, or too many waited.
    lost: AtomicU64,
    prefix: String,
}

/// What a call needs from one limit.
#[derive(Debug, Clone)]
pub(super) struct Need {
    key: String,
    measure: Measure,
    /// When the day or month ends, in seconds since the Unix epoch.
    ends_s: i64,
}

/// What a call has taken from one limit.
#[derive(Debug)]
pub(super) struct Taken {
    shared: Arc<Shared>,
    need: Need,
    /// By Redis's clock.
    at_us: i64,
    /// The replica under which it was taken.
    replica: Arc<str>,
}

/// One charge on its way to Redis.
#[derive(Debug)]
struct Settlement {
    key: String,
    what: &'static str,
    a: String,
    b: String,
}

impl Shared {
    /// Connects, and waits for the first try to end.
    pub(super) fn start(redis: &config::Redis) -> Arc<Self> {
        let link = Arc::new(Link::default());
        let (settlements, waiting) = tokio::sync::mpsc::channel(SETTLEMENTS_MAX);
        Keeper::start(redis, Arc::clone(&link), waiting);
        Arc::new(Self {
            link,
            settlements,
            lost: AtomicU64::new(0),
            prefix: redis.prefix.clone(),
        })
    }

    /// Whether Redis answers.
    pub(super) fn is_here(&self) -> bool {
        self.link.is_here()
    }

    /// How often Redis went away or could not be reached.
    pub(super) fn failures(&self) -> u64 {
        self.link.failures()
    }

    /// Charges that were lost.
    pub(super) fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    /// What a call needs from a limit that counts it under `key`.
    pub(super) fn need(&self, meter: &Meter, key: &Key<'_>, ends_s: i64) -> Need {
        let unit = meter.measure.unit();
        let rule = &meter.digest;
        let (kind, name) = key
            .item
            .map_or(("", ""), |(kind, name)| (kind.as_str(), name));
        let parts = [key.agent, key.team, key.server, kind, name];
        let under = digest(&parts.map(str::as_bytes));
        let mut name = format!("{}:{unit}:{rule}:{under}", self.prefix);
        if let Measure::Cost { .. } = meter.measure {
            // Each day or month has a key of its own.
            let _ = write!(name, ":{ends_s}");
        }
        Need {
            key: name,
            measure: meter.measure,
            ends_s,
        }
    }

    /// Takes all of `needs`, or none: then which of them refuses, and the time to wait.
    ///
    /// # Errors
    /// [`Away`] where Redis does not answer in time.
    pub(super) async fn take(
        self: &Arc<Self>,
        needs: Vec<Need>,
    ) -> Result<Result<Vec<Taken>, (usize, Duration)>, Away> {
        let (replica, (refused, us)) = self.link.take(&self.prefix, &needs).await?;
        if let Some(position) = refused.checked_sub(1) {
            let wait = Duration::from_micros(u64::try_from(us).unwrap_or(0));
            return Ok(Err((position, wait)));
        }
        let taken = |need| Taken {
            shared: Arc::clone(self),
            need,
            at_us: us,
            replica: Arc::clone(&replica),
        };
        Ok(Ok(needs.into_iter().map(taken).collect()))
    }

    fn settle(&self, settlement: Settlement) {
        if !self.is_here() || self.settlements.try_send(settlement).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Need {
    /// The two numbers of `take.lua`.
    fn numbers(&self) -> (f64, f64) {
        match self.measure {
            Measure::Calls { rate, burst } => (unit_us(rate), f64::from(burst)),
            Measure::Tokens(rate) | Measure::Bytes(rate) => (span_us(rate), unit_us(rate)),
            Measure::Concurrent(most) => (f64::from(most), 0.0),
            Measure::Cost { amount, .. } => {
                let ends_us = (self.ends_s - EPOCH_S) as f64 * SECOND;
                (amount.billionths() as f64, ends_us)
            }
        }
    }
}

impl Taken {
    pub(super) fn measure(&self) -> Measure {
        self.need.measure
    }

    /// Charges what was used: tokens or bytes.
    pub(super) fn charge(self, amount: u64) {
        if let Measure::Tokens(rate) | Measure::Bytes(rate) = self.need.measure
            && amount > 0
        {
            let us = unit_us(rate) * amount as f64;
            self.settle("charge", us.to_string(), |_| String::new());
        }
    }

    /// Charges what was spent, in billionths.
    pub(super) fn spend(self, billionths: i64) {
        if billionths > 0 {
            let ends_s = self.need.ends_s.to_string();
            self.settle("spend", billionths.to_string(), |_| ends_s);
        }
    }

    /// Gives back a call that came to nothing.
    pub(super) fn give_back(self) {
        if let Measure::Calls { rate, .. } = self.need.measure {
            let at_us = self.at_us.to_string();
            self.settle("give_back", unit_us(rate).to_string(), |_| at_us);
        }
    }

    /// Ends a call under way.
    pub(super) fn finish(self) {
        self.settle("finish", String::new(), |replica| replica.to_string());
    }

    fn settle(self, what: &'static str, a: String, b: impl FnOnce(Arc<str>) -> String) {
        self.shared.settle(Settlement {
            key: self.need.key,
            what,
            a,
            b: b(self.replica),
        });
    }
}

fn span_us(rate: Rate) -> f64 {
    rate.span.seconds() as f64 * SECOND
}

fn unit_us(rate: Rate) -> f64 {
    span_us(rate) / rate.amount.max(1) as f64
}

/// 96 bits of SHA-256 in hexadecimal: names can be long, and need not be readable by everybody who
/// may look at a Redis.
pub(super) fn digest(parts: &[&[u8]]) -> String {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update((part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    let hash = hasher.finalize();
    hex::encode(hash.get(..12).unwrap_or_default())
}
