//! Price books, and the Redis that replicas share limits through.

use std::collections::HashSet;

use gantry_analytics::cost::{Price, Rates};
use time::{UtcDateTime, format_description::well_known::Rfc3339};
use url::Url;

use super::Checker;
use crate::config::bounds::{GLOB_BYTES_MAX, LIMIT_ID_BYTES_MAX};
use crate::config::checked::{PriceBook, Prices, Redis, RedisFail, Server};
use crate::config::fault::{Path, Shown};
use crate::config::rate::{CURRENCY_FORM, is_currency};
use crate::config::raw;

impl Checker<'_> {
    pub(super) fn prices(&mut self, raw: &raw::Prices, servers: &[Server]) -> Prices {
        let path = Path::of("prices");
        let currency = path.key("currency");
        if !self.is_absent(&currency) && !is_currency(&raw.currency) {
            self.fault(&currency, "this is not a currency", CURRENCY_FORM);
        }
        let tenants = raw.books.values().flat_map(|book| &book.prices);
        if raw.tenant_claim.is_none() && tenants.clone().any(|price| price.tenant.is_some()) {
            let what = "a price is for a tenant, but nothing says who its callers are";
            self.fault(&path, what, "`tenant_claim` as well");
        }
        let path = path.key("books");
        let books: Vec<PriceBook> = raw
            .books
            .iter()
            .map(|(name, book)| self.book(name, book, &path.key(name), servers))
            .collect();
        let mut moments = HashSet::new();
        for book in &books {
            if !moments.insert(book.valid_from_us) {
                let what = "another book becomes valid at the same moment";
                self.fault(&path.key(&book.name), what, "each its own `valid_from`");
            }
        }
        Prices {
            currency: raw.currency.clone(),
            tenant_claim: raw.tenant_claim.clone(),
            books,
        }
    }

    fn book(&mut self, name: &str, raw: &raw::Book, path: &Path, servers: &[Server]) -> PriceBook {
        if name.is_empty() || name.len() > LIMIT_ID_BYTES_MAX || name.chars().any(char::is_control)
        {
            let allowed = "1 to 128 bytes without control characters";
            self.fault(path, "this cannot name a price book", allowed);
        }
        let at = path.key("valid_from");
        let valid_from_us = match &raw.valid_from {
            Some(text) => moment_us(text).unwrap_or_else(|| {
                self.fault(&at, "this is not a date", raw::DATE_FORM);
                0
            }),
            None => 0,
        };
        let path = path.key("prices");
        let prices: Vec<Price> = raw
            .prices
            .iter()
            .enumerate()
            .map(|(index, price)| self.price(price, &path.index(index), servers))
            .collect();
        let mut seen = HashSet::new();
        for (index, price) in prices.iter().enumerate() {
            let doubled = !seen.insert((&price.tenant, &price.server, &price.item));
            let path = path.index(index);
            if doubled && !self.findings.touch(&path) {
                self.fault(&path, "this has a price already", "each once in a book");
            }
        }
        PriceBook {
            name: name.to_owned(),
            valid_from_us,
            prices,
        }
    }

    fn price(&mut self, raw: &raw::Price, path: &Path, servers: &[Server]) -> Price {
        for (key, text) in [("tenant", &raw.tenant), ("server", &raw.server)] {
            let bad = |text: &String| text.is_empty() || text.len() > GLOB_BYTES_MAX;
            if text.as_ref().is_some_and(bad) {
                self.fault(
                    &path.key(key),
                    "this is no name",
                    "a text of 1 to 512 bytes",
                );
            }
        }
        if let Some(server) = &raw.server {
            self.exact(server, &path.key("server"));
            self.known_server(server, &path.key("server"), servers);
        }
        let at = path.key("tool");
        let item = raw.tool.as_ref().and_then(|tool| {
            self.exact(tool, &at);
            self.item(tool, &at, servers)
        });
        if raw.server.is_some() && raw.tool.is_some() {
            self.fault(&at, "`tool` names its server itself", "one of the two");
        }
        let rate = |money: Option<raw::Money>| money.map(|money| money.0).unwrap_or_default();
        let rates = Rates {
            per_call: rate(raw.per_call),
            per_1k_in: rate(raw.per_1k_in),
            per_1k_out: rate(raw.per_1k_out),
            per_mib: rate(raw.per_mib),
            per_second: rate(raw.per_second),
        };
        let keys = [
            "per_call",
            "per_1k_in",
            "per_1k_out",
            "per_mib",
            "per_second",
        ];
        let written = keys.iter().any(|key| self.tree.has(&path.key(key)));
        if !written && !self.findings.suggest(path, &keys) {
            let allowed = "at least one of `per_call`, `per_1k_in`, `per_1k_out`, `per_mib` and `per_second`; 0 is a price";
            self.fault(path, "this has no price", allowed);
        }
        let server = item.as_ref().map(|item| item.server.clone());
        Price {
            tenant: raw.tenant.clone(),
            server: server.or_else(|| raw.server.clone()),
            item: item.map(|item| (item.kind, item.name)),
            rates,
        }
    }

    /// A price that a query can find again is for one thing.
    fn exact(&mut self, text: &str, path: &Path) {
        if text.contains('*') {
            let what = format!("`{}` is more than one", Shown(text));
            self.fault(path, what, "a name without `*`");
        }
    }

    pub(super) fn redis(&mut self, raw: &raw::Redis) -> Option<Redis> {
        let path = Path::of("redis");
        let at = path.key("url");
        let url = if self.is_absent(&at) {
            None
        } else {
            self.redis_url(&raw.url, &at)
        };
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | ':');
        if raw.prefix.is_empty() || raw.prefix.len() > 64 || !raw.prefix.chars().all(fits) {
            let allowed = "1 to 64 of letters, digits, `.`, `_`, `-` and `:`";
            self.fault(&path.key("prefix"), "keys cannot begin with this", allowed);
        }
        let password = raw
            .password
            .as_ref()
            .filter(|secret| !secret.expose().is_empty())
            .and_then(|secret| self.secret(secret, &path.key("password")));
        Some(Redis {
            url: url?,
            user: raw.user.clone(),
            password,
            prefix: raw.prefix.clone(),
            fail: match raw.fail {
                raw::RedisFail::Local => RedisFail::Local,
                raw::RedisFail::Closed => RedisFail::Closed,
            },
            timeout: raw.timeout.into(),
        })
    }

    /// The fault never quotes the URL, because it may hold a password.
    fn redis_url(&mut self, text: &str, path: &Path) -> Option<Url> {
        let url = Url::parse(text).ok();
        let url = url.filter(|url| matches!(url.scheme(), "redis" | "rediss") && url.has_host());
        let Some(url) = url else {
            self.fault(path, "this is not the URL of a Redis", raw::REDIS_FORM);
            return None;
        };
        if !url.username().is_empty() || url.password().is_some() {
            let what = "a user name or password within a URL";
            self.fault(
                path,
                what,
                "`user` and `password`, because URLs are shown and logged",
            );
            return None;
        }
        let database = url.path().trim_start_matches('/');
        if !database.is_empty() && database.parse::<u16>().is_err() {
            self.fault(path, "the path of this URL is no database", raw::REDIS_FORM);
            return None;
        }
        Some(url)
    }
}

/// A date, which begins at midnight UTC, or a moment (RFC 3339), in microseconds since the Unix epoch.
fn moment_us(text: &str) -> Option<i64> {
    let moment = UtcDateTime::parse(text, &Rfc3339)
        .or_else(|_| UtcDateTime::parse(&format!("{text}T00:00:00Z"), &Rfc3339));
    let us = moment.ok()?.unix_timestamp_nanos() / 1_000;
    i64::try_from(us).ok().filter(|us| *us >= 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_and_moments() {
        for (text, us) in [
            ("1970-01-01", Some(0)),
            ("2026-01-01", Some(1_767_225_600_000_000)),
            ("2026-01-01T06:00:00Z", Some(1_767_247_200_000_000)),
            ("2026-01-01T06:00:00+06:00", Some(1_767_225_600_000_000)),
            ("1969-12-31", None),
            ("2026-02-30", None),
            ("2026", None),
            ("", None),
        ] {
            assert_eq!(moment_us(text), us, "{text:?}");
        }
    }
}
