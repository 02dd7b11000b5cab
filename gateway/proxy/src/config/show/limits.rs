//! Limits, prices and their Redis in the words of the file.

use gantry_analytics::cost::{Amount, Price};
use time::{UtcDateTime, format_description::well_known::Rfc3339};

use super::Page;
use crate::config::checked::*;
use crate::config::quantity::Size;

pub(super) fn write(page: &mut Page, checked: &Checked) {
    let prices = checked.prices.as_ref();
    if !checked.limits.is_empty() {
        let currency = prices.map_or("", |prices| &prices.currency);
        page.items("limits", &checked.limits, |page, rule| {
            limit(page, rule, currency);
        });
    }
    if let Some(prices) = prices {
        page.map("prices", |page| {
            page.text("currency", &prices.currency);
            page.optional("tenant_claim", prices.tenant_claim.as_ref());
            page.map("books", |page| {
                for one in &prices.books {
                    page.map(&one.name, |page| book(page, one));
                }
            });
        });
    }
    if let Some(one) = &checked.redis {
        page.map("redis", |page| redis(page, one));
    }
}

fn limit(page: &mut Page, limit: &Limit, currency: &str) {
    page.text("id", &limit.id);
    let per: Vec<String> = limit
        .per
        .iter()
        .map(|per| per.as_str().to_owned())
        .collect();
    page.list("per", &per);
    page.optional("agent", limit.agent.as_ref());
    page.optional("team", limit.team.as_ref());
    page.optional("server", limit.server.as_ref());
    page.optional("tool", limit.item.as_ref());
    for measure in &limit.measures {
        match measure {
            Measure::Calls { rate, burst } => {
                page.text("calls", rate);
                page.bare("burst", burst);
            }
            Measure::Tokens(rate) => page.text("tokens", rate),
            Measure::Bytes(rate) => {
                let text = format!("{}/{}", Size(rate.amount), rate.span.as_str());
                page.text("bytes", text);
            }
            Measure::Concurrent(most) => page.bare("concurrent", most),
            Measure::Cost { amount, term } => {
                page.text("cost", format!("{amount} {currency}/{}", term.as_str()));
            }
        }
    }
}

fn book(page: &mut Page, book: &PriceBook) {
    page.text("valid_from", moment(book.valid_from_us));
    page.items("prices", &book.prices, price);
}

fn price(page: &mut Page, price: &Price) {
    page.optional("tenant", price.tenant.as_ref());
    match (&price.server, &price.item) {
        (Some(server), Some((kind, name))) => {
            let kind = match kind {
                gantry_analytics::Kind::Prompt => "prompt:",
                gantry_analytics::Kind::Resource => "resource:",
                _ => "",
            };
            page.text("tool", format!("{server}/{kind}{name}"));
        }
        (server, _) => page.optional("server", server.as_ref()),
    }
    let rates = &price.rates;
    page.text("per_call", rates.per_call);
    for (key, rate) in [
        ("per_1k_in", rates.per_1k_in),
        ("per_1k_out", rates.per_1k_out),
        ("per_mib", rates.per_mib),
        ("per_second", rates.per_second),
    ] {
        page.optional(key, Some(rate).filter(|rate| *rate != Amount::ZERO));
    }
}

fn redis(page: &mut Page, redis: &Redis) {
    page.text("url", super::shown_url(&redis.url));
    page.optional("user", redis.user.as_ref());
    page.optional("password", redis.password.as_ref());
    page.text("prefix", &redis.prefix);
    page.text(
        "fail",
        match redis.fail {
            RedisFail::Local => "local",
            RedisFail::Closed => "closed",
        },
    );
    page.period("timeout", redis.timeout);
}

fn moment(us: i64) -> String {
    UtcDateTime::from_unix_timestamp_nanos(i128::from(us) * 1_000)
        .ok()
        .and_then(|moment| moment.format(&Rfc3339).ok())
        .unwrap_or_default()
}
