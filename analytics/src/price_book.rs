//! Price books in the store, and what recorded calls would cost by them.
//!
//! A book is loaded as a whole and never changed: another text of it is another revision beside
//! the one before, and in force is the one that was loaded last. A record keeps what it was charged,
//! whatever is loaded.

use std::{
    io::Write,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use ::clickhouse::{Client, Row, error::Error};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use crate::{
    Store,
    clickhouse::{ConnectError, describe, reason_of},
    cost::Price,
    delivery::insert,
    query::{Format, QueryError, reading},
    record::{Kind, rowbinary::RowBuffer},
    stats::FailureReason,
};

const TABLE: &str = "price_book";
/// The columns that [`PriceBook::rows`] fills, in its order.
const COLUMNS: &str = "book, revision, valid_from, tenant, server, kind, name, per_call, \
    per_1k_in, per_1k_out, per_mib, per_second, currency, loaded_at";
/// Longest time for loading one book.
const LOAD_TIMEOUT: Duration = Duration::from_secs(30);

/// Plain SQL for [`reprice`], for whoever asks ClickHouse without this program.
pub const REPRICE: &str = include_str!("../cost/reprice.sql");

/// One book of a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PriceBook {
    pub name: String,
    /// Microseconds since the Unix epoch.
    pub valid_from_us: i64,
    /// Three capital letters.
    pub currency: String,
    /// Of each thing one.
    pub prices: Vec<Price>,
}

/// Why a book is not loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    #[error("cannot prepare the connection to the store")]
    Connect(#[from] ConnectError),
    #[error("cannot see which price books are loaded")]
    Look(#[source] Error),
    #[error("cannot load the price book {book}")]
    Load { book: String, source: Error },
}

impl LoadError {
    /// What happened and why, without what ClickHouse quotes of rows.
    pub fn words(&self) -> String {
        match self {
            Self::Connect(source) => format!("{self}: {source}"),
            Self::Look(source) | Self::Load { source, .. } => {
                format!("{self}: {}", describe(source))
            }
        }
    }
}

/// Why there are no other prices.
#[derive(Debug, thiserror::Error)]
pub enum RepriceError {
    #[error("there is no price book {0}")]
    Unknown(String),
    #[error(
        "the price book {0} is not loaded as the configuration has it: run `gantry audit migrate`"
    )]
    NotLoaded(String),
    #[error(transparent)]
    Load(#[from] LoadError),
    #[error(transparent)]
    Query(#[from] QueryError),
}

type Revision = [u8; 32];

impl PriceBook {
    /// Equal for equal prices, in whatever order.
    fn revision(&self) -> Revision {
        let mut prices: Vec<Vec<u8>> = self.prices.iter().map(columns).collect();
        prices.sort_unstable();
        let mut hash = Sha256::new();
        hash.update(self.valid_from_us.to_le_bytes());
        hash.update(&self.currency);
        for price in prices {
            hash.update(price);
        }
        hash.finalize().into()
    }

    /// The rows in RowBinary.
    fn rows(&self, loaded_us: i64) -> Vec<u8> {
        let revision = self.revision();
        let row = |price: &Price| {
            let mut row = RowBuffer::with_capacity(256);
            row.bytes(self.name.as_bytes());
            row.fixed(revision);
            row.fixed(self.valid_from_us.to_le_bytes());
            let mut bytes = row.into_bytes();
            bytes.extend(columns(price));
            let mut row = RowBuffer::with_capacity(16);
            row.bytes(self.currency.as_bytes());
            row.fixed(loaded_us.to_le_bytes());
            bytes.extend(row.into_bytes());
            bytes
        };
        self.prices.iter().flat_map(row).collect()
    }
}

/// What the price is for, and its rates.
fn columns(price: &Price) -> Vec<u8> {
    let mut row = RowBuffer::with_capacity(128);
    for text in [&price.tenant, &price.server] {
        row.bytes(text.as_deref().unwrap_or_default().as_bytes());
    }
    let item = price.item.as_ref();
    let (kind, name) = item.map_or((Kind::Other, ""), |(kind, name)| (*kind, name));
    row.fixed((kind as i8).to_le_bytes());
    row.bytes(name.as_bytes());
    let rates = &price.rates;
    for rate in [
        rates.per_call,
        rates.per_1k_in,
        rates.per_1k_out,
        rates.per_mib,
        rates.per_second,
    ] {
        row.fixed(rate.billionths().to_le_bytes());
    }
    row.into_bytes()
}

/// Loads every book whose revision in force is another one, into every server of the store;
/// returns their names. A dry run only says which.
///
/// # Errors
/// The first server or book that failed; what was loaded until then stays, and running it again
/// goes on from there.
pub async fn load(
    store: &Store,
    books: &[PriceBook],
    dry_run: bool,
) -> Result<Vec<String>, LoadError> {
    let mut loaded: Vec<String> = Vec::new();
    if books.is_empty() {
        return Ok(loaded);
    }
    let statement = format!(
        "INSERT INTO {} ({COLUMNS}) FORMAT RowBinary",
        store.local(TABLE)
    );
    for server in store.connect_servers()? {
        let client = server.with_database(&store.database);
        let in_force = match in_force(&client).await {
            // Before the first migration there is nothing to look at.
            Err(error) if dry_run && reason_of(&error) == FailureReason::MissingTable => Vec::new(),
            in_force => in_force.map_err(LoadError::Look)?,
        };
        for book in books.iter().filter(|book| !is_loaded(&in_force, book)) {
            if !dry_run {
                let rows = book.rows(now_us());
                // A revision may come back, so that no token can name it: it replaces itself.
                insert::send(&client, &statement, String::new(), &rows, LOAD_TIMEOUT)
                    .await
                    .map_err(|source| LoadError::Load {
                        book: book.name.clone(),
                        source,
                    })?;
            }
            if !loaded.contains(&book.name) {
                loaded.push(book.name.clone());
            }
        }
    }
    Ok(loaded)
}

fn now_us() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.map_or(0, |now| i64::try_from(now.as_micros()).unwrap_or(i64::MAX))
}

#[derive(Row, Deserialize)]
struct InForce {
    book: String,
    revision: Revision,
}

async fn in_force(client: &Client) -> Result<Vec<InForce>, Error> {
    let sql = "SELECT toString(book) AS book, argMax(revision, loaded_at) AS revision FROM price_book GROUP BY book";
    client.query(sql).fetch_all().await
}

fn is_loaded(in_force: &[InForce], book: &PriceBook) -> bool {
    let revision = book.revision();
    in_force
        .iter()
        .any(|one| one.book == book.name && one.revision == revision)
}

/// Writes what the calls from `since` up to and without `until` would have cost by `books`, beside
/// what they were charged: by the book in force when each came, or all by the one called `only`.
/// Times are in UTC as ClickHouse reads them: `2026-11-22`, `2026-11-22 10:51:07`.
///
/// # Errors
/// A book is not loaded as it is here, the store could not be asked or did not understand a time,
/// or `out` could not be written.
pub async fn reprice(
    store: &Store,
    books: &[PriceBook],
    only: Option<&str>,
    (since, until): (&str, &str),
    format: Format,
    out: &mut impl Write,
) -> Result<(), RepriceError> {
    let counts = |book: &&PriceBook| only.is_none_or(|name| name == book.name);
    let books: Vec<&PriceBook> = books.iter().filter(counts).collect();
    if let (Some(name), true) = (only, books.is_empty()) {
        return Err(RepriceError::Unknown(name.to_owned()));
    }
    let names: Vec<&str> = books.iter().map(|book| book.name.as_str()).collect();
    for client in store.readers().await.map_err(QueryError::from)? {
        let in_force = in_force(&client).await.map_err(LoadError::Look)?;
        if let Some(book) = books.iter().find(|book| !is_loaded(&in_force, book)) {
            return Err(RepriceError::NotLoaded(book.name.clone()));
        }
        // Readers of JSON often take numbers for floats, which money is not.
        let query = reading(client, crate::query::Limits::default())
            .with_setting("output_format_json_quote_decimals", "1")
            .query_raw(REPRICE)
            .param("since", since)
            .param("until", until)
            .param("book", only.unwrap_or_default())
            .param("books", &names);
        crate::query::write(query, format, out).await?;
    }
    out.flush().map_err(QueryError::from)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cost::{Amount, Rates};

    #[test]
    fn a_revision_is_of_the_prices_and_not_of_their_order() {
        let price = |server: &str, billionths| Price {
            server: Some(server.to_owned()),
            rates: Rates {
                per_call: Amount::from_billionths(billionths),
                ..Rates::default()
            },
            ..Price::default()
        };
        let book = |prices| PriceBook {
            name: "2026".to_owned(),
            valid_from_us: 0,
            currency: "USD".to_owned(),
            prices,
        };
        let one = book(vec![price("a", 1), price("b", 2)]);
        let turned = book(vec![price("b", 2), price("a", 1)]);
        assert_eq!(one.revision(), turned.revision());
        for other in [
            book(vec![price("a", 1), price("b", 3)]),
            book(vec![price("a", 1)]),
            PriceBook {
                valid_from_us: 1,
                ..one.clone()
            },
            PriceBook {
                currency: "EUR".to_owned(),
                ..one.clone()
            },
        ] {
            assert_ne!(one.revision(), other.revision(), "{other:?}");
        }
    }
}
