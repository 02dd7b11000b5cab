//! Chosen sets of servers and tools at endpoints of their own.

use gantry_loadtest::{conformance, fixture};
use serde_json::{Value, json};

use super::{answered, before, called, listed, modern};
use crate::{gateway::Gateway, peer::Server};

async fn one_alone_scores(requirements: &str, scored: usize, unscored: usize) {
    let fixture = fixture::start(fixture::Options::default()).await.unwrap();
    let gateway = Gateway::start(&format!(
        "servers: {{server: {{url: '{0}'}}, other: {{url: '{0}'}}}}\n\
         bundles: {{alone: {{servers: [server], prefix: none}}}}\n\
         audit: {{gateway: test, spool: {{dir: SPOOL}}}}",
        fixture.url()
    ));
    let report = conformance::run(&gateway.url("alone"), requirements)
        .await
        .unwrap();
    let passed = (report.scored_passed, report.unscored_passed);
    assert_eq!(passed, (scored, unscored), "{report}");
}

#[tokio::test]
async fn a_server_alone_scores_as_itself_in_2025_11_25() {
    one_alone_scores("2025-11-25", 30, 3).await;
}

#[tokio::test]
async fn a_server_alone_scores_as_itself_in_2026_07_28() {
    one_alone_scores("2026-07-28", 37, 13).await;
}

#[tokio::test]
async fn a_bundle_has_what_was_chosen_and_nothing_else() {
    let (one, other) = (crate::gateway::fixture(), Server::FastMcp.start());
    let gateway = before(
        &[("fixture", &one), ("fast", &other)],
        "bundles:\n  \
           desk: {servers: [fast], tools: [fixture/echo, 'fixture/resource:test://static-text', 'fixture/prompt:*_arguments']}\n  \
           few: {tools: [fixture/test_sim*], prefix: none}",
    );
    let desk = gateway.url("desk");
    let list = async |url: &str, method: &str, list: &str, key: &str| {
        let (_, result) = listed(url, method).await;
        called(&result[list], key)
    };
    assert_eq!(
        list(&desk, "tools/list", "tools", "name").await,
        [
            "fast__add",
            "fast__customer",
            "fast__count_down",
            "fast__refuse",
            "fixture__echo"
        ]
    );
    assert_eq!(
        list(&desk, "prompts/list", "prompts", "name").await,
        ["fast__letter", "fixture__test_prompt_with_arguments"]
    );
    assert_eq!(
        list(&desk, "resources/list", "resources", "uri").await,
        [
            "gantry://fast/orders://summary",
            "gantry://fixture/test://static-text"
        ]
    );
    assert_eq!(
        list(&gateway.url("few"), "tools/list", "tools", "name").await,
        ["test_simple_text"]
    );
    let call = |url: &str, name: &str| {
        let params = json!({"name": name, "arguments": {"text": "x"}});
        modern(url, "tools/call", Some(name), params)
    };
    answered(call(&desk, "fixture__echo")).await;
    answered(call(&gateway.url("few"), "test_simple_text")).await;
    for (url, name) in [
        (&desk, "fixture__slow"),
        (&desk, "nobody__echo"),
        (&desk, "echo"),
        (&gateway.url("few"), "echo"),
        (&gateway.url("few"), "fixture__test_simple_text"),
    ] {
        let refused = call(url, name).send().await.unwrap();
        assert_eq!(refused.status(), 403, "{name}");
        let refused: Value = refused.json().await.unwrap();
        assert_eq!(refused["error"]["code"], -32602, "{name}");
    }
    let read = |uri: &str| modern(&desk, "resources/read", Some(uri), json!({ "uri": uri }));
    answered(read("gantry://fixture/test://static-text")).await;
    let other = read("gantry://fixture/test://static-binary")
        .send()
        .await
        .unwrap();
    assert_eq!(other.status(), 403);
    // The servers themselves are where they were.
    answered(call(&gateway.url("fixture"), "echo")).await;
}

#[tokio::test]
async fn a_bundle_is_a_protected_resource() {
    let issuer = crate::issuer::Issuer::start();
    let process = crate::gateway::fixture();
    let gateway = before(
        &[("one", &process), ("other", &process)],
        &format!(
            "auth: {{resource: 'http://ADDRESS', issuers: [{{issuer: '{}'}}]}}\n\
             access: [{{allow: ['*']}}]\n\
             bundles: {{desk: {{servers: [one, other]}}}}",
            issuer.url()
        ),
    );
    let base = format!("http://{}", gateway.address);
    let document = format!("{base}/.well-known/oauth-protected-resource/mcp/desk");
    let refused = modern(&gateway.url("desk"), "tools/list", None, json!({}));
    let refused = refused.send().await.unwrap();
    assert_eq!(refused.status(), 401);
    let challenge = refused.headers()["www-authenticate"].to_str().unwrap();
    assert!(challenge.contains(&document), "{challenge}");
    let document: Value = crate::gateway::client()
        .get(document)
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(document["resource"], format!("{base}/mcp/desk"));
    let unknown = modern(&gateway.url("no-such"), "tools/list", None, json!({}));
    assert_eq!(unknown.send().await.unwrap().status(), 404);
}
