//! API keys, client certificates, and what the gateway shows to servers.

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer as Authority, KeyPair};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::{
    gateway::{Gateway, client, client_builder},
    issuer::Issuer,
    message::tool_call,
    raw::{Raw, Step},
    tokens::{call, challenge},
};

const ANSWER: &[u8] =
    br#"{"jsonrpc":"2.0","id":1,"result":{"content":[],"resultType":"complete"}}"#;

pub(crate) fn digest(key: &str) -> String {
    let digest = Sha256::digest(key);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test]
async fn api_keys() {
    let server = Raw::answering("application/json", ANSWER).await;
    let gateway = Gateway::start(&format!(
        "auth: {{api_keys: [{{sha256: {}, agent: nightly}}], api_key_header: x-gantry-key}}\n\
         access: [{{allow: ['*']}}]\n\
         servers: {{server: {{url: '{}'}}}}\naudit: {{gateway: test, spool: {{dir: SPOOL}}}}",
        digest("a-good-key"),
        server.url
    ));
    let url = gateway.url("server");
    let with = |name: &str, value: &str| {
        let call = tool_call(&url, &json!(1), "echo", json!({"text": "x"}));
        call.header(name, value).send()
    };
    for (name, value, status) in [
        ("x-gantry-key", "a-good-key", 200),
        ("authorization", "Bearer a-good-key", 200),
        ("x-gantry-key", "a-good-kez", 401),
        ("x-gantry-key", "", 401),
        ("authorization", "Bearer a-bad-key", 401),
        ("x-api-key", "a-good-key", 401),
        ("cookie", "x-gantry-key=a-good-key", 401),
    ] {
        let answer = with(name, value).await.unwrap();
        assert_eq!(answer.status(), status, "{name}: {value}");
    }
    assert_eq!(server.requests().len(), 2);
    for request in server.requests() {
        let text = String::from_utf8(request).unwrap();
        assert!(!text.contains("a-good-key"), "{text}");
    }
    gateway.logs("\"agent\":\"nightly\"").await;
    // There is nobody to get a token from, and no metadata that would say otherwise.
    let refused = call(&url, None).await;
    assert_eq!(
        (refused.status().as_u16(), challenge(&refused).as_str()),
        (401, "Bearer")
    );
}

/// An authority, and what it certifies.
struct Certifier {
    issuer: Authority<'static, KeyPair>,
    pem: String,
}

impl Certifier {
    fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let pem = params.self_signed(&key).unwrap().pem();
        Self {
            issuer: Authority::new(params, key),
            pem,
        }
    }

    /// A certificate and its key.
    fn certify(&self, common_name: &str, names: &[&str]) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        params
            .distinguished_name
            .push(DnType::CommonName, common_name);
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        (certificate.pem(), key.serialize_pem())
    }
}

#[tokio::test]
async fn client_certificates() {
    let server = Raw::answering("application/json", ANSWER).await;
    let (ours, theirs) = (Certifier::new(), Certifier::new());
    let files = tempfile::tempdir().unwrap();
    let (cert, key) = ours.certify("gateway", &["127.0.0.1"]);
    for (name, text) in [("cert", &cert), ("key", &key), ("ca", &ours.pem)] {
        std::fs::write(files.path().join(name), text).unwrap();
    }
    let at = |name: &str| files.path().join(name).display().to_string();
    let gateway = Gateway::listening(
        &format!(
            "auth: {{certificates: {{ca: '{}', agents: {{billing-1: {{agent: billing, teams: [finance]}}}}}}}}\n\
             access: [{{allow: ['*']}}]\n\
         servers: {{server: {{url: '{}'}}}}\naudit: {{gateway: test, spool: {{dir: SPOOL}}}}",
            at("ca"),
            server.url
        ),
        &format!(", tls: {{cert: '{}', key: '{}'}}", at("cert"), at("key")),
        "https",
    );
    let with = |identity: Option<(String, String)>| {
        let root = reqwest::Certificate::from_pem(ours.pem.as_bytes()).unwrap();
        let mut builder = client_builder().tls_certs_only([root]);
        if let Some((cert, key)) = identity {
            let pem = [cert, key].concat();
            builder = builder.identity(reqwest::Identity::from_pem(pem.as_bytes()).unwrap());
        }
        let message = tool_call(
            &gateway.url("server"),
            &json!(1),
            "echo",
            json!({"text": "x"}),
        );
        builder.build().unwrap().execute(message.build().unwrap())
    };
    assert_eq!(
        with(Some(ours.certify("billing-1", &[])))
            .await
            .unwrap()
            .status(),
        200
    );
    gateway.logs("\"agent\":\"billing\"").await;
    let stranger = with(Some(ours.certify("somebody", &[]))).await.unwrap();
    assert_eq!(stranger.status(), 401);
    let refused = with(None).await.unwrap();
    assert_eq!(refused.status(), 401);
    assert!(
        with(Some(theirs.certify("billing-1", &[]))).await.is_err(),
        "of another authority"
    );
    assert_eq!(server.requests().len(), 1);
}

fn sent(request: &[u8]) -> String {
    String::from_utf8(request.to_vec())
        .unwrap()
        .to_ascii_lowercase()
}

#[tokio::test]
async fn a_server_gets_what_it_is_configured_for_and_nothing_of_the_callers() {
    let issuer = Issuer::start();
    let server = Raw::answering("application/json", ANSWER).await;
    let gateway = Gateway::start(&format!(
        "auth: {{resource: 'http://ADDRESS', issuers: [{{issuer: '{0}'}}]}}\n\
         access: [{{allow: ['*']}}]\n\
         servers:\n  plain: {{url: '{1}'}}\n  secret: {{url: '{1}', auth: {{header: {{name: x-api-key, value: s3cret}}}}}}\n\
         audit: {{gateway: test, spool: {{dir: SPOOL}}}}",
        issuer.url(),
        server.url
    ));
    for name in ["plain", "secret"] {
        let url = gateway.url(name);
        let token = issuer.mint(&json!({"claims": {"aud": url}})).await;
        let call = tool_call(&url, &json!(1), "echo", json!({"text": "x"}))
            .bearer_auth(&token)
            .header("cookie", "session=1")
            .header("dpop", "proof")
            .header("proxy-authorization", "Basic YTpi");
        assert_eq!(call.send().await.unwrap().status(), 200);
    }
    let requests = server.requests();
    for (request, secret) in requests.iter().zip([false, true]) {
        let text = sent(request);
        for foreign in [
            "eyj",
            "session=1",
            "dpop",
            "proxy-authorization",
            "\r\nauthorization:",
        ] {
            assert!(!text.contains(foreign), "{foreign} in {text}");
        }
        assert_eq!(text.contains("x-api-key: s3cret"), secret, "{text}");
    }
}

fn signing_in(issuer: &Issuer, server: &str, how: &str) -> Gateway {
    Gateway::start(&format!(
        "auth: {{resource: 'http://ADDRESS', issuers: [{{issuer: '{0}'}}], api_keys: [{{sha256: {1}, agent: keyed}}]}}\n\
         access: [{{allow: ['*']}}]\n\
         servers: {{server: {{url: '{server}', auth: {{{how}: {{token_url: '{0}/token', client_id: gateway, client_secret: gateway-secret, scopes: [upstream]}}}}}}}}\n\
         audit: {{gateway: test, spool: {{dir: SPOOL}}}}",
        issuer.url(),
        digest("a-good-key"),
    ))
}

/// The claims of the token in a request.
fn claims(request: &[u8]) -> Value {
    use base64::Engine as _;
    let text = String::from_utf8(request.to_vec()).unwrap();
    let (_, token) = text
        .split_once("authorization: Bearer ")
        .or_else(|| text.split_once("Authorization: Bearer "))
        .unwrap();
    let claims = token.split('.').nth(1).unwrap();
    let claims = base64::engine::general_purpose::URL_SAFE_NO_PAD
        .decode(claims)
        .unwrap();
    serde_json::from_slice(&claims).unwrap()
}

#[tokio::test]
async fn the_gateway_signs_in_for_itself_once() {
    let issuer = Issuer::start();
    let server = Raw::answering("application/json", ANSWER).await;
    let gateway = signing_in(&issuer, &server.url, "client_credentials");
    let url = gateway.url("server");
    let token = issuer.mint(&json!({"claims": {"aud": url}})).await;
    let calls = (0..8).map(|_| call(&url, Some(&token)));
    for answer in futures::future::join_all(calls).await {
        assert_eq!(answer.status(), 200);
    }
    assert_eq!(
        issuer.asked("token").await,
        1,
        "eight calls at once need one token"
    );
    for request in server.requests() {
        let claims = claims(&request);
        assert_eq!(claims["aud"], server.url);
        assert_eq!(claims["client_id"], "gateway");
    }
}

#[tokio::test]
async fn each_caller_has_a_token_of_its_own_at_the_server() {
    let issuer = Issuer::start();
    let server = Raw::answering("application/json", ANSWER).await;
    let gateway = signing_in(&issuer, &server.url, "token_exchange");
    let url = gateway.url("server");
    let alice = issuer.mint(&json!({"claims": {"aud": url}})).await;
    let machine = issuer
        .mint(&json!({"claims": {"aud": url, "sub": "agent-a"}}))
        .await;
    for token in [&alice, &machine, &alice, &machine] {
        assert_eq!(call(&url, Some(token)).await.status(), 200);
    }
    assert_eq!(issuer.asked("token").await, 2);
    let subjects: Vec<Value> = server
        .requests()
        .iter()
        .map(|request| claims(request)["sub"].clone())
        .collect();
    assert_eq!(subjects, ["alice", "agent-a", "alice", "agent-a"]);
    assert_eq!(claims(&server.requests()[0])["aud"], server.url);

    // The issuer gives none for this one, and the caller learns nothing but that.
    let refused = issuer
        .mint(&json!({"claims": {"aud": url, "sub": "agent-b"}}))
        .await;
    let refused = call(&url, Some(&refused)).await;
    assert_eq!(refused.status(), 502);
    let body = refused.text().await.unwrap();
    let said: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(said["id"], 1);
    assert_eq!(
        said["error"]["message"],
        "the MCP server does not accept the gateway"
    );
    gateway.logs("OAuth error invalid_grant").await;
    // An API key cannot be exchanged.
    let keyed = client().post(&url).header("x-api-key", "a-good-key");
    let keyed = keyed.header("content-type", "application/json");
    let body = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
    assert_eq!(keyed.body(body).send().await.unwrap().status(), 403);
    assert_eq!(server.requests().len(), 4);
}

#[tokio::test]
async fn a_server_that_refuses_the_gateway_does_not_challenge_the_caller() {
    let issuer = Issuer::start();
    let answer = b"HTTP/1.1 401 Unauthorized\r\nwww-authenticate: Bearer resource_metadata=\"http://127.0.0.1:1/\"\r\ncontent-length: 0\r\n\r\n";
    let server = Raw::start(vec![Step::Send(answer.to_vec())]).await;
    let gateway = signing_in(&issuer, &server.url, "client_credentials");
    let url = gateway.url("server");
    let token = issuer.mint(&json!({"claims": {"aud": url}})).await;
    for _ in 0..2 {
        let refused = call(&url, Some(&token)).await;
        assert_eq!(
            (refused.status().as_u16(), challenge(&refused)),
            (502, String::new())
        );
    }
    assert_eq!(
        issuer.asked("token").await,
        2,
        "a token that was refused is not used again"
    );
}
