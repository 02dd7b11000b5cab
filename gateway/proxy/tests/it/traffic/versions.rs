//! Versions: who sees which, and what becomes of a bad one.

use std::{collections::BTreeSet, fmt::Write as _, time::Duration};

use reqwest::RequestBuilder;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{AUDIT, calls, metric, metric_becomes, sessions::Session, set_faults};
use crate::{
    gateway::{Gateway, Store, client, client_builder, fixture},
    message::{MODERN, modern_body, post, tool_call, tool_call_of},
    process::Process,
    raw::{Raw, Step},
};

const AGENTS: usize = 200;
const CALLS: usize = 10_000;

/// Agents with a key each, as the configuration names them.
fn agents(count: usize) -> String {
    let mut auth = "access: [{allow: ['*']}]\nauth:\n  api_keys:\n".to_owned();
    for agent in 0..count {
        let digest = Sha256::digest(key(agent));
        let hex = digest.iter().fold(String::new(), |mut hex, byte| {
            write!(hex, "{byte:02x}").unwrap();
            hex
        });
        let team = if agent == 1 { "teams: [testers], " } else { "" };
        writeln!(
            auth,
            "    - {{sha256: '{hex}', {team}agent: agent-{agent}}}"
        )
        .unwrap();
    }
    auth
}

fn key(agent: usize) -> String {
    format!("key-of-agent-{agent}-0123456789abcdef0123456789abcdef")
}

fn by(agent: usize, request: RequestBuilder) -> RequestBuilder {
    request.header("x-api-key", key(agent))
}

fn two_versions(v1: &Process, v2: &Process, more: &str) -> String {
    let [v1, v2] = [v1, v2].map(|version| format!("http://{}/mcp", version.address));
    format!(
        "servers:\n  server:\n    versions:\n      v1: {{url: '{v1}', weight: 90}}\n      v2: {{url: '{v2}', weight: 10}}\n{more}"
    )
}

#[tokio::test]
async fn every_agent_and_session_stays_on_its_version_and_shares_follow_the_weights() {
    let store = Store::start().await;
    let (v1, v2) = (fixture(), fixture());
    let config = format!(
        "{}{}{}",
        two_versions(&v1, &v2, ""),
        agents(AGENTS),
        store.audit()
    );
    let gateway = Gateway::start(&config);
    let url = gateway.url("server");
    // One half of the agents calls without sessions, the other half within two sessions each.
    let callers = (0..AGENTS).map(|agent| {
        let url = url.clone();
        tokio::spawn(async move {
            let client = client_builder().build().unwrap();
            if agent % 2 == 0 {
                for call in 0..CALLS / AGENTS {
                    let id = json!(format!("{agent}-{call}"));
                    let call = tool_call_of(&client, &url, &id, "echo", json!({"text": "hi"}));
                    assert_eq!(by(agent, call).send().await.unwrap().status(), 200);
                }
            } else {
                for _ in 0..2 {
                    let session = Session::open(&url, |request| by(agent, request)).await;
                    for _ in 0..CALLS / AGENTS / 2 {
                        assert_eq!(session.echo_by(|request| by(agent, request)).await, 200);
                    }
                }
            }
        })
    });
    for caller in callers.collect::<Vec<_>>() {
        caller.await.unwrap();
    }
    gateway.delivered().await;
    let seen = store
        .select(
            "SELECT agent, groupUniqArray(server_version) AS versions, toUInt32(count()) AS calls
             FROM gantry.audit_log WHERE method = 'tools/call' AND outcome = 'ok' GROUP BY agent",
        )
        .await;
    assert_eq!(seen.len(), AGENTS);
    assert!(
        seen.iter()
            .all(|row| row["versions"].as_array().unwrap().len() == 1),
        "{seen:#?}"
    );
    let made: u64 = seen.iter().map(|row| row["calls"].as_u64().unwrap()).sum();
    assert_eq!(made, CALLS as u64);
    let strays = store
        .select(
            "SELECT session_id FROM gantry.audit_log WHERE session_id != ''
             GROUP BY session_id HAVING countDistinct(server_version, endpoint) > 1",
        )
        .await;
    assert_eq!(strays, Vec::<Value>::new());
    let on_v2 = seen.iter().filter(|row| row["versions"][0] == "v2").count();
    // Five standard deviations of a binomial distribution around 20 of 200.
    let deviation = (AGENTS as f64 * 0.1 * 0.9).sqrt();
    println!(
        "{on_v2} of {AGENTS} agents and {} of {CALLS} calls on the version of weight 10",
        calls(&v2).await
    );
    assert!((on_v2 as f64 - 20.0).abs() <= 5.0 * deviation, "{on_v2}");
    assert!(on_v2 > 0);
}

#[tokio::test]
async fn a_session_of_another_agent_is_unknown() {
    let store = Store::start().await;
    let server = fixture();
    let gateway = Gateway::start(&format!(
        "servers: {{server: {{url: 'http://{}/mcp'}}}}\n{}{}",
        server.address,
        agents(2),
        store.audit()
    ));
    let url = gateway.url("server");
    let session = Session::open(&url, |request| by(0, request)).await;
    assert_eq!(session.echo_by(|request| by(1, request)).await, 404);
    assert_eq!(session.echo_by(|request| by(0, request)).await, 200);
    let stolen = by(1, session.within(client().delete(&url)));
    assert_eq!(stolen.send().await.unwrap().status(), 404);
    assert_eq!(session.echo_by(|request| by(0, request)).await, 200);
    let rows = store.rows("agent = 'agent-1'", 2).await;
    assert!(
        rows.iter().all(|row| row["outcome"] == "denied"),
        "{rows:#?}"
    );
    assert_eq!(calls(&server).await, 2);
}

#[tokio::test]
async fn a_bad_canary_is_withdrawn_by_itself_and_stays_so() {
    let store = Store::start().await;
    let (v1, v2) = (fixture(), fixture());
    let canary = "    canary: {watch: 30s, max_error_ratio: 2x, max_p95_ratio: 2x, min_calls: 40}\n    health: {check: none}\n";
    let config = format!(
        "{}{}{}",
        two_versions(&v1, &v2, canary),
        agents(AGENTS),
        store.audit()
    );
    let gateway = Gateway::start(&config);
    let url = gateway.url("server");
    set_faults(&v2, 0, 500).await;
    let client = client_builder().build().unwrap();
    let (mut failed, mut hurt, mut last_failed) = (0, BTreeSet::new(), 0);
    for call in 0..1_500 {
        let agent = call % AGENTS;
        let request = tool_call_of(&client, &url, &json!(call), "echo", json!({"text": "hi"}));
        if by(agent, request).send().await.unwrap().status() != 200 {
            failed += 1;
            hurt.insert(agent);
            last_failed = call;
        }
    }
    println!(
        "blast radius: {failed} of 1500 calls and {} of {AGENTS} agents, until call {last_failed}",
        hurt.len()
    );
    assert_eq!(
        failed, 40,
        "as many calls as it takes to judge, and not one more"
    );
    let gauge = "mcp_gateway_canary_withdrawn{server=\"server\",server_version=\"v2\"}";
    assert_eq!(metric(&gateway, gauge).await, 1.0);
    gateway.logs("a canary is withdrawn").await;
    let rows = store.rows("method = 'gantry/canary_withdrawn'", 1).await;
    assert_eq!(
        (&rows[0]["server"], &rows[0]["server_version"]),
        (&json!("server"), &json!("v2"))
    );
    let why = rows[0]["error"].as_str().unwrap();
    assert!(
        why.starts_with("errors are too high: 40 of 40 calls failed"),
        "{why}"
    );

    // The version is well again, but only the operator gives it its weight back.
    set_faults(&v2, 0, 0).await;
    let admin = |path: &str| {
        client
            .post(format!("http://{}{path}", gateway.admin))
            .send()
    };
    assert_eq!(admin("/reload").await.unwrap().status(), 200);
    let everybody = async || {
        for agent in 0..AGENTS {
            let request = tool_call_of(&client, &url, &json!("x"), "echo", json!({"text": "hi"}));
            assert_eq!(by(agent, request).send().await.unwrap().status(), 200);
        }
    };
    everybody().await;
    assert_eq!(calls(&v2).await, 0);
    let reset = admin("/canary/reset").await.unwrap();
    assert_eq!(
        reset.text().await.unwrap(),
        "server/v2 has its weight again\n"
    );
    assert_eq!(metric(&gateway, gauge).await, 0.0);
    everybody().await;
    assert_eq!(calls(&v2).await, hurt.len() as u64);
}

#[tokio::test]
async fn a_slow_canary_is_withdrawn_too() {
    let (v1, v2) = (fixture(), fixture());
    let canary =
        "    canary: {watch: 60s, max_p95_ratio: 3x, min_calls: 20}\n    health: {check: none}\n";
    let gateway = Gateway::start(&format!(
        "{}{}{AUDIT}",
        two_versions(&v1, &v2, canary),
        agents(AGENTS)
    ));
    set_faults(&v2, 150, 0).await;
    let url = gateway.url("server");
    let gauge = "mcp_gateway_canary_withdrawn{server=\"server\",server_version=\"v2\"}";
    let client = client_builder().build().unwrap();
    let mut calls = 0;
    while metric(&gateway, gauge).await != 1.0 {
        assert!(calls < 1_000, "{}", gateway.log());
        for agent in 0..50 {
            let request = tool_call_of(&client, &url, &json!(agent), "echo", json!({"text": "hi"}));
            assert_eq!(by(agent, request).send().await.unwrap().status(), 200);
            calls += 1;
        }
    }
    gateway.logs("a canary is withdrawn").await;
}

#[tokio::test]
async fn agents_teams_and_headers_are_pinned() {
    let (v1, v2) = (fixture(), fixture());
    let pins = "    pins: [{header: x-version, value: v2, version: v2}, {agent: agent-0, version: v2}, {team: testers, version: v2}, {header: x-other, version: v1}]\n";
    let gateway = Gateway::start(&format!(
        "{}{}{AUDIT}",
        two_versions(&v1, &v2, pins).replace("weight: 10", "weight: 0"),
        agents(3)
    ));
    let url = gateway.url("server");
    for (agent, header, pinned) in [
        (0, ("x-none", ""), true),
        (1, ("x-none", ""), true),
        (2, ("x-none", ""), false),
        (2, ("x-version", "v2"), true),
        (2, ("x-version", "v1"), false),
        (0, ("x-other", "anything"), true),
    ] {
        let before = calls(&v2).await;
        let call = tool_call(&url, &json!(1), "echo", json!({"text": "hi"}));
        let call = by(agent, call).header(header.0, header.1);
        assert_eq!(call.send().await.unwrap().status(), 200);
        assert_eq!(
            calls(&v2).await - before,
            u64::from(pinned),
            "{agent} {header:?}"
        );
    }
}

#[tokio::test]
async fn calls_of_tools_that_only_read_are_mirrored_and_compared() {
    let (v1, v2) = (fixture(), fixture());
    let mirror = "    mirror: {version: v2}\n    retry: {tools: [echo]}\n";
    let versions = two_versions(&v1, &v2, mirror).replace("weight: 10", "weight: 0");
    let gateway = Gateway::start(&format!("{versions}{AUDIT}"));
    let url = gateway.url("server");
    let echo = async || {
        let call = tool_call(&url, &json!(1), "echo", json!({"text": "hi"}));
        assert_eq!(call.send().await.unwrap().status(), 200);
    };
    let counted = |reason: &str| {
        format!("mcp_gateway_mirrored_calls_total{{reason=\"{reason}\",server=\"server\"}}")
    };
    echo().await;
    metric_becomes(&gateway, &counted("alike"), 1.0).await;
    assert_eq!(calls(&v2).await, 1);
    // A tool that may change something is never copied.
    let other = tool_call(&url, &json!(2), "slow", json!({"ms": 1}));
    assert_eq!(other.send().await.unwrap().status(), 200);
    // A copy that fails, or takes long, is nothing to the caller.
    set_faults(&v2, 0, 500).await;
    echo().await;
    metric_becomes(&gateway, &counted("failed"), 1.0).await;
    set_faults(&v2, 20_000, 0).await;
    let begun = std::time::Instant::now();
    echo().await;
    assert!(begun.elapsed() < Duration::from_secs(20));
    assert_eq!(calls(&v2).await, 1);
}

#[tokio::test]
async fn a_call_is_repeated_only_where_the_tool_says_that_it_may() {
    let list = r#"{"jsonrpc":"2.0","id":"list","result":{"tools":[
        {"name":"get","inputSchema":{"type":"object"},"annotations":{"readOnlyHint":true}},
        {"name":"put","inputSchema":{"type":"object"},"annotations":{"destructiveHint":true}}]}}"#;
    let good = Raw::answering("application/json", list.as_bytes()).await;
    let bad = Raw::start(vec![Step::Close]).await;
    let gateway = Gateway::start(&format!(
        "servers: {{server: {{urls: ['{}', '{}'], health: {{check: none, eject_after: 0, open_after: 0}}}}}}\n{AUDIT}",
        bad.url, good.url
    ));
    let url = gateway.url("server");
    let call = async |tool: &str| {
        let call = tool_call(&url, &json!(1), tool, json!({}));
        call.send().await.unwrap().status().as_u16()
    };
    let two = async |tool: &str| {
        let mut statuses = [call(tool).await, call(tool).await];
        statuses.sort();
        statuses
    };
    assert_eq!(two("get").await, [200, 502], "nothing is known of it yet");
    for _ in 0..2 {
        let list = post(&url)
            .header("mcp-protocol-version", MODERN)
            .header("mcp-method", "tools/list")
            .body(modern_body(&json!("list"), "tools/list", json!({})).to_string());
        assert_eq!(
            list.send().await.unwrap().status(),
            200,
            "reading may be repeated"
        );
    }
    assert_eq!(two("get").await, [200, 200]);
    assert_eq!(two("put").await, [200, 502]);
}
