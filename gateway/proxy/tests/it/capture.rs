//! Arguments and results: never stored unless it is asked for, and then without what is anybody's.

use std::{path::Path, process::Command, time::Duration};

use gantry_loadtest::fixture;
use serde_json::{Value, json};

use crate::{
    gateway::{Gateway, Store},
    issuer::Issuer,
    message::{MODERN, answer_of, modern_body, post, tool_call},
};

const MAIL: &str = "ada.lovelace@example.com";
const TOKEN: &str = "ghp_16C7e42F292c6912E7710c838347Ae178B4a";

/// A gateway that captures what `capture` says, and the server behind it; `rest` are further sections.
async fn capturing(store: &Store, capture: &str, rest: &str) -> (Gateway, fixture::Running) {
    let fixture = fixture::start(fixture::Options::default()).await.unwrap();
    let audit = store.audit();
    let gateway = Gateway::start(&format!(
        "servers: {{server: {{url: '{}'}}}}\n{rest}\n{}",
        fixture.url(),
        audit.replacen('{', &format!("{{capture: {capture}, "), 1)
    ));
    (gateway, fixture)
}

async fn call(gateway: &Gateway, tool: &str, arguments: Value) -> Value {
    let id = json!(tool);
    let call = tool_call(&gateway.url("server"), &id, tool, arguments);
    answer_of(&id, &call.send().await.unwrap().text().await.unwrap())
}

/// Waits for `count` payloads, and gives all of them in the order of the calls.
async fn payloads(store: &Store, count: usize) -> Vec<Value> {
    let sql = "SELECT *, event_id, dateDiff('day', ts, expires) AS days FROM gantry.audit_payload \
        ORDER BY epoch, seq, direction";
    // As long as the pause after a failure, twice.
    let patience = tokio::time::Instant::now() + Duration::from_secs(60);
    loop {
        let rows = store.select(sql).await;
        if rows.len() >= count {
            return rows;
        }
        assert!(tokio::time::Instant::now() < patience, "{rows:#?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// What `gantry audit VERB` prints, and whether it succeeded.
fn audit(gateway: &Gateway, verb: &str, rest: &[&str]) -> (bool, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_gantry"))
        .args(["audit", verb, "--config", "gantry.yaml"])
        .args(rest)
        .current_dir(gateway.folder.path())
        .output()
        .unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(said).unwrap())
}

/// The value of a metric.
async fn metric(gateway: &Gateway, name: &str) -> u64 {
    let (_, page) = gateway.admin("/metrics").await;
    let line = page.lines().find_map(|line| line.strip_prefix(name));
    let line = line.unwrap_or_else(|| panic!("{name} is not in {page}"));
    line.trim().parse().unwrap()
}

/// Whether a file below `folder` holds the text.
fn holds(folder: &Path, text: &str) -> bool {
    std::fs::read_dir(folder).unwrap().any(|entry| {
        let path = entry.unwrap().path();
        if path.is_dir() {
            return holds(&path, text);
        }
        // Sockets cannot be read.
        let bytes = std::fs::read(&path).unwrap_or_default();
        bytes
            .windows(text.len())
            .any(|window| window == text.as_bytes())
    })
}

#[tokio::test]
async fn nothing_is_stored_unless_it_is_asked_for() {
    let store = Store::start().await;
    let fixture = fixture::start(fixture::Options::default()).await.unwrap();
    let mut gateway = Gateway::recording(&fixture.url(), &store);
    call(&gateway, "echo", json!({"text": "nobody asks for me"})).await;
    store.rows("tool = 'echo'", 1).await;
    assert!(gateway.process().terminate().success());
    assert_eq!(payloads(&store, 0).await, [] as [Value; 0]);
    assert!(!holds(&gateway.folder.path().join("spool"), "nobody asks"));
    // The table is there, and forgets.
    let table = "SELECT create_table_query AS ddl FROM system.tables WHERE database = 'gantry' AND name = 'audit_payload'";
    let table = store.select(table).await[0]["ddl"].to_string();
    assert!(table.contains("TTL expires"), "{table}");
}

#[tokio::test]
async fn chosen_calls_are_kept_without_what_is_anybodys() {
    let store = Store::start().await;
    let rest =
        "{tools: ['server/echo', '*/*progress'], arguments: true, results: true, keep_days: 3}";
    let (gateway, _fixture) = capturing(&store, rest, "").await;
    let text = format!("Zoë writes to {MAIL} with {TOKEN}");
    let answer = call(&gateway, "echo", json!({ "text": text })).await;
    // The caller has what the server said: no guardrail is set.
    assert_eq!(answer["result"]["content"][0]["text"], json!(text));
    call(&gateway, "fail", json!({"text": "another tool"})).await;
    // This one tells of its progress before it answers.
    let mut body = modern_body(
        &json!(3),
        "tools/call",
        json!({"name": "test_tool_with_progress", "arguments": {}}),
    );
    body["params"]["_meta"]["progressToken"] = json!("p");
    let steps = post(&gateway.url("server"))
        .header("mcp-protocol-version", MODERN)
        .header("mcp-method", "tools/call")
        .header("mcp-name", "test_tool_with_progress");
    let steps = steps.body(body.to_string()).send().await.unwrap();
    let steps = steps.text().await.unwrap();
    assert!(
        steps.matches("notifications/progress").count() > 1,
        "{steps}"
    );

    let rows = payloads(&store, 4).await;
    let told: Vec<_> = rows
        .iter()
        .map(|row| {
            (
                row["tool"].as_str().unwrap(),
                row["direction"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            ("echo", "request"),
            ("echo", "response"),
            ("test_tool_with_progress", "request"),
            ("test_tool_with_progress", "response"),
        ]
    );
    let sent: Value = serde_json::from_str(rows[0]["payload"].as_str().unwrap()).unwrap();
    let kept = sent["text"].as_str().unwrap();
    assert!(kept.starts_with("Zoë writes to [EMAIL] with ["), "{kept}");
    assert_eq!(
        rows[0]["bytes"],
        json!(json!({ "text": text }).to_string().len())
    );
    let answered: Value = serde_json::from_str(rows[1]["payload"].as_str().unwrap()).unwrap();
    assert_eq!(answered["content"][0]["text"], json!(kept));
    let steps: Value = serde_json::from_str(rows[3]["payload"].as_str().unwrap()).unwrap();
    assert_eq!(steps["content"][0]["text"], "Tool with progress completed");
    for row in &rows {
        assert_eq!(
            (&row["truncated"], &row["days"]),
            (&json!(0), &json!(3)),
            "{row}"
        );
        assert_eq!(row["server"], "server");
    }

    // They belong to their records, and are found by them.
    let records = store.rows("tool = 'echo'", 1).await;
    assert_eq!(rows[0]["seq"], records[0]["seq"]);
    assert_eq!(
        (&rows[0]["ts"], &rows[1]["seq"]),
        (&records[0]["ts"], &rows[0]["seq"])
    );
    let event = rows[0]["event_id"].as_str().unwrap();
    let (is_done, shown) = audit(&gateway, "payload", &[event]);
    assert!(
        is_done && shown.contains(kept) && shown.contains("request server/echo"),
        "{shown}"
    );
    let (is_done, shown) = audit(&gateway, "payload", &["--json", event]);
    assert!(is_done && shown.lines().count() == 2, "{shown}");
    let shown: Value = serde_json::from_str(shown.lines().nth(1).unwrap()).unwrap();
    assert_eq!(
        (&shown["direction"], &shown["payload"]),
        (&json!("response"), &rows[1]["payload"])
    );
    assert!(!audit(&gateway, "payload", &["test/1/1"]).0);
    assert!(!audit(&gateway, "payload", &["no id"]).0);

    let all = json!(rows).to_string();
    for secret in [MAIL, TOKEN, "lovelace"] {
        assert!(!all.contains(secret), "{secret} is in {all}");
        assert!(
            !holds(gateway.folder.path(), secret),
            "{secret} is on the disk"
        );
    }
    // What is delivered is counted a moment later.
    let delivered = "mcp_gateway_audit_payloads_total{stage=\"delivered\"}";
    let patience = tokio::time::Instant::now() + Duration::from_secs(20);
    while metric(&gateway, delivered).await < 4 {
        assert!(tokio::time::Instant::now() < patience);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(
        metric(
            &gateway,
            "mcp_gateway_audit_payloads_total{stage=\"dropped\"}"
        )
        .await,
        0
    );
}

#[tokio::test]
async fn what_is_too_long_is_cut_or_left_out_and_says_so() {
    let store = Store::start().await;
    let capture = "{tools: [server], arguments: true, results: true, bytes_max: 64B}";
    let (mut gateway, _fixture) = capturing(&store, capture, "").await;
    // The cut is within the address, which is redacted before.
    let text = format!("{} {MAIL} {}", "ü".repeat(20), "x".repeat(5_000));
    call(&gateway, "echo", json!({ "text": text })).await;
    call(&gateway, "sized", json!({"bytes": 3_000_000})).await;
    // What is under way when the process ends is stored.
    assert!(gateway.process().terminate().success());
    let rows = payloads(&store, 4).await;
    assert_eq!(rows.len(), 4);
    let kept = rows[0]["payload"].as_str().unwrap();
    assert!(
        kept.len() <= 64 && kept.contains("üü [EMA") && !kept.contains("ada"),
        "{kept}"
    );
    assert_eq!(
        rows[0]["bytes"],
        json!(json!({ "text": text }).to_string().len())
    );
    assert_eq!(
        [&rows[0]["truncated"], &rows[1]["truncated"]],
        [&json!(1), &json!(1)]
    );
    assert_eq!(
        (&rows[2]["payload"], &rows[2]["truncated"]),
        (&json!(r#"{"bytes":3000000}"#), &json!(0))
    );
    // Of what is too long to be inspected nothing is kept but that it was there.
    assert_eq!(
        (&rows[3]["payload"], &rows[3]["truncated"]),
        (&json!(""), &json!(1))
    );
    assert!(
        rows[3]["bytes"].as_u64().unwrap() > 3_000_000,
        "{}",
        rows[3]["bytes"]
    );
}

#[tokio::test]
async fn kept_is_what_has_passed_the_guardrails() {
    let store = Store::start().await;
    let guardrails = "guardrails: {patterns: {\
        ticket: {pattern: 'TCK-[0-9]{6}', action: redact}, \
        case: {pattern: 'CASE-[0-9]{6}', action: tokenise}, \
        stop: {pattern: 'STOP-[0-9]{6}', action: block}}, \
        rules: [{kinds: [case], action: tokenise, direction: response, detokenise: ['server/echo']}]}";
    let capture = "{tools: ['server/*'], arguments: true, results: true}";
    let (mut gateway, _fixture) = capturing(&store, capture, guardrails).await;
    let answer = call(&gateway, "echo", json!({"text": "TCK-123456"})).await;
    assert_eq!(answer["result"]["content"][0]["text"], "[ticket]");
    call(&gateway, "echo", json!({"text": "STOP-123456"})).await;
    // The server hears the value, the caller has a token, and so has the table.
    let token = call(&gateway, "echo", json!({"text": "CASE-654321"})).await;
    let token = token["result"]["content"][0]["text"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(token.starts_with("[case:t"), "{token}");
    call(&gateway, "echo", json!({ "text": token })).await;
    assert!(gateway.process().terminate().success());
    let rows = payloads(&store, 6).await;
    let all = json!(rows).to_string();
    assert_eq!(rows.len(), 6, "what was blocked is not kept: {all}");
    assert_eq!(rows[0]["payload"], json!(r#"{"text":"[ticket]"}"#));
    assert_eq!(
        rows[4]["payload"],
        json!(json!({ "text": token }).to_string())
    );
    for value in ["TCK-", "STOP-", "654321"] {
        assert!(!all.contains(value), "{value} is in {all}");
    }
}

#[tokio::test]
async fn what_there_is_no_room_for_is_dropped_and_counted_and_calls_go_on() {
    const CALLS: u64 = 75;
    let mut store = Store::start().await;
    let (gateway, _fixture) = capturing(&store, "{tools: ['server/*'], arguments: true}", "").await;
    store.stop();
    // Together more than the 64 MiB that may wait.
    let text = "all work and no play ".repeat(47_000);
    for number in 0..CALLS {
        let answer = call(&gateway, "fail", json!({"text": text, "number": number})).await;
        assert_eq!(answer["result"]["isError"], json!(true), "{answer}");
    }
    let dropped = metric(
        &gateway,
        "mcp_gateway_audit_payloads_total{stage=\"dropped\"}",
    )
    .await;
    assert!((1..CALLS).contains(&dropped), "{dropped}");
    assert_eq!(
        metric(
            &gateway,
            "mcp_gateway_audit_payloads_total{stage=\"delivered\"}"
        )
        .await,
        0
    );
    store.restart();
    // Every record is there, and so is every payload that had room.
    assert_eq!(
        store.rows("tool = 'fail'", CALLS as usize).await.len(),
        CALLS as usize
    );
    let rows = payloads(&store, (CALLS - dropped) as usize).await;
    assert_eq!(rows.len() as u64, CALLS - dropped);
}

#[tokio::test]
async fn a_persons_payloads_are_erased_with_the_link() {
    let store = Store::start().await;
    let issuer = Issuer::start();
    let rest = format!(
        "auth: {{resource: 'http://ADDRESS', issuers: [{{issuer: '{}'}}], agent: client_id}}\n\
         access: [{{allow: ['*']}}]",
        issuer.url()
    );
    let capture = "{tools: ['server/*'], arguments: true, results: true}";
    let (gateway, _fixture) = capturing(&store, capture, &rest).await;
    let url = gateway.url("server");
    for (person, text) in [("ada", "one"), ("bob", "two"), ("ada", "three")] {
        let claims = json!({"aud": url, "sub": person, "client_id": "assistant"});
        let token = issuer.mint(&json!({ "claims": claims })).await;
        let call = tool_call(&url, &json!(1), "echo", json!({ "text": text }));
        let answer = call.bearer_auth(token).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        answer.text().await.unwrap();
    }
    assert_eq!(payloads(&store, 6).await.len(), 6);
    gateway.delivered().await;
    let (is_done, said) = audit(&gateway, "erase", &["--subject", "ada"]);
    assert!(is_done && said.contains("deleted 4 captured"), "{said}");
    let rows = payloads(&store, 0).await;
    let kept: Vec<_> = rows.iter().map(|row| row["payload"].to_string()).collect();
    assert!(
        kept.len() == 2 && kept.iter().all(|text| text.contains("two")),
        "{kept:?}"
    );
    // The trail is as it was.
    assert_eq!(store.rows("tool = 'echo'", 3).await.len(), 3);
    let (is_whole, said) = audit(&gateway, "verify", &[]);
    assert!(is_whole, "{said}");
}
