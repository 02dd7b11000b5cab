//! Access tokens of a real issuer: which are let in, which are not, and what their senders are told.

use std::time::Duration;

use reqwest::Response;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::{
    gateway::{Gateway, client},
    issuer::Issuer,
    message::tool_call,
    raw::Raw,
};

const ANSWER: &[u8] =
    br#"{"jsonrpc":"2.0","id":1,"result":{"content":[],"resultType":"complete"}}"#;

/// A gateway in front of `server` and `opaque`, which are both the same server.
pub(crate) fn guarded(issuer: &str, url: &str, auth: &str) -> Gateway {
    Gateway::start(&format!(
        "auth: {{resource: 'http://ADDRESS', issuers: [{{issuer: '{issuer}', introspection: {{client_id: gateway, client_secret: gateway-secret}}}}]{auth}}}\n\
         access: [{{allow: ['*']}}]\n\
         servers: {{server: {{url: '{url}'}}, opaque: {{url: '{url}'}}}}\n\
         audit: {{gateway: test, spool: {{dir: SPOOL}}}}"
    ))
}

pub(crate) async fn call(url: &str, token: Option<&str>) -> Response {
    let mut call = tool_call(url, &json!(1), "echo", json!({"text": "x"}));
    if let Some(token) = token {
        call = call.bearer_auth(token);
    }
    call.send().await.unwrap()
}

pub(crate) fn challenge(response: &Response) -> String {
    let value = response.headers().get("www-authenticate");
    value.map_or_else(String::new, |value| value.to_str().unwrap().to_owned())
}

/// Every way in which a token can be wrong, by what `issuer.mjs` makes of it, and what its sender
/// is told.
fn bad(aud: &str) -> Vec<(Value, &'static str)> {
    const INVALID: &str = "the access token is not valid";
    const KIND: &str = "this is not an access token";
    let claims = |claims: Value| json!({"claims": merged(json!({"aud": aud}), claims)});
    let header = |header: Value| json!({"claims": {"aud": aud}, "header": header});
    let good = json!({"aud": aud});
    let far = 4_000_000_000_u64;
    vec![
        (
            claims(json!({"aud": "http://127.0.0.1:1/mcp/server"})),
            "the access token is not for this resource",
        ),
        (
            claims(json!({"aud": format!("{aud}/")})),
            "the access token is not for this resource",
        ),
        (
            claims(json!({"aud": aud.replace("/server", "/opaque")})),
            "the access token is not for this resource",
        ),
        (claims(json!({"aud": []})), INVALID),
        (claims(json!({"aud": 7})), INVALID),
        (json!({}), INVALID),
        (claims(json!({"iss": "https://evil.example.com"})), INVALID),
        (claims(json!({"iss": ["a"]})), INVALID),
        (json!({"claims": good, "without": ["iss"]}), INVALID),
        (
            claims(json!({"exp": 1_000_000_000})),
            "the access token expired",
        ),
        (claims(json!({"exp": "4000000000"})), INVALID),
        (claims(json!({"exp": -1})), INVALID),
        (json!({"claims": good, "without": ["exp"]}), INVALID),
        (
            claims(json!({"nbf": far})),
            "the access token is not valid yet",
        ),
        (
            claims(json!({"iat": far})),
            "the access token is not valid yet",
        ),
        (
            json!({"claims": good, "without": ["sub", "client_id"]}),
            INVALID,
        ),
        (claims(json!({"sub": ""})), INVALID),
        (claims(json!({"sub": "a\nb"})), INVALID),
        (claims(json!({"sub": 7})), INVALID),
        (claims(json!({"groups": {"eng": true}})), INVALID),
        (claims(json!({"groups": ["eng", 7]})), INVALID),
        (claims(json!({"scope": 7})), INVALID),
        (
            claims(json!({"cnf": {"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}})),
            "the access token is bound to another key",
        ),
        (json!({"claims": good, "alg": "none"}), INVALID),
        (json!({"claims": good, "alg": "HS256"}), INVALID),
        (header(json!({"alg": "none"})), INVALID),
        (header(json!({"alg": "NONE"})), INVALID),
        (header(json!({"alg": "PS256"})), INVALID),
        (header(json!({"alg": "ES256"})), INVALID),
        (header(json!({"alg": "RS1"})), INVALID),
        (header(json!({"typ": "JWT"})), KIND),
        (header(json!({"typ": "logout+jwt"})), KIND),
        (header(json!({"typ": "oauth-id-jag+jwt"})), KIND),
        (header(json!({"typ": "dpop+jwt"})), KIND),
        (json!({"claims": good, "without": ["typ"]}), KIND),
        (header(json!({"crit": ["exp"]})), INVALID),
        (header(json!({"crit": "exp"})), INVALID),
        (header(json!({"kid": "ES256-2"})), INVALID),
        (header(json!({"kid": 7})), INVALID),
        (
            json!({"claims": good, "without": ["kid"], "key": "foreign"}),
            INVALID,
        ),
        (json!({"claims": good, "key": "foreign"}), INVALID),
        (
            json!({"claims": good, "key": "foreign", "header": {"jwk": {"kty": "RSA"}, "jku": "http://127.0.0.1:1/"}}),
            INVALID,
        ),
        (json!({"claims": good, "signature": ""}), INVALID),
        (json!({"claims": good, "signature": "AAAA"}), INVALID),
        (json!({"raw": "not JSON"}), INVALID),
        (
            json!({"raw": format!("{{\"aud\":\"{aud}\",\"aud\":\"{aud}\"}}")}),
            INVALID,
        ),
    ]
}

fn merged(mut base: Value, change: Value) -> Value {
    for (name, value) in change.as_object().unwrap() {
        base[name] = value.clone();
    }
    base
}

#[tokio::test]
async fn a_bad_token_is_refused_with_its_challenge_and_reaches_no_server() {
    let issuer = Issuer::start();
    let server = Raw::answering("application/json", ANSWER).await;
    let gateway = guarded(&issuer.url(), &server.url, "");
    let url = gateway.url("server");
    let metadata = format!(
        "resource_metadata=\"http://{}/.well-known/oauth-protected-resource/mcp/server\"",
        gateway.address
    );
    let cases = bad(&url);
    assert!(cases.len() > 40);
    for (how, told) in cases {
        let token = issuer.mint(&how).await;
        let refused = call(&url, Some(&token)).await;
        assert_eq!(refused.status(), 401, "{how}");
        let expected =
            format!("Bearer error=\"invalid_token\", error_description=\"{told}\", {metadata}");
        assert_eq!(challenge(&refused), expected, "{how}");
        assert_eq!(refused.headers()["cache-control"], "no-store");
        let body: Value = refused.json().await.unwrap();
        assert_eq!(body["id"], Value::Null, "{how}");
        assert_eq!(body["error"]["message"], told, "{how}");
    }
    // A tampered one: the same signature under other claims.
    let token = issuer.mint(&json!({"claims": {"aud": url}})).await;
    let other = issuer
        .mint(&json!({"claims": {"aud": url, "sub": "bob"}}))
        .await;
    let (header, _) = other.split_once('.').unwrap();
    let claims = other.split('.').nth(1).unwrap();
    let signature = token.rsplit('.').next().unwrap();
    let tampered = format!("{header}.{claims}.{signature}");
    assert_eq!(call(&url, Some(&tampered)).await.status(), 401);
    assert!(
        server.requests().is_empty(),
        "a bad token reached the server"
    );

    for alg in ["RS256", "PS256", "ES256", "EdDSA"] {
        let token = issuer
            .mint(&json!({"alg": alg, "claims": {"aud": ["x", url]}}))
            .await;
        assert_eq!(call(&url, Some(&token)).await.status(), 200, "{alg}");
    }
    let whole = json!({"claims": {"aud": format!("http://{}", gateway.address)}});
    assert_eq!(
        call(&url, Some(&issuer.mint(&whole).await)).await.status(),
        200
    );
    for request in server.requests() {
        let text = String::from_utf8(request).unwrap().to_ascii_lowercase();
        assert!(!text.contains("authorization"), "{text}");
        assert!(!text.contains("eyj"), "a token reached the server: {text}");
    }
    // What was refused is in the log, without the token.
    gateway.logs("the token has expired").await;
    assert!(!gateway.log().contains("eyJ"), "a token is in the log");
}

#[tokio::test]
async fn a_request_without_a_good_credential_is_refused_whatever_it_asks_for() {
    let issuer = Issuer::start();
    let server = Raw::answering("application/json", ANSWER).await;
    let gateway = guarded(
        &issuer.url(),
        &server.url,
        ", required_scopes: [{scopes: ['mcp:use']}]",
    );
    let url = gateway.url("server");
    let metadata = format!(
        "http://{}/.well-known/oauth-protected-resource/mcp/server",
        gateway.address
    );
    let ask = format!("Bearer resource_metadata=\"{metadata}\", scope=\"mcp:use\"");
    for method in [
        "GET", "POST", "DELETE", "PUT", "PATCH", "HEAD", "OPTIONS", "BREW",
    ] {
        let method = method.parse().unwrap();
        let refused = client()
            .request(method, &url)
            .body("not JSON")
            .send()
            .await
            .unwrap();
        assert_eq!(refused.status(), 401);
        assert_eq!(challenge(&refused), ask);
    }
    let other = client()
        .post(&url)
        .header("authorization", "Basic YTpi")
        .send()
        .await
        .unwrap();
    assert_eq!((other.status().as_u16(), challenge(&other)), (401, ask));
    let token = issuer.mint(&json!({"claims": {"aud": url}})).await;
    let twice = client()
        .post(&url)
        .bearer_auth(&token)
        .header("x-api-key", "k")
        .send()
        .await
        .unwrap();
    let in_query = call(&format!("{url}?access_token={token}"), None).await;
    let in_both = call(&format!("{url}?access_token={token}"), Some(&token)).await;
    for refused in [twice, in_query, in_both] {
        assert_eq!(refused.status(), 400);
        assert!(challenge(&refused).contains("error=\"invalid_request\""));
    }
    assert!(server.requests().is_empty());
    assert_eq!(call(&url, Some(&token)).await.status(), 200);
}

#[tokio::test]
async fn who_is_not_known_is_not_read() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let issuer = Issuer::start();
    let gateway = guarded(&issuer.url(), "http://127.0.0.1:1/mcp", "");
    let mut stream = tokio::net::TcpStream::connect(gateway.address)
        .await
        .unwrap();
    let head = format!(
        "POST /mcp/server HTTP/1.1\r\nhost: {}\r\ncontent-type: application/json\r\n\
         content-length: 1000000\r\nexpect: 100-continue\r\n\r\n",
        gateway.address
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = vec![0; 4096];
    let read = stream.read(&mut answer).await.unwrap();
    let answer = String::from_utf8_lossy(&answer[..read]);
    assert!(answer.starts_with("HTTP/1.1 401"), "{answer}");
}

#[tokio::test]
async fn metadata_says_what_the_endpoint_is() {
    let issuer = Issuer::start();
    let gateway = guarded(
        &issuer.url(),
        "http://127.0.0.1:1/mcp",
        ", required_scopes: [{scopes: ['mcp:use']}, {tool: 'server/slow', scopes: ['mcp:write']}]",
    );
    let base = format!("http://{}", gateway.address);
    let well_known = format!("{base}/.well-known/oauth-protected-resource");
    for path in ["", "/mcp", "/mcp/server", "/mcp/opaque"] {
        let answer = client()
            .get(format!("{well_known}{path}"))
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), 200, "{path}");
        assert_eq!(answer.headers()["content-type"], "application/json");
        assert_eq!(answer.headers()["access-control-allow-origin"], "*");
        let document: Value = answer.json().await.unwrap();
        assert_eq!(document["resource"], format!("{base}{path}"));
        assert_eq!(document["authorization_servers"], json!([issuer.url()]));
        assert_eq!(document["scopes_supported"], json!(["mcp:use"]));
        assert_eq!(document["bearer_methods_supported"], json!(["header"]));
    }
    for path in ["/mcp/other", "/mcp/", "/mcp/server/", "/x", "x"] {
        let answer = client()
            .get(format!("{well_known}{path}"))
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), 404, "{path}");
    }
    let at = format!("{well_known}/mcp/server");
    let page = "https://any.example.com";
    let preflight = client()
        .request("OPTIONS".parse().unwrap(), &at)
        .header("origin", page);
    assert_eq!(preflight.send().await.unwrap().status(), 204);
    let shown = client()
        .get(&at)
        .header("origin", page)
        .send()
        .await
        .unwrap();
    assert_eq!(shown.status(), 200);
    assert_eq!(client().post(&at).send().await.unwrap().status(), 405);
    let rebound = client()
        .get(&at)
        .header("host", "evil.example.com")
        .send()
        .await
        .unwrap();
    assert_eq!(rebound.status(), 403);
    // The endpoint of all servers asks for its own tokens.
    let all = client().post(format!("{base}/mcp")).send().await.unwrap();
    assert_eq!(all.status(), 401);
    assert!(challenge(&all).contains(&format!("\"{well_known}/mcp\"")));
}

#[tokio::test]
async fn a_tool_may_need_more_than_the_rest() {
    let issuer = Issuer::start();
    let server = Raw::answering("application/json", ANSWER).await;
    let rules =
        ", required_scopes: [{scopes: ['mcp:use']}, {tool: 'server/ec*', scopes: ['mcp:write']}]";
    let gateway = guarded(&issuer.url(), &server.url, rules);
    let url = gateway.url("server");
    let token = issuer
        .mint(&json!({"claims": {"aud": url, "scope": "mcp:use"}}))
        .await;
    let refused = call(&url, Some(&token)).await;
    assert_eq!(refused.status(), 403);
    let expected = format!(
        "Bearer error=\"insufficient_scope\", scope=\"mcp:use mcp:write\", \
         error_description=\"the call needs more scopes\", \
         resource_metadata=\"http://{}/.well-known/oauth-protected-resource/mcp/server\"",
        gateway.address
    );
    assert_eq!(challenge(&refused), expected);
    let body: Value = refused.json().await.unwrap();
    assert_eq!(body["id"], 1);
    assert!(server.requests().is_empty());
    let claims = json!({"aud": url, "scp": ["mcp:use", "mcp:write"]});
    let how = json!({"claims": claims, "without": ["scope"]});
    let token = issuer.mint(&how).await;
    assert_eq!(call(&url, Some(&token)).await.status(), 200);
}

#[tokio::test]
async fn keys_that_change_under_load_fail_no_call() {
    let issuer = Issuer::start();
    let server = Raw::answering("application/json", ANSWER).await;
    let gateway = guarded(&issuer.url(), &server.url, "");
    let url = gateway.url("server");
    let caller = async |calls: usize| {
        for _ in 0..calls {
            let token = issuer.mint(&json!({"claims": {"aud": url}})).await;
            assert_eq!(call(&url, Some(&token)).await.status(), 200);
        }
    };
    caller(2).await;
    let rotate = async {
        issuer.steer("rotate", json!({"overlap": true})).await;
        caller(10).await;
    };
    tokio::join!(rotate, caller(40), caller(40), caller(40), caller(40));
    assert_eq!(
        issuer.asked("jwks").await,
        2,
        "once at the start, once for the new key"
    );
}

#[tokio::test]
async fn several_issuers_whose_keys_are_found_in_different_ways() {
    let found = Issuer::start();
    let (at_a_url, in_a_file) = (Issuer::start(), Issuer::start());
    let keys = client().get(format!("{}/jwks", in_a_file.url()));
    let keys = keys.send().await.unwrap().text().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("keys.json");
    std::fs::write(&file, keys).unwrap();

    let server = Raw::answering("application/json", ANSWER).await;
    let gateway = Gateway::start(&format!(
        "auth:\n  resource: 'http://ADDRESS'\n  issuers:\n  - {{issuer: '{}'}}\n  - {{issuer: '{}', jwks: '{}/jwks'}}\n  - {{issuer: '{}', jwks: '{}'}}\n\
         access: [{{allow: ['*']}}]\nservers: {{server: {{url: '{}'}}}}\n\
         audit: {{gateway: test, spool: {{dir: SPOOL}}}}",
        found.url(),
        at_a_url.url(),
        at_a_url.url(),
        in_a_file.url(),
        file.display(),
        server.url
    ));
    let url = gateway.url("server");
    for issuer in [&found, &at_a_url, &in_a_file] {
        let token = issuer.mint(&json!({"claims": {"aud": url}})).await;
        assert_eq!(call(&url, Some(&token)).await.status(), 200);
        // Its keys are good for its own tokens only.
        for other in [&found, &at_a_url, &in_a_file] {
            if other.url() != issuer.url() {
                let posing = json!({"claims": {"aud": url, "iss": other.url()}});
                let token = issuer.mint(&posing).await;
                assert_eq!(call(&url, Some(&token)).await.status(), 401);
            }
        }
    }
    assert_eq!(in_a_file.asked("jwks").await, 1, "by this test alone");
}

#[tokio::test]
async fn made_up_keys_do_not_flood_the_issuer() {
    let issuer = Issuer::start();
    let server = Raw::answering("application/json", ANSWER).await;
    let gateway = guarded(&issuer.url(), &server.url, "");
    let url = gateway.url("server");
    let flood = async |name: &str| {
        for number in 0..50 {
            let kid = format!("{name}-{number}");
            let how = json!({"claims": {"aud": url}, "header": {"kid": kid}, "key": "foreign"});
            let token = issuer.mint(&how).await;
            assert_eq!(call(&url, Some(&token)).await.status(), 401);
        }
    };
    tokio::join!(flood("a"), flood("b"), flood("c"), flood("d"));
    let asked = issuer.asked("jwks").await;
    assert!(asked <= 2, "asked {asked} times within seconds");
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn keys_outlive_their_issuer() {
    let mut issuer = Issuer::start();
    let server = Raw::answering("application/json", ANSWER).await;
    let gateway = guarded(&issuer.url(), &server.url, "");
    let url = gateway.url("server");
    let first = issuer.mint(&json!({"claims": {"aud": url}})).await;
    let second = issuer
        .mint(&json!({"claims": {"aud": url, "sub": "bob"}}))
        .await;
    assert_eq!(call(&url, Some(&first)).await.status(), 200);
    issuer.kill();
    assert_eq!(
        call(&url, Some(&second)).await.status(),
        200,
        "a token that was never seen"
    );

    // A gateway that has never reached the issuer lets nobody in; afterwards without a restart.
    let issuer = Issuer::start_at(issuer.address());
    issuer.steer("keys", json!({"status": 500})).await;
    let gateway = guarded(&issuer.url(), &server.url, "");
    let url = gateway.url("server");
    let token = issuer.mint(&json!({"claims": {"aud": url}})).await;
    let refused = call(&url, Some(&token)).await;
    assert_eq!(refused.status(), 503);
    assert!(refused.headers().contains_key("retry-after"));
    assert_eq!(challenge(&refused), "");
    issuer.steer("keys", json!({"status": 200})).await;
    let patience = Instant::now() + Duration::from_secs(60);
    while call(&url, Some(&token)).await.status() != 200 {
        assert!(Instant::now() < patience, "the keys never came");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test]
async fn opaque_tokens_are_asked_about_and_can_be_revoked() {
    let issuer = Issuer::start();
    let server = Raw::answering("application/json", ANSWER).await;
    let gateway = guarded(&issuer.url(), &server.url, "");
    let url = gateway.url("opaque");
    let token = issuer.token("agent-a", &url, "mcp:use").await;
    assert!(!token.contains('.'), "{token}");
    for _ in 0..3 {
        assert_eq!(call(&url, Some(&token)).await.status(), 200);
    }
    assert_eq!(issuer.asked("introspection").await, 1);
    let other = call(&gateway.url("server"), Some(&token)).await;
    assert_eq!(other.status(), 401, "for another server");
    for _ in 0..3 {
        let refused = call(&url, Some("made-up")).await;
        assert_eq!(refused.status(), 401);
        assert!(challenge(&refused).contains("the access token is not active"));
    }
    assert_eq!(issuer.asked("introspection").await, 2);
    gateway.logs("\"agent\":\"agent-a\"").await;

    issuer.revoke("agent-a", &token).await;
    let patience = Instant::now() + Duration::from_secs(60);
    while call(&url, Some(&token)).await.status() != 401 {
        assert!(Instant::now() < patience, "a revoked token is still good");
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

#[tokio::test]
async fn explain_says_whose_a_token_is() {
    let issuer = Issuer::start();
    let gateway = guarded(&issuer.url(), "http://127.0.0.1:1/mcp", "");
    let config = gateway.folder.path().join("gantry.yaml");
    let explain = async |token: &str, more: &[&str]| {
        let output = tokio::process::Command::new(env!("CARGO_BIN_EXE_gantry"))
            .args([
                "explain",
                "--tool",
                "server/echo",
                "--token",
                token,
                "--config",
            ])
            .arg(&config)
            .args(more)
            .output()
            .await
            .unwrap();
        let said = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8(said).unwrap())
    };
    let aud = gateway.url("server");
    let good = issuer.mint(&json!({"claims": {"aud": aud}})).await;
    let (allowed, said) = explain(&good, &[]).await;
    assert!(allowed && said.contains("alice"), "{said}");
    let foreign = json!({"claims": {"aud": aud}, "key": "foreign"});
    let foreign = issuer.mint(&foreign).await;
    let (allowed, said) = explain(&foreign, &[]).await;
    assert!(
        !allowed && said.contains("the token's signature is wrong"),
        "{said}"
    );
    let (allowed, said) = explain(&foreign, &["--unverified"]).await;
    assert!(allowed && said.contains("alice"), "{said}");
    let (allowed, said) = explain("made-up", &[]).await;
    assert!(!allowed && said.contains("not active"), "{said}");
}
