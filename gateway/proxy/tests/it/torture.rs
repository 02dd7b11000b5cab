//! Under load, the gateway and its store are killed in turn, the disk is full for a while, and
//! ClickHouse is slow, wrong and absent: nothing answered is missing from the trail, nothing is
//! there twice, and the chain of seals is whole.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use gantry_loadtest::{
    fixture,
    load::{Extent, Fault, Options},
};
use serde_json::Value;
use tempfile::TempDir;

use crate::{
    gateway::{Gateway, STORE_PASSWORD, Store},
    trouble::{Mood, Trouble},
};

/// How often the gateway and the store are killed in turn.
const ROUNDS: usize = 10;
/// How long the load runs between two kills, and how long each mood lasts.
const BETWEEN: Duration = Duration::from_millis(400);
const MOOD: Duration = Duration::from_millis(1_500);
const CONNECTIONS: usize = 16;
/// Longest that anything may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(90);

/// What the generator knows of each call: its id, and whether its whole answer came.
fn journal(path: &Path) -> BTreeMap<String, bool> {
    let text = fs::read_to_string(path).unwrap();
    let line = |line: &str| {
        let mut fields = line.split('\t');
        let id = fields.next().unwrap().to_owned();
        (id, fields.next().unwrap() == "answered")
    };
    text.lines().map(line).collect()
}

/// A disk that can be filled up: a small file system of its own, where this user may mount one.
struct Disk {
    folder: TempDir,
    is_mounted: bool,
}

impl Disk {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=40m", "gantry-torture"])
            .arg(folder.path())
            .output();
        Self {
            is_mounted: mounted.is_ok_and(|output| output.status.success()),
            folder,
        }
    }

    fn spool(&self) -> PathBuf {
        self.folder.path().join("spool")
    }

    /// Leaves no byte free.
    fn fill(&self) {
        let mut filler = fs::File::create(self.folder.path().join("filler")).unwrap();
        let piece = vec![1; 64 * 1024];
        while std::io::Write::write_all(&mut filler, &piece).is_ok() {}
    }

    fn clear(&self) {
        fs::remove_file(self.folder.path().join("filler")).unwrap();
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        if self.is_mounted {
            // Lazily: a gateway that is about to be killed may still hold files.
            let _ = Command::new("umount")
                .arg("-l")
                .arg(self.folder.path())
                .status();
        }
    }
}

/// Calls without a pause until it is over, in runs that share one journal.
async fn load(url: String, journal: PathBuf, is_over: Arc<AtomicBool>) {
    let mut run = 0;
    while !is_over.load(Relaxed) {
        run += 1;
        let options = Options {
            connections: CONNECTIONS,
            extent: Extent {
                calls_max: None,
                duration: Some(Duration::from_secs(3)),
            },
            // Long ids make long rows, which fill a disk sooner.
            ids: Some(format!("torture-{run}-{}", "x".repeat(48))),
            journal: Some(journal.clone()),
            ..Options::new(&url).unwrap()
        };
        match gantry_loadtest::load::run(options).await {
            Ok(_) => {}
            // A gateway that is just being killed cannot be connected to; the next run tries again.
            Err(Fault::Open { .. }) => tokio::time::sleep(Duration::from_millis(20)).await,
            Err(fault) => panic!("{fault}"),
        }
    }
}

async fn until_ready(gateway: &Gateway, wanted: u16) {
    let patience = Instant::now() + PATIENCE;
    while gateway.admin("/readyz").await.0 != wanted {
        assert!(Instant::now() < patience, "/readyz did not become {wanted}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// The disk is full until calls are refused. Where no file system could be made, the store is gone
/// until the spool has reached its own limit.
async fn fill_up(gateway: &Gateway, disk: &Disk, trouble: &Trouble) {
    if disk.is_mounted {
        disk.fill();
        until_ready(gateway, 503).await;
        disk.clear();
    } else {
        trouble.turn(Mood::Gone);
        until_ready(gateway, 503).await;
        trouble.turn(Mood::Good);
    }
    until_ready(gateway, 200).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_doubled_or_changed_whatever_happens() {
    let began = Instant::now();
    let mut store = Store::start().await;
    let trouble = Trouble::before(store.url().trim_start_matches("http://").to_owned()).await;
    let disk = Disk::new();
    let fixture = fixture::start(fixture::Options::default()).await.unwrap();
    let mut gateway = Gateway::start(&format!(
        "servers: {{server: {{url: '{}'}}}}\naudit: {{gateway: torture, clickhouse: {{url: '{}', password: {STORE_PASSWORD}, timeout: 2s}}, spool: {{dir: '{}', bytes_max: 16MiB}}}}\ntelemetry: {{log: {{level: warn}}}}",
        fixture.url(),
        trouble.url,
        disk.spool().display()
    ));
    let path = gateway.folder.path().join("journal");
    let is_over = Arc::new(AtomicBool::new(false));
    let load = tokio::spawn(load(
        gateway.url("server"),
        path.clone(),
        Arc::clone(&is_over),
    ));
    for _ in 0..ROUNDS {
        tokio::time::sleep(BETWEEN).await;
        gateway.process().kill();
        tokio::task::block_in_place(|| gateway.restart());
        tokio::time::sleep(BETWEEN).await;
        tokio::task::block_in_place(|| store.restart());
    }
    for mood in [Mood::Slow, Mood::Refusing, Mood::Babbling, Mood::Gone] {
        trouble.turn(mood);
        tokio::time::sleep(MOOD).await;
        gateway.process().kill();
        tokio::task::block_in_place(|| gateway.restart());
    }
    trouble.turn(Mood::Good);
    fill_up(&gateway, &disk, &trouble).await;
    tokio::time::sleep(BETWEEN).await;
    is_over.store(true, Relaxed);
    load.await.unwrap();
    gateway.delivered().await;

    let calls = journal(&path);
    let rows = recorded(&store).await;
    let answered = compare(&calls, &rows);
    assert!(answered > 1_000, "only {answered} calls were answered");
    let epochs = check_sums(&store).await;
    // One epoch for each life of the gateway in which it was called.
    assert!(epochs > ROUNDS / 2, "{epochs} epochs");
    let verdict = verify(&gateway);
    println!(
        "torture: {} kills, {} calls sent, {answered} answered, {} recorded, {epochs} epochs, disk {}, {:?}\n{verdict}",
        2 * ROUNDS + 4,
        calls.len(),
        rows.len(),
        if disk.is_mounted {
            "full for a while"
        } else {
            "not mountable: spool full for a while"
        },
        began.elapsed()
    );
}

/// The ids of all recorded calls that went well, each as often as it is there.
async fn recorded(store: &Store) -> Vec<String> {
    let sql =
        "SELECT rpc_id FROM gantry.audit_log WHERE outcome = 'ok' AND rpc_id LIKE 'torture-%'";
    let rows = store.select(sql).await;
    rows.iter()
        .map(|row| row["rpc_id"].as_str().unwrap().to_owned())
        .collect()
}

/// Everything answered is recorded, once, and nothing else; returns how much was answered.
fn compare(calls: &BTreeMap<String, bool>, rows: &[String]) -> usize {
    let answered: BTreeSet<&str> = calls
        .iter()
        .filter_map(|(id, answered)| answered.then_some(id.as_str()))
        .collect();
    let distinct: BTreeSet<&str> = rows.iter().map(String::as_str).collect();
    assert_eq!(rows.len(), distinct.len(), "calls are in the trail twice");
    let missing: Vec<_> = answered.difference(&distinct).take(10).collect();
    assert!(
        missing.is_empty(),
        "answered, but not in the trail: {missing:?}"
    );
    let invented: Vec<_> = distinct
        .iter()
        .filter(|id| !calls.contains_key(**id))
        .take(10)
        .collect();
    assert!(
        invented.is_empty(),
        "in the trail, but never sent: {invented:?}"
    );
    answered.len()
}

/// The roll-ups say what the rows say, and no number is missing or doubled; returns how many
/// epochs there are.
async fn check_sums(store: &Store) -> usize {
    let sums = "SELECT (SELECT count() FROM gantry.audit_log) AS rows, \
        (SELECT uniqExact(gateway, epoch, seq) FROM gantry.audit_log) AS distinct, \
        (SELECT sum(calls) FROM gantry.usage_1m) AS minutes, (SELECT sum(calls) FROM gantry.usage_1h) AS hours, \
        (SELECT sum(rows) FROM gantry.audit_seal) AS sealed";
    let sums = &store.select(sums).await[0];
    for sum in ["distinct", "minutes", "hours", "sealed"] {
        assert_eq!(sums["rows"], sums[sum], "{sums}");
    }
    println!("torture: {sums}");
    let gaps =
        "SELECT epoch, max(seq) - uniqExact(seq) AS missing FROM gantry.audit_log GROUP BY epoch";
    let gaps = store.select(gaps).await;
    for epoch in &gaps {
        assert_eq!(epoch["missing"], Value::from(0), "{epoch}");
    }
    gaps.len()
}

/// What `gantry audit verify` says, of the store and of the gateway's own seals.
fn verify(gateway: &Gateway) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_gantry"))
        .args(["audit", "verify", "--config"])
        .arg(gateway.folder.path().join("gantry.yaml"))
        .output()
        .unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let fault = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{said}{fault}");
    said
}
