//! Calls that have begun: each has one record, whenever the process ends.

use std::{
    collections::BTreeSet,
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Command, Stdio},
};

use gantry_analytics::{
    Log, Outcome, Record,
    log::{AppendError, Intent},
};
use tempfile::tempdir;

use crate::{
    delivery::{LIMIT, deliver},
    sample::{append, call, close, open, until},
    store::RunningStore,
};

fn begun(n: u64) -> Vec<u8> {
    let outcome = Outcome::Unknown;
    let error = "begun";
    Record {
        outcome,
        error,
        ..call(n)
    }
    .encode()
}

async fn intend(log: &Log, n: u64) -> Option<Intent> {
    log.intend(begun(n)).await.unwrap()
}

/// What the store has of calls that began: how many, and how many of them once.
async fn arrived(store: &RunningStore, log: &Log) -> u64 {
    until("everything is delivered", LIMIT, || {
        log.stats().unsent_rows == 0
    })
    .await;
    let once = "SELECT uniqExact(duration_us) FROM audit_log WHERE error = 'begun'";
    let rows = "SELECT count() FROM audit_log WHERE error = 'begun'";
    let rows = store.number(rows).await;
    assert_eq!(store.number(once).await, rows);
    rows
}

#[tokio::test]
async fn what_is_not_concluded_is_a_row_of_the_next_process_once() {
    let store = RunningStore::start_migrated().await;
    let dir = tempdir().unwrap();
    let log = open(dir.path());
    let mut intents = Vec::new();
    for n in 0..6 {
        intents.push(intend(&log, n).await);
    }
    append(&log, 100..110).await;
    // Half of them come to an end.
    for (n, intent) in (0..3).zip(intents.drain(..3)) {
        log.conclude(intent, call(n).encode()).await.unwrap();
    }
    close(log);
    for expected in [3, 3, 3] {
        let log = open(dir.path());
        let delivery = deliver(&log, store.store());
        assert_eq!(arrived(&store, &log).await, expected);
        append(&log, 200..201).await;
        delivery.stop(LIMIT);
        close(log);
    }
    let unknown = "SELECT count() FROM audit_log WHERE error = 'begun' AND outcome = 'unknown' AND duration_us >= 1003";
    assert_eq!(store.number(unknown).await, 3);
}

#[tokio::test]
async fn calls_under_way_are_bounded() {
    let dir = tempdir().unwrap();
    let log = open(dir.path());
    let row = vec![7; 60_000];
    let mut taken = 0;
    let refusal = loop {
        match log.intend(row.clone()).await {
            Ok(_) => taken += 1,
            Err(refusal) => break refusal,
        }
    };
    assert!(matches!(refusal, AppendError::Full), "{refusal}");
    assert_eq!(taken, 8 * 1024 * 1024 / 60_000);
    // Those that end make room, and the file does not keep what has ended.
    close(log);
    let log = open(dir.path());
    for n in 0..2_000 {
        let intent = intend(&log, n).await;
        log.conclude(intent, call(n).encode()).await.unwrap();
    }
    assert!(file_bytes(dir.path()) < 2 * 1024 * 1024);
    close(log);
}

fn file_bytes(dir: &Path) -> u64 {
    std::fs::metadata(dir.join("intents")).unwrap().len()
}

/// Lines of the killed process's output after which it is killed, round by round.
const ROUND_LINES: [usize; 6] = [20, 77, 501, 1_003, 2_500, 6_000];
const ENDLESS: &str = "GANTRY_INTENTS_DIR";

/// Calls without an end until it is killed; not a test by itself.
#[test]
fn calling_until_killed() {
    let Some(dir) = std::env::var_os(ENDLESS) else {
        return;
    };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let log = open(Path::new(&dir));
        let worker = |log: Log, first: u64| async move {
            for n in (first..).step_by(8) {
                let intent = log.intend(begun(n)).await.unwrap();
                println!("begun {n}");
                log.conclude(intent, call(n).encode()).await.unwrap();
                println!("ended {n}");
            }
        };
        let workers: Vec<_> = (0..8)
            .map(|first| tokio::spawn(worker(log.clone(), first)))
            .collect();
        for worker in workers {
            worker.await.unwrap();
        }
    });
}

/// Killed at any moment, each call that began has one record: the one it ended with, or the one
/// that it began with.
#[tokio::test]
async fn a_killed_process_leaves_one_record_of_each_call() {
    let store = RunningStore::start_migrated().await;
    let dir = tempdir().unwrap();
    let mut ended = BTreeSet::new();
    let mut started = BTreeSet::new();
    for (round, lines_max) in ROUND_LINES.into_iter().enumerate() {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["intents::calling_until_killed", "--exact", "--nocapture"])
            .env(ENDLESS, dir.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        // Each round kills at another point; what was said until then is read all the same.
        let mut said: Vec<String> = lines.by_ref().take(lines_max).map(Result::unwrap).collect();
        child.kill().unwrap();
        child.wait().unwrap();
        said.extend(lines.map_while(Result::ok));
        for line in &said {
            let Some((word, n)) = line.split_once(' ') else {
                continue;
            };
            let Ok(n) = n.parse::<u64>() else { continue };
            match word {
                "begun" => started.insert((round, n)),
                "ended" => ended.insert((round, n)),
                _ => false,
            };
        }
    }
    let log = open(dir.path());
    let delivery = deliver(&log, store.store());
    until("everything is delivered", LIMIT, || {
        log.stats().unsent_rows == 0
    })
    .await;
    let rows = store.number("SELECT count() FROM audit_log").await;
    let records = started.len() as u64;
    // What began and was not told: at most one call of each worker in each round.
    assert!(
        (records..=records + 48).contains(&rows),
        "{rows} rows of {records} calls"
    );
    assert!(
        !ended.is_empty() && ended.len() < started.len(),
        "{}",
        ended.len()
    );
    let unknown = "SELECT count() FROM audit_log WHERE error = 'begun'";
    let unknown = store.number(unknown).await;
    assert!((1..=48).contains(&unknown), "{unknown}");
    assert!(rows - unknown >= ended.len() as u64);
    println!(
        "intents: {rows} rows, {unknown} unknown, {} ended",
        ended.len()
    );
    delivery.stop(LIMIT);
    close(log);
}
