//! Money per day or month, by the calendar in UTC.
//!
//! What a call costs is known only after it, so that the last one may go beyond the budget.

use std::time::Duration;

use gantry_analytics::cost::Amount;
use time::{Date, UtcDateTime};

use super::{Size, Wait};
use crate::{
    config::Term,
    limits::{
        Moment,
        table::{Slot, Table},
    },
};

const DAY_S: i64 = 86_400;

/// What each key has spent in the day or month under way. It does not depend on how much may be
/// spent: a budget that is raised keeps what was spent of it.
pub(in crate::limits) struct Budget {
    table: Table<Spent>,
    term: Term,
}

#[derive(Debug, Clone, Copy, Default)]
struct Spent {
    /// When the day or month ends, in seconds since the Unix epoch.
    ends_s: i64,
    amount: Amount,
}

impl Slot for Spent {
    fn is_idle(&self, now: Moment) -> bool {
        self.ends_s <= now.unix_s
    }
}

impl Budget {
    pub(in crate::limits) fn new(term: Term) -> Self {
        Self {
            table: Table::default(),
            term,
        }
    }

    /// Looks whether less than `most` is spent.
    ///
    /// # Errors
    /// The time until the day or month ends.
    pub(in crate::limits) fn check(&self, key: u64, most: Amount, now: Moment) -> Result<(), Wait> {
        let spent = self.table.with(key, now, |slot| *slot);
        if spent.is_idle(now) || spent.amount < most {
            return Ok(());
        }
        let left = u64::try_from(spent.ends_s - now.unix_s).unwrap_or(0);
        Err(Duration::from_secs(left))
    }

    /// Adds what was spent.
    pub(in crate::limits) fn charge(&self, key: u64, amount: Amount, now: Moment) {
        self.table.with(key, now, |slot| {
            if slot.is_idle(now) {
                *slot = Spent {
                    ends_s: ends_s(self.term, now.unix_s),
                    amount: Amount::ZERO,
                };
            }
            slot.amount = slot.amount.plus(amount);
        });
    }

    pub(in crate::limits) fn sweep(&self, now: Moment) {
        self.table.sweep(now);
    }

    pub(in crate::limits) fn size(&self) -> Size {
        Size::of(&self.table)
    }
}

/// When the day or month that holds a moment ends.
pub(in crate::limits) fn ends_s(term: Term, unix_s: i64) -> i64 {
    match term {
        Term::Day => (unix_s.div_euclid(DAY_S) + 1) * DAY_S,
        Term::Month => next_month_s(unix_s).unwrap_or(i64::MAX),
    }
}

fn next_month_s(unix_s: i64) -> Option<i64> {
    let now = UtcDateTime::from_unix_timestamp(unix_s).ok()?;
    let month = now.month();
    let year = now.year() + i32::from(month == time::Month::December);
    let first = Date::from_calendar_date(year, month.next(), 1).ok()?;
    Some(first.midnight().as_utc().unix_timestamp())
}

#[cfg(test)]
mod tests {
    use time::format_description::well_known::Rfc3339;

    use super::*;

    fn unix_s(text: &str) -> i64 {
        UtcDateTime::parse(text, &Rfc3339).unwrap().unix_timestamp()
    }

    fn at(text: &str) -> Moment {
        Moment {
            nanos: 0,
            unix_s: unix_s(text),
        }
    }

    #[test]
    fn terms_end_by_the_calendar() {
        for (term, now, end) in [
            (Term::Day, "2026-02-28T00:00:00Z", "2026-03-01T00:00:00Z"),
            (Term::Day, "2028-02-28T23:59:59Z", "2028-02-29T00:00:00Z"),
            (Term::Day, "1970-01-01T00:00:00Z", "1970-01-02T00:00:00Z"),
            (Term::Month, "2026-02-01T00:00:00Z", "2026-03-01T00:00:00Z"),
            (Term::Month, "2026-12-31T23:59:59Z", "2027-01-01T00:00:00Z"),
            (Term::Month, "2028-02-29T12:00:00Z", "2028-03-01T00:00:00Z"),
        ] {
            assert_eq!(ends_s(term, unix_s(now)), unix_s(end), "{now}");
        }
    }

    #[test]
    fn a_spent_budget_is_there_again_with_the_next_day() {
        let budget = Budget::new(Term::Day);
        let most = Amount::parse("20").unwrap();
        let evening = at("2026-11-25T23:59:00Z");
        assert_eq!(budget.check(1, most, evening), Ok(()));
        budget.charge(1, Amount::parse("19.999999999").unwrap(), evening);
        assert_eq!(budget.check(1, most, evening), Ok(()));
        budget.charge(1, Amount::parse("5").unwrap(), evening);
        assert_eq!(budget.check(1, most, evening), Err(Duration::from_secs(60)));
        assert_eq!(budget.check(2, most, evening), Ok(()), "another key");
        let raised = Amount::parse("30").unwrap();
        assert_eq!(budget.check(1, raised, evening), Ok(()));
        let midnight = at("2026-11-26T00:00:00Z");
        assert_eq!(budget.check(1, most, midnight), Ok(()));
        budget.charge(1, Amount::parse("1").unwrap(), midnight);
        assert_eq!(budget.check(1, most, midnight), Ok(()));
        budget.sweep(at("2026-11-27T00:00:00Z"));
        assert_eq!(budget.size().keys, 0);
    }
}
