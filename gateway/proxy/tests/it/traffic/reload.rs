//! Changes while calls are under way.

use std::time::Duration;

use futures::StreamExt;
use serde_json::json;

use super::{AUDIT, load::Load, metric, metric_becomes, three, urls};
use crate::{
    gateway::{Gateway, Store, client},
    message::{MODERN, modern_body, post},
};

fn write(gateway: &Gateway, change: impl Fn(&str) -> String) {
    let path = gateway.folder.path().join("gantry.yaml");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, change(&text)).unwrap();
}

async fn reload(gateway: &Gateway) -> (u16, String) {
    let response = client()
        .post(format!("http://{}/reload", gateway.admin))
        .send()
        .await
        .unwrap();
    (response.status().as_u16(), response.text().await.unwrap())
}

#[tokio::test]
async fn a_hundred_reloads_drop_nothing() {
    let fixtures = three();
    let gateway = Gateway::start(&format!(
        "servers: {{server: {{urls: {}}}}}\nstreams: {{keep_alive: 500ms}}\n{AUDIT}",
        urls(&fixtures)
    ));
    let url = gateway.url("server");
    // Streams that are open all along, one of each kind.
    let listen = modern_body(
        &json!("listen"),
        "subscriptions/listen",
        json!({"notifications": {"toolsListChanged": true}}),
    );
    let listening = post(&url)
        .header("mcp-protocol-version", MODERN)
        .header("mcp-method", "subscriptions/listen")
        .body(listen.to_string())
        .send()
        .await
        .unwrap();
    assert_eq!(listening.status(), 200);
    let mut listening = listening.bytes_stream();
    let session = super::sessions::Session::open(&url, |request| request).await;
    let get = session
        .within(client().get(&url))
        .header("accept", "text/event-stream");
    let mut events = get.send().await.unwrap().bytes_stream();

    let load = Load::start(&url, 8);
    for round in 0..100 {
        // Every other time a server comes or goes.
        write(&gateway, |text| match round % 2 {
            0 => text.replace(
                "servers: {",
                "servers: {other: {url: 'http://127.0.0.1:9/mcp'}, ",
            ),
            _ => text.replace("other: {url: 'http://127.0.0.1:9/mcp'}, ", ""),
        });
        let (status, text) = reload(&gateway).await;
        assert_eq!(status, 200, "{text}");
        load.more(10).await;
    }
    let done = load.stop().await;
    let failed: Vec<_> = done.iter().filter(|done| done.fault.is_some()).collect();
    assert!(failed.is_empty(), "{failed:?}");
    assert_eq!(session.echo().await, 200);
    // Both streams are alive: a comment comes after a silence.
    for stream in [&mut listening, &mut events] {
        let comment = tokio::time::timeout(Duration::from_secs(30), async {
            while let Some(piece) = stream.next().await {
                if piece.unwrap().ends_with(b":\n\n") {
                    return true;
                }
            }
            false
        });
        assert!(comment.await.unwrap());
    }
    println!("{} calls over 100 reloads, none failed", done.len());
}

#[tokio::test]
async fn what_is_wrong_changes_nothing_and_says_why() {
    let fixtures = three();
    let gateway = Gateway::start(&format!(
        "servers: {{server: {{urls: {}}}}}\n{AUDIT}",
        urls(&fixtures)
    ));
    let before = gateway.admin("/config").await;
    let path = gateway.folder.path().join("gantry.yaml");
    let good = std::fs::read_to_string(&path).unwrap();
    let attempts = [
        (good.replace("servers:", "server:"), "server"),
        (good.replace("urls:", "url:"), "url"),
        (
            good.replace(&gateway.address.to_string(), "127.0.0.1:1"),
            "listen.address",
        ),
        (
            good.replace(&gateway.admin.to_string(), "127.0.0.1:1"),
            "admin.address",
        ),
        (good.replace("gateway: test", "gateway: other"), "audit"),
        (String::new(), "servers"),
    ];
    for (text, named) in attempts {
        std::fs::write(&path, &text).unwrap();
        let (status, why) = reload(&gateway).await;
        assert_eq!(status, 422, "{text}");
        assert!(why.contains(named), "{named}: {why}");
        assert_eq!(
            metric(&gateway, "mcp_gateway_config_last_reload_success").await,
            0.0
        );
    }
    assert_eq!(gateway.admin("/config").await, before);
    let load = Load::start(&gateway.url("server"), 2);
    load.more(20).await;
    assert!(load.stop().await.iter().all(|done| done.fault.is_none()));
    // A reload is asked for by POST only.
    assert_eq!(gateway.admin("/reload").await.0, 404);
}

#[tokio::test]
async fn a_changed_file_and_a_signal_take_effect_by_themselves() {
    let fixtures = three();
    let mut gateway = Gateway::start(&format!(
        "servers: {{server: {{urls: {}}}}}\n{AUDIT}",
        urls(&fixtures)
    ));
    let more = |text: &str| {
        text.replace(
            "servers: {",
            "servers: {more: {url: 'http://127.0.0.1:9/mcp'}, ",
        )
    };
    write(&gateway, more);
    metric_becomes(
        &gateway,
        "mcp_gateway_endpoint_up{endpoint=\"127.0.0.1:9\"",
        1.0,
    )
    .await;
    write(&gateway, |text| text.replace("more: {url", "most: {url"));
    gateway.process().signal("HUP");
    let patience = tokio::time::Instant::now() + Duration::from_secs(10);
    while !gateway.admin("/config").await.1.contains("most:") {
        assert!(tokio::time::Instant::now() < patience, "{}", gateway.log());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn ending_under_load_drops_nothing_and_records_everything() {
    let store = Store::start().await;
    let fixtures = three();
    let mut gateway = Gateway::start(&format!(
        "servers: {{server: {{urls: {}}}}}\n{}",
        urls(&fixtures),
        store.audit()
    ));
    let load = Load::start(&gateway.url("server"), 8);
    load.more(500).await;
    let ended = {
        let ending = tokio::task::spawn_blocking(move || {
            let status = gateway.process().terminate();
            (gateway, status)
        });
        ending.await.unwrap()
    };
    let (_gateway, status) = ended;
    assert!(status.success(), "{status}");
    let done = load.stop().await;
    let answered = done.iter().filter(|done| done.fault.is_none()).count();
    // Whoever failed was never let in: its connection was refused, or closed before it called.
    let dropped: Vec<_> = done
        .iter()
        .filter_map(|done| done.fault.as_deref())
        .filter(|fault| !fault.contains("Connect") && !fault.contains("ConnectionRefused"))
        .collect();
    assert!(dropped.is_empty(), "{dropped:?}");
    let sql = "SELECT count() AS rows, countDistinct(rpc_id) AS calls FROM gantry.audit_log WHERE method = 'tools/call' AND outcome = 'ok'";
    let rows = &store.select(sql).await[0];
    let number = |value: &serde_json::Value| {
        value
            .as_str()
            .map_or_else(|| value.as_u64(), |text| text.parse().ok())
    };
    assert_eq!(number(&rows["rows"]), Some(answered as u64));
    assert_eq!(number(&rows["calls"]), Some(answered as u64));
    println!("{answered} calls answered until the end, all recorded once");
}

#[tokio::test]
async fn another_process_takes_over_without_a_dropped_call() {
    let store = Store::start().await;
    let fixtures = three();
    let mut gateway = Gateway::start(&format!(
        "servers: {{server: {{urls: {}}}}}\n{}",
        urls(&fixtures),
        store.audit()
    ));
    let load = Load::start(&gateway.url("server"), 8);
    load.more(300).await;
    let mut old = gateway.take_over();
    let status = tokio::task::spawn_blocking(move || old.wait())
        .await
        .unwrap();
    assert!(status.success(), "{status}");
    load.more(300).await;
    let done = load.stop().await;
    let failed: Vec<_> = done.iter().filter(|done| done.fault.is_some()).collect();
    assert!(failed.is_empty(), "{failed:?}\n{}", gateway.log());
    // Both processes' records arrive, each once.
    let patience = tokio::time::Instant::now() + Duration::from_secs(30);
    let sql = "SELECT toUInt32(count()) AS rows, toUInt32(countDistinct(rpc_id)) AS calls, toUInt32(countDistinct(epoch)) AS epochs FROM gantry.audit_log WHERE method = 'tools/call'";
    loop {
        let row = store.select(sql).await[0].clone();
        if row["calls"] == done.len() {
            assert_eq!(
                (&row["rows"], &row["epochs"]),
                (&json!(done.len()), &json!(2))
            );
            break;
        }
        assert!(
            tokio::time::Instant::now() < patience,
            "{row} of {}",
            done.len()
        );
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    println!(
        "{} calls over a change of processes, none failed, all recorded once",
        done.len()
    );
}
