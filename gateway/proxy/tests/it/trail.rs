//! Whose calls the trail keeps, and how they are taken out of it.

use std::{
    process::{Command, Output},
    time::Duration,
};

use gantry_loadtest::fixture;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::{
    gateway::{Gateway, Store},
    issuer::Issuer,
    message::tool_call,
};

const ADA: &str = "ada@example.com";
const BOB: &str = "bob@example.com";

/// Runs `gantry audit VERB` on the configuration of `gateway`.
fn audit(gateway: &Gateway, verb: &str, rest: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_gantry"))
        .args(["audit", verb, "--config", "gantry.yaml"])
        .args(rest)
        .current_dir(gateway.folder.path())
        .output()
        .unwrap()
}

/// Whether it succeeded, and what it said.
fn said(output: Output) -> (bool, String) {
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(said).unwrap())
}

/// The four calls, once their records and whose they are have been delivered.
async fn delivered(store: &Store) -> Gateway {
    let gateway = calls(store).await;
    store.rows("tool = 'echo'", 4).await;
    gateway.delivered().await;
    gateway
}

/// A gateway whose callers are persons behind one agent, with four calls: three of Ada, one of Bob.
async fn calls(store: &Store) -> Gateway {
    let issuer = Issuer::start();
    let fixture = fixture::start(fixture::Options::default()).await.unwrap();
    let gateway = Gateway::start(&format!(
        "auth: {{resource: 'http://ADDRESS', issuers: [{{issuer: '{}'}}], agent: client_id}}\n\
         access: [{{allow: ['*']}}]\n\
         servers: {{server: {{url: '{}'}}}}\n{}",
        issuer.url(),
        fixture.url(),
        store.audit()
    ));
    let url = gateway.url("server");
    for (number, (person, text)) in [(ADA, "4711"), (ADA, "4711"), (BOB, "4711"), (ADA, "4712")]
        .into_iter()
        .enumerate()
    {
        let claims = json!({"aud": url, "sub": person, "client_id": "assistant"});
        let token = issuer.mint(&json!({ "claims": claims })).await;
        let call = tool_call(
            &url,
            &json!(format!("p-{number}")),
            "echo",
            json!({"text": text}),
        );
        let answer = call.bearer_auth(token).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{}", answer.text().await.unwrap());
        answer.text().await.unwrap();
    }
    gateway
}

#[tokio::test]
async fn persons_are_pseudonyms_and_arguments_are_hashes() {
    let store = Store::start().await;
    let gateway = calls(&store).await;
    let rows = store.rows("tool = 'echo'", 4).await;
    let column = |name: &str| -> Vec<&Value> { rows.iter().map(|row| &row[name]).collect() };
    let subjects = column("subject");
    assert_ne!(subjects[0], &json!(0));
    assert_eq!((subjects[0], subjects[0]), (subjects[1], subjects[3]));
    assert_ne!(subjects[0], subjects[2]);
    let hashes = column("args_hash");
    assert_ne!(hashes[0], &json!(0));
    assert_eq!((hashes[0], hashes[0]), (hashes[1], hashes[2]));
    assert_ne!(hashes[0], hashes[3]);
    assert_eq!(column("agent"), [&json!("assistant"); 4]);
    let kept = json!(rows).to_string();
    for secret in [ADA, BOB, "4711", "4712"] {
        assert!(!kept.contains(secret), "{secret} is in {kept}");
        assert!(!gateway.log().contains(secret), "{secret} is in the log");
    }
    // Who they are is told behind the rows.
    gateway.delivered().await;
    let link = "SELECT subject FROM gantry.subject WHERE display = 'ada@example.com'";
    let links = store.select(link).await;
    assert_eq!(
        links.iter().map(|row| &row["subject"]).collect::<Vec<_>>(),
        [subjects[0]]
    );
}

#[tokio::test]
async fn the_trail_is_exported_as_text_and_as_parquet() {
    let store = Store::start().await;
    let gateway = delivered(&store).await;
    let span = ["--since", "2000-01-01", "--until", "2100-01-01"];
    let (is_done, json) = said(audit(&gateway, "export", &span));
    assert!(is_done, "{json}");
    let exported: Vec<Value> = json
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(exported.len(), 4);
    let is_hex = |value: &Value, digits: usize| {
        let text = value.as_str().unwrap();
        text.len() == digits && text.bytes().all(|byte| byte.is_ascii_hexdigit())
    };
    for row in &exported {
        assert!(
            row["event_id"].as_str().unwrap().starts_with("test/"),
            "{row}"
        );
        assert!(is_hex(&row["trace_hex"], 32), "{row}");
        assert!(is_hex(&row["span_hex"], 16), "{row}");
        assert!(
            row.get("trace_id").is_none() && row.get("span_id").is_none(),
            "{row}"
        );
    }

    let csv = [&span[..], &["--format", "csv"]].concat();
    let (is_done, csv) = said(audit(&gateway, "export", &csv));
    assert!(is_done, "{csv}");
    assert!(csv.starts_with("\"gateway\",\"epoch\",\"seq\""), "{csv}");
    assert_eq!(csv.lines().count(), 5, "{csv}");

    let parquet = [&span[..], &["--format", "parquet"]].concat();
    let parquet = audit(&gateway, "export", &parquet).stdout;
    assert!(parquet.starts_with(b"PAR1") && parquet.ends_with(b"PAR1"));

    let before = ["--since", "2000-01-01", "--until", "2000-01-02"];
    assert_eq!(
        said(audit(&gateway, "export", &before)),
        (true, String::new())
    );
    let nonsense = ["--since", "no day", "--until", "2100-01-01"];
    let (is_done, text) = said(audit(&gateway, "export", &nonsense));
    assert!(!is_done && !text.contains("panicked"), "{text}");
}

#[tokio::test]
async fn a_person_is_forgotten_then_erased_and_the_rest_stays_whole() {
    let store = Store::start().await;
    let gateway = delivered(&store).await;
    let erase = |rest: &[&str]| {
        let person = ["--subject", ADA];
        said(audit(&gateway, "erase", &[&person, rest].concat()))
    };
    let (is_done, text) = erase(&[]);
    assert!(is_done && text.starts_with("forgot who "), "{text}");
    assert!(!text.contains(ADA), "{text}");
    let links = store.select("SELECT display FROM gantry.subject").await;
    assert_eq!(links, [json!({ "display": BOB })]);
    assert_eq!(store.rows("tool = 'echo'", 4).await.len(), 4);

    let (is_done, text) = erase(&["--records"]);
    assert!(!is_done && text.contains("--reason"), "{text}");
    let (is_done, text) = erase(&["--records", "--reason", "Art. 17"]);
    assert!(is_done && text.contains("erased 3 records"), "{text}");
    let rest = store.rows("tool = 'echo'", 1).await;
    assert_eq!(rest.len(), 1);
    assert_eq!(rest[0]["rpc_id"], json!("p-2"));
    let (is_whole, text) = said(audit(&gateway, "verify", &[]));
    assert!(is_whole && text.contains("3 erased"), "{text}");
}

#[tokio::test]
async fn price_books_are_loaded_and_calls_repriced() {
    let store = Store::start().await;
    let fixture = fixture::start(fixture::Options::default()).await.unwrap();
    let gateway = Gateway::start(&format!(
        "prices:\n  currency: USD\n  books:\n    old: {{prices: [{{per_call: 100}}]}}\n    \
         new: {{valid_from: 2026-01-01, prices: [{{per_call: 0.25}}, {{tool: server/echo, per_call: 0.5, per_1k_in: 10}}]}}\n\
         servers: {{server: {{url: '{}'}}}}\n{}",
        fixture.url(),
        store.audit()
    ));
    gateway.logs("price books are loaded").await;
    let url = gateway.url("server");
    for id in ["c-1", "c-2"] {
        let call = tool_call(&url, &json!(id), "echo", json!({"text": "hello world"}));
        call.send().await.unwrap().text().await.unwrap();
    }
    store.rows("tool = 'echo'", 2).await;

    assert_eq!(
        said(audit(&gateway, "migrate", &[])),
        (true, "up to date\n".to_owned())
    );
    let reprice = |rest: &[&str]| {
        let span = ["--since", "2000-01-01", "--until", "2100-01-01", "--json"];
        said(audit(&gateway, "reprice", &[&span, rest].concat()))
    };
    let row = |(is_done, text): (bool, String)| -> Value {
        assert!(is_done && text.lines().count() == 1, "{text}");
        serde_json::from_str(&text).unwrap()
    };
    let as_charged = row(reprice(&[]));
    assert_eq!(as_charged["book"], "new");
    assert_eq!(as_charged["charged"], "1.12", "twice 0.50 + 0.06");
    assert_eq!(as_charged["difference"], "0");
    let by_old = row(reprice(&["--book", "old"]));
    assert_eq!(
        (&by_old["calls"], &by_old["repriced"]),
        (&json!(2), &json!("200"))
    );
    let (is_done, text) = reprice(&["--book", "none"]);
    assert!(!is_done && text.contains("no price book none"), "{text}");

    // Another text takes effect, and is loaded, without a new start.
    let file = gateway.folder.path().join("gantry.yaml");
    let config = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, config.replace("per_call: 100", "per_call: 10")).unwrap();
    let patience = tokio::time::Instant::now() + Duration::from_secs(30);
    loop {
        let (is_done, text) = reprice(&["--book", "old"]);
        if is_done {
            assert_eq!(row((is_done, text))["repriced"], "20");
            break;
        }
        assert!(text.contains("run `gantry audit migrate`"), "{text}");
        assert!(tokio::time::Instant::now() < patience, "{text}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

#[tokio::test]
async fn the_holder_of_a_key_has_the_claims_that_the_configuration_gives_it() {
    let store = Store::start().await;
    let fixture = fixture::start(fixture::Options::default()).await.unwrap();
    let keys = ["acme", "globex"].map(|tenant| {
        let digest = Sha256::digest(format!("key of {tenant}"));
        let digits: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        format!("{{sha256: '{digits}', agent: bot, teams: [ops], claims: {{tid: {tenant}}}}}")
    });
    let gateway = Gateway::start(&format!(
        "auth: {{api_keys: [{}]}}\n\
         access: [{{claims: {{tid: acme}}, allow: ['*']}}]\n\
         prices: {{currency: USD, tenant_claim: tid, books: {{b: {{prices: [{{per_call: 1}}, {{tenant: acme, per_call: 2}}]}}}}}}\n\
         servers: {{server: {{url: '{}'}}}}\n{}",
        keys.join(", "),
        fixture.url(),
        store.audit()
    ));
    for (tenant, status) in [("acme", 200), ("globex", 403)] {
        let call = tool_call(
            &gateway.url("server"),
            &json!(tenant),
            "echo",
            json!({"text": "x"}),
        );
        let call = call.header("x-api-key", format!("key of {tenant}"));
        let answer = call.send().await.unwrap();
        assert_eq!(answer.status(), status);
        answer.text().await.unwrap();
    }
    let rows = store.rows("tool = 'echo'", 2).await;
    let told = |row: &Value| (row["tenant"].clone(), row["outcome"].clone());
    assert_eq!(told(&rows[0]), (json!("acme"), json!("ok")));
    assert_eq!(told(&rows[1]), (json!("globex"), json!("denied")));
    // Its tenant's own price.
    assert_eq!(rows[0]["cost"], json!(2));
}
