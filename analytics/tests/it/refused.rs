//! Rows that ClickHouse refuses for what is in them: found, put aside, sealed, and passed.

use std::ops::ControlFlow;

use gantry_analytics::{EventId, Record, stats::FailureReason, wal::replay};
use tempfile::tempdir;

use crate::{
    delivery::{LIMIT, deliver, failures},
    sample::{call, close, open, until},
    store::RunningStore,
};

/// A row that the operator's own constraint refuses.
fn refused(n: u64) -> Vec<u8> {
    Record {
        agent: "refused",
        ..call(n)
    }
    .encode()
}

async fn start_constrained() -> RunningStore {
    let running = RunningStore::start_migrated().await;
    let constraint = "ALTER TABLE audit_log ADD CONSTRAINT c CHECK agent != 'refused'";
    let client = running.client();
    client.query_raw(constraint).execute().await.unwrap();
    running
}

#[tokio::test]
async fn refused_rows_are_put_aside_and_the_rest_arrives_once() {
    let running = start_constrained().await;
    let dir = tempdir().unwrap();
    let log = open(dir.path());
    let poison = [1, 400, 401, 777, 1_000];
    for seq in 1..=1_000 {
        let row = if poison.contains(&seq) {
            refused(seq)
        } else {
            call(seq).encode()
        };
        log.append(row).await.unwrap();
    }
    let delivery = deliver(&log, running.store());
    until("everything is delivered or put aside", LIMIT, || {
        log.stats().unsent_rows == 0
    })
    .await;
    let stats = log.stats();
    assert_eq!((stats.delivered_rows, stats.dead_rows), (995, 5));
    assert!(failures(&stats, FailureReason::Data) >= 5);
    running.assert_exactly(995).await;

    let mut kept = Vec::new();
    replay(&dir.path().join("dead"), |event: EventId, row: &[u8]| {
        kept.push((event.seq, row.to_vec()));
        ControlFlow::Continue(())
    })
    .unwrap();
    let seqs: Vec<u64> = kept.iter().map(|(seq, _)| *seq).collect();
    assert_eq!(seqs, poison);
    assert_eq!(kept[3].1, refused(777));

    let sealed = "SELECT sum(rows) FROM audit_seal WHERE kind = ";
    assert_eq!(running.number(&format!("{sealed}'dead'")).await, 5);
    assert_eq!(running.number(&format!("{sealed}'batch'")).await, 995);
    // What is no row at all is put aside, too, and what comes after them goes on.
    log.append(b"no row at all".to_vec()).await.unwrap();
    until("it is put aside", LIMIT, || log.stats().dead_rows == 6).await;
    log.append(call(2_000).encode()).await.unwrap();
    delivery.stop(LIMIT);
    running.assert_exactly(996).await;
    close(log);
}

/// RowBinary has no marks between rows: a row that is too short would take its end from the one
/// after it.
#[tokio::test]
async fn bytes_that_are_no_row_do_not_spoil_the_rows_around_them() {
    let running = RunningStore::start_migrated().await;
    let dir = tempdir().unwrap();
    let log = open(dir.path());
    let row = call(5).encode();
    let short = row[..row.len() - 1].to_vec();
    let long = [&row[..], &[0]].concat();
    let two = [&row[..], &row[..]].concat();
    let wrong = [short, long, two, Vec::new()];
    let mut n = 0;
    for bytes in &wrong {
        for _ in 0..10 {
            log.append(call(n).encode()).await.unwrap();
            n += 1;
        }
        log.append(bytes.clone()).await.unwrap();
    }
    let delivery = deliver(&log, running.store());
    until("everything is sent or put aside", LIMIT, || {
        log.stats().unsent_rows == 0
    })
    .await;
    delivery.stop(LIMIT);
    running.assert_exactly(40).await;
    let read = "SELECT uniqExact(duration_us) FROM audit_log WHERE gateway = 'gw-1' AND agent = 'support-bot' AND duration_us BETWEEN 1000 AND 1039";
    assert_eq!(running.number(read).await, 40);
    let mut kept = Vec::new();
    replay(&dir.path().join("dead"), |_: EventId, row: &[u8]| {
        kept.push(row.to_vec());
        ControlFlow::Continue(())
    })
    .unwrap();
    assert_eq!(kept, wrong);
    close(log);
}

#[tokio::test]
async fn a_table_that_refuses_everything_does_not_bury_the_trail() {
    let running = start_constrained().await;
    let dir = tempdir().unwrap();
    let log = open(dir.path());
    for n in 0..150 {
        log.append(refused(n)).await.unwrap();
    }
    let delivery = deliver(&log, running.store());
    until("it stops putting rows aside", LIMIT, || {
        let stats = log.stats();
        // Each row put aside was refused at least once, and the one that stays is tried again.
        stats.dead_rows == 100 && failures(&stats, FailureReason::Data) > 330
    })
    .await;
    delivery.stop(std::time::Duration::ZERO);
    assert_eq!((log.stats().dead_rows, log.stats().unsent_rows), (100, 50));
    close(log);
}
