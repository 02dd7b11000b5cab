//! Price books: which prices a call meets.

use std::collections::HashMap;

use super::Rates;
use crate::record::Kind;

/// What a price is for, or what a call is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Item<'a> {
    pub server: &'a str,
    /// [`Kind::Tool`], [`Kind::Prompt`] or [`Kind::Resource`].
    pub kind: Kind,
    /// The tool's or prompt's name, or the resource's URI.
    pub name: &'a str,
}

/// One line of a book. What it leaves out, it is for all of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Price {
    pub tenant: Option<String>,
    pub server: Option<String>,
    /// The kind and name of one item of `server`. Without it the price is for tools only.
    pub item: Option<(Kind, String)>,
    pub rates: Rates,
}

/// The prices that are valid from one moment until the next book's.
#[derive(Clone, Debug)]
pub struct Book {
    name: String,
    valid_from_us: i64,
    everywhere: Tenants,
    servers: HashMap<String, Shelf>,
}

/// The prices of one server.
#[derive(Clone, Debug, Default)]
struct Shelf {
    tools: Tenants,
    items: HashMap<Kind, HashMap<String, Tenants>>,
}

/// The prices of one thing, for each tenant that has its own and for all others.
#[derive(Clone, Debug, Default)]
struct Tenants {
    named: HashMap<String, Rates>,
    others: Option<Rates>,
}

impl Tenants {
    fn add(&mut self, tenant: Option<String>, rates: Rates) {
        match tenant {
            Some(tenant) => drop(self.named.insert(tenant, rates)),
            None => self.others = Some(rates),
        }
    }

    fn find(&self, tenant: &str) -> Option<Rates> {
        self.named.get(tenant).copied().or(self.others)
    }
}

impl Book {
    /// Of two prices for the same thing the later one counts.
    pub fn new(name: &str, valid_from_us: i64, prices: Vec<Price>) -> Self {
        let mut book = Self {
            name: name.to_owned(),
            valid_from_us,
            everywhere: Tenants::default(),
            servers: HashMap::new(),
        };
        for price in prices {
            let Some(server) = price.server else {
                book.everywhere.add(price.tenant, price.rates);
                continue;
            };
            let shelf = book.servers.entry(server).or_default();
            let tenants = match price.item {
                Some((kind, name)) => shelf
                    .items
                    .entry(kind)
                    .or_default()
                    .entry(name)
                    .or_default(),
                None => &mut shelf.tools,
            };
            tenants.add(price.tenant, price.rates);
        }
        book
    }

    /// As records name it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The closest price: of the item itself, else of its server, else of everything; and of each
    /// the tenant's own before that of all tenants. A prompt or resource has a price only of its
    /// own.
    pub fn find(&self, tenant: &str, item: Item<'_>) -> Option<Rates> {
        let shelf = self.servers.get(item.server);
        let own = shelf
            .and_then(|shelf| shelf.items.get(&item.kind)?.get(item.name))
            .and_then(|tenants| tenants.find(tenant));
        if own.is_some() || item.kind != Kind::Tool {
            return own;
        }
        shelf
            .and_then(|shelf| shelf.tools.find(tenant))
            .or_else(|| self.everywhere.find(tenant))
    }
}

/// All price books of a configuration, in one currency.
#[derive(Clone, Debug, Default)]
pub struct Prices {
    /// By the moment from which they are valid.
    books: Vec<Book>,
}

/// What one call is charged by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quote<'a> {
    /// The book's name, for the record.
    pub book: &'a str,
    pub rates: Rates,
}

impl Prices {
    pub fn new(mut books: Vec<Book>) -> Self {
        books.sort_by_key(|book| book.valid_from_us);
        Self { books }
    }

    /// The book in force at a moment: the one that became valid last.
    pub fn at(&self, unix_us: i64) -> Option<&Book> {
        let later = self
            .books
            .partition_point(|book| book.valid_from_us <= unix_us);
        later.checked_sub(1).and_then(|last| self.books.get(last))
    }

    /// The prices that a call at `unix_us` meets.
    pub fn quote(&self, unix_us: i64, tenant: &str, item: Item<'_>) -> Option<Quote<'_>> {
        let book = self.at(unix_us)?;
        let rates = book.find(tenant, item)?;
        Some(Quote {
            book: book.name(),
            rates,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cost::Amount;

    fn price(tenant: &str, server: &str, item: Option<(Kind, &str)>, billionths: i64) -> Price {
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        Price {
            tenant: some(tenant),
            server: some(server),
            item: item.map(|(kind, name)| (kind, name.to_owned())),
            rates: Rates {
                per_call: Amount::from_billionths(billionths),
                ..Rates::default()
            },
        }
    }

    fn book() -> Book {
        let refund = Some((Kind::Tool, "refund"));
        let summary = Some((Kind::Prompt, "summary"));
        Book::new(
            "2026",
            0,
            vec![
                price("", "", None, 1),
                price("acme", "", None, 2),
                price("", "orders", None, 3),
                price("acme", "orders", None, 4),
                price("", "orders", refund, 5),
                price("acme", "orders", refund, 6),
                price("", "orders", summary, 7),
            ],
        )
    }

    #[test]
    fn the_closest_price_counts() {
        let book = book();
        for (tenant, server, kind, name, billionths) in [
            ("", "crm", Kind::Tool, "lookup", Some(1)),
            ("other", "crm", Kind::Tool, "lookup", Some(1)),
            ("acme", "crm", Kind::Tool, "lookup", Some(2)),
            ("", "orders", Kind::Tool, "get", Some(3)),
            ("acme", "orders", Kind::Tool, "get", Some(4)),
            ("", "orders", Kind::Tool, "refund", Some(5)),
            ("acme", "orders", Kind::Tool, "refund", Some(6)),
            ("acme", "crm", Kind::Tool, "refund", Some(2)),
            ("acme", "orders", Kind::Prompt, "summary", Some(7)),
            ("acme", "orders", Kind::Prompt, "other", None),
            ("acme", "orders", Kind::Resource, "summary", None),
        ] {
            let item = Item { server, kind, name };
            let found = book.find(tenant, item);
            let found = found.map(|rates| rates.per_call.billionths());
            assert_eq!(found, billionths, "{tenant:?} {item:?}");
        }
    }

    #[test]
    fn the_book_that_became_valid_last_is_in_force() {
        let empty = |name, from| Book::new(name, from, Vec::new());
        let prices = Prices::new(vec![empty("second", 20), empty("first", 10)]);
        for (now, name) in [
            (9, None),
            (10, Some("first")),
            (19, Some("first")),
            (20, Some("second")),
            (i64::MAX, Some("second")),
        ] {
            assert_eq!(prices.at(now).map(Book::name), name, "{now}");
        }
    }
}
