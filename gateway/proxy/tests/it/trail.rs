//! Whose calls the trail keeps: pseudonyms and hashes, never persons and arguments.

use gantry_loadtest::fixture;
use serde_json::{Value, json};

use crate::{
    gateway::{Gateway, Store},
    issuer::Issuer,
    message::tool_call,
};

const ADA: &str = "ada@example.com";
const BOB: &str = "bob@example.com";

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
