//! Rates and budgets as people write them: `60/min`, `50k/hour`, `10MiB/min`, `20 USD/day`.
//!
//! Amounts are exact whole numbers, and money is exact to a billionth; a text is never rounded.

use std::fmt;

use gantry_analytics::cost::Amount;

use super::quantity::Size;

pub(super) const RATE_FORM: &str =
    "a number per `second`, `min`, `hour` or `day`, such as `60/min` or `50k/hour`";
pub(super) const BYTE_RATE_FORM: &str =
    "a size per `second`, `min`, `hour` or `day`, such as `10MiB/min`";
pub(super) const BUDGET_FORM: &str =
    "an amount and its currency per `day` or `month`, such as `20 USD/day`";
pub(super) const MONEY_FORM: &str = "an amount such as `0.001`, with at most nine decimals";
pub(super) const CURRENCY_FORM: &str = "three capital letters (ISO 4217), such as `USD`";

/// The largest number in a rate. With it, the shortest time that one unit takes is a nanosecond.
const AMOUNT_MAX: u64 = 1_000_000_000;

/// What a rate is for.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Span {
    Second,
    Min,
    Hour,
    Day,
}

impl Span {
    const ALL: [Self; 4] = [Self::Second, Self::Min, Self::Hour, Self::Day];

    /// The word in the file.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Second => "second",
            Self::Min => "min",
            Self::Hour => "hour",
            Self::Day => "day",
        }
    }

    /// Its length in seconds.
    pub const fn seconds(self) -> u64 {
        match self {
            Self::Second => 1,
            Self::Min => 60,
            Self::Hour => 3_600,
            Self::Day => 86_400,
        }
    }
}

/// So much per span of time; the amount is at least 1.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Rate {
    pub amount: u64,
    pub span: Span,
}

impl Rate {
    /// Reads `60/min` or `50k/hour`. `k` is 1,000 and `M` is 1,000,000.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (amount, span) = split(text)?;
        let (digits, factor) = match amount.strip_suffix(['k', 'M']) {
            Some(digits) if amount.ends_with('k') => (digits, 1_000),
            Some(digits) => (digits, 1_000_000),
            None => (amount, 1),
        };
        Self::checked(whole(digits)?.checked_mul(factor)?, span, AMOUNT_MAX)
    }

    /// Reads `10MiB/min`.
    pub(super) fn parse_bytes(text: &str) -> Option<Self> {
        let (amount, span) = split(text)?;
        // Up to 1 TiB, whatever the span.
        Self::checked(Size::parse(amount)?.0, span, 1 << 40)
    }

    fn checked(amount: u64, span: &str, max: u64) -> Option<Self> {
        let span = Span::ALL.into_iter().find(|known| known.as_str() == span)?;
        (1..=max).contains(&amount).then_some(Self { amount, span })
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.amount, self.span.as_str())
    }
}

/// When a budget begins anew, in UTC.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Term {
    Day,
    Month,
}

impl Term {
    /// The word in the file.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Month => "month",
        }
    }
}

/// So much money per day or month.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Budget {
    pub amount: Amount,
    pub currency: String,
    pub term: Term,
}

impl Budget {
    /// Reads `20 USD/day` or `0.50 EUR/month`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (money, term) = split(text)?;
        let (amount, currency) = money.split_once(' ')?;
        let term = match term {
            "day" => Term::Day,
            "month" => Term::Month,
            _ => return None,
        };
        let amount = Amount::parse(amount).filter(|amount| *amount != Amount::ZERO)?;
        let currency = currency.trim_start();
        is_currency(currency).then(|| Self {
            amount,
            currency: currency.to_owned(),
            term,
        })
    }
}

/// Whether a text has the form of a currency code.
pub(super) fn is_currency(text: &str) -> bool {
    text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_uppercase())
}

fn split(text: &str) -> Option<(&str, &str)> {
    let (amount, span) = text.split_once('/')?;
    Some((amount.trim(), span.trim()))
}

/// Digits alone: the standard parser also takes a plus sign.
fn whole(digits: &str) -> Option<u64> {
    let plain = digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse().ok().filter(|_| plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates() {
        for (text, rate) in [
            ("5/min", Some((5, Span::Min))),
            ("50k/hour", Some((50_000, Span::Hour))),
            ("2M / day", Some((2_000_000, Span::Day))),
            ("1/second", Some((1, Span::Second))),
            ("1000M/day", Some((1_000_000_000, Span::Day))),
            ("1001M/day", None),
            ("0/min", None),
            ("5", None),
            ("5/minute", None),
            ("5/month", None),
            ("+5/min", None),
            ("-5/min", None),
            ("1.5/min", None),
            ("5 calls/min", None),
            ("k/min", None),
            ("/min", None),
            ("18446744073709551615M/min", None),
        ] {
            let read = Rate::parse(text).map(|rate| (rate.amount, rate.span));
            assert_eq!(read, rate, "{text:?}");
        }
        let bytes = |text| Rate::parse_bytes(text).map(|rate| rate.amount);
        assert_eq!(bytes("10MiB/min"), Some(10 << 20));
        assert_eq!(bytes("10 MB/min"), None);
        assert_eq!(bytes("0/min"), None);
    }

    #[test]
    fn budgets() {
        let read = |text| Budget::parse(text).map(|b| (b.amount.to_string(), b.currency, b.term));
        let day = |amount: &str, currency: &str| {
            Some((amount.to_owned(), currency.to_owned(), Term::Day))
        };
        assert_eq!(read("20 USD/day"), day("20", "USD"));
        assert_eq!(read("0.5  EUR / day"), day("0.5", "EUR"));
        assert!(read("1 USD/month").is_some_and(|(.., term)| term == Term::Month));
        for text in [
            "20/day",
            "20USD/day",
            "0 USD/day",
            "20 usd/day",
            "20 USD/hour",
            "-1 USD/day",
            "20 USD",
            "USD/day",
        ] {
            assert_eq!(read(text), None, "{text:?}");
        }
    }
}
