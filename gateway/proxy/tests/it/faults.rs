//! What does not pass: each fault has its documented status, code and id, and its record.

use serde_json::{Value, json};

use crate::{
    gateway::{Gateway, Store, client, client_builder, endpoint, fixture},
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
        "outcome = '{}' AND http_status = {} AND rpc_code = {} AND rpc_id = '{}'",
        expected.outcome,
        expected.status,
        expected.code,
        expected.id.as_str().unwrap_or_default()
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
    let echo = |id: &str| {
        let params = json!({"name": "echo", "arguments": {"text": "x"}});
        modern_body(&json!(id), "tools/call", params).to_string()
    };
    let with_method = |first: &str, id: &str| echo(id).replacen('{', &format!("{{{first},"), 1);
    let modern = |body: String| {
        post(&url)
            .header("mcp-protocol-version", MODERN)
            .header("mcp-method", "tools/call")
            .header("mcp-name", "echo")
            .body(body)
    };
    let deep = format!("{}{}", "[".repeat(40), "]".repeat(40));
    let deep = echo("deep").replace("\"x\"", &deep);
    // The id comes first, as keys are written in their order here.
    let large = echo("large").replace("\"x\"", &format!("\"{}\"", "x".repeat(100_000)));
    let in_pieces = large.replace("large", "pieces").into_bytes();
    let in_pieces: Vec<_> = in_pieces.chunks(9000).map(<[u8]>::to_vec).collect();
    let in_pieces = futures::stream::iter(in_pieces.into_iter().map(Ok::<_, std::io::Error>));
    let twice = |name: &str, id: &str| modern(echo(id)).header(name, "text/plain");
    let cases: Vec<(reqwest::RequestBuilder, u16, i64, Value)> = vec![
        (modern("{\"jsonrpc\":".into()), 400, -32700, Value::Null),
        (modern("\u{feff}{}".into()), 400, -32700, Value::Null),
        (
            modern(format!("[{}]", echo("batch"))),
            400,
            -32600,
            Value::Null,
        ),
        (
            post(&url).body("[{\"jsonrpc\":\"2.0\",\"method\":\"ping\",\"id\":1}]"),
            400,
            -32600,
            Value::Null,
        ),
        (
            modern(with_method("\"method\":\"ping\"", "twice")),
            400,
            -32600,
            json!("twice"),
        ),
        (
            modern(with_method("\"Method\":\"ping\"", "case")),
            400,
            -32600,
            json!("case"),
        ),
        (
            modern(echo("float").replace("\"float\"", "1e0")),
            400,
            -32600,
            Value::Null,
        ),
        (modern(deep), 400, -32600, json!("deep")),
        (modern(large), 413, -32600, json!("large")),
        (
            modern(String::new()).body(reqwest::Body::wrap_stream(in_pieces)),
            413,
            -32600,
            json!("pieces"),
        ),
        (
            modern(echo("name")).header("mcp-name", "other"),
            400,
            -32020,
            json!("name"),
        ),
        (post(&url).body(echo("none")), 400, -32020, json!("none")),
        (
            post(&url)
                .header("mcp-protocol-version", "2099-01-01")
                .body(echo("future").replace(MODERN, "2099-01-01")),
            400,
            -32022,
            json!("future"),
        ),
        (
            modern(echo("bare").replace("io.modelcontextprotocol/clientCapabilities", "x")),
            400,
            -32602,
            json!("bare"),
        ),
        (
            modern(echo("heavy")).header("x-large", "x".repeat(5000)),
            431,
            -32600,
            Value::Null,
        ),
        (
            modern(echo("gzip")).header("content-encoding", "gzip"),
            415,
            -32600,
            Value::Null,
        ),
        (twice("content-type", "types"), 415, -32600, Value::Null),
        (
            client()
                .post(&url)
                .header("content-type", "application/json; charset =utf-16")
                .body(echo("utf")),
            415,
            -32600,
            Value::Null,
        ),
        (
            modern(echo("session")).header("mcp-session-id", "a b"),
            400,
            -32600,
            json!("session"),
        ),
        (
            modern(echo("sessions"))
                .header("mcp-session-id", "a")
                .header("mcp-session-id", "b"),
            400,
            -32600,
            json!("sessions"),
        ),
        (
            client()
                .get(&url)
                .header("mcp-protocol-version", "2099-01-01"),
            400,
            -32022,
            Value::Null,
        ),
        (
            client()
                .delete(&url)
                .header("mcp-protocol-version", "2099-01-01"),
            400,
            -32022,
            Value::Null,
        ),
        (
            modern(echo("origin")).header("origin", "http://evil.example.com"),
            403,
            -32600,
            Value::Null,
        ),
        (
            call(&gateway.url("nobody"), "nobody"),
            404,
            -32600,
            json!("nobody"),
        ),
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
    let json = [
        b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 900000\r\n\r\n{\"jsonrpc\":\"".as_slice(),
        &[b'x'; 500_000],
    ]
    .concat();
    let events = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\ndata: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/progress\"}\n\n";
    let cut = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n5\r\ndata:\r\n";
    let whole = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n9\r\ndata: 1\n\n\r\n";
    let empty = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 10\r\n\r\n";
    let mut servers = Vec::new();
    for (name, bytes, waits) in [
        ("json", &json[..], true),
        ("cut", cut, true),
        ("whole", whole, true),
        ("ended", events, false),
        ("empty", empty, false),
    ] {
        let end = if waits { Step::Wait } else { Step::Close };
        servers.push((
            name,
            Raw::start(vec![Step::Send(bytes.to_vec()), end]).await,
        ));
    }
    let lines: String = servers
        .iter()
        .map(|(name, server)| format!("  {name}: {{url: '{}'}}\n", server.url))
        .collect();
    let gateway = Gateway::start(&format!("servers:\n{lines}{}", store.audit()));
    let begin = async |name: &str| {
        let begun = call(&gateway.url(name), name).send().await.unwrap();
        assert_eq!(begun.status(), 200, "{name}");
        let (_, server) = servers.iter().find(|(known, _)| *known == name).unwrap();
        server.close();
        begun.text().await
    };
    assert!(begin("json").await.is_err(), "a cut answer looks whole");
    assert!(begin("cut").await.is_err(), "a cut stream looks whole");
    // Between two events there is room to say what happened.
    let text = begin("whole").await.unwrap();
    assert!(
        text.contains("\"id\":\"whole\",\"error\":{\"code\":-32603"),
        "{text}"
    );
    let rows = store
        .rows("outcome = 'upstream_error' AND http_status = 200", 3)
        .await;
    assert_eq!(rows.len(), 3);
    // A stream that ends in order without an answer: nobody knows what became of the call.
    let text = begin("ended").await.unwrap();
    assert!(text.contains("notifications/progress"));
    store
        .rows("server = 'ended' AND outcome = 'unknown'", 1)
        .await;
    // Where nothing has been passed on yet, there is still time for a whole refusal.
    let expected = Expected {
        status: 502,
        code: -32603,
        id: json!("empty"),
        outcome: "upstream_error",
    };
    check(
        &gateway,
        &store,
        call(&gateway.url("empty"), "empty"),
        expected,
    )
    .await;
}

/// A redirection would lead the client past the gateway, to an address that is not for it.
#[tokio::test]
async fn redirections_are_not_passed_on() {
    let store = Store::start().await;
    let head = b"HTTP/1.1 307 Temporary Redirect\r\nlocation: http://127.0.0.1:1/mcp/\r\ncontent-length: 0\r\n\r\n";
    let server = Raw::start(vec![Step::Send(head.to_vec())]).await;
    let gateway = Gateway::recording(&server.url, &store);
    let expected = Expected {
        status: 502,
        code: -32603,
        id: json!("moved"),
        outcome: "upstream_error",
    };
    check(
        &gateway,
        &store,
        call(&gateway.url("server"), "moved"),
        expected,
    )
    .await;
}

/// What a server answers before it has read the whole request must not poison its connection.
#[tokio::test]
async fn a_connection_whose_request_broke_is_not_used_again() {
    let head = b"HTTP/1.1 413 Content Too Large\r\ncontent-type: text/plain\r\ncontent-length: 3\r\n\r\nbig";
    let server = Raw::refusing_bodies(head.to_vec()).await;
    let gateway = Gateway::before(&server.url);
    let url = gateway.url("server");
    let large = tool_call(
        &url,
        &json!(1),
        "echo",
        json!({"text": "x".repeat(12 << 20)}),
    );
    let refused = large.send().await.unwrap();
    assert!(
        [413, 502].contains(&refused.status().as_u16()),
        "{}",
        refused.status()
    );
    call(&url, "after").send().await.unwrap();
    for request in server.requests() {
        assert!(
            request.starts_with(b"POST /mcp HTTP/1.1\r\n"),
            "a body was read as a request"
        );
    }
}

/// A caller whose body cannot be read to its end has no next request on the same connection.
#[tokio::test]
async fn a_connection_with_a_malformed_body_is_closed() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let fixture = fixture();
    let gateway = Gateway::before(&endpoint(&fixture));
    let mut stream = tokio::net::TcpStream::connect(gateway.address)
        .await
        .unwrap();
    let head = format!(
        "POST /mcp/server HTTP/1.1\r\nhost: {}\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\nZZ\r\n",
        gateway.address
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
}

/// A log that takes no more records takes no more calls, and says so.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_log_refuses_calls() {
    let server = Raw::answering(
        "application/json",
        b"{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}",
    )
    .await;
    let gateway = Gateway::start(&format!(
        "servers: {{server: {{url: '{}'}}}}\naudit: {{spool: {{dir: SPOOL, bytes_max: 16MiB}}}}",
        server.url
    ));
    let uri = format!("test://{}", "u".repeat(4000));
    let body =
        json!({"jsonrpc": "2.0", "id": "full", "method": "resources/read", "params": {"uri": uri}});
    let kept = client_builder().build().unwrap();
    let read = || {
        kept.post(gateway.url("server"))
            .header("content-type", "application/json")
            .body(body.to_string())
            .send()
    };
    let mut refused = None;
    for _ in 0..1000 {
        let answers = futures::future::join_all((0..32).map(|_| read())).await;
        let mut answers = answers.into_iter().map(Result::unwrap);
        refused = answers.find(|answer| answer.status() != 200);
        if refused.is_some() {
            break;
        }
    }
    let refused = refused.expect("the log never got full");
    assert_eq!(refused.status(), 503);
    assert!(refused.headers().contains_key("retry-after"));
    let error: Value = refused.json().await.unwrap();
    assert_eq!(
        (&error["id"], &error["error"]["code"]),
        (&json!("full"), &json!(-32603))
    );
    let reached = server.requests().len();
    assert_eq!(read().await.unwrap().status(), 503);
    assert_eq!(
        server.requests().len(),
        reached,
        "a refused call reached the server"
    );
    assert_eq!(gateway.admin("/readyz").await.0, 503);
}
