//! Price books in the store, and repricing by query.

use std::time::Duration;

use gantry_analytics::{
    Delivery, Kind, Outcome, Record, Store,
    cost::{Amount, Book, Item, Price, Prices, Rates, Usage},
    delivery::Settings,
    price_book::{PriceBook, RepriceError, load, reprice},
    query::Format,
};
use serde_json::Value;
use tempfile::tempdir;

use crate::{
    sample::{TS_US, call, close, open},
    store::RunningStore,
};

const SPAN: (&str, &str) = ("2026-01-01", "2027-01-01");
const HOUR_US: i64 = 3_600_000_000;

fn amount(text: &str) -> Amount {
    Amount::parse(text).unwrap()
}

fn per_call(tenant: &str, server: &str, item: Option<(Kind, &str)>, text: &str) -> Price {
    let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    Price {
        tenant: some(tenant),
        server: some(server),
        item: item.map(|(kind, name)| (kind, name.to_owned())),
        rates: Rates {
            per_call: amount(text),
            ..Rates::default()
        },
    }
}

fn book(name: &str, valid_from_us: i64, prices: Vec<Price>) -> PriceBook {
    PriceBook {
        name: name.to_owned(),
        valid_from_us,
        currency: "USD".to_owned(),
        prices,
    }
}

/// A call that used little, and was charged what `charged` says.
fn charged(charged: &str, price_book: &'static str) -> Record<'static> {
    Record {
        outcome: Outcome::Ok,
        cost: amount(charged).billionths(),
        price_book,
        tokens_in: 1_500,
        tokens_out: 250,
        req_bytes: 512 * 1024,
        resp_bytes: 0,
        duration_us: 100_000,
        ..call(0)
    }
}

async fn deliver(running: &RunningStore, records: Vec<Record<'_>>) {
    let dir = tempdir().unwrap();
    let log = open(dir.path());
    for record in records {
        log.append(record.encode()).await.unwrap().unwrap();
    }
    Delivery::start(&log, running.store(), Settings::default())
        .unwrap()
        .stop(Duration::from_secs(60));
    assert_eq!(log.stats().unsent_rows, 0);
    close(log);
}

async fn repriced(store: &Store, books: &[PriceBook], only: Option<&str>) -> Vec<Value> {
    let mut out = Vec::new();
    reprice(store, books, only, SPAN, Format::Json, &mut out)
        .await
        .unwrap();
    let text = String::from_utf8(out).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// The texts of one row's columns.
fn told(row: &Value, columns: &[&str]) -> Vec<String> {
    let text = |column: &&str| match &row[*column] {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    columns.iter().map(text).collect()
}

const TOLD: [&str; 8] = [
    "tenant",
    "name",
    "book",
    "calls",
    "unpriced",
    "charged",
    "repriced",
    "difference",
];

#[tokio::test]
async fn a_book_is_loaded_once_and_its_last_text_is_in_force() {
    let running = RunningStore::start_migrated().await;
    let store = running.store();
    let first = [
        book(
            "old",
            0,
            vec![per_call("", "", None, "1"), per_call("", "crm", None, "2")],
        ),
        book("new", TS_US, vec![per_call("", "", None, "3")]),
    ];
    assert_eq!(load(&store, &first, true).await.unwrap(), ["old", "new"]);
    let rows = "SELECT count() FROM price_book FINAL";
    assert_eq!(running.number(rows).await, 0, "a dry run loads nothing");
    assert_eq!(load(&store, &first, false).await.unwrap(), ["old", "new"]);
    assert!(load(&store, &first, false).await.unwrap().is_empty());
    assert_eq!(running.number(rows).await, 3);

    // A text without one of the prices, then the text before it again.
    let second = [book("old", 0, vec![per_call("", "", None, "1")])];
    assert_eq!(load(&store, &second, false).await.unwrap(), ["old"]);
    let refused = reprice(&store, &first, None, SPAN, Format::Json, &mut Vec::new()).await;
    assert!(
        matches!(&refused, Err(RepriceError::NotLoaded(name)) if name == "old"),
        "{refused:?}"
    );
    assert_eq!(load(&store, &first, false).await.unwrap(), ["old"]);
    assert!(load(&store, &first, false).await.unwrap().is_empty());
    assert_eq!(running.number(rows).await, 4);
}

#[tokio::test]
async fn a_dry_run_before_the_first_migration_says_what_would_be_loaded() {
    let running = RunningStore::start();
    let books = [book("2026", 0, vec![per_call("", "", None, "1")])];
    let would = load(&running.store(), &books, true).await.unwrap();
    assert_eq!(would, ["2026"]);
    let failed = load(&running.store(), &books, false).await;
    assert!(failed.is_err());
}

#[tokio::test]
async fn calls_are_repriced_by_the_book_in_force_or_by_one() {
    let running = RunningStore::start_migrated().await;
    reprices(&running).await;
}

pub(crate) async fn reprices(running: &RunningStore) {
    let store = running.store();
    let every_unit = Price {
        rates: Rates {
            per_call: amount("0.01"),
            per_1k_in: amount("0.002"),
            per_1k_out: amount("0.008"),
            per_mib: amount("0.5"),
            per_second: amount("0.06"),
        },
        ..Price::default()
    };
    let books = [
        book("old", 0, vec![every_unit]),
        book(
            "new",
            TS_US + HOUR_US,
            vec![per_call("", "orders", None, "2.5")],
        ),
        // What others have loaded does not count.
        book("theirs", TS_US - 1, vec![per_call("", "", None, "99")]),
    ];
    load(&store, &books, false).await.unwrap();
    let later = |record: Record<'static>| Record {
        ts_us: TS_US + HOUR_US,
        tenant: "other",
        ..record
    };
    deliver(
        running,
        vec![
            charged("0.271", "old"),
            charged("0.3", "old"),
            later(charged("2.5", "new")),
            // Answered while nothing had a price for it.
            later(Record {
                server: "crm",
                tool: "lookup",
                ..charged("0", "")
            }),
            // Never charged: refused, a list, and one whose server was not reached.
            Record {
                outcome: Outcome::Denied,
                ..charged("0", "")
            },
            Record {
                method: "tools/list",
                kind: Kind::Other,
                ..charged("0", "")
            },
            Record {
                attempts: 0,
                ..charged("0", "")
            },
        ],
    )
    .await;

    let ours = &books[..2];
    let rows = repriced(&store, ours, None).await;
    let rows: Vec<_> = rows.iter().map(|row| told(row, &TOLD)).collect();
    assert_eq!(
        rows,
        [
            [
                "acme",
                "orders_get",
                "old",
                "2",
                "0",
                "0.571",
                "0.542",
                "-0.029"
            ],
            ["other", "lookup", "new", "1", "1", "0", "0", "0"],
            ["other", "orders_get", "new", "1", "0", "2.5", "2.5", "0"],
        ]
    );
    let rows = repriced(&store, ours, Some("new")).await;
    let rows: Vec<_> = rows.iter().map(|row| told(row, &TOLD)).collect();
    assert_eq!(
        rows,
        [
            ["acme", "orders_get", "new", "2", "0", "0.571", "5", "4.429"],
            ["other", "lookup", "new", "1", "1", "0", "0", "0"],
            ["other", "orders_get", "new", "1", "0", "2.5", "2.5", "0"],
        ]
    );
    let none = reprice(
        &store,
        ours,
        Some("theirs"),
        SPAN,
        Format::Json,
        &mut Vec::new(),
    )
    .await;
    assert!(matches!(none, Err(RepriceError::Unknown(_))), "{none:?}");
    let mut table = Vec::new();
    reprice(&store, ours, None, SPAN, Format::Table, &mut table)
        .await
        .unwrap();
    assert!(String::from_utf8(table).unwrap().contains("-0.029"));
}

/// The query and the gateway's own arithmetic come to the same, to the last billionth.
#[tokio::test]
async fn repricing_is_what_the_gateway_would_have_charged() {
    let running = RunningStore::start_migrated().await;
    let store = running.store();
    let mut random = 0x2545_f491_4f6c_dd1d_u64;
    let mut below = move |end: u64| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random % end
    };
    let rates = |below: &mut dyn FnMut(u64) -> u64| {
        let mut rate = || Amount::from_billionths(i64::try_from(below(3_000_000_000)).unwrap());
        Rates {
            per_call: rate(),
            per_1k_in: rate(),
            per_1k_out: rate(),
            per_mib: rate(),
            per_second: rate(),
        }
    };
    let mut books = Vec::new();
    for (name, valid_from_us) in [("one", 0), ("two", TS_US + HOUR_US)] {
        let mut prices = Vec::new();
        for tenant in ["", "acme"] {
            for (server, item) in [
                ("", None),
                ("orders", None),
                ("orders", Some((Kind::Tool, "refund"))),
                ("orders", Some((Kind::Prompt, "refund"))),
                ("orders", Some((Kind::Resource, "file:///a"))),
            ] {
                let price = per_call(tenant, server, item, "0");
                prices.push(Price {
                    rates: rates(&mut below),
                    ..price
                });
            }
        }
        books.push(book(name, valid_from_us, prices));
    }
    // Beyond what the column can hold, a price stops at its end.
    books[1]
        .prices
        .push(per_call("", "dear", None, "999999999.999999999"));
    books[1].prices.last_mut().unwrap().rates.per_mib = Amount::MAX;
    load(&store, &books, false).await.unwrap();
    let own = books
        .iter()
        .map(|book| Book::new(&book.name, book.valid_from_us, book.prices.clone()));
    let own = Prices::new(own.collect());

    let mut records = Vec::new();
    let mut expected = 0_i128;
    for _ in 0..2_000 {
        let pick = |below: &mut dyn FnMut(u64) -> u64, of: &[&'static str]| {
            of[usize::try_from(below(of.len() as u64)).unwrap()]
        };
        let kinds = [
            (Kind::Tool, "tools/call"),
            (Kind::Prompt, "prompts/get"),
            (Kind::Resource, "resources/read"),
        ];
        let (kind, method) = kinds[usize::try_from(below(3)).unwrap()];
        let is_resource = kind == Kind::Resource;
        let uri = pick(&mut below, &["file:///a", "file:///b"]);
        let tool = pick(&mut below, &["refund", "get"]);
        let record = Record {
            ts_us: TS_US + i64::try_from(below(2 * HOUR_US.unsigned_abs())).unwrap(),
            tenant: pick(&mut below, &["", "acme", "other"]),
            server: pick(&mut below, &["orders", "crm", "dear"]),
            kind,
            method,
            tool: if is_resource { "" } else { tool },
            resource_uri: if is_resource { uri } else { "" },
            tokens_in: u32::try_from(below(5_000_000)).unwrap(),
            tokens_out: u32::try_from(below(1 << 32)).unwrap(),
            req_bytes: u32::try_from(below(1 << 32)).unwrap(),
            resp_bytes: below(1 << 40),
            duration_us: below(1 << 40),
            ..charged("0", "one")
        };
        let item = Item {
            server: record.server,
            kind,
            name: if is_resource { uri } else { tool },
        };
        let usage = Usage {
            tokens_in: record.tokens_in.into(),
            tokens_out: record.tokens_out.into(),
            bytes: u64::from(record.req_bytes) + record.resp_bytes,
            duration_us: record.duration_us,
        };
        if let Some(quote) = own.quote(record.ts_us, record.tenant, item) {
            expected += i128::from(quote.rates.cost(&usage).billionths());
        }
        records.push(record);
    }
    deliver(&running, records).await;
    let rows = repriced(&store, &books, None).await;
    let calls: u64 = rows.iter().map(|row| row["calls"].as_u64().unwrap()).sum();
    assert_eq!(calls, 2_000);
    let sum: i128 = rows
        .iter()
        .map(|row| {
            let text = told(row, &["repriced"]).remove(0);
            let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
            format!("{whole}{fraction:0<9}").parse::<i128>().unwrap()
        })
        .sum();
    assert_eq!(sum, expected);
}
