//! Under load, the gateway and its store are killed in turn, the disk is full for a while, and
//! ClickHouse is slow, wrong and absent: nothing answered is missing from the trail, nothing is
//! there twice, and the chain of seals is whole.

use std::{
    collections::BTreeMap,
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

/// The code with which a gateway refuses a call that it could not record (JSON-RPC 2.0, "Error
/// object": internal error). Such a refusal is the one answer that may be missing from the trail.
const UNRECORDED: &str = "rpc error -32603";

/// What the generator knows of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    /// The server's result came whole.
    Result,
    /// The gateway said that it accepts no calls.
    Unaccepted,
    /// The request went out whole, and nothing came back: the call was made once or never, and if
    /// it was, its record may say that nobody knows how it ended.
    Nothing,
    /// The request never went out whole.
    NotSent,
}

/// Each call's id, and what became of it as far as its caller can tell.
fn journal(path: &Path) -> BTreeMap<String, Told> {
    let text = fs::read_to_string(path).unwrap();
    let line = |line: &str| {
        let fields: Vec<&str> = line.split('\t').collect();
        let told = match fields[1..] {
            ["answered", "ok"] => Told::Result,
            ["answered", UNRECORDED] => Told::Unaccepted,
            ["sent", _] => Told::Nothing,
            ["failed", _] => Told::NotSent,
            _ => panic!("the server never says this: {line}"),
        };
        (fields[0].to_owned(), told)
    };
    let lines = text.lines().count();
    let calls: BTreeMap<_, _> = text.lines().map(line).collect();
    assert_eq!(calls.len(), lines, "the generator used an id twice");
    calls
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
    } else {
        trouble.turn(Mood::Gone);
    }
    until_ready(gateway, 503).await;
}

fn clear(disk: &Disk, trouble: &Trouble) {
    if disk.is_mounted {
        disk.clear();
    }
    trouble.turn(Mood::Good);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_doubled_or_changed_whatever_happens() {
    let began = Instant::now();
    let mut store = Store::start().await;
    let trouble = Trouble::before(store.url().trim_start_matches("http://").to_owned()).await;
    let disk = Disk::new();
    let fixture = fixture::start(fixture::Options::default()).await.unwrap();
    let mut gateway = Gateway::start(&format!(
        "servers: {{server: {{url: '{}'}}}}\naudit: {{gateway: torture, intent: true, clickhouse: {{url: '{}', password: {STORE_PASSWORD}, timeout: 2s}}, spool: {{dir: '{}', bytes_max: 16MiB}}}}\ntelemetry: {{log: {{level: warn}}}}",
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
    clear(&disk, &trouble);
    until_ready(&gateway, 200).await;
    tokio::time::sleep(BETWEEN).await;
    // Once more, and now the gateway is killed in the middle of it.
    fill_up(&gateway, &disk, &trouble).await;
    gateway.process().kill();
    clear(&disk, &trouble);
    tokio::task::block_in_place(|| gateway.restart());
    until_ready(&gateway, 200).await;
    tokio::time::sleep(BETWEEN).await;
    is_over.store(true, Relaxed);
    load.await.unwrap();
    gateway.delivered().await;

    let calls = journal(&path);
    let rows = recorded(&store).await;
    let sums = compare(&calls, &rows);
    assert!(
        sums.answered > 1_000,
        "only {} calls were answered",
        sums.answered
    );
    assert!(sums.unaccepted > 0, "no call met the full disk");
    let epochs = check_sums(&store).await;
    // One epoch for each life of the gateway in which it was called.
    assert!(epochs > ROUNDS / 2, "{epochs} epochs");
    let verdict = verify(&gateway);
    println!(
        "torture: {} kills, {} calls sent, {} answered + {} recorded without an answer that arrived + {} refusals = {} in the trail, {} refused for want of room, {epochs} epochs, disk {}, {:?}\n{verdict}",
        2 * ROUNDS + 5,
        calls.len(),
        sums.answered,
        sums.unheard,
        sums.refusals,
        rows.len(),
        sums.unaccepted,
        if disk.is_mounted {
            "full twice"
        } else {
            "not mountable: spool full twice"
        },
        began.elapsed()
    );
}

/// The id and the outcome of every call in the trail, each as often as it is there.
async fn recorded(store: &Store) -> Vec<(String, String)> {
    let sql = "SELECT rpc_id, toString(outcome) AS outcome FROM gantry.audit_log";
    let rows = store.select(sql).await;
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    rows.iter()
        .map(|row| (text(&row["rpc_id"]), text(&row["outcome"])))
        .collect()
}

/// How many calls were answered with a result, refused for want of room, recorded without an
/// answer that arrived, and how many refusals found room after all.
struct Sums {
    answered: usize,
    unaccepted: usize,
    unheard: usize,
    refusals: usize,
}

/// Everything answered is recorded, once, as what was answered, and nothing else is.
fn compare(calls: &BTreeMap<String, Told>, rows: &[(String, String)]) -> Sums {
    let outcomes: BTreeMap<&str, &str> = rows
        .iter()
        .map(|(id, outcome)| (id.as_str(), outcome.as_str()))
        .collect();
    assert_eq!(rows.len(), outcomes.len(), "calls are in the trail twice");
    let wrong = |told: Told, is_right: fn(Option<&str>) -> bool| -> Vec<_> {
        calls
            .iter()
            .filter(|(_, said)| **said == told)
            .map(|(id, _)| (id, outcomes.get(id.as_str()).copied()))
            .filter(|(_, outcome)| !is_right(*outcome))
            .take(10)
            .collect()
    };
    let none: Vec<(&String, Option<&str>)> = Vec::new();
    let missing = wrong(Told::Result, |outcome| outcome == Some("ok"));
    assert_eq!(missing, none, "answered, but not in the trail");
    let belied = wrong(Told::Unaccepted, |outcome| outcome != Some("ok"));
    assert_eq!(belied, none, "refused, but well in the trail");
    let early = wrong(Told::NotSent, |outcome| outcome.is_none());
    assert_eq!(early, none, "never sent, but in the trail");
    let invented: Vec<_> = outcomes
        .keys()
        .filter(|id| !calls.contains_key(**id))
        .take(10)
        .collect();
    assert!(
        invented.is_empty(),
        "in the trail, but never made: {invented:?}"
    );
    let count = |told| calls.values().filter(|said| **said == told).count();
    let (answered, unaccepted) = (count(Told::Result), count(Told::Unaccepted));
    let recorded = |of: Told| {
        let of_it = calls.iter().filter(|(_, told)| **told == of);
        of_it
            .filter(|(id, _)| outcomes.contains_key(id.as_str()))
            .count()
    };
    let (unheard, refusals) = (recorded(Told::Nothing), recorded(Told::Unaccepted));
    assert_eq!(answered + unheard + refusals, rows.len());
    Sums {
        answered,
        unaccepted,
        unheard,
        refusals,
    }
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
