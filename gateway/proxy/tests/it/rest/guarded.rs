//! A REST service that answers only those who come with a token for it.

use serde_json::{Value, json};

use super::AUDIT;
use crate::{
    gateway::{Gateway, client},
    issuer::Issuer,
    message::{answer_of, tool_call},
    peer::orders_api,
    process::Process,
};

/// The gateway knows its callers by the issuer, and itself signs in to the service in this way.
fn site(issuer: &Issuer, how: &str) -> (Process, Gateway) {
    let service = orders_api(&issuer.url());
    let (address, issuer) = (&service.address, issuer.url());
    let gateway = Gateway::start(&format!(
        "auth: {{resource: 'http://ADDRESS', issuers: [{{issuer: '{issuer}'}}]}}\naccess: [{{allow: ['*']}}]\n\
         guardrails: {{pii: redact}}\n\
         servers: {{server: {{openapi: {{spec: 'http://{address}/openapi.json', base_url: 'http://{address}/v1'}}, \
         auth: {{{how}: {{token_url: '{issuer}/token', client_id: gateway, client_secret: gateway-secret}}}}}}}}\n{AUDIT}"
    ));
    (service, gateway)
}

async fn call(gateway: &Gateway, token: &str, tool: &str, arguments: Value) -> (u16, String) {
    let call = tool_call(&gateway.url("server"), &json!(1), tool, arguments);
    let answer = call.bearer_auth(token).send().await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

async fn seen(service: &Process) -> Value {
    let url = format!("http://{}/seen", service.address);
    client()
        .get(url)
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap()
}

#[tokio::test]
async fn the_gateway_signs_in_to_a_rest_service() {
    let issuer = Issuer::start();
    let (service, gateway) = site(&issuer, "client_credentials");
    let claims = json!({"claims": {"aud": gateway.url("server"), "sub": "alice"}});
    let token = issuer.mint(&claims).await;
    let before = issuer.asked("token").await;
    for _ in 0..3 {
        let (status, body) = call(&gateway, &token, "getOrder", json!({"id": "7"})).await;
        assert_eq!(status, 200, "{body}");
        let order = answer_of(&json!(1), &body)["result"]["structuredContent"].clone();
        assert_eq!(order["id"], "7");
        // What the service says passes the guardrails.
        assert!(!body.contains("jane.roe"), "{body}");
    }
    let (_, body) = call(
        &gateway,
        &token,
        "addOrder",
        json!({"item": "tea", "count": 2}),
    )
    .await;
    let placed = answer_of(&json!(1), &body)["result"]["structuredContent"]["placed"].clone();
    assert_eq!(placed, json!({"item": "tea", "count": 2}));
    assert_eq!(
        issuer.asked("token").await - before,
        1,
        "four calls need one token"
    );
    let seen = seen(&service).await;
    let subjects: Vec<&Value> = seen
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["subject"])
        .collect();
    assert_eq!(subjects, [&json!("gateway"); 4]);
    // Nobody else's token gets there, and nobody gets there without one.
    let stranger = client().get(format!("http://{}/v1/orders/7", service.address));
    let stranger = stranger.bearer_auth(&token).send().await.unwrap();
    assert_eq!(stranger.status(), 401);
}

#[tokio::test]
async fn a_token_that_a_rest_service_refuses_is_not_used_again() {
    let issuer = Issuer::start();
    let (_service, gateway) = site(&issuer, "client_credentials");
    let claims = json!({"claims": {"aud": gateway.url("server")}});
    let get = json!({"id": "7"});
    let token = issuer.mint(&claims).await;
    let (status, body) = call(&gateway, &token, "getOrder", get.clone()).await;
    assert_eq!(status, 200, "{body}");
    // The issuer's keys are other ones from now on, and the gateway's own token is worth nothing.
    issuer.steer("rotate", json!({"overlap": true})).await;
    issuer.steer("rotate", json!({"overlap": false})).await;
    let token = issuer.mint(&claims).await;
    let (status, body) = call(&gateway, &token, "getOrder", get.clone()).await;
    assert_eq!(status, 502, "{body}");
    let (status, body) = call(&gateway, &token, "getOrder", get).await;
    assert_eq!(status, 200, "{body}");
}

#[tokio::test]
async fn a_caller_is_itself_at_a_rest_service() {
    let issuer = Issuer::start();
    let (service, gateway) = site(&issuer, "token_exchange");
    for person in ["alice", "bob"] {
        let claims = json!({"claims": {"aud": gateway.url("server"), "sub": person}});
        let token = issuer.mint(&claims).await;
        let (status, body) = call(&gateway, &token, "getOrder", json!({"id": person})).await;
        assert_eq!(
            (person, status),
            (person, if person == "alice" { 200 } else { status }),
            "{body}"
        );
    }
    let seen = seen(&service).await;
    let mut subjects = seen.as_array().unwrap().iter().map(|one| &one["subject"]);
    assert_eq!(subjects.next(), Some(&json!("alice")));
    assert_eq!(seen[0]["actor"]["sub"], "gateway");
    assert!(!subjects.any(|subject| subject == "gateway"), "{seen}");
}
