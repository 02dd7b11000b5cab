//! What is sent to a cluster and asked of it, on a cluster of one server. Its tables are those of the
//! migrations, but for replicas: the engine has no Keeper.

use std::time::Duration;

use bytes::Bytes;
use gantry_analytics::{
    Delivery, EventId, export,
    payload::{self, Direction, Dispatch, Payload, Settings},
    seal::Signer,
    verify::{self, Keys},
};
use tempfile::tempdir;

use crate::{
    delivery::quick,
    prices::reprices,
    sample::{TS_US, append, close, open},
    store::RunningStore,
};

const LIMIT: Duration = Duration::from_secs(60);

#[tokio::test]
async fn books_are_loaded_and_calls_repriced_over_the_shards() {
    reprices(&RunningStore::start_clustered().await).await;
}

#[tokio::test]
async fn the_trail_is_delivered_to_a_shard_and_read_over_all() {
    let running = RunningStore::start_clustered().await;
    let dir = tempdir().unwrap();
    let log = open(dir.path());
    append(&log, 0..1_000).await;
    let signer = Signer::load_or_make(&dir.path().join("seal.key")).unwrap();
    let keys = Keys(vec![signer.public().clone()]);
    let settings = gantry_analytics::delivery::Settings {
        signer: Some(signer),
        ..quick()
    };
    let delivery = Delivery::start(&log, running.store(), settings).unwrap();
    delivery.stop(LIMIT);
    running.assert_exactly(1_000).await;
    assert_eq!(
        running.number("SELECT count() FROM audit_log_local").await,
        1_000
    );
    let report = verify::store(&running.store(), &keys, Some(dir.path())).await;
    assert!(report.unwrap().is_whole());
    let mut out = Vec::new();
    let (since, until) = ("2026-01-01", "2027-01-01");
    export::export(
        &running.store(),
        since,
        until,
        export::Format::Json,
        &mut out,
    )
    .await
    .unwrap();
    assert_eq!(out.iter().filter(|byte| **byte == b'\n').count(), 1_000);
    close(log);
}

#[tokio::test]
async fn payloads_are_stored_on_a_shard_and_found_over_all() {
    let running = RunningStore::start_clustered().await;
    let settings = Settings {
        bytes_max: 8,
        keep: Duration::from_secs(10 * 365 * 24 * 60 * 60),
        insert_timeout: LIMIT,
    };
    let inspect = |text: &[u8]| (text != b"secret").then(|| text.to_vec());
    let (outbox, dispatch) =
        Dispatch::start(&running.store(), settings, Box::new(inspect)).unwrap();
    let id = EventId::parse("gw-1/7/42").unwrap();
    for (direction, text) in [
        (Direction::Response, "secret"),
        (Direction::Request, "{\"a\":\"long\"}"),
    ] {
        let payload = Payload {
            id: id.clone(),
            direction,
            ts_us: TS_US,
            tenant: "acme".to_owned(),
            subject: 7,
            server: "orders".to_owned(),
            tool: "get".to_owned(),
            bytes: text.len() as u64,
            text: Some(Bytes::from(text)),
        };
        outbox.keep(payload, outbox.room());
    }
    dispatch.stop(LIMIT);
    let counts = outbox.counts();
    assert_eq!(
        (counts.delivered, counts.withheld, counts.dropped),
        (2, 1, 0)
    );
    let kept = payload::of(&running.store(), &id).await.unwrap();
    let kept: Vec<_> = kept
        .iter()
        .map(|one| {
            (
                one.direction.as_str(),
                one.payload.as_str(),
                one.truncated,
                one.bytes,
            )
        })
        .collect();
    assert_eq!(
        kept,
        [("request", "{\"a\":\"lo", 1, 12), ("response", "", 1, 6)]
    );
    let other = EventId::parse("gw-1/7/43").unwrap();
    assert!(
        payload::of(&running.store(), &other)
            .await
            .unwrap()
            .is_empty()
    );
}
