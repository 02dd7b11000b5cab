//! What passes: every size, framing and protocol version, in both directions.

use futures::StreamExt;
use gantry_loadtest::fixture;
use reqwest::Version;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::{
    gateway::{Gateway, Store, client, client_builder},
    message::{MODERN, answer_of, modern_body, post, tool_call},
    process::free_address,
    raw::{Raw, Step},
};

const MIB: usize = 1024 * 1024;

fn text_of(answer: &Value) -> &str {
    answer["result"]["content"][0]["text"].as_str().unwrap()
}

async fn call(url: &str, tool: &str, arguments: Value) -> Value {
    let id = json!("it-1");
    let response = tool_call(url, &id, tool, arguments).send().await.unwrap();
    assert_eq!(response.status(), 200);
    answer_of(&id, &response.text().await.unwrap())
}

#[tokio::test]
async fn bodies_of_eight_mebibytes_pass_whole() {
    let fixture = fixture::start(fixture::Options::default()).await.unwrap();
    let gateway = Gateway::before(&fixture.url());
    let text: String = (0..8 * MIB)
        .map(|at| char::from(b'a' + (at % 23) as u8))
        .collect();
    let answer = call(&gateway.url("server"), "echo", json!({"text": text})).await;
    assert!(
        text_of(&answer) == text,
        "the echo differs from what was sent"
    );
}

#[tokio::test]
async fn an_answer_of_one_mebibyte_passes_whole() {
    let fixture = fixture::start(fixture::Options::default()).await.unwrap();
    let gateway = Gateway::before(&fixture.url());
    let direct = call(&fixture.url(), "sized", json!({"bytes": MIB})).await;
    let through = call(&gateway.url("server"), "sized", json!({"bytes": MIB})).await;
    assert_eq!(text_of(&direct).len(), MIB);
    assert!(through == direct);
}

#[tokio::test]
async fn ten_thousand_events_pass_in_order() {
    let fixture = fixture::start(fixture::Options::default()).await.unwrap();
    let gateway = Gateway::before(&fixture.url());
    let mut body = modern_body(
        &json!(5),
        "tools/call",
        json!({"name": "sized", "arguments": {"bytes": 10, "events": 10_000}}),
    );
    body["params"]["_meta"]["progressToken"] = json!("p");
    let response = post(&gateway.url("server"))
        .header("mcp-protocol-version", MODERN)
        .header("mcp-method", "tools/call")
        .header("mcp-name", "sized")
        .body(body.to_string())
        .send()
        .await
        .unwrap();
    let text = response.text().await.unwrap();
    let progress: Vec<u64> = text
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line.strip_prefix("data:")?).ok())
        .filter_map(|message| message["params"]["progress"].as_f64())
        .map(|progress| progress as u64)
        .collect();
    assert_eq!(progress, (1..=10_000).collect::<Vec<_>>());
    assert_eq!(text_of(&answer_of(&json!(5), &text)).len(), 10);
}

#[tokio::test]
async fn http2_downstream_and_upstream() {
    let fixture = fixture::start(fixture::Options::default()).await.unwrap();
    let gateway = Gateway::start(&format!(
        "servers: {{one: {{url: '{0}'}}, two: {{url: '{0}', protocol: http2}}}}\naudit: {{spool: {{dir: SPOOL}}}}",
        fixture.url()
    ));
    let text = "x".repeat(2 * MIB);
    for server in ["one", "two"] {
        let client = client_builder().http2_prior_knowledge().build().unwrap();
        let request = tool_call(
            &gateway.url(server),
            &json!(1),
            "echo",
            json!({"text": text}),
        );
        let mut request = request.build().unwrap();
        *request.version_mut() = Version::HTTP_2;
        let response = client.execute(request).await.unwrap();
        assert_eq!(response.version(), Version::HTTP_2);
        let answer = answer_of(&json!(1), &response.text().await.unwrap());
        assert!(text_of(&answer) == text, "{server}");
    }
    let answer = call(&gateway.url("two"), "echo", json!({"text": "h1 to h2"})).await;
    assert_eq!(text_of(&answer), "h1 to h2");
}

/// With prior knowledge of HTTP/2, the first thing that a server reads is the preface.
#[tokio::test]
async fn http2_upstream_is_really_spoken() {
    let server = Raw::start(vec![Step::Close]).await;
    let gateway = Gateway::start(&format!(
        "servers: {{server: {{url: '{}', protocol: http2}}}}\naudit: {{spool: {{dir: SPOOL}}}}",
        server.url
    ));
    let request = tool_call(&gateway.url("server"), &json!(1), "echo", json!({}));
    assert_eq!(request.send().await.unwrap().status(), 502);
    assert!(server.requests()[0].starts_with(b"PRI * HTTP/2.0\r\n"));
}

/// A certificate for `localhost` and its key, as files.
struct Certificate {
    folder: tempfile::TempDir,
    pem: String,
}

impl Certificate {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let pair = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let pem = pair.cert.pem();
        std::fs::write(folder.path().join("cert.pem"), &pem).unwrap();
        let key = pair.signing_key.serialize_pem();
        std::fs::write(folder.path().join("key.pem"), key).unwrap();
        Self { folder, pem }
    }

    fn path(&self, file: &str) -> String {
        self.folder.path().join(file).display().to_string()
    }

    /// A gateway that serves HTTPS with it.
    fn gateway_before(&self, url: &str) -> Gateway {
        Gateway::listening(
            &format!("servers: {{server: {{url: '{url}'}}}}\naudit: {{spool: {{dir: SPOOL}}}}"),
            &format!(
                ", tls: {{cert: '{}', key: '{}'}}",
                self.path("cert.pem"),
                self.path("key.pem")
            ),
            "https",
        )
    }
}

#[tokio::test]
async fn tls_with_http2_and_http1() {
    let fixture = fixture::start(fixture::Options::default()).await.unwrap();
    let certificate = Certificate::new();
    let gateway = certificate.gateway_before(&fixture.url());
    let url = format!("https://localhost:{}/mcp/server", gateway.address.port());
    let root = reqwest::Certificate::from_pem(certificate.pem.as_bytes()).unwrap();
    for (version, http1) in [(Version::HTTP_2, false), (Version::HTTP_11, true)] {
        let builder = client_builder().tls_certs_only([root.clone()]);
        let builder = if http1 { builder.http1_only() } else { builder };
        let request = tool_call(&url, &json!(1), "echo", json!({"text": "sealed"}));
        let client = builder.build().unwrap();
        let response = client.execute(request.build().unwrap()).await.unwrap();
        assert_eq!(response.version(), version);
        let answer = answer_of(&json!(1), &response.text().await.unwrap());
        assert_eq!(text_of(&answer), "sealed");
    }
}

/// One gateway behind another: the first is an HTTPS server to the second.
#[tokio::test]
async fn tls_upstream_is_trusted_only_as_configured() {
    let fixture = fixture::start(fixture::Options::default()).await.unwrap();
    let certificate = Certificate::new();
    let inner = certificate.gateway_before(&fixture.url());
    let url = format!("https://127.0.0.1:{}/mcp/server", inner.address.port());
    let ca = certificate.path("cert.pem");
    let gateway = Gateway::start(&format!(
        "servers:\n  auto: {{url: '{url}', tls: {{ca: '{ca}', server_name: localhost}}}}\n  one: {{url: '{url}', protocol: http1, tls: {{ca: '{ca}', server_name: localhost}}}}\n  two: {{url: '{url}', protocol: http2, tls: {{ca: '{ca}', server_name: localhost}}}}\n  unknown: {{url: '{url}', tls: {{server_name: localhost}}}}\n  misnamed: {{url: '{url}', tls: {{ca: '{ca}', server_name: other.example.com}}}}\naudit: {{spool: {{dir: SPOOL}}}}"
    ));
    for server in ["auto", "one", "two"] {
        let answer = call(&gateway.url(server), "echo", json!({"text": server})).await;
        assert_eq!(text_of(&answer), server);
    }
    for server in ["unknown", "misnamed"] {
        let request = tool_call(
            &gateway.url(server),
            &json!(1),
            "echo",
            json!({"text": "x"}),
        );
        assert_eq!(request.send().await.unwrap().status(), 502, "{server}");
    }
}

#[tokio::test]
async fn an_endpoint_that_cannot_be_reached_is_passed_over() {
    let store = Store::start().await;
    let fixture = fixture::start(fixture::Options::default()).await.unwrap();
    let gateway = Gateway::start(&format!(
        "servers: {{server: {{urls: ['http://{}/mcp', '{}']}}}}\n{}",
        free_address(),
        fixture.url(),
        store.audit()
    ));
    for _ in 0..4 {
        let answer = call(&gateway.url("server"), "echo", json!({"text": "x"})).await;
        assert_eq!(text_of(&answer), "x");
    }
    let rows = store.rows("outcome = 'ok'", 4).await;
    assert!(rows.iter().any(|row| row["attempts"] == 2), "{rows:#?}");
}

/// Requests that a client sends without waiting are answered in their order.
#[tokio::test]
async fn pipelined_requests_are_answered_in_turn() {
    let fixture = fixture::start(fixture::Options::default()).await.unwrap();
    let gateway = Gateway::before(&fixture.url());
    let body = echo_body();
    let fields = format!("content-length: {}", body.len());
    let last = head(&gateway, &fields) + &body;
    let first = last.replace("connection: close\r\n", "");
    let mut stream = TcpStream::connect(gateway.address).await.unwrap();
    stream
        .write_all((first.clone() + &first + &last).as_bytes())
        .await
        .unwrap();
    let mut answers = String::new();
    stream.read_to_string(&mut answers).await.unwrap();
    assert_eq!(answers.matches("HTTP/1.1 200").count(), 3, "{answers}");
    assert_eq!(answers.matches("in pieces").count(), 3, "{answers}");
    assert_eq!(fixture.calls().answered, 3);
}

/// The head of a request that is written by hand.
fn head(gateway: &Gateway, fields: &str) -> String {
    format!(
        "POST /mcp/server HTTP/1.1\r\nhost: {}\r\ncontent-type: application/json\r\naccept: application/json, text/event-stream\r\nmcp-protocol-version: {MODERN}\r\nmcp-method: tools/call\r\nmcp-name: echo\r\nconnection: close\r\n{fields}\r\n\r\n",
        gateway.address
    )
}

fn echo_body() -> String {
    let params = json!({"name": "echo", "arguments": {"text": "in pieces"}});
    modern_body(&json!(9), "tools/call", params).to_string()
}

#[tokio::test]
async fn chunked_bodies_are_read_whole() {
    let fixture = fixture::start(fixture::Options::default()).await.unwrap();
    let gateway = Gateway::before(&fixture.url());
    let mut stream = TcpStream::connect(gateway.address).await.unwrap();
    let head = head(&gateway, "transfer-encoding: chunked");
    stream.write_all(head.as_bytes()).await.unwrap();
    for piece in echo_body().as_bytes().chunks(17) {
        let size = format!("{:x}\r\n", piece.len());
        stream
            .write_all(&[size.as_bytes(), piece, b"\r\n"].concat())
            .await
            .unwrap();
    }
    stream.write_all(b"0\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(answer.contains("in pieces"), "{answer}");
}

#[tokio::test]
async fn a_client_that_waits_for_continue_is_told_to_go_on() {
    let fixture = fixture::start(fixture::Options::default()).await.unwrap();
    let gateway = Gateway::before(&fixture.url());
    let body = echo_body();
    let mut stream = TcpStream::connect(gateway.address).await.unwrap();
    let fields = format!("expect: 100-continue\r\ncontent-length: {}", body.len());
    stream
        .write_all(head(&gateway, &fields).as_bytes())
        .await
        .unwrap();
    let mut go_on = [0; 25];
    stream.read_exact(&mut go_on).await.unwrap();
    assert_eq!(&go_on, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(body.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(answer.contains("in pieces"), "{answer}");
}

#[tokio::test]
async fn a_legacy_session_begins_streams_and_ends() {
    for revision in ["2025-03-26", "2025-06-18", "2025-11-25"] {
        hold_session(revision).await;
    }
}

async fn hold_session(revision: &str) {
    let fixture = fixture::start(fixture::Options::default()).await.unwrap();
    let gateway = Gateway::before(&fixture.url());
    let url = gateway.url("server");
    let initialize = json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {
        "protocolVersion": revision, "capabilities": {}, "clientInfo": {"name": "it", "version": "1"}}});
    let opened = post(&url)
        .body(initialize.to_string())
        .send()
        .await
        .unwrap();
    assert_eq!(opened.status(), 200);
    let session = opened.headers()["mcp-session-id"].clone();
    let answer = answer_of(&json!(0), &opened.text().await.unwrap());
    assert_eq!(answer["result"]["protocolVersion"], revision);

    let in_session = |request: reqwest::RequestBuilder| {
        let request = request.header("mcp-session-id", &session);
        // The first revision knows no version header.
        if revision == "2025-03-26" {
            return request;
        }
        request.header("mcp-protocol-version", revision)
    };
    let ready = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
    let noted = in_session(post(&url))
        .body(ready.to_string())
        .send()
        .await
        .unwrap();
    assert_eq!(noted.status(), 202);
    assert_eq!(noted.text().await.unwrap(), "");

    let stream = in_session(client().get(&url))
        .header("accept", "text/event-stream")
        .send()
        .await
        .unwrap();
    assert_eq!(stream.headers()["content-type"], "text/event-stream");
    let mut events = stream.bytes_stream();
    let changed = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {
        "name": "test_trigger_tool_change", "arguments": {}}});
    let answered = in_session(post(&url))
        .body(changed.to_string())
        .send()
        .await
        .unwrap();
    assert_eq!(answered.status(), 200);
    let mut seen = String::new();
    while !seen.contains("notifications/tools/list_changed") {
        let piece = events.next().await.unwrap().unwrap();
        seen.push_str(std::str::from_utf8(&piece).unwrap());
    }

    let ended = in_session(client().delete(&url)).send().await.unwrap();
    assert!(ended.status().is_success());
    let again = in_session(post(&url))
        .body(ready.to_string())
        .send()
        .await
        .unwrap();
    assert_eq!(again.status(), 404);
}

#[tokio::test]
async fn pages_of_this_machine_may_call_and_others_may_not() {
    let fixture = fixture::start(fixture::Options::default()).await.unwrap();
    let gateway = Gateway::before(&fixture.url());
    let url = gateway.url("server");
    let page = "http://localhost:6274";
    let allowed = tool_call(&url, &json!(1), "echo", json!({"text": "hi"}))
        .header("origin", page)
        .send()
        .await
        .unwrap();
    assert_eq!(allowed.status(), 200);
    assert_eq!(allowed.headers()["access-control-allow-origin"], page);

    let preflight = client()
        .request(reqwest::Method::OPTIONS, &url)
        .header("origin", page)
        .header("access-control-request-method", "POST")
        .header("access-control-request-headers", "mcp-method,mcp-name")
        .send()
        .await
        .unwrap();
    assert_eq!(preflight.status(), 204);
    assert_eq!(
        preflight.headers()["access-control-allow-headers"],
        "mcp-method,mcp-name"
    );

    for origin in [
        "http://evil.example.com",
        "http://localhost.evil.example.com",
        "null",
    ] {
        let refused = tool_call(&url, &json!(1), "echo", json!({"text": "hi"}))
            .header("origin", origin)
            .send()
            .await
            .unwrap();
        assert_eq!(refused.status(), 403, "{origin}");
        assert!(
            !refused
                .headers()
                .contains_key("access-control-allow-origin")
        );
    }
    assert_eq!(fixture.calls().begun, 1);
}
