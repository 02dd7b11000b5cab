//! Limits, prices, and the Redis that replicas share limits through.

use std::fmt;
use std::time::Duration;

use gantry_analytics::{
    cost::{Amount, Price},
    price_book,
    record::Kind,
};
use url::Url;

use crate::config::Secret;
use crate::config::quantity::Size;
use crate::config::rate::{Rate, Term};

/// One rule of `limits`. Texts are globs: `*` stands for anything.
#[derive(Clone, Debug)]
pub struct Limit {
    /// Unique among all rules.
    pub id: String,
    /// Without doubles, in the order of [`Per`].
    pub per: Vec<Per>,
    pub agent: Option<String>,
    pub team: Option<String>,
    pub server: Option<String>,
    pub item: Option<Item>,
    /// At least one, each kind once.
    pub measures: Vec<Measure>,
}

/// What has a count of its own.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Per {
    Agent,
    Team,
    Tool,
    Server,
}

impl Per {
    /// The word in the file.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Agent => "agent",
            Self::Team => "team",
            Self::Tool => "tool",
            Self::Server => "server",
        }
    }
}

/// A tool, prompt or resource of a server.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Item {
    pub server: String,
    /// [`Kind::Tool`], [`Kind::Prompt`] or [`Kind::Resource`].
    pub kind: Kind,
    pub name: String,
}

impl fmt::Display for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { server, kind, name } = self;
        match kind {
            Kind::Prompt => write!(f, "{server}/prompt:{name}"),
            Kind::Resource => write!(f, "{server}/resource:{name}"),
            _ => write!(f, "{server}/{name}"),
        }
    }
}

/// How much a rule lets through of something.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Measure {
    /// `burst` at once, refilled at the rate.
    Calls {
        rate: Rate,
        burst: u32,
    },
    Tokens(Rate),
    Bytes(Rate),
    Concurrent(u32),
    Cost {
        amount: Amount,
        term: Term,
    },
}

impl Measure {
    /// The word in the file, and the unit in metrics.
    pub const fn unit(&self) -> &'static str {
        match self {
            Self::Calls { .. } => "calls",
            Self::Tokens(_) => "tokens",
            Self::Bytes(_) => "bytes",
            Self::Concurrent(_) => "concurrent",
            Self::Cost { .. } => "cost",
        }
    }
}

impl fmt::Display for Measure {
    /// As in the file, but for the currency, which all of a file's budgets share.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ", self.unit())?;
        match self {
            Self::Calls { rate, .. } | Self::Tokens(rate) => write!(f, "{rate}"),
            Self::Bytes(rate) => write!(f, "{}/{}", Size(rate.amount), rate.span.as_str()),
            Self::Concurrent(most) => write!(f, "{most}"),
            Self::Cost { amount, term } => write!(f, "{amount}/{}", term.as_str()),
        }
    }
}

/// What calls cost.
#[derive(Clone, Debug)]
pub struct Prices {
    /// Three capital letters.
    pub currency: String,
    /// The claim that names a caller's tenant.
    pub tenant_claim: Option<String>,
    /// At least one.
    pub books: Vec<PriceBook>,
}

impl Prices {
    /// The books in the terms of the trail's own crate.
    pub fn loadable(&self) -> Vec<price_book::PriceBook> {
        let loadable = |book: &PriceBook| price_book::PriceBook {
            name: book.name.clone(),
            valid_from_us: book.valid_from_us,
            currency: self.currency.clone(),
            prices: book.prices.clone(),
        };
        self.books.iter().map(loadable).collect()
    }
}

/// The prices of one book.
#[derive(Clone, Debug)]
pub struct PriceBook {
    pub name: String,
    /// Microseconds since the Unix epoch; 0 where it always was valid.
    pub valid_from_us: i64,
    pub prices: Vec<Price>,
}

/// The Redis that replicas share limits through.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Redis {
    /// `redis` or `rediss`, without user information.
    pub url: Url,
    pub user: Option<String>,
    pub password: Option<Secret>,
    pub prefix: String,
    pub fail: RedisFail,
    pub timeout: Duration,
}

/// What happens to limited calls while Redis is away.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum RedisFail {
    Local,
    Closed,
}
