//! An amount of money, exact to a billionth of the currency unit.

use std::fmt;

const BILLION: i64 = 1_000_000_000;
const DECIMALS: usize = 9;

/// Billionths of the currency unit, from 0 to what a `Decimal(18, 9)` holds. Sums stop at that end:
/// a number that wrapped around would be taken for a price.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Amount(i64);

impl Amount {
    pub const ZERO: Self = Self(0);
    /// 999,999,999.999999999
    pub const MAX: Self = Self(999_999_999_999_999_999);

    /// What is below zero becomes zero, and what is above [`Amount::MAX`] becomes that.
    pub const fn from_billionths(billionths: i64) -> Self {
        if billionths < 0 {
            Self::ZERO
        } else if billionths > Self::MAX.0 {
            Self::MAX
        } else {
            Self(billionths)
        }
    }

    /// As the record's column holds it.
    pub const fn billionths(self) -> i64 {
        self.0
    }

    /// Reads `20`, `0.001` or `1.5`: digits, and at most nine more behind a point. `None` for
    /// anything else, signs, exponents and what is too large included.
    pub fn parse(text: &str) -> Option<Self> {
        let (whole, fraction) = match text.split_once('.') {
            Some((whole, fraction)) => (whole, fraction),
            None => (text, "0"),
        };
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        if !digits(whole) || !digits(fraction) || fraction.len() > DECIMALS {
            return None;
        }
        let whole: i64 = whole.parse().ok()?;
        let missing = u32::try_from(DECIMALS - fraction.len()).ok()?;
        let fraction = fraction.parse::<i64>().ok()? * 10_i64.checked_pow(missing)?;
        let billionths = whole.checked_mul(BILLION)?.checked_add(fraction)?;
        (billionths <= Self::MAX.0).then_some(Self(billionths))
    }

    /// Both together.
    pub const fn plus(self, other: Self) -> Self {
        Self::from_billionths(self.0.saturating_add(other.0))
    }

    /// This much less, and never below zero.
    pub const fn minus(self, other: Self) -> Self {
        Self::from_billionths(self.0.saturating_sub(other.0))
    }

    /// The price of `quantity`, where this is the price of `unit`; rounded half up.
    pub(super) fn times(self, quantity: u64, unit: u64) -> Self {
        let unit = u128::from(unit.max(1));
        let exact = self.0.unsigned_abs() as u128 * u128::from(quantity);
        let rounded = (exact + unit / 2) / unit;
        Self::from_billionths(i64::try_from(rounded).unwrap_or(i64::MAX))
    }
}

impl fmt::Display for Amount {
    /// As short as it can be: `20`, `0.001`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, fraction) = (self.0 / BILLION, self.0 % BILLION);
        if fraction == 0 {
            return write!(f, "{whole}");
        }
        let digits = format!("{fraction:09}");
        write!(f, "{whole}.{}", digits.trim_end_matches('0'))
    }
}

impl fmt::Debug for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts() {
        for (text, billionths) in [
            ("0", Some(0)),
            ("20", Some(20 * BILLION)),
            ("0.001", Some(1_000_000)),
            ("1.500000000", Some(1_500_000_000)),
            ("0.000000001", Some(1)),
            ("999999999.999999999", Some(Amount::MAX.0)),
            ("1000000000", None),
            ("0.0000000001", None),
            ("", None),
            (".5", None),
            ("5.", None),
            ("-1", None),
            ("+1", None),
            ("1e3", None),
            ("1,5", None),
            ("99999999999999999999", None),
        ] {
            let read = Amount::parse(text).map(Amount::billionths);
            assert_eq!(read, billionths, "{text:?}");
        }
    }

    #[test]
    fn what_is_shown_reads_back_as_the_same() {
        for billionths in [0, 1, 10, 1_000_000, BILLION, BILLION + 1, Amount::MAX.0] {
            let amount = Amount(billionths);
            assert_eq!(Amount::parse(&amount.to_string()), Some(amount));
        }
        assert_eq!(Amount(1_500_000_000).to_string(), "1.5");
    }

    #[test]
    fn sums_and_differences_stay_in_the_column() {
        assert_eq!(Amount::MAX.plus(Amount(1)), Amount::MAX);
        assert_eq!(Amount(1).minus(Amount(2)), Amount::ZERO);
        assert_eq!(Amount::MAX.times(u64::MAX, 1), Amount::MAX);
        assert_eq!(Amount(3).times(1, 2), Amount(2));
    }
}
