//! What a call costs.
//!
//! Pure arithmetic over what the record knows: a [`Book`] of prices that is valid from some moment
//! on, the [`Rates`] in it for one tool, and the [`Amount`] that they come to. Money is a whole
//! number of billionths of the currency unit, as in the table's `Decimal(18, 9)`; it is never a
//! float, and a price never depends on anything that is not in the record, so that a query can
//! find it again.

mod amount;
mod book;

pub use amount::Amount;
pub use book::{Book, Item, Price, Prices, Quote};

/// Bytes that a price per MiB is for.
const MIB: u64 = 1 << 20;
/// Tokens that a price per 1,000 tokens is for.
const THOUSAND: u64 = 1_000;
/// Microseconds that a price per second is for.
const SECOND: u64 = 1_000_000;

/// What one call used, as its record has it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Tokens of the arguments.
    pub tokens_in: u64,
    /// Tokens of the result.
    pub tokens_out: u64,
    /// Bytes of the request and of the answer.
    pub bytes: u64,
    /// Microseconds from the request's arrival to the end of its answer.
    pub duration_us: u64,
}

/// The prices of one tool; zero where it has none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rates {
    pub per_call: Amount,
    /// For 1,000 tokens of the arguments.
    pub per_1k_in: Amount,
    /// For 1,000 tokens of the result.
    pub per_1k_out: Amount,
    /// For 1 MiB of request and answer together.
    pub per_mib: Amount,
    /// For one second of the call.
    pub per_second: Amount,
}

impl Rates {
    /// What a call costs. Each part is rounded to the nearest billionth, half up, and then added:
    /// `round(tokens_in * per_1k_in / 1000, 9) + …` gives the same in SQL.
    pub fn cost(&self, usage: &Usage) -> Amount {
        [
            self.per_call,
            self.per_1k_in.times(usage.tokens_in, THOUSAND),
            self.per_1k_out.times(usage.tokens_out, THOUSAND),
            self.per_mib.times(usage.bytes, MIB),
            self.per_second.times(usage.duration_us, SECOND),
        ]
        .into_iter()
        .fold(Amount::ZERO, Amount::plus)
    }

    /// Whether tokens must be counted to know the cost.
    pub fn needs_tokens(&self) -> bool {
        self.per_1k_in != Amount::ZERO || self.per_1k_out != Amount::ZERO
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn amount(text: &str) -> Amount {
        Amount::parse(text).unwrap()
    }

    #[test]
    fn each_unit_has_its_price() {
        let rates = Rates {
            per_call: amount("0.01"),
            per_1k_in: amount("0.002"),
            per_1k_out: amount("0.008"),
            per_mib: amount("0.5"),
            per_second: amount("0.06"),
        };
        let usage = Usage {
            tokens_in: 1_500,
            tokens_out: 250,
            bytes: 512 * 1024,
            duration_us: 100_000,
        };
        // 0.01 + 0.003 + 0.002 + 0.25 + 0.006
        assert_eq!(rates.cost(&usage), amount("0.271"));
        assert_eq!(Rates::default().cost(&usage), Amount::ZERO);
    }

    #[test]
    fn parts_round_half_up_to_a_billionth() {
        let rates = Rates {
            per_1k_in: Amount::from_billionths(1),
            ..Rates::default()
        };
        let cost = |tokens_in| {
            let usage = Usage {
                tokens_in,
                ..Usage::default()
            };
            rates.cost(&usage).billionths()
        };
        assert_eq!(
            [cost(499), cost(500), cost(1_499), cost(1_500)],
            [0, 1, 1, 2]
        );
    }

    #[test]
    fn a_cost_beyond_the_column_stops_at_its_end() {
        let rates = Rates {
            per_call: Amount::MAX,
            per_mib: Amount::MAX,
            ..Rates::default()
        };
        let usage = Usage {
            bytes: u64::MAX,
            ..Usage::default()
        };
        assert_eq!(rates.cost(&usage), Amount::MAX);
    }

    #[test]
    fn only_token_prices_need_tokens() {
        let mut rates = Rates {
            per_call: amount("1"),
            ..Rates::default()
        };
        assert!(!rates.needs_tokens());
        rates.per_1k_out = amount("0.000000001");
        assert!(rates.needs_tokens());
    }
}
