//! Nothing answered is missing from the trail, and nothing is there twice, whatever is killed.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use gantry_loadtest::{
    fixture,
    load::{Extent, Options},
};
use serde_json::Value;

use crate::gateway::{Gateway, Store};

/// How often the gateway and the store are killed in turn.
const ROUNDS: usize = 4;
/// How long the load runs between two kills.
const BETWEEN: Duration = Duration::from_millis(700);
const CONNECTIONS: usize = 16;

/// What the generator knows of each call: its id, and whether its whole answer came.
fn journal(path: &std::path::Path) -> BTreeMap<String, bool> {
    let text = std::fs::read_to_string(path).unwrap();
    let line = |line: &str| {
        let mut fields = line.split('\t');
        let id = fields.next().unwrap().to_owned();
        (id, fields.next().unwrap() == "answered")
    };
    text.lines().map(line).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_answered_call_is_one_row_after_kills_of_the_gateway_and_of_the_store() {
    let mut store = Store::start().await;
    let fixture = fixture::start(fixture::Options::default()).await.unwrap();
    let mut gateway = Gateway::recording(&fixture.url(), &store);
    let path = gateway.folder.path().join("journal");
    let options = Options {
        connections: CONNECTIONS,
        extent: Extent {
            calls_max: None,
            duration: Some(BETWEEN * (2 * ROUNDS as u32 + 3)),
        },
        ids: Some("crash".to_owned()),
        journal: Some(path.clone()),
        ..Options::new(&gateway.url("server")).unwrap()
    };
    let load = tokio::spawn(gantry_loadtest::load::run(options));
    for _ in 0..ROUNDS {
        tokio::time::sleep(BETWEEN).await;
        gateway.process().kill();
        tokio::task::block_in_place(|| gateway.restart());
        tokio::time::sleep(BETWEEN).await;
        tokio::task::block_in_place(|| store.restart());
    }
    let report = load.await.unwrap().unwrap();
    println!("{report:?}");

    let calls = journal(&path);
    let answered: BTreeSet<&str> = calls
        .iter()
        .filter_map(|(id, answered)| answered.then_some(id.as_str()))
        .collect();
    assert!(
        answered.len() > 100 * ROUNDS,
        "{} calls were answered",
        answered.len()
    );
    assert!(answered.len() < calls.len(), "no call was hit by a kill");
    // Only when nothing is left to send can a row no longer come a second time.
    gateway.delivered().await;
    let rows = store
        .rows("rpc_id LIKE 'crash-%' AND outcome = 'ok'", answered.len())
        .await;
    let ids: Vec<&str> = rows
        .iter()
        .map(|row| row["rpc_id"].as_str().unwrap())
        .collect();
    let distinct: BTreeSet<&str> = ids.iter().copied().collect();
    let missing: Vec<_> = answered.difference(&distinct).collect();
    assert!(
        missing.is_empty(),
        "answered, but not in the trail: {missing:?}"
    );
    assert_eq!(ids.len(), distinct.len(), "calls are in the trail twice");
    let invented: Vec<_> = distinct
        .iter()
        .filter(|id| !calls.contains_key(**id))
        .collect();
    assert!(
        invented.is_empty(),
        "in the trail, but never sent: {invented:?}"
    );
    // What was recorded and not answered was in flight when the gateway was killed.
    assert!(distinct.len() - answered.len() <= CONNECTIONS * ROUNDS);

    // The roll-up counts what the rows say, and no sequence number is missing or doubled.
    let totals = store
        .select("SELECT (SELECT count() FROM gantry.audit_log) AS rows, (SELECT sum(calls) FROM gantry.usage_1m) AS rolled")
        .await;
    assert_eq!(totals[0]["rows"], totals[0]["rolled"]);
    let gaps = store
        .select("SELECT epoch, max(seq) - min(seq) + 1 - uniqExact(seq) AS missing, count() - uniqExact(seq) AS doubled FROM gantry.audit_log GROUP BY epoch")
        .await;
    // One epoch per life of the gateway in which it was called.
    assert!((2..=ROUNDS + 1).contains(&gaps.len()), "{gaps:?}");
    for epoch in gaps {
        assert_eq!(
            (&epoch["missing"], &epoch["doubled"]),
            (&Value::from(0), &Value::from(0))
        );
    }
}
