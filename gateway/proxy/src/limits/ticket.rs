//! What an admitted call holds, and what it is charged for in the end.

use std::sync::Arc;

use gantry_analytics::cost::Amount;

use super::{
    ledger::{Count, Ledger, Moment, Now},
    shared::Taken,
};
use crate::config::Measure;

/// One admitted call: the evidence, held for the whole exchange. Dropping it ends what the call
/// occupied.
#[derive(Debug)]
#[must_use = "dropping a ticket ends its call"]
pub struct Ticket {
    /// What is occupied until the end.
    held: Vec<Charge>,
}

/// What an admitted call is charged for once it has ended. Dropping it charges nothing more.
#[derive(Debug, Default)]
#[must_use = "a tab is to be settled"]
pub struct Tab {
    /// None where nothing is open.
    ledger: Option<Arc<Ledger>>,
    /// When the call was admitted.
    taken: Moment,
    open: Vec<Charge>,
}

/// What a call used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Used {
    /// Whether it may have reached its server. If not, it is charged for nothing.
    pub reached: bool,
    /// Of arguments and result.
    pub tokens: u64,
    /// Of request and answer.
    pub bytes: u64,
    /// By the prices in force.
    pub cost: Amount,
}

/// What was taken from one limit, of this gateway's own or shared with its replicas.
#[derive(Debug)]
pub(super) enum Charge {
    Own {
        count: Arc<Count>,
        measure: Measure,
        key: u64,
    },
    Shared(Taken),
}

/// What a call that no limit is about gets.
pub(super) fn free() -> (Ticket, Tab) {
    (Ticket { held: Vec::new() }, Tab::default())
}

/// What a call gets that has taken all of `charges`.
pub(super) fn admitted(ledger: &Arc<Ledger>, taken: Moment, charges: Vec<Charge>) -> (Ticket, Tab) {
    if charges.is_empty() {
        return free();
    }
    let (held, open) = charges
        .into_iter()
        .partition(|charge| matches!(charge.measure(), Measure::Concurrent(_)));
    let tab = Tab {
        ledger: Some(Arc::clone(ledger)),
        taken,
        open,
    };
    (Ticket { held }, tab)
}

impl Drop for Ticket {
    fn drop(&mut self) {
        for charge in self.held.drain(..) {
            charge.end();
        }
    }
}

impl Tab {
    /// Whether there is nothing to charge.
    pub fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    /// Whether the tokens of the call must be counted.
    pub fn needs_tokens(&self) -> bool {
        self.open
            .iter()
            .any(|charge| matches!(charge.measure(), Measure::Tokens(_)))
    }

    /// Charges a call that has ended for what it used.
    pub fn settle(self, used: Used, now: Now) {
        let Some(ledger) = self.ledger else {
            return;
        };
        let now = ledger.moment(now);
        for charge in self.open {
            charge.settle(used, self.taken, now);
        }
    }
}

impl Charge {
    fn measure(&self) -> Measure {
        match self {
            Self::Own { measure, .. } => *measure,
            Self::Shared(taken) => taken.measure(),
        }
    }

    /// Takes back everything, of a call that was not admitted after all.
    pub(super) fn undo(self, taken: Moment) {
        let Self::Own { count, key, .. } = self else {
            // Redis takes for all limits of a call or for none.
            return;
        };
        match &*count {
            Count::Calls(calls) => calls.give_back(key, taken, taken),
            Count::Concurrent(calls) => calls.end(key),
            // They take nothing before the end.
            Count::Debt(_) | Count::Budget(_) => {}
        }
    }

    fn end(self) {
        match self {
            Self::Own { count, key, .. } => {
                if let Count::Concurrent(calls) = &*count {
                    calls.end(key);
                }
            }
            Self::Shared(taken) => taken.finish(),
        }
    }

    fn settle(self, used: Used, taken: Moment, now: Moment) {
        let (count, measure, key) = match self {
            Self::Own {
                count,
                measure,
                key,
            } => (count, measure, key),
            Self::Shared(charge) => return settle_shared(charge, used),
        };
        match (&*count, measure) {
            (Count::Calls(calls), _) if !used.reached => calls.give_back(key, taken, now),
            _ if !used.reached => {}
            (Count::Debt(debt), Measure::Tokens(_)) => debt.charge(key, used.tokens, now),
            (Count::Debt(debt), _) => debt.charge(key, used.bytes, now),
            (Count::Budget(budget), _) => budget.charge(key, used.cost, now),
            (Count::Calls(_) | Count::Concurrent(_), _) => {}
        }
    }
}

fn settle_shared(taken: Taken, used: Used) {
    match taken.measure() {
        Measure::Calls { .. } if !used.reached => taken.give_back(),
        _ if !used.reached => {}
        Measure::Tokens(_) => taken.charge(used.tokens),
        Measure::Bytes(_) => taken.charge(used.bytes),
        Measure::Cost { .. } => taken.spend(used.cost.billionths()),
        Measure::Calls { .. } | Measure::Concurrent(_) => {}
    }
}
