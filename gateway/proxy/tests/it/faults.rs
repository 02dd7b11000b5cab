//! What does not pass: each fault has its documented status, code and id, and its record.

use serde_json::{Value, json};

use crate::{
    gateway::{Gateway, Store, client, endpoint, fixture},
    message::{MODERN, modern_body, post, tool_call},
    process::free_address,
    raw::{Raw, Step},
};

/// What a caller and the trail are told of one fault.
struct Expected {
    status: u16,
    code: i64,
    id: Value,
    outcome: &'static str,
}

async fn check(
    gateway: &Gateway,
    store: &Store,
    request: reqwest::RequestBuilder,
    expected: Expected,
) {
    let response = request.send().await.unwrap();
    let status = response.status().as_u16();
    let text = response.text().await.unwrap();
    let body: Value = serde_json::from_str(&text).unwrap_or_else(|_| panic!("{status} {text}"));
    assert_eq!(
        (status, &body["error"]["code"], &body["id"]),
        (expected.status, &json!(expected.code), &expected.id),
        "{text}"
    );
    // The operator's detail stays here.
    let address = gateway.address.to_string();
    let (_, port) = address.split_once(':').unwrap();
    assert!(
        !text.contains("127.0.0.1") && !text.contains(port),
        "{text}"
    );
    let condition = format!(
        "outcome = '{}' AND http_status = {} AND rpc_code = {}",
        expected.outcome, expected.status, expected.code
    );
    store.rows(&condition, 1).await;
}

fn call(url: &str, id: &str) -> reqwest::RequestBuilder {
    tool_call(url, &json!(id), "echo", json!({"text": "x"}))
}

#[tokio::test]
async fn servers_that_fail() {
    let store = Store::start().await;
    let garbage = Raw::start(vec![
        Step::Send(b"not http at all\r\n\r\n".to_vec()),
        Step::Close,
    ])
    .await;
    let closing = Raw::start(vec![Step::Close]).await;
    let silent = Raw::start(vec![Step::Hang]).await;
    let gateway = Gateway::start(&format!(
        "servers:\n  refused: {{url: 'http://{}/mcp'}}\n  unresolved: {{url: 'http://no-such-host.invalid/mcp'}}\n  garbage: {{url: '{}'}}\n  closing: {{url: '{}'}}\n  silent: {{url: '{}', timeouts: {{answer: 300ms}}}}\n{}",
        free_address(),
        garbage.url,
        closing.url,
        silent.url,
        store.audit()
    ));
    let cases = [
        ("refused", 502, "upstream_error"),
        ("unresolved", 502, "upstream_error"),
        ("garbage", 502, "upstream_error"),
        ("closing", 502, "upstream_error"),
        ("silent", 504, "timeout"),
    ];
    for (server, status, outcome) in cases {
        let expected = Expected {
            status,
            code: -32603,
            id: json!(server),
            outcome,
        };
        check(
            &gateway,
            &store,
            call(&gateway.url(server), server),
            expected,
        )
        .await;
        let rows = store.rows(&format!("server = '{server}'"), 1).await;
        assert_eq!(rows[0]["rpc_id"], server);
        assert_eq!(rows[0]["tool"], "echo");
        assert_ne!(rows[0]["error"], "");
    }
}

#[tokio::test]
async fn requests_that_are_wrong() {
    let store = Store::start().await;
    let fixture = fixture();
    let gateway = Gateway::start(&format!(
        "servers: {{server: {{url: '{}'}}}}\nrequests: {{body_bytes_max: 64KiB, header_bytes_max: 4KiB, depth_max: 16, read_timeout: 1s}}\n{}",
        endpoint(&fixture),
        store.audit()
    ));
    let url = gateway.url("server");
    let body = |params: Value| modern_body(&json!("m"), "tools/call", params).to_string();
    let echo = || body(json!({"name": "echo", "arguments": {"text": "x"}}));
    let modern = |body: String| {
        post(&url)
            .header("mcp-protocol-version", MODERN)
            .header("mcp-method", "tools/call")
            .header("mcp-name", "echo")
            .body(body)
    };
    let deep = format!("{}{}", "[".repeat(40), "]".repeat(40));
    let deep = echo().replace("\"x\"", &deep);
    let twice = echo().replacen('{', "{\"method\":\"ping\",", 1);
    let case = echo().replacen('{', "{\"Method\":\"ping\",", 1);
    let large = body(json!({"name": "echo", "arguments": {"text": "x".repeat(100_000)}}));
    let large = large
        .replacen('{', "{\"id\":\"m\",", 1)
        .replacen(",\"id\":\"m\"", "", 1);
    let cases: Vec<(reqwest::RequestBuilder, u16, i64, Value)> = vec![
        (modern("{\"jsonrpc\":".into()), 400, -32700, Value::Null),
        (modern("\u{feff}{}".into()), 400, -32700, Value::Null),
        (modern(format!("[{}]", echo())), 400, -32600, Value::Null),
        (modern(twice), 400, -32600, json!("m")),
        (modern(case), 400, -32600, json!("m")),
        (modern(deep), 400, -32600, json!("m")),
        (modern(large), 413, -32600, json!("m")),
        (
            modern(echo()).header("mcp-name", "other"),
            400,
            -32020,
            json!("m"),
        ),
        (post(&url).body(echo()), 400, -32020, json!("m")),
        (
            post(&url)
                .header("mcp-protocol-version", "2099-01-01")
                .body(echo().replace(MODERN, "2099-01-01")),
            400,
            -32022,
            json!("m"),
        ),
        (
            modern(echo().replace("io.modelcontextprotocol/clientCapabilities", "x")),
            400,
            -32602,
            json!("m"),
        ),
        (
            modern(echo()).header("x-large", "x".repeat(5000)),
            431,
            -32600,
            Value::Null,
        ),
        (
            modern(echo()).header("content-encoding", "gzip"),
            415,
            -32600,
            Value::Null,
        ),
        (
            modern(echo()).header("mcp-session-id", "a b"),
            400,
            -32600,
            json!("m"),
        ),
        (
            modern(echo()).header("origin", "http://evil.example.com"),
            403,
            -32600,
            Value::Null,
        ),
        (call(&gateway.url("nobody"), "m"), 404, -32600, json!("m")),
        (client().put(&url).body("{}"), 405, -32600, Value::Null),
    ];
    let count = cases.len();
    for (request, status, code, id) in cases {
        let outcome = if status == 403 {
            "denied"
        } else {
            "bad_request"
        };
        let expected = Expected {
            status,
            code,
            id,
            outcome,
        };
        check(&gateway, &store, request, expected).await;
    }
    let rows = store.rows("1", count).await;
    assert_eq!(rows.len(), count);
    let calls = client()
        .get(endpoint(&fixture).replace("/mcp", "/calls"))
        .send()
        .await
        .unwrap();
    let calls: Value = calls.json().await.unwrap();
    assert_eq!(calls["begun"], 0, "a refused call reached the server");
}

#[tokio::test]
async fn a_path_that_is_no_endpoint_is_answered_and_not_recorded() {
    let store = Store::start().await;
    let fixture = fixture();
    let gateway = Gateway::recording(&endpoint(&fixture), &store);
    for path in ["", "favicon.ico", "mcp/", "mcp/a/b"] {
        let url = format!("http://{}/{path}", gateway.address);
        let response = client().get(url).send().await.unwrap();
        assert_eq!(response.status(), 404, "{path}");
    }
    let known = call(&gateway.url("server"), "known").send().await.unwrap();
    assert_eq!(known.status(), 200);
    let rows = store.rows("1", 1).await;
    assert_eq!(rows.len(), 1);
}

#[tokio::test]
async fn a_body_that_does_not_arrive_in_time() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let fixture = fixture();
    let gateway = Gateway::start(&format!(
        "servers: {{server: {{url: '{}'}}}}\nrequests: {{read_timeout: 1s}}\naudit: {{spool: {{dir: SPOOL}}}}",
        endpoint(&fixture)
    ));
    let mut stream = tokio::net::TcpStream::connect(gateway.address)
        .await
        .unwrap();
    let head = format!(
        "POST /mcp/server HTTP/1.1\r\nhost: {}\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{{",
        gateway.address
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = vec![0; 12];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(answer, b"HTTP/1.1 408");
}

/// An answer that breaks off: the head says 200, and then the server is gone.
#[tokio::test]
async fn answers_that_break_off() {
    let store = Store::start().await;
    let json = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{\"jsonrpc\":";
    let events = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\ndata: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/progress\"}\n\n";
    let cut = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n5\r\ndata:\r\n";
    let whole = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n9\r\ndata: 1\n\n\r\n";
    let mut urls = Vec::new();
    let mut servers = Vec::new();
    for bytes in [&json[..], events, cut, whole] {
        let server = Raw::start(vec![Step::Send(bytes.to_vec()), Step::Close]).await;
        urls.push(server.url.clone());
        servers.push(server);
    }
    let gateway = Gateway::start(&format!(
        "servers:\n  json: {{url: '{}'}}\n  ended: {{url: '{}'}}\n  cut: {{url: '{}'}}\n  whole: {{url: '{}'}}\n{}",
        urls[0],
        urls[1],
        urls[2],
        urls[3],
        store.audit()
    ));
    let json = call(&gateway.url("json"), "json").send().await.unwrap();
    assert_eq!(json.status(), 200);
    assert!(json.text().await.is_err(), "a cut answer looks whole");
    let cut = call(&gateway.url("cut"), "cut").send().await.unwrap();
    assert!(cut.text().await.is_err(), "a cut stream looks whole");
    // Between two events there is room to say what happened.
    let whole = call(&gateway.url("whole"), "whole").send().await.unwrap();
    let text = whole.text().await.unwrap();
    assert!(
        text.contains("\"id\":\"whole\",\"error\":{\"code\":-32603"),
        "{text}"
    );
    let rows = store
        .rows("outcome = 'upstream_error' AND http_status = 200", 3)
        .await;
    assert_eq!(rows.len(), 3);
    // A stream that ends in order without an answer: nobody knows what became of the call.
    let ended = call(&gateway.url("ended"), "ended").send().await.unwrap();
    assert!(
        ended
            .text()
            .await
            .unwrap()
            .contains("notifications/progress")
    );
    store
        .rows("server = 'ended' AND outcome = 'unknown'", 1)
        .await;
}
