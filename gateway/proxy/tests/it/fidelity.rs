//! What Gantry does not change goes through byte for byte, in both directions.

use serde_json::json;

use crate::{
    gateway::Gateway,
    message::{MODERN, post},
    raw::{Raw, Step},
};

/// A request with everything that a parser and a writer would lose: unknown fields, key order,
/// number forms, escapes, white space.
const REQUEST: &str = r#" {"params" : {"name":"x","_meta":{"io.modelcontextprotocol/clientCapabilities":{ },"io.modelcontextprotocol/protocolVersion":"2026-07-28","z":1.0e+2},
 "arguments":{"b":1.00,"a":123456789012345678901234567890,"t":"\u00e9\/\ud83d\ude00 \t"}, "x-unknown":[ ]}, "method":"tools\/call","id":10 , "extra":null,"jsonrpc":"2.0"}
"#;

/// A list as a server with its own taste writes it.
const LIST: &str = r##"{ "result":{"tools":[{"name":"x","inputSchema":{"type":"object","$defs":{"N":{"$anchor":"n","minimum":-0.0,"const":1E400}},"properties":{"b":{"$ref":"#/$defs/N"},"a":{"enum":[1.0,1,"\u0031"]}}}}],"ttlMs":0 } ,"id":"a\u0062c","jsonrpc":"2.0"}  "##;

fn request(url: &str) -> reqwest::RequestBuilder {
    post(url)
        .header("mcp-protocol-version", MODERN)
        .header("mcp-method", "tools/call")
        .header("mcp-name", "x")
        .header("mcp-param-empty", "")
        .header("mcp-param-x", "=?base64?w6k=?=")
        .header("x-unknown", "kept")
        .header("last-event-id", "stream/7")
        .header("authorization", "Bearer not-for-the-server")
        .header("cookie", "session=not-for-the-server")
        .header("origin", "http://localhost:1234")
        .header("x-forwarded-for", "192.0.2.1")
}

#[tokio::test]
async fn requests_keep_their_bytes_and_lose_what_is_not_the_servers() {
    let server = Raw::answering("application/json", b"{}").await;
    let gateway = Gateway::before(&server.url);
    let sent = REQUEST;
    let response = request(&gateway.url("server")).body(sent).send().await;
    assert_eq!(response.unwrap().status(), 200);

    let (head, body) = server.request();
    assert_eq!(String::from_utf8(body).unwrap(), sent);
    let head = head.to_ascii_lowercase();
    let (line, fields) = head.split_once("\r\n").unwrap();
    assert_eq!(line, "post /mcp http/1.1");
    let authority = server
        .url
        .trim_start_matches("http://")
        .trim_end_matches("/mcp");
    for kept in [
        format!("host: {authority}"),
        format!("content-length: {}", sent.len()),
        "mcp-param-empty: ".to_owned(),
        "mcp-param-x: =?base64?w6k=?=".to_owned(),
        "x-unknown: kept".to_owned(),
        "last-event-id: stream/7".to_owned(),
        "via: 1.1 gantry".to_owned(),
    ] {
        assert!(
            fields.lines().any(|line| line == kept),
            "{kept} is not in {fields}"
        );
    }
    for dropped in [
        "authorization",
        "cookie",
        "origin",
        "x-forwarded-for",
        "accept-encoding",
    ] {
        assert!(
            !fields.contains(&format!("\n{dropped}:")),
            "{dropped} is in {fields}"
        );
    }
}

#[tokio::test]
async fn json_answers_keep_their_bytes() {
    let server = Raw::answering("application/json; charset=utf-8", LIST.as_bytes()).await;
    let gateway = Gateway::before(&server.url);
    let answer = request(&gateway.url("server"))
        .body(REQUEST)
        .send()
        .await
        .unwrap();
    assert_eq!(
        answer.headers()["content-type"],
        "application/json; charset=utf-8"
    );
    assert_eq!(answer.text().await.unwrap(), LIST);
}

/// Events in every form that the standard allows: priming events without data, ids, retry,
/// comments, all three line ends, several data lines, unknown fields, no space after the colon.
const EVENTS: &str = concat!(
    "id: 0\nretry: 3000\ndata: \n\n",
    ": a comment\n\n",
    "event: message\r\nid: a/1\r\ndata: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/progress\",\"params\":{\"progress\":1.0}}\r\n\r\n",
    "data:{\"jsonrpc\":\"2.0\",\rdata: \"method\":\"x\"}\r\r",
    "unknown: field\nid\n\n",
    "event: message\ndata: {\"result\": {\"content\": [], \"isError\" : false},\"id\":10,\"jsonrpc\":\"2.0\"}\n\n",
    ": after the answer\n\n",
);

#[tokio::test]
async fn event_streams_keep_their_bytes_whatever_their_pieces() {
    for piece in [1, 7, 64, EVENTS.len()] {
        let head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\nset-cookie: a=b\r\n\r\n";
        let chunks = EVENTS.as_bytes().chunks(piece).map(|piece| {
            let size = format!("{:x}\r\n", piece.len());
            Step::Send([size.as_bytes(), piece, b"\r\n"].concat())
        });
        let mut steps = vec![Step::Send(head.to_vec())];
        steps.extend(chunks);
        steps.push(Step::Send(b"0\r\n\r\n".to_vec()));
        let server = Raw::start(steps).await;
        let gateway = Gateway::before(&server.url);
        let answer = request(&gateway.url("server"))
            .body(REQUEST)
            .send()
            .await
            .unwrap();
        assert_eq!(answer.headers()["x-accel-buffering"], "no");
        assert!(!answer.headers().contains_key("set-cookie"));
        assert_eq!(answer.text().await.unwrap(), EVENTS, "pieces of {piece}");
    }
}

#[tokio::test]
async fn errors_of_the_server_keep_their_status_and_bytes() {
    let body = json!({"detail": "no <b>such</b> session"}).to_string();
    let head = format!(
        "HTTP/1.1 404 Not Found\r\ncontent-type: text/html\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    let server = Raw::start(vec![Step::Send(
        [head.as_bytes(), body.as_bytes()].concat(),
    )])
    .await;
    let gateway = Gateway::before(&server.url);
    let answer = request(&gateway.url("server"))
        .body(REQUEST)
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 404);
    assert_eq!(answer.headers()["content-type"], "text/html");
    assert_eq!(answer.text().await.unwrap(), body);
}
