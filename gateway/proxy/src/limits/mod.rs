//! How much.
//!
//! [`admit`] takes what a call needs from every limit that is about it, or from none. What it
//! returns is a [`Ticket`], the evidence, held for the whole exchange: dropping it ends what the
//! call occupied; and a [`Tab`], settled once when the exchange has ended and it is known what the
//! call used. A call that was denied before this stage is never charged.
//!
//! Counts live in a [`Ledger`], which outlives configurations, or in the Redis that replicas share.
//! Everything but `shared` and `tokens` is sans-io: time is an argument.

mod count;
mod describe;
mod glob;
mod ledger;
mod rule;
mod rules;
mod shared;
mod table;
mod ticket;
pub mod tokens;

use std::{sync::Arc, time::Duration};

use gantry_analytics::cost::Item;

use crate::policy::Permit;

pub use describe::{Description, describe};
pub use ledger::{Figures, Ledger, Now, RedisFigures};
pub use rules::Limits;
pub use ticket::{Tab, Ticket, Used};

use ledger::Moment;
use rule::Ask;

/// Why a call was not admitted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Limited {
    /// A limit is reached.
    #[error("limit {rule:?} is reached ({unit})")]
    Reached {
        /// The limit's name.
        rule: Arc<str>,
        /// What it counts by, as a label: `agent,tool`.
        scope: Arc<str>,
        /// What it counts: `calls`, `tokens`, `bytes`, `concurrent` or `cost`.
        unit: &'static str,
        /// When the next call of this kind may be admitted.
        retry_after: Duration,
    },
    /// Whether it is reached cannot be known: Redis is away, and the configuration says to refuse.
    #[error("limit {rule:?} cannot be checked: redis is away")]
    Unavailable {
        /// The limit's name.
        rule: Arc<str>,
    },
}

/// When a caller may try again while Redis is away.
const TRY_AGAIN: Duration = Duration::from_secs(5);

impl Limited {
    /// The limit that refused.
    pub fn rule(&self) -> &Arc<str> {
        match self {
            Self::Reached { rule, .. } | Self::Unavailable { rule } => rule,
        }
    }

    /// What it counts by and what it counts, where a limit is reached.
    pub fn counted(&self) -> Option<(Arc<str>, &'static str)> {
        match self {
            Self::Reached { scope, unit, .. } => Some((Arc::clone(scope), unit)),
            Self::Unavailable { .. } => None,
        }
    }

    /// When to try again.
    pub fn retry_after(&self) -> Duration {
        match self {
            Self::Reached { retry_after, .. } => *retry_after,
            Self::Unavailable { .. } => TRY_AGAIN,
        }
    }
}

/// Admits a permitted call. `item` is what it is about; messages that are about nothing are not
/// limited.
///
/// # Errors
/// [`Limited`] with the rule that refused. Then nothing has been charged.
pub async fn admit(
    limits: &Limits,
    permit: &Permit,
    item: Option<Item<'_>>,
    now: Now,
) -> Result<(Ticket, Tab), Limited> {
    let Some(item) = item else {
        return Ok(ticket::free());
    };
    let caller = permit.caller();
    let ask = Ask {
        agent: caller.agent(),
        teams: caller.teams(),
        item,
    };
    limits.admit(&ask, now).await
}

#[cfg(test)]
fn at_ms(ms: u64) -> Moment {
    Moment {
        nanos: ms * 1_000_000,
        unix_s: i64::try_from(ms / 1_000).unwrap(),
    }
}

#[cfg(test)]
mod tests;
