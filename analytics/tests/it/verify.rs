//! The trail is whole, or what is not is named: by `verify` and by plain SQL alike.

use std::path::Path;

use gantry_analytics::{
    Delivery, Log, Record, Store,
    delivery::Settings,
    erase::{self, Subject},
    log,
    seal::Signer,
    subject::Pseudonyms,
    verify::{self, Keys, Report, What},
};
use tempfile::{TempDir, tempdir};

use crate::{
    delivery::{LIMIT, quick},
    sample::{append, call, close, open, settings, until},
    store::RunningStore,
};

const ROWS_SQL: &str = include_str!("../../verify/rows.sql");
const ROOTS_SQL: &str = include_str!("../../verify/roots.sql");
const CHAIN_SQL: &str = include_str!("../../verify/chain.sql");

struct Sealed {
    running: RunningStore,
    dir: TempDir,
    signer: Signer,
    epochs: Vec<u32>,
}

impl Sealed {
    /// Two epochs of forty rows, each delivered in two batches.
    async fn trail() -> Self {
        let running = RunningStore::start_migrated().await;
        let dir = tempdir().unwrap();
        let signer = Signer::load_or_make(&dir.path().join("seal.key")).unwrap();
        let mut epochs = Vec::new();
        for _ in 0..2 {
            let log = open(dir.path());
            let delivery = deliver(&log, running.store(), &signer);
            for rows in [0..20, 20..40] {
                epochs.push(append(&log, rows).await[0].epoch);
                until("the batch is delivered", LIMIT, || {
                    log.stats().unsent_rows == 0
                })
                .await;
            }
            delivery.stop(LIMIT);
            close(log);
        }
        epochs.dedup();
        Self {
            running,
            dir,
            signer,
            epochs,
        }
    }

    fn keys(&self) -> Keys {
        Keys(vec![self.signer.public().clone()])
    }

    async fn report(&self) -> Report {
        verify::store(&self.running.store(), &self.keys(), None)
            .await
            .unwrap()
    }

    async fn run(&self, sql: &str) {
        let client = self.running.client();
        let statement = client
            .query_raw(sql)
            .with_setting("mutations_sync", "2")
            .with_setting("lightweight_deletes_sync", "2");
        statement.execute().await.unwrap();
    }

    async fn names(&self, sql: &str) -> Vec<String> {
        let sql = sql.trim().trim_end_matches(';');
        let sql = if sql.contains("AS fault") {
            format!(
                "SELECT concat(toString(epoch), '/', toString(seq_or_first), ' ', fault) FROM (SELECT epoch, {} AS seq_or_first, fault FROM ({sql}))",
                if sql.contains("last_before") {
                    "first_seq"
                } else {
                    "seq"
                }
            )
        } else {
            format!("SELECT concat(toString(epoch), '/', toString(first_seq)) FROM ({sql})")
        };
        let client = self.running.client();
        client.query_raw(&sql).fetch_all().await.unwrap()
    }

    async fn assert_whole(&self) {
        let report = self.report().await;
        assert_eq!(report.faults, []);
        assert_eq!((report.rows, report.unsealed), (80, 0));
        for sql in [ROWS_SQL, ROOTS_SQL, CHAIN_SQL] {
            assert_eq!(self.names(sql).await, Vec::<String>::new());
        }
    }

    /// What `verify` says, as `seq what` of the first epoch's rows.
    async fn faults(&self) -> Vec<(String, What)> {
        let report = self.report().await;
        let faults = report.faults.iter();
        faults.map(|fault| (fault.at.clone(), fault.what)).collect()
    }

    fn event(&self, seq: impl std::fmt::Display) -> String {
        format!("gw-1/{}/{seq}", self.epochs[0])
    }
}

fn deliver(log: &Log, store: Store, signer: &Signer) -> Delivery {
    let settings = Settings {
        signer: Some(signer.clone()),
        ..quick()
    };
    Delivery::start(log, store, settings).unwrap()
}

#[tokio::test]
async fn an_untouched_trail_is_whole() {
    let sealed = Sealed::trail().await;
    sealed.assert_whole().await;
    let report = sealed.report().await;
    assert!(
        report.seals >= 4 && report.signed == report.seals,
        "{report:?}"
    );
}

/// Each change, and what it makes of row 7 of the first epoch.
#[tokio::test]
async fn a_changed_deleted_doubled_or_reordered_row_is_named() {
    let sealed = Sealed::trail().await;
    let epoch = sealed.epochs[0];
    let columns = gantry_analytics::columns::COLUMNS.join(", ");
    let row = |seq: u64| format!("gateway = 'gw-1' AND epoch = {epoch} AND seq = {seq}");
    sealed
        .run("CREATE TABLE kept ENGINE = MergeTree ORDER BY tuple() AS SELECT * FROM audit_log")
        .await;
    type Found = (u64, What, &'static str);
    let cases: [(&str, Vec<String>, Vec<Found>); 4] = [
        (
            "tampered",
            vec![format!(
                "ALTER TABLE audit_log UPDATE outcome = 'denied' WHERE {}",
                row(7)
            )],
            vec![(7, What::RowChanged, "changed")],
        ),
        (
            "deleted",
            vec![format!("DELETE FROM audit_log WHERE {}", row(7))],
            vec![(7, What::RowMissing, "missing")],
        ),
        (
            "doubled",
            vec![format!(
                "INSERT INTO audit_log ({columns}) SELECT {columns} FROM kept WHERE {}",
                row(7)
            )],
            vec![(7, What::RowDoubled, "doubled")],
        ),
        (
            "reordered",
            // A key column cannot be updated: rows 7 and 8 go, and come back under each other's number.
            vec![
                format!("DELETE FROM audit_log WHERE {} OR ({})", row(7), row(8)),
                format!(
                    "INSERT INTO audit_log ({columns}) SELECT {} FROM kept WHERE {} OR ({})",
                    columns.replacen("seq", "15 - seq", 1),
                    row(7),
                    row(8)
                ),
            ],
            vec![
                (7, What::RowChanged, "changed"),
                (8, What::RowChanged, "changed"),
            ],
        ),
    ];
    for (name, statements, expected) in cases {
        for statement in &statements {
            sealed.run(statement).await;
        }
        let faults: Vec<_> = expected
            .iter()
            .map(|(seq, what, _)| (sealed.event(seq), *what))
            .collect();
        assert_eq!(sealed.faults().await, faults, "{name}");
        let words: Vec<_> = expected
            .iter()
            .map(|(seq, _, word)| format!("{epoch}/{seq} {word}"))
            .collect();
        assert_eq!(sealed.names(ROWS_SQL).await, words, "{name}");
        assert!(!sealed.names(ROOTS_SQL).await.is_empty(), "{name}");
        // As it was.
        sealed
            .run(&format!("DELETE FROM audit_log WHERE epoch = {epoch}"))
            .await;
        sealed
            .run(&format!(
                "INSERT INTO audit_log ({columns}) SELECT {columns} FROM kept WHERE epoch = {epoch}"
            ))
            .await;
        sealed.assert_whole().await;
    }
}

#[tokio::test]
async fn a_chain_without_a_link_or_with_a_forged_one_is_named() {
    let sealed = Sealed::trail().await;
    let epoch = sealed.epochs[0];
    // A whole batch with its seal is gone.
    let second = "SELECT max(first_seq) FROM audit_seal WHERE epoch = ";
    let first = sealed.running.number(&format!("{second}{epoch}")).await;
    sealed
        .run(&format!(
            "DELETE FROM audit_log WHERE epoch = {epoch} AND seq >= {first}"
        ))
        .await;
    sealed
        .run(&format!(
            "DELETE FROM audit_seal WHERE epoch = {epoch} AND first_seq = {first}"
        ))
        .await;
    let next = format!("gw-1/{}/1-", sealed.epochs[1]);
    let faults = sealed.faults().await;
    assert_eq!(faults.len(), 1, "{faults:?}");
    assert!(
        faults[0].0.starts_with(&next) && faults[0].1 == What::SealUnchained,
        "{faults:?}"
    );
    assert_eq!(
        sealed.names(CHAIN_SQL).await,
        [format!("{}/1 unchained", sealed.epochs[1])]
    );

    // The end of the last chain can be cut off without a trace, but not for the gateway itself.
    let last = sealed.epochs[1];
    sealed.run("TRUNCATE TABLE audit_seal").await;
    sealed.run("TRUNCATE TABLE audit_log").await;
    assert!(sealed.report().await.is_whole());
    let report = verify::store(
        &sealed.running.store(),
        &sealed.keys(),
        Some(sealed.dir.path()),
    )
    .await
    .unwrap();
    assert!(
        report
            .faults
            .iter()
            .any(|fault| fault.what == What::SealMissing
                && fault.at.starts_with(&format!("gw-1/{last}/")))
    );
}

#[tokio::test]
async fn a_seal_by_another_key_is_named() {
    let sealed = Sealed::trail().await;
    let other = Signer::load_or_make(&sealed.dir.path().join("other.key")).unwrap();
    let keys = Keys(vec![other.public().clone()]);
    let report = verify::store(&sealed.running.store(), &keys, None)
        .await
        .unwrap();
    assert_eq!(report.faults_total, report.seals);
    assert!(
        report
            .faults
            .iter()
            .all(|fault| fault.what == What::SealUnsigned)
    );
    // A row that is inserted without one has no seal at all; it waits for one for a while.
    let columns = gantry_analytics::columns::COLUMNS.join(", ");
    let forged = columns
        .replacen("seq", "999", 1)
        .replacen("ts", "now64(6) - INTERVAL 1 HOUR", 1);
    sealed
        .run(&format!("INSERT INTO audit_log ({columns}) SELECT {forged} FROM audit_log WHERE epoch = {} AND seq = 1", sealed.epochs[0]))
        .await;
    assert_eq!(
        sealed.faults().await,
        [(sealed.event(999), What::RowUnsealed)]
    );
    assert_eq!(
        sealed.names(ROWS_SQL).await,
        [format!("{}/999 unsealed", sealed.epochs[0])]
    );
}

#[tokio::test]
async fn erasure_leaves_the_chain_whole_and_a_forged_one_does_not() {
    let running = RunningStore::start_migrated().await;
    let dir = tempdir().unwrap();
    let signer = Signer::load_or_make(&dir.path().join("seal.key")).unwrap();
    let names = Pseudonyms::new(b"0123456789abcdef").unwrap();
    let log = Log::open(log::Settings {
        pseudonyms: Some(names),
        ..settings(dir.path())
    })
    .unwrap();
    let ada = log.subject("acme", "ada@example.com", "https://idp.example.com");
    let delivery = deliver(&log, running.store(), &signer);
    for n in 0..80 {
        let subject = if n % 4 == 0 { ada } else { 1 };
        let row = Record { subject, ..call(n) }.encode();
        log.append(row).await.unwrap();
    }
    delivery.stop(LIMIT);
    close(log);
    let sealed = Sealed {
        running,
        dir,
        signer,
        epochs: Vec::new(),
    };
    sealed.assert_whole().await;
    let linked = "SELECT count() FROM subject WHERE display = 'ada@example.com'";
    assert_eq!(sealed.running.number(linked).await, 1);

    let store = sealed.running.store();
    let whose = Subject {
        tenant: "acme",
        subject: ada,
    };
    erase::link(&store, whose).await.unwrap();
    assert_eq!(sealed.running.number(linked).await, 0);
    sealed.assert_whole().await;

    let erased = erase::rows(&store, whose, "request of 2026-11-25", &sealed.signer)
        .await
        .unwrap();
    assert_eq!(erased, 20);
    assert_eq!(
        sealed.running.number("SELECT count() FROM audit_log").await,
        60
    );
    let report = sealed.report().await;
    assert_eq!(report.faults, []);
    assert_eq!((report.rows, report.erased), (60, 20));
    for sql in [ROWS_SQL, ROOTS_SQL, CHAIN_SQL] {
        assert_eq!(sealed.names(sql).await, Vec::<String>::new());
    }

    // Somebody who can write the store, and has no key, erases row 2 in the same way.
    let hash = format!(
        "SHA256(formatRow('RowBinary', {}))",
        gantry_analytics::columns::COLUMNS.join(", ")
    );
    sealed
        .run(&format!("INSERT INTO audit_erasure (gateway, epoch, seq, hash, erased_at) SELECT gateway, epoch, seq, {hash}, now64(6) FROM audit_log WHERE seq = 2"))
        .await;
    sealed.run("DELETE FROM audit_log WHERE seq = 2").await;
    let faults = sealed.report().await.faults;
    assert_eq!(faults.len(), 1, "{faults:?}");
    assert!(faults[0].at.ends_with("/2") && faults[0].what == What::ErasureUnsigned);
}

#[tokio::test]
async fn the_logs_own_files_are_checked_without_a_store() {
    let sealed = Sealed::trail().await;
    let log = open(sealed.dir.path());
    let delivery = deliver(&log, sealed.running.store(), &sealed.signer);
    append(&log, 0..30).await;
    until("everything is delivered", LIMIT, || {
        log.stats().unsent_rows == 0
    })
    .await;
    delivery.stop(LIMIT);
    append(&log, 30..40).await;
    close(log);
    let report = verify::spool(sealed.dir.path(), &sealed.keys()).unwrap();
    assert_eq!(report.faults, []);
    assert_eq!((report.rows, report.unsealed), (30, 10));
    assert_eq!(report.signed, report.seals);

    forge(sealed.dir.path(), 12);
    let report = verify::spool(sealed.dir.path(), &sealed.keys()).unwrap();
    assert_eq!(report.faults_total, 1, "{report:?}");
    assert!(report.faults[0].at.ends_with("/12") && report.faults[0].what == What::RowChanged);
}

/// Changes the row `seq` in the newest segment, and its checksum with it.
fn forge(dir: &Path, seq: usize) {
    let mut segments: Vec<_> = std::fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "wal"))
        .collect();
    segments.sort();
    let path = segments.last().unwrap();
    let mut bytes = std::fs::read(path).unwrap();
    let mut at = 26 + "gw-1".len() + 4;
    let length = |bytes: &[u8], at: usize| {
        u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()) as usize
    };
    for _ in 1..seq {
        at += 8 + length(&bytes, at);
    }
    let end = at + 8 + length(&bytes, at);
    bytes[end - 1] ^= 1;
    let checksum = crc32c::crc32c(&bytes[at + 8..end]);
    bytes[at + 4..at + 8].copy_from_slice(&checksum.to_le_bytes());
    std::fs::write(path, bytes).unwrap();
}
