//! kill -9 in the middle of writing: no acknowledged row is lost.

use std::{
    collections::HashSet,
    env,
    io::{BufRead, BufReader, Write},
    ops::ControlFlow,
    path::Path,
    process::{Command, Stdio},
};

use gantry_analytics::wal::replay;
use tempfile::tempdir;

use crate::sample::{call, open};

/// Names the directory to the process that is to be killed.
const DIR: &str = "GANTRY_TEST_KILLED_LOG";
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
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..4 {
        let log = log.clone();
        tasks.spawn(async move {
            for n in 0.. {
                let event = log.append(call(n).encode()).await.unwrap();
                // One write: lines of several tasks must not mix.
                let line = format!("acknowledged {event}\n");
                std::io::stdout().write_all(line.as_bytes()).unwrap();
            }
        });
    }
    tasks.join_all().await;
}

/// Starts the writer, kills it after `acknowledgements`, returns every one that it gave.
fn write_and_kill(dir: &Path, acknowledgements: usize) -> HashSet<String> {
    let mut writer = Command::new(env::current_exe().unwrap())
        .args(["--exact", "kill::writing_until_killed", "--nocapture"])
        .env(DIR, dir)
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
        let new = write_and_kill(dir.path(), round);
        assert!(new.len() >= round, "the writer ended by itself");
        acknowledged.extend(new);
    }
    let log = open(dir.path());
    let mut kept = HashSet::new();
    let visit = |event: gantry_analytics::EventId, _: &[u8]| {
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
