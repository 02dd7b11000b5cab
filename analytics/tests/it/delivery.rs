//! Delivery into the store: every row once, whatever breaks in between.

use std::{
    fs,
    path::Path,
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    time::Duration,
};

use gantry_analytics::{Delivery, Log, Stats, Store, delivery::Settings, stats::FailureReason};
use tempfile::tempdir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

use crate::{
    sample::{TS_US, append, close, open, settings, until},
    store::RunningStore,
};

pub(crate) const LIMIT: Duration = Duration::from_secs(60);

/// Impatient, so that a test sees several tries.
pub(crate) fn quick() -> Settings {
    Settings {
        linger: Duration::from_millis(20),
        insert_timeout: Duration::from_secs(5),
        backoff_min: Duration::from_millis(20),
        backoff_max: Duration::from_millis(200),
        signer: None,
    }
}

pub(crate) fn deliver(log: &Log, store: Store) -> Delivery {
    Delivery::start(log, store, quick()).unwrap()
}

pub(crate) fn failures(stats: &Stats, reason: FailureReason) -> u64 {
    let found = stats
        .insert_failures
        .iter()
        .find(|(other, _)| *other == reason);
    found.unwrap().1
}

#[tokio::test]
async fn rows_arrive_once_and_delivered_segments_go() {
    let running = RunningStore::start_migrated().await;
    let dir = tempdir().unwrap();
    let small = gantry_analytics::log::Settings {
        segment_bytes: 20_000,
        ..settings(dir.path())
    };
    let log = Log::open(small).unwrap();
    let delivery = deliver(&log, running.store());
    append(&log, 0..1_000).await;
    until("all rows are delivered", LIMIT, || {
        log.stats().unsent_rows == 0
    })
    .await;
    running.assert_exactly(1_000).await;
    let stats = log.stats();
    assert_eq!(
        (
            stats.delivered_rows,
            stats.unsent_bytes,
            stats.oldest_unsent
        ),
        (1_000, 0, Duration::ZERO)
    );
    assert!(stats.inserts >= 1 && stats.last_insert_rows >= 1);
    until("delivered segments are deleted", LIMIT, || {
        log.stats().wal_bytes <= 20_000
    })
    .await;
    delivery.stop(LIMIT);
    close(log);
}

#[tokio::test]
async fn a_backlog_travels_in_one_batch() {
    let running = RunningStore::start_migrated().await;
    let dir = tempdir().unwrap();
    let log = open(dir.path());
    append(&log, 0..25_000).await;
    deliver(&log, running.store()).stop(LIMIT);
    running.assert_exactly(25_000).await;
    let stats = log.stats();
    assert_eq!((stats.inserts, stats.last_insert_rows), (1, 25_000));
    close(log);
}

#[tokio::test]
async fn earlier_epochs_are_delivered_first() {
    let running = RunningStore::start_migrated().await;
    let dir = tempdir().unwrap();
    for _ in 0..3 {
        let log = open(dir.path());
        append(&log, 0..10).await;
        close(log);
    }
    let log = open(dir.path());
    assert_eq!(log.stats().unsent_rows, 30);
    deliver(&log, running.store()).stop(LIMIT);
    running.assert_exactly(30).await;
    let epochs = "SELECT count(DISTINCT epoch) FROM audit_log";
    assert_eq!(running.number(epochs).await, 3);
    close(log);
}

#[tokio::test]
async fn a_store_killed_during_delivery_gets_every_row_once() {
    let mut running = RunningStore::start_migrated().await;
    let dir = tempdir().unwrap();
    let log = open(dir.path());
    let delivery = deliver(&log, running.store());
    let mut rows = 0;
    for _ in 0..4 {
        let before = log.stats().inserts;
        for _ in 0..5 {
            append(&log, rows..rows + 200).await;
            rows += 200;
        }
        until("an insert went through", LIMIT, || {
            log.stats().inserts > before
        })
        .await;
        running.kill();
        append(&log, rows..rows + 300).await;
        rows += 300;
        let failed = failures(&log.stats(), FailureReason::Network);
        until("a try fails", LIMIT, || {
            failures(&log.stats(), FailureReason::Network) > failed
        })
        .await;
        running.revive();
    }
    until("all rows are delivered", LIMIT, || {
        log.stats().unsent_rows == 0
    })
    .await;
    running.assert_exactly(rows).await;
    delivery.stop(LIMIT);
    close(log);
}

/// A server that is killed may know a token without what came under it. Here another's row came under the tokens.
#[tokio::test]
async fn what_is_acknowledged_and_not_stored_is_sent_again() {
    let running = RunningStore::start_migrated().await;
    let dir = tempdir().unwrap();
    let log = open(dir.path());
    let events = append(&log, 0..200).await;
    let token = format!("gw-1/{}/1-200", events.first().unwrap().epoch);
    for (table, columns, token) in [
        ("audit_log", "gateway, epoch, seq, ts", token.clone()),
        (
            "audit_seal",
            "gateway, epoch, first_seq, newest",
            format!("seal/{token}"),
        ),
    ] {
        let row = format!(
            "INSERT INTO {table} ({columns}) SETTINGS insert_deduplication_token = '{token}' \
             SELECT 'other', 1, 1, fromUnixTimestamp64Micro({TS_US})"
        );
        running.run(&row).await;
    }
    let delivery = deliver(&log, running.store());
    until("all rows are delivered", LIMIT, || {
        log.stats().unsent_rows == 0
    })
    .await;
    let own = "WHERE gateway = 'gw-1'";
    for (what, expected) in [
        (format!("count() FROM audit_log {own}"), 200),
        (format!("uniqExact(epoch, seq) FROM audit_log {own}"), 200),
        (format!("count() FROM audit_seal {own}"), 1),
        ("count() FROM audit_log".to_owned(), 201),
    ] {
        assert_eq!(
            running.number(&format!("SELECT {what}")).await,
            expected,
            "{what}"
        );
    }
    delivery.stop(LIMIT);
    close(log);
}

#[tokio::test]
async fn without_tables_rows_wait_for_the_migration() {
    let running = RunningStore::start();
    let dir = tempdir().unwrap();
    let log = open(dir.path());
    let delivery = deliver(&log, running.store());
    append(&log, 0..10).await;
    until("a try fails", LIMIT, || {
        failures(&log.stats(), FailureReason::MissingTable) >= 2
    })
    .await;
    assert!(log.accepting());
    gantry_analytics::migrate::migrate(&running.store(), false)
        .await
        .unwrap();
    until("all rows are delivered", LIMIT, || {
        log.stats().unsent_rows == 0
    })
    .await;
    running.assert_exactly(10).await;
    delivery.stop(LIMIT);
    close(log);
}

#[tokio::test]
async fn a_wrong_password_is_counted_and_keeps_the_rows() {
    let running = RunningStore::start_migrated().await;
    let dir = tempdir().unwrap();
    let log = open(dir.path());
    append(&log, 0..5).await;
    let mut stranger = running.store();
    stranger.password = Some("guess".to_owned());
    let delivery = deliver(&log, stranger);
    until("access is refused", LIMIT, || {
        failures(&log.stats(), FailureReason::Access) >= 2
    })
    .await;
    delivery.stop(Duration::ZERO);
    assert_eq!(log.stats().unsent_rows, 5);
    deliver(&log, running.store()).stop(LIMIT);
    running.assert_exactly(5).await;
    close(log);
}

/// A connection to the store that passes everything on but never the answer to an insert. The
/// store has the rows; the gateway cannot know.
pub(crate) struct Deaf {
    pub(crate) address: String,
    task: JoinHandle<()>,
}

impl Deaf {
    pub(crate) async fn start(store: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let task = tokio::spawn(async move {
            loop {
                let (client, _) = listener.accept().await.unwrap();
                tokio::spawn(pass(client, store.clone()));
            }
        });
        Self { address, task }
    }
}

impl Drop for Deaf {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Passes one connection on, until its first insert; from then on it answers nothing more.
async fn pass(mut client: TcpStream, store: String) {
    let mut store = TcpStream::connect(store).await.unwrap();
    let (mut from_client, mut to_client) = client.split();
    let (mut from_store, mut to_store) = store.split();
    let has_inserted = AtomicBool::new(false);
    let requests = async {
        let mut piece = vec![0; 64 * 1024];
        while let Ok(read @ 1..) = from_client.read(&mut piece).await {
            let sent = &piece[..read];
            if sent.windows(12).any(|words| words == b"query=INSERT") {
                has_inserted.store(true, Relaxed);
            }
            to_store.write_all(sent).await.unwrap();
        }
        to_store.shutdown().await.unwrap();
    };
    let answers = async {
        let mut piece = vec![0; 64 * 1024];
        // Read to the end in any case, so that the store finishes.
        while let Ok(read @ 1..) = from_store.read(&mut piece).await {
            if !has_inserted.load(Relaxed) {
                to_client.write_all(&piece[..read]).await.unwrap();
            }
        }
    };
    tokio::join!(requests, answers);
}

fn pending_in(dir: &Path) -> serde_json::Value {
    let cursor: serde_json::Value =
        serde_json::from_slice(&fs::read(dir.join("cursor.json")).unwrap()).unwrap();
    cursor["pending"].clone()
}

#[tokio::test]
async fn a_lost_answer_and_a_restart_resend_the_same_range_under_the_same_token() {
    let running = RunningStore::start_migrated().await;
    let dir = tempdir().unwrap();
    let log = open(dir.path());
    append(&log, 0..10).await;
    let deaf = Deaf::start(running.address().to_owned()).await;
    let mut behind = running.store();
    behind.shards = vec![vec![format!("http://{}", deaf.address)]];
    let impatient = Settings {
        insert_timeout: Duration::from_secs(2),
        ..quick()
    };
    let delivery = Delivery::start(&log, behind, impatient).unwrap();
    // Twice: the second try is the same batch again, and the store drops it.
    until("two answers are lost", LIMIT, || {
        failures(&log.stats(), FailureReason::Timeout) >= 2
    })
    .await;
    // Rows that come meanwhile must not slip into the range that may already be there.
    append(&log, 10..15).await;
    delivery.stop(Duration::ZERO);
    assert_eq!(log.stats().delivered_rows, 0);
    running.assert_exactly(10).await;
    close(log);
    let pending = pending_in(dir.path());
    assert_eq!(
        (&pending["first_seq"], &pending["last_seq"]),
        (&1.into(), &10.into())
    );

    let log = open(dir.path());
    append(&log, 15..18).await;
    assert_eq!(log.stats().unsent_rows, 18);
    deliver(&log, running.store()).stop(LIMIT);
    assert_eq!(log.stats().unsent_rows, 0);
    running.assert_exactly(18).await;
    assert!(pending_in(dir.path()).is_null());
    close(log);
}

#[tokio::test]
async fn stopping_delivers_what_is_left() {
    let running = RunningStore::start_migrated().await;
    let dir = tempdir().unwrap();
    let log = open(dir.path());
    let patient = Settings {
        linger: Duration::from_secs(3600),
        ..quick()
    };
    let delivery = Delivery::start(&log, running.store(), patient).unwrap();
    append(&log, 0..25).await;
    log.close(LIMIT);
    delivery.stop(LIMIT);
    running.assert_exactly(25).await;
}
