//! Reading the trail back: queries within limits, and following new rows.

use std::{ops::ControlFlow, time::Duration};

use gantry_analytics::{
    Delivery, Log, Record,
    delivery::Settings,
    query::{Format, QueryError, query},
    tail::{recent, tail},
};
use tempfile::tempdir;
use tokio::sync::mpsc;

use crate::{
    sample::{append, call, close, open, until},
    store::RunningStore,
};

const LIMIT: Duration = Duration::from_secs(60);

fn quick() -> Settings {
    Settings {
        linger: Duration::from_millis(20),
        ..Settings::default()
    }
}

async fn delivered(log: &Log) {
    until("all rows are delivered", LIMIT, || {
        log.stats().unsent_rows == 0
    })
    .await;
}

#[tokio::test]
async fn queries_read_and_cannot_write() {
    let running = RunningStore::start_migrated().await;
    let dir = tempdir().unwrap();
    let log = open(dir.path());
    append(&log, 0..3).await;
    Delivery::start(&log, running.store(), quick())
        .unwrap()
        .stop(LIMIT);
    close(log);
    let store = running.store();

    let mut out = Vec::new();
    let sql = "SELECT seq, toString(outcome) AS outcome FROM audit_log ORDER BY seq;";
    query(&store, sql, Format::Json, &mut out).await.unwrap();
    assert_eq!(
        String::from_utf8(out).unwrap(),
        "{\"seq\":1,\"outcome\":\"ok\"}\n{\"seq\":2,\"outcome\":\"tool_error\"}\n{\"seq\":3,\"outcome\":\"rpc_error\"}\n"
    );
    let mut out = Vec::new();
    query(&store, sql, Format::Table, &mut out).await.unwrap();
    let table = String::from_utf8(out).unwrap();
    assert!(
        table.contains("outcome") && table.contains("tool_error"),
        "{table}"
    );
    assert!(!table.contains('\u{1b}'), "no colours: {table}");
    let mut out = Vec::new();
    let hostile = "SELECT unhex('611B5B324A62') AS name";
    query(&store, hostile, Format::Table, &mut out)
        .await
        .unwrap();
    let table = String::from_utf8(out).unwrap();
    assert!(table.contains("a?[2Jb"), "{table}");

    for forbidden in [
        "DROP TABLE audit_log",
        "ALTER TABLE audit_log DELETE WHERE 1",
        "INSERT INTO audit_log (gateway) VALUES ('x')",
        "SELECT 1 SETTINGS readonly = 0",
    ] {
        let refused = query(&store, forbidden, Format::Json, &mut Vec::new()).await;
        assert!(
            matches!(refused, Err(QueryError::Store(_))),
            "{forbidden}: {refused:?}"
        );
    }
    let endless = "SELECT number FROM system.numbers LIMIT 200000";
    let refused = query(&store, endless, Format::Json, &mut Vec::new()).await;
    assert!(matches!(refused, Err(QueryError::Store(_))), "{refused:?}");
    running.assert_exactly(3).await;
}

#[tokio::test]
async fn tail_shows_the_last_rows_and_then_each_new_one_late_ones_too() {
    let running = RunningStore::start_migrated().await;
    let dir = tempdir().unwrap();
    let log = open(dir.path());
    let now_us = i64::try_from(std::time::UNIX_EPOCH.elapsed().unwrap().as_micros()).unwrap();
    let at = |seconds_ago: i64| {
        Record {
            ts_us: now_us - seconds_ago * 1_000_000,
            ..call(0)
        }
        .encode()
    };
    for seconds_ago in [50, 40, 30] {
        log.append(at(seconds_ago)).await.unwrap();
    }
    let delivery = Delivery::start(&log, running.store(), quick()).unwrap();
    delivered(&log).await;

    let (sender, mut shown) = mpsc::unbounded_channel();
    let store = running.store();
    let following = tokio::spawn(async move {
        tail(&store, 2, |row| {
            sender.send(row.seq).unwrap();
            if row.seq == 6 {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        })
        .await
    });
    assert_eq!((shown.recv().await, shown.recv().await), (Some(2), Some(3)));
    // A call that began long before those shown, and ended after them.
    log.append(at(600)).await.unwrap();
    assert_eq!(shown.recv().await, Some(4));
    log.append(at(10)).await.unwrap();
    assert_eq!(shown.recv().await, Some(5));
    log.append(at(5)).await.unwrap();
    following.await.unwrap().unwrap();
    assert_eq!((shown.recv().await, shown.recv().await), (Some(6), None));

    let lines: Vec<String> = recent(&running.store(), 1)
        .await
        .unwrap()
        .iter()
        .map(ToString::to_string)
        .collect();
    assert!(
        lines[0].contains("support-bot tools/call orders/orders_get@v2  gw-1/"),
        "{lines:?}"
    );
    delivery.stop(LIMIT);
    close(log);
}
