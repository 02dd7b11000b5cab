//! kill -9 in the middle of writing and delivering: no acknowledged row is lost or doubled.

use std::{
    collections::HashSet,
    env,
    io::{BufRead, BufReader, Write},
    ops::ControlFlow,
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use gantry_analytics::{Delivery, EventId, delivery::Settings, wal::replay};
use tempfile::tempdir;

use crate::{
    sample::{call, close, open},
    store::{RunningStore, store_at},
};

/// Name to the process that is to be killed its directory and, if it has one, its store.
const DIR: &str = "GANTRY_TEST_KILLED_LOG";
const STORE: &str = "GANTRY_TEST_KILLED_STORE";
/// Acknowledgements read before the kill; each round kills at another point.
const ROUNDS: [usize; 5] = [1, 37, 500, 2_000, 5_000];

/// The process that is killed: writes rows from several tasks and says which were acknowledged.
/// Run by itself, without a directory, it has nothing to write.
#[test]
fn writing_until_killed() {
    let Some(dir) = env::var_os(DIR) else {
        return;
    };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(write_for_ever(Path::new(&dir)));
}

async fn write_for_ever(dir: &Path) {
    let log = open(dir);
    let address = env::var(STORE).ok();
    let _delivery = address.map(|address| Delivery::start(&log, store_at(&address), hasty()));
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..4 {
        let log = log.clone();
        tasks.spawn(async move {
            for n in 0.. {
                let event = log.append(call(n).encode()).await.unwrap().unwrap();
                // One write: lines of several tasks must not mix.
                let line = format!("acknowledged {event}\n");
                std::io::stdout().write_all(line.as_bytes()).unwrap();
            }
        });
    }
    tasks.join_all().await;
}

/// Many small batches, so that a kill meets each moment of a delivery.
fn hasty() -> Settings {
    Settings {
        linger: Duration::from_millis(1),
        ..Settings::default()
    }
}

/// Starts the writer, kills it after `acknowledgements`, returns every one that it gave.
fn write_and_kill(dir: &Path, store: Option<&str>, acknowledgements: usize) -> HashSet<String> {
    let mut writer = Command::new(env::current_exe().unwrap())
        .args(["--exact", "kill::writing_until_killed", "--nocapture"])
        .env(DIR, dir)
        .envs(store.map(|address| (STORE, address)))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(writer.stdout.take().unwrap()).lines();
    let mut acknowledged = HashSet::new();
    let mut note = |line: String| {
        acknowledged.extend(line.strip_prefix("acknowledged ").map(str::to_owned));
        acknowledged.len()
    };
    for line in lines.by_ref() {
        if note(line.unwrap()) >= acknowledgements {
            break;
        }
    }
    writer.kill().unwrap();
    writer.wait().unwrap();
    // What it said before its end counts as well; a line cut off by the kill does not.
    for line in lines.map_while(Result::ok) {
        note(line);
    }
    acknowledged
}

#[test]
fn a_killed_writer_loses_nothing_that_it_acknowledged() {
    let dir = tempdir().unwrap();
    let mut acknowledged = HashSet::new();
    for round in ROUNDS {
        let new = write_and_kill(dir.path(), None, round);
        assert!(new.len() >= round, "the writer ended by itself");
        acknowledged.extend(new);
    }
    let log = open(dir.path());
    let mut kept = HashSet::new();
    let visit = |event: EventId, _: &[u8]| {
        assert!(kept.insert(event.to_string()), "{event} twice");
        ControlFlow::Continue(())
    };
    replay(dir.path(), visit).unwrap();
    let lost: Vec<_> = acknowledged.difference(&kept).collect();
    assert!(
        lost.is_empty(),
        "{} of {}: {lost:?}",
        lost.len(),
        acknowledged.len()
    );
    assert_eq!(log.stats().unsent_rows, kept.len() as u64);
}

#[tokio::test]
async fn a_killed_gateway_and_a_killed_store_leave_every_row_once() {
    let mut running = RunningStore::start_migrated().await;
    let dir = tempdir().unwrap();
    let mut acknowledged = HashSet::new();
    for round in ROUNDS {
        acknowledged.extend(write_and_kill(dir.path(), Some(running.address()), round));
        running.kill();
        running.revive();
    }
    let log = open(dir.path());
    Delivery::start(&log, running.store(), hasty())
        .unwrap()
        .stop(Duration::from_secs(60));
    assert_eq!(log.stats().unsent_rows, 0);
    close(log);

    let sql = "SELECT event_id FROM audit_log";
    let stored: Vec<String> = running.client().query_raw(sql).fetch_all().await.unwrap();
    running.assert_exactly(stored.len() as u64).await;
    let stored: HashSet<String> = stored.into_iter().collect();
    let lost: Vec<_> = acknowledged.difference(&stored).collect();
    assert!(lost.is_empty(), "{lost:?} of {}", acknowledged.len());
    let gaps = "SELECT sum(abs(toInt64(last) - toInt64(rows))) FROM \
         (SELECT max(seq) AS last, count() AS rows FROM audit_log GROUP BY gateway, epoch)";
    assert_eq!(
        running.number(gaps).await,
        0,
        "each epoch is dense from 1 on"
    );
}
