//! What the metrics say about this moment: connections that are open, keys that age.

use std::time::Duration;

use gantry_loadtest::fixture;
use serde_json::json;
use tokio::net::TcpStream;

use crate::{gateway::Gateway, issuer::Issuer, message::tool_call};

/// Waits until a series of the metrics fulfils `condition`.
async fn becomes(gateway: &Gateway, series: &str, condition: impl Fn(f64) -> bool) {
    let patience = tokio::time::Instant::now() + Duration::from_secs(10);
    loop {
        let (_, page) = gateway.admin("/metrics").await;
        let line = page.lines().find_map(|line| line.strip_prefix(series));
        let value = line.and_then(|value| value.trim().parse().ok());
        if value.is_some_and(&condition) {
            return;
        }
        assert!(tokio::time::Instant::now() < patience, "{series}: {page}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn open_connections_are_counted() {
    let gateway = Gateway::before("http://127.0.0.1:1/mcp");
    let series = "mcp_gateway_downstream_connections ";
    becomes(&gateway, series, |open| open == 0.0).await;
    let one = TcpStream::connect(gateway.address).await.unwrap();
    let two = TcpStream::connect(gateway.address).await.unwrap();
    becomes(&gateway, series, |open| open == 2.0).await;
    drop(one);
    becomes(&gateway, series, |open| open == 1.0).await;
    drop(two);
    becomes(&gateway, series, |open| open == 0.0).await;
}

#[tokio::test]
async fn the_age_of_an_issuers_keys_is_told() {
    let issuer = Issuer::start();
    let fixture = fixture::start(fixture::Options::default()).await.unwrap();
    let gateway = Gateway::start(&format!(
        "auth: {{resource: 'http://ADDRESS', issuers: [{{issuer: '{}'}}, {{issuer: 'http://127.0.0.1:1'}}], agent: sub}}\n\
         access: [{{allow: ['*']}}]\n\
         servers: {{server: {{url: '{}'}}}}\naudit: {{gateway: test, spool: {{dir: SPOOL}}}}",
        issuer.url(),
        fixture.url()
    ));
    let url = gateway.url("server");
    let token = issuer
        .mint(&json!({"claims": {"aud": url, "sub": "bot"}}))
        .await;
    let call = tool_call(&url, &json!(1), "echo", json!({"text": "x"}));
    let answer = call.bearer_auth(token).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let age = |issuer: &str| format!("mcp_gateway_jwks_age_seconds{{issuer=\"{issuer}\"}} ");
    becomes(&gateway, &age(&issuer.url()), |age| age > 0.0 && age < 60.0).await;
    // One that has never given any is as old as the question.
    becomes(&gateway, &age("http://127.0.0.1:1"), |age| age > 1.0).await;
}
