//! Sessions of the earlier revisions: they stay where they began, and belong to who began them.

use http::HeaderValue;
use reqwest::RequestBuilder;
use serde_json::{Value, json};

use super::{AUDIT, calls, three, urls};
use crate::{
    gateway::{Gateway, Store, fixture},
    message::{answer_of, post},
    peer::Server,
    process::free_address,
    raw::{Raw, Step},
};

/// One session of the revision 2025-11-25.
pub(crate) struct Session {
    pub(super) url: String,
    pub(super) id: HeaderValue,
}

impl Session {
    /// Opens one; `with` adds what the caller proves itself by.
    pub(crate) async fn open(url: &str, with: impl Fn(RequestBuilder) -> RequestBuilder) -> Self {
        Self::begin(url, json!({}), with).await
    }

    /// Opens one of a client that has these capabilities.
    pub(crate) async fn open_with(url: &str, capabilities: Value) -> Self {
        Self::begin(url, capabilities, plain).await
    }

    async fn begin(
        url: &str,
        capabilities: Value,
        with: impl Fn(RequestBuilder) -> RequestBuilder,
    ) -> Self {
        let opened = with(post(url))
            .body(initialize(&capabilities).to_string())
            .send()
            .await
            .unwrap();
        assert_eq!(opened.status(), 200);
        let session = Self {
            url: url.to_owned(),
            id: opened.headers()["mcp-session-id"].clone(),
        };
        opened.text().await.unwrap();
        let ready = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
        let noted = with(session.message(&ready)).send().await.unwrap();
        assert_eq!(noted.status(), 202);
        session
    }

    pub(crate) fn message(&self, body: &Value) -> RequestBuilder {
        self.within(post(&self.url)).body(body.to_string())
    }

    pub(crate) fn within(&self, request: RequestBuilder) -> RequestBuilder {
        request
            .header("mcp-session-id", &self.id)
            .header("mcp-protocol-version", "2025-11-25")
    }

    /// Calls `echo`; the status of the answer.
    pub(super) async fn echo(&self) -> u16 {
        self.echo_by(plain).await
    }

    /// As [`Session::echo`]; `with` adds what the caller proves itself by.
    pub(super) async fn echo_by(&self, with: impl Fn(RequestBuilder) -> RequestBuilder) -> u16 {
        let answered = with(self.message(&echo())).send().await.unwrap();
        let status = answered.status().as_u16();
        let text = answered.text().await.unwrap();
        if status == 200 {
            assert_eq!(
                answer_of(&json!(1), &text)["result"]["content"][0]["text"],
                "hi"
            );
        }
        status
    }
}

fn initialize(capabilities: &Value) -> Value {
    json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {
        "protocolVersion": "2025-11-25", "capabilities": capabilities, "clientInfo": {"name": "it", "version": "1"}}})
}

fn echo() -> Value {
    json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call",
        "params": {"name": "echo", "arguments": {"text": "hi"}}})
}

fn plain(request: RequestBuilder) -> RequestBuilder {
    request
}

#[tokio::test]
async fn a_session_stays_on_its_endpoint_also_on_another_replica() {
    let fixtures = three();
    let config = format!(
        "servers: {{server: {{urls: {}}}}}\nsessions: {{keys: [a-key-of-the-tests-0123456789abcdef]}}\n{AUDIT}",
        urls(&fixtures)
    );
    let (one, other) = (Gateway::start(&config), Gateway::start(&config));
    let mut sessions = Vec::new();
    for _ in 0..6 {
        sessions.push(Session::open(&one.url("server"), plain).await);
    }
    for session in &mut sessions {
        for gateway in [&one, &other] {
            session.url = gateway.url("server");
            for _ in 0..5 {
                assert_eq!(session.echo().await, 200);
            }
        }
    }
    for fixture in &fixtures {
        assert_eq!(calls(fixture).await, 20, "two sessions each");
    }
}

#[tokio::test]
async fn sessions_outlive_the_gateway() {
    let fixture = fixture();
    let mut gateway = Gateway::before(&format!("http://{}/mcp", fixture.address));
    let session = Session::open(&gateway.url("server"), plain).await;
    gateway.process().kill();
    gateway.restart();
    assert_eq!(session.echo().await, 200);
}

#[tokio::test]
async fn the_server_sees_its_own_id_and_the_client_a_sealed_one() {
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nmcp-session-id: session-1\r\ncontent-length: 2\r\n\r\n{}";
    let server = Raw::start(vec![Step::Send(head.into())]).await;
    let gateway = Gateway::before(&server.url);
    let url = gateway.url("server");
    let opened = post(&url)
        .body(initialize(&json!({})).to_string())
        .send()
        .await
        .unwrap();
    let id = opened.headers()["mcp-session-id"].clone();
    assert!(!id.to_str().unwrap().contains("session-1"));
    let session = Session {
        url,
        id: id.clone(),
    };
    let again = session
        .message(&echo())
        .header("last-event-id", "stream/7")
        .send()
        .await
        .unwrap();
    // The client keeps one id for the whole session, although the server repeats its own.
    assert_eq!(again.headers()["mcp-session-id"], id);
    let requests = server.requests();
    let second = String::from_utf8(requests[1].clone())
        .unwrap()
        .to_ascii_lowercase();
    assert!(
        second.contains("\r\nmcp-session-id: session-1\r\n"),
        "{second}"
    );
    assert!(
        second.contains("\r\nlast-event-id: stream/7\r\n"),
        "{second}"
    );
}

#[tokio::test]
async fn an_id_that_nobody_was_given_is_unknown() {
    let store = Store::start().await;
    let fixtures = [fixture(), fixture()];
    let [a, b] = fixtures
        .each_ref()
        .map(|one| format!("http://{}/mcp", one.address));
    let gateway = Gateway::start(&format!(
        "servers: {{a: {{url: '{a}'}}, b: {{url: '{b}'}}}}\n{}",
        store.audit()
    ));
    let session = Session::open(&gateway.url("a"), plain).await;
    let mut altered = session.id.as_bytes().to_vec();
    altered[20] = if altered[20] == b'A' { b'B' } else { b'A' };
    let attempts = [
        ("a", HeaderValue::from_static("made-up")),
        ("a", HeaderValue::from_bytes(&altered).unwrap()),
        ("b", session.id.clone()),
    ];
    for (server, id) in attempts {
        let url = gateway.url(server);
        let refused = Session { url, id }.message(&echo()).send().await.unwrap();
        assert_eq!(refused.status(), 404);
        let body: Value = serde_json::from_str(&refused.text().await.unwrap()).unwrap();
        assert_eq!(body["id"], 1);
        assert_eq!(body["error"]["message"], "no such session");
    }
    assert_eq!(session.echo().await, 200);
    let rows = store.rows("http_status = 404", 3).await;
    assert!(
        rows.iter().all(|row| row["outcome"] == "denied"),
        "{rows:#?}"
    );
    assert_eq!(calls(&fixtures[1]).await, 0);
}

#[tokio::test]
async fn a_session_whose_endpoint_died_is_gone_and_begins_anew_elsewhere() {
    let mut fixtures = three();
    let gateway = Gateway::start(&format!(
        "servers: {{server: {{urls: {}}}}}\n{AUDIT}",
        urls(&fixtures)
    ));
    let mut sessions = Vec::new();
    for _ in 0..3 {
        sessions.push(Session::open(&gateway.url("server"), plain).await);
    }
    fixtures[0].kill();
    let mut lost = 0;
    for session in &sessions {
        match session.echo().await {
            200 => {}
            404 => lost += 1,
            status => panic!("{status}"),
        }
    }
    assert_eq!(lost, 1);
    let anew = Session::open(&gateway.url("server"), plain).await;
    assert_eq!(anew.echo().await, 200);
}

/// Some servers say 400, from which no client begins anew.
#[tokio::test]
async fn a_server_that_forgot_a_session_says_so() {
    for server in [Server::Fixture, Server::Everything, Server::FastMcp] {
        let port = free_address().port();
        let mut process = server.start_on(port);
        let gateway = Gateway::before(&format!("http://127.0.0.1:{port}/mcp"));
        let session = Session::open(&gateway.url("server"), plain).await;
        process.kill();
        drop(process);
        let _again = server.start_on(port);
        assert_eq!(session.echo().await, 404, "{server:?}");
        let wrong = session
            .message(&json!({"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": {}}));
        assert_ne!(wrong.send().await.unwrap().status(), 200, "{server:?}");
    }
}
