//! How much.
//!
//! A [`Ticket`] is the evidence that a call was admitted; [`admit`] is its only constructor. It is
//! held for the whole exchange, so that dropping it gives back what the call occupied. A call that
//! was denied before this stage is never charged.

use std::time::Duration;

use crate::policy::Permit;

/// The limits of one configuration.
#[derive(Debug, Clone, Default)]
pub struct Limits {
    _private: (),
}

impl Limits {
    /// No limit: what is in force while a configuration lists none.
    pub fn none() -> Self {
        Self::default()
    }
}

/// One admitted call.
#[derive(Debug)]
pub struct Ticket {
    _private: (),
}

/// Why a call was not admitted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("limit {rule} is reached")]
pub struct Limited {
    /// The limit that was reached.
    pub rule: &'static str,
    /// When the next call of this kind may be admitted.
    pub retry_after: Duration,
}

/// Admits a permitted call.
///
/// # Errors
/// [`Limited`] with the rule and the time after which a retry may succeed.
pub fn admit(_limits: &Limits, _permit: &Permit) -> Result<Ticket, Limited> {
    Ok(Ticket { _private: () })
}
