//! The log by itself: what is written is read back, whatever happens to the file's end.

use std::{
    collections::BTreeMap,
    fs::{self, OpenOptions},
    ops::ControlFlow,
    path::{Path, PathBuf},
    time::Duration,
};

use gantry_analytics::{
    EventId, Log,
    log::{Ack, AppendError, OnFull, OpenError, Settings},
    wal::{ROW_BYTES_MAX, replay},
};
use proptest::prelude::*;
use tempfile::tempdir;

use crate::{
    delivery::{LIMIT, deliver},
    sample::{append, call, close, open, settings, until},
    store::RunningStore,
};

fn rows_in(dir: &Path) -> Vec<(EventId, Vec<u8>)> {
    let mut rows = Vec::new();
    let visit = |event: EventId, row: &[u8]| {
        rows.push((event, row.to_vec()));
        ControlFlow::Continue(())
    };
    replay(dir, visit).unwrap();
    rows
}

fn segments_in(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let mut paths: Vec<_> = entries
        .filter(|path| path.extension().is_some_and(|ending| ending == "wal"))
        .collect();
    paths.sort();
    paths
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.unwrap().block_on(future)
}

/// Small segments, so that a few rows make several.
fn small_segments(dir: &Path) -> Settings {
    Settings {
        segment_bytes: 2_000,
        ..settings(dir)
    }
}

async fn append_all(log: &Log, rows: &[Vec<u8>]) {
    for (row, seq) in rows.iter().zip(1..) {
        let event = log.append(row.clone()).await.unwrap().unwrap();
        assert_eq!(event.seq, seq);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn a_cut_log_is_a_prefix_of_whole_rows(
        rows in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..700), 1..40),
        segment in any::<prop::sample::Index>(),
        cut in any::<prop::sample::Index>(),
    ) {
        let dir = tempdir().unwrap();
        let log = Log::open(small_segments(dir.path())).unwrap();
        block_on(append_all(&log, &rows));
        close(log);

        let paths = segments_in(dir.path());
        let path = segment.get(&paths);
        let length = fs::metadata(path).unwrap().len();
        let keep = cut.index(usize::try_from(length).unwrap() + 1) as u64;
        OpenOptions::new().write(true).open(path).unwrap().set_len(keep).unwrap();

        let read = rows_in(dir.path());
        let whole: BTreeMap<u64, &[u8]> = read.iter().map(|(event, row)| (event.seq, row.as_slice())).collect();
        prop_assert_eq!(whole.len(), read.len(), "no row twice");
        for (seq, row) in &whole {
            prop_assert_eq!(*row, rows[usize::try_from(*seq).unwrap() - 1].as_slice());
        }
        // What is missing is one run of rows: the end of the segment that was cut.
        let missing: Vec<u64> = (1..=rows.len() as u64).filter(|seq| !whole.contains_key(seq)).collect();
        prop_assert!(missing.windows(2).all(|pair| pair[1] == pair[0] + 1), "{:?}", missing);
        if keep == length {
            prop_assert!(missing.is_empty());
        }

        // The next process sees the same rows and adds its own.
        let log = open(dir.path());
        prop_assert_eq!(log.stats().unsent_rows, read.len() as u64);
        let next = block_on(log.append(b"next".to_vec())).unwrap().unwrap();
        prop_assert!(read.iter().all(|(event, _)| event.epoch < next.epoch));
        prop_assert_eq!(log.stats().unsent_rows, read.len() as u64 + 1);
        close(log);
    }
}

#[tokio::test]
async fn identities_are_dense_and_grow_from_start_to_start() {
    let dir = tempdir().unwrap();
    let mut epochs = Vec::new();
    for _ in 0..3 {
        let log = open(dir.path());
        let events = append(&log, 0..5).await;
        let seqs: Vec<_> = events.iter().map(|event| event.seq).collect();
        assert_eq!(seqs, [1, 2, 3, 4, 5]);
        epochs.push(events[0].epoch);
        close(log);
    }
    assert!(
        epochs.windows(2).all(|pair| pair[0] < pair[1]),
        "{epochs:?}"
    );
    assert_eq!(rows_in(dir.path()).len(), 15);
    assert_eq!(
        rows_in(dir.path())[0].0.to_string(),
        format!("gw-1/{}/1", epochs[0])
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn many_writers_share_one_sequence() {
    let dir = tempdir().unwrap();
    let log = open(dir.path());
    let mut tasks = tokio::task::JoinSet::new();
    for task in 0..16 {
        let log = log.clone();
        tasks.spawn(async move { append(&log, task * 100..(task + 1) * 100).await });
    }
    let mut seqs: Vec<u64> = tasks
        .join_all()
        .await
        .into_iter()
        .flatten()
        .map(|event| event.seq)
        .collect();
    seqs.sort_unstable();
    assert!(seqs.into_iter().eq(1..=1600));
    let stats = log.stats();
    assert_eq!(
        (stats.accepted_rows, stats.written_rows, stats.unsent_rows),
        (1600, 1600, 1600)
    );
    close(log);
    assert_eq!(rows_in(dir.path()).len(), 1600);
}

#[tokio::test]
async fn a_directory_has_one_owner() {
    let dir = tempdir().unwrap();
    let log = open(dir.path());
    let second = Log::open(settings(dir.path()));
    assert!(
        matches!(second, Err(OpenError::Locked { .. })),
        "{second:?}"
    );
    close(log);
    open(dir.path());
}

#[tokio::test]
async fn a_lost_directory_never_repeats_an_identity() {
    let (first, second) = (tempdir().unwrap(), tempdir().unwrap());
    let log = open(first.path());
    let before = append(&log, 0..1).await;
    close(log);
    // An epoch is a second at least, and a restart takes its time; here the next second is
    // waited for as a real clock would make it wait.
    until("the next second", Duration::from_secs(3), || {
        unix_seconds() > u64::from(before[0].epoch)
    })
    .await;
    let log = open(second.path());
    let after = append(&log, 0..1).await;
    assert!(before[0].epoch < after[0].epoch);
    close(log);
}

fn unix_seconds() -> u64 {
    std::time::UNIX_EPOCH.elapsed().unwrap().as_secs()
}

#[tokio::test]
async fn two_logs_of_one_gateway_that_begin_in_the_same_second_share_no_epoch() {
    let dir = tempdir().unwrap();
    let (first, second) = (dir.path().to_owned(), dir.path().join("second"));
    let mut epochs = Vec::new();
    let mut logs = Vec::new();
    for (own, other) in [(&first, &second), (&second, &first)] {
        let mut settings = Settings::new(own, "gw-1");
        settings.beside = Some(other.clone());
        let log = Log::open(settings).unwrap();
        epochs.push(log.append(b"row".to_vec()).await.unwrap().unwrap().epoch);
        logs.push(log);
    }
    assert!(epochs[0] < epochs[1], "{epochs:?}");
}

#[tokio::test]
async fn a_full_log_takes_no_new_calls_but_finishes_those_begun() {
    let dir = tempdir().unwrap();
    let bytes_max = 64 * 1024;
    let log = Log::open(Settings {
        bytes_max,
        ..settings(dir.path())
    })
    .unwrap();
    let mut taken: u64 = 0;
    while log.accepting() {
        log.append(call(taken).encode()).await.unwrap();
        taken += 1;
    }
    let headroom_from = taken;
    let refusal = loop {
        match log.append(call(taken).encode()).await {
            Ok(_) => taken += 1,
            Err(refusal) => break refusal,
        }
    };
    assert!(matches!(refusal, AppendError::Full), "{refusal:?}");
    assert!(taken > headroom_from, "calls that had begun found room");
    let stats = log.stats();
    assert_eq!((stats.written_rows, stats.refused_rows), (taken, 1));
    assert!(stats.wal_bytes <= bytes_max);
    close(log);
    assert_eq!(rows_in(dir.path()).len() as u64, taken);
}

#[tokio::test]
async fn a_disk_that_refuses_is_told_and_recovers() {
    let parent = tempdir().unwrap();
    let dir = parent.path().join("log");
    let away = parent.path().join("away");
    let log = Log::open(small_segments(&dir)).unwrap();
    append(&log, 0..3).await;
    // No new segment can be made while the directory is away.
    fs::rename(&dir, &away).unwrap();
    let mut written = 3;
    let refusal = loop {
        match log.append(call(written).encode()).await {
            Ok(_) => written += 1,
            Err(refusal) => break refusal,
        }
    };
    assert!(matches!(refusal, AppendError::Write(_)), "{refusal:?}");
    assert!(!log.accepting());
    fs::rename(&away, &dir).unwrap();
    until("the log accepts again", Duration::from_secs(10), || {
        log.accepting()
    })
    .await;
    let event = log.append(call(written).encode()).await.unwrap().unwrap();
    assert_eq!(event.seq, written + 1, "a refused row takes no number");
    close(log);
    assert_eq!(rows_in(&dir).len() as u64, written + 1);
}

#[tokio::test]
async fn rows_too_long_and_rows_too_late_are_refused() {
    let dir = tempdir().unwrap();
    let log = open(dir.path());
    let refusal = log.append(vec![0; ROW_BYTES_MAX]).await;
    assert!(
        matches!(refusal, Err(AppendError::RowTooLong { .. })),
        "{refusal:?}"
    );
    let event = log.append(b"fits".to_vec()).await.unwrap().unwrap();
    assert_eq!(event.seq, 1);
    log.close(Duration::from_secs(10));
    assert!(!log.accepting());
    let refusal = log.append(b"late".to_vec()).await;
    assert!(matches!(refusal, Err(AppendError::Closed)), "{refusal:?}");
}

#[test]
fn settings_that_cannot_work_are_refused() {
    let dir = tempdir().unwrap();
    for gateway in ["", "a/b", &"x".repeat(128)] {
        let opened = Log::open(Settings::new(dir.path(), gateway));
        assert!(
            matches!(opened, Err(OpenError::Gateway { .. })),
            "{gateway:?}"
        );
    }
    let opened = Log::open(Settings {
        queue_max: 0,
        ..settings(dir.path())
    });
    assert!(matches!(opened, Err(OpenError::Empty)));
}

#[tokio::test]
async fn a_segment_of_damage_is_set_aside_and_its_rows_counted() {
    let dir = tempdir().unwrap();
    let log = Log::open(small_segments(dir.path())).unwrap();
    append(&log, 0..30).await;
    close(log);
    let paths = segments_in(dir.path());
    assert!(paths.len() >= 3);
    let mut bytes = fs::read(&paths[1]).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0xff;
    fs::write(&paths[1], bytes).unwrap();

    let readable = rows_in(dir.path()).len() as u64;
    assert!(readable < 30);
    let log = open(dir.path());
    let stats = log.stats();
    assert_eq!(
        (stats.unsent_rows, stats.lost_rows),
        (readable, 30 - readable)
    );
    close(log);
}

#[tokio::test]
async fn each_acknowledgement_keeps_its_rows() {
    for ack in [Ack::Memory, Ack::Written, Ack::Synced] {
        let dir = tempdir().unwrap();
        let log = Log::open(Settings {
            ack,
            ..small_segments(dir.path())
        })
        .unwrap();
        for n in 0..100 {
            let event = log.append(call(n).encode()).await.unwrap();
            // Nobody waits for the number of a row that is acknowledged from memory.
            assert_eq!(event.is_some(), ack != Ack::Memory);
        }
        close(log);
        assert_eq!(rows_in(dir.path()).len(), 100, "{ack:?}");
    }
}

fn full(dir: &Path, on_full: OnFull) -> Settings {
    Settings {
        bytes_max: 64 * 1024,
        on_full,
        ..settings(dir)
    }
}

#[tokio::test]
async fn a_full_log_refuses_or_lets_calls_go_as_it_was_told() {
    for on_full in [OnFull::FailClosed, OnFull::Degrade] {
        let dir = tempdir().unwrap();
        let log = Log::open(full(dir.path(), on_full)).unwrap();
        let mut taken = 0;
        while log.accepting() {
            assert!(log.admit().await);
            log.append(call(taken).encode()).await.unwrap();
            taken += 1;
        }
        assert_eq!(log.admit().await, on_full == OnFull::Degrade);
        let mut unrecorded = 0;
        for n in 0..100 {
            match log.append(call(n).encode()).await {
                Ok(Some(_)) => taken += 1,
                Ok(None) => unrecorded += 1,
                Err(refusal) => assert!(matches!(refusal, AppendError::Full), "{refusal:?}"),
            }
        }
        assert_eq!(unrecorded > 0, on_full == OnFull::Degrade);
        assert_eq!(log.stats().dropped_rows, unrecorded);
        close(log);
        assert_eq!(rows_in(dir.path()).len() as u64, taken);
    }
}

#[tokio::test]
async fn a_blocked_call_goes_on_when_there_is_room() {
    let running = RunningStore::start_migrated().await;
    let dir = tempdir().unwrap();
    let log = Log::open(full(dir.path(), OnFull::Block)).unwrap();
    let mut taken = 0;
    while log.accepting() {
        log.append(call(taken).encode()).await.unwrap();
        taken += 1;
    }
    let waiting = {
        let log = log.clone();
        tokio::spawn(async move { log.admit().await })
    };
    let delivery = deliver(&log, running.store());
    assert!(waiting.await.unwrap());
    log.append(call(taken).encode()).await.unwrap();
    delivery.stop(LIMIT);
    running.assert_exactly(taken + 1).await;
    close(log);
}
