//! What is encoded is what ClickHouse reads back, column by column and byte by byte.

use std::time::Duration;

use gantry_analytics::{
    AuthMethod, Delivery, GuardAction, Kind, Outcome, Record, Transport,
    columns::COLUMNS,
    delivery,
    migrate::MIGRATIONS,
    record::{ATTR_BYTES_MAX, LIST_ITEMS_MAX, NAME_BYTES_MAX, TEXT_BYTES_MAX},
    wal::ROW_BYTES_MAX,
};
use tempfile::tempdir;

use crate::{
    sample::{TS_US, close, full, open},
    store::RunningStore,
};

/// Every column of `sample::full` after the identity, as ClickHouse writes it.
const FULL: [(&str, &str); 46] = [
    ("ts", "2026-11-22 10:51:07.123456"),
    ("tenant", "acme"),
    ("team", "support"),
    ("agent", "support-bot"),
    ("subject", "18446744073709551614"),
    ("auth_method", "oidc"),
    ("client_name", "Grüße"),
    ("client_version", "1.2.3"),
    ("client_ip", "::ffff:192.0.2.7"),
    ("method", "tools/call"),
    ("server", "orders"),
    ("server_version", "v2"),
    ("endpoint", "http://orders-v2:8000/mcp"),
    ("kind", "tool"),
    ("tool", "orders_get"),
    ("resource_uri", "file:///tmp/a\tb"),
    ("args_hash", "81985529216486895"),
    ("protocol", "2025-11-25"),
    ("transport", "sse"),
    ("session_id", "s-1"),
    ("rpc_id", "\"42\""),
    ("hex(trace_id)", "A1A1A1A1A1A1A1A1A1A1A1A1A1A1A1A1"),
    ("hex(span_id)", "B2B2B2B2B2B2B2B2"),
    ("outcome", "guardrail"),
    ("http_status", "503"),
    ("rpc_code", "-32603"),
    ("error", "upstream said 'no'"),
    ("attempts", "3"),
    ("flags", "2147483649"),
    ("duration_us", "12345"),
    ("upstream_us", "12000"),
    ("guard_us", "210"),
    ("queue_us", "9"),
    ("ttfb_us", "11000"),
    ("req_bytes", "120"),
    ("resp_bytes", "5000000000"),
    ("tokens_in", "17"),
    ("tokens_out", "4000000000"),
    ("cost", "1.500000001"),
    ("price_book", "2026-q4"),
    ("policy", "team:support"),
    ("guard_action", "mask"),
    ("guard_rules", "['email','iban']"),
    ("pii_in", "{'email':2,'iban':1}"),
    ("pii_out", "{'phone':65535}"),
    ("attrs", "{'region':'eu-west-1'}"),
];

fn empty() -> Record<'static> {
    Record {
        ts_us: TS_US,
        tenant: "",
        team: "",
        agent: "",
        subject: 0,
        auth_method: AuthMethod::None,
        client_name: "",
        client_version: "",
        client_ip: std::net::IpAddr::from([0; 16]),
        method: "",
        server: "",
        server_version: "",
        endpoint: "",
        kind: Kind::Other,
        tool: "",
        resource_uri: "",
        args_hash: 0,
        protocol: "",
        transport: Transport::StreamableHttp,
        session_id: "",
        rpc_id: "",
        trace_id: [0; 16],
        span_id: [0; 8],
        outcome: Outcome::Unknown,
        http_status: 0,
        rpc_code: 0,
        error: "",
        attempts: 0,
        flags: 0,
        duration_us: 0,
        upstream_us: 0,
        guard_us: 0,
        queue_us: 0,
        ttfb_us: 0,
        req_bytes: 0,
        resp_bytes: 0,
        tokens_in: 0,
        tokens_out: 0,
        cost: 0,
        price_book: "",
        policy: "",
        guard_action: GuardAction::None,
        guard_rules: &[],
        pii_in: &[],
        pii_out: &[],
        attrs: &[],
    }
}

/// Delivers the rows and returns the bytes that the store makes of them, identity first.
async fn round_trip(running: &RunningStore, rows: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    let dir = tempdir().unwrap();
    let log = open(dir.path());
    for row in rows {
        log.append(row).await.unwrap();
    }
    let delivery = Delivery::start(&log, running.store(), delivery::Settings::default()).unwrap();
    delivery.stop(Duration::from_secs(60));
    assert_eq!(log.stats().unsent_rows, 0);
    close(log);
    let columns = COLUMNS.join(", ");
    let sql = format!("SELECT hex(formatRow('RowBinary', {columns})) FROM audit_log ORDER BY seq");
    let texts: Vec<String> = running.client().query_raw(&sql).fetch_all().await.unwrap();
    texts.iter().map(|text| from_hex(text)).collect()
}

fn from_hex(text: &str) -> Vec<u8> {
    let pairs = text.as_bytes().chunks(2);
    pairs
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

#[tokio::test]
async fn the_store_reads_every_column_back() {
    let running = RunningStore::start_migrated().await;
    let rows = vec![full().encode(), empty().encode()];
    let read = round_trip(&running, rows.clone()).await;
    let identity_bytes = 1 + "gw-1".len() + 4 + 8;
    assert_eq!(read.len(), 2);
    for (read, row) in read.iter().zip(&rows) {
        assert_eq!(&read[identity_bytes..], row);
    }

    let shown: Vec<String> = FULL
        .iter()
        .map(|(column, _)| format!("toString({column})"))
        .collect();
    let sql = format!("SELECT [{}] FROM audit_log WHERE seq = 1", shown.join(", "));
    let values: Vec<String> = running.client().query_raw(&sql).fetch_one().await.unwrap();
    for ((column, expected), value) in FULL.iter().zip(&values) {
        assert_eq!(value, expected, "{column}");
    }
    let identity = "SELECT [gateway, toString(seq), event_id = concat('gw-1/', toString(epoch), '/1') ? 'same' : 'other'] \
         FROM audit_log WHERE seq = 1";
    let identity: Vec<String> = running
        .client()
        .query_raw(identity)
        .fetch_one()
        .await
        .unwrap();
    assert_eq!(identity, ["gw-1", "1", "same"]);
}

#[test]
fn the_table_of_expectations_covers_every_column() {
    let named = FULL.map(|(column, _)| column.trim_start_matches("hex(").trim_end_matches(')'));
    assert_eq!(named, COLUMNS[3..]);
}

#[tokio::test]
async fn no_record_is_too_long_and_what_is_cut_is_still_text() {
    let long = "ü".repeat(100_000);
    let names: Vec<&str> = vec![&long; 100];
    let findings: Vec<(&str, u16)> = vec![(&long, 1); 100];
    let attrs: Vec<(&str, &str)> = vec![(&long, &long); 100];
    let record = Record {
        tenant: &long,
        team: &long,
        agent: &long,
        client_name: &long,
        client_version: &long,
        method: &long,
        server: &long,
        server_version: &long,
        endpoint: &long,
        tool: &long,
        resource_uri: &long,
        protocol: &long,
        session_id: &long,
        rpc_id: &long,
        error: &long,
        price_book: &long,
        policy: &long,
        guard_rules: &names,
        pii_in: &findings,
        pii_out: &findings,
        attrs: &attrs,
        ..full()
    };
    let row = record.encode();
    assert!(row.len() < ROW_BYTES_MAX - 140, "{} bytes", row.len());
    assert!(
        row.capacity() < 2 * row.len(),
        "the allocation fits the row"
    );

    let running = RunningStore::start_migrated().await;
    round_trip(&running, vec![row]).await;
    for (sql, expected) in [
        (
            "SELECT toUInt64(length(agent)) FROM audit_log",
            NAME_BYTES_MAX,
        ),
        (
            "SELECT toUInt64(length(error)) FROM audit_log",
            TEXT_BYTES_MAX,
        ),
        (
            "SELECT toUInt64(length(guard_rules)) FROM audit_log",
            LIST_ITEMS_MAX,
        ),
        (
            "SELECT toUInt64(length(mapValues(attrs)[1])) FROM audit_log",
            ATTR_BYTES_MAX,
        ),
        ("SELECT toUInt64(isValidUTF8(error)) FROM audit_log", 1),
    ] {
        assert_eq!(running.number(sql).await, expected as u64, "{sql}");
    }
}

/// The words and numbers of `column` in the migration's text: `Enum8('none'=0,'jwt'=1)`.
fn vocabulary_of(column: &str) -> Vec<(String, i8)> {
    let sql = MIGRATIONS[0].sql;
    let definition = sql.split(&format!("\n    {column} ")).nth(1).unwrap();
    let list = definition
        .split_once("Enum8(")
        .unwrap()
        .1
        .split_once(')')
        .unwrap()
        .0;
    list.split(',')
        .map(|item| {
            let (word, number) = item.trim().split_once('=').unwrap();
            (word.trim_matches('\'').to_owned(), number.parse().unwrap())
        })
        .collect()
}

#[test]
fn vocabularies_are_those_of_the_table() {
    let words = |words: Vec<(&'static str, i8)>| -> Vec<(String, i8)> {
        words
            .into_iter()
            .map(|(word, number)| (word.to_owned(), number))
            .collect()
    };
    for (column, ours) in [
        (
            "outcome",
            words(
                Outcome::ALL
                    .map(|word| (word.as_str(), word as i8))
                    .to_vec(),
            ),
        ),
        (
            "kind",
            words(Kind::ALL.map(|word| (word.as_str(), word as i8)).to_vec()),
        ),
        (
            "auth_method",
            words(
                AuthMethod::ALL
                    .map(|word| (word.as_str(), word as i8))
                    .to_vec(),
            ),
        ),
        (
            "transport",
            words(
                Transport::ALL
                    .map(|word| (word.as_str(), word as i8))
                    .to_vec(),
            ),
        ),
        (
            "guard_action",
            words(
                GuardAction::ALL
                    .map(|word| (word.as_str(), word as i8))
                    .to_vec(),
            ),
        ),
    ] {
        assert_eq!(ours, vocabulary_of(column), "{column}");
    }
}
