//! What stays in a list, and what is not shown because it could be read in two ways.

use serde_json::{Value, json};

use super::{guarded, refusal};
use crate::{
    gateway::{Gateway, client},
    message::modern,
    raw::{Raw, Step},
};

/// A list as a server with its own taste writes it, and what is left of it.
const LIST: &str = r#" {"result":{"ttlMs":1.0e3,"cacheScope" : "public","tools":[ {"name":"a","x":1E2} , {"name":"\u0068idden"} ,
  {"name":"b","inputSchema":{"$defs":{"name":"hidden"}}}],"nextCursor":""},"id":1,"jsonrpc":"2.0" }"#;
const SHOWN: &str = r#" {"result":{"ttlMs":1.0e3,"cacheScope" : "private","tools":[ {"name":"a","x":1E2} ,
  {"name":"b","inputSchema":{"$defs":{"name":"hidden"}}}],"nextCursor":""},"id":1,"jsonrpc":"2.0" }"#;

#[tokio::test]
async fn what_stays_in_a_list_stays_byte_for_byte() {
    let rules = "[{allow: ['server/*']}, {deny: [server/hidden]}]";
    let list = |url: &str| modern(url, "tools/list", None, json!({}));
    let server = Raw::answering("application/json", LIST.as_bytes()).await;
    let gateway = guarded(&server.url, rules);
    let answer = list(&gateway.url("server")).send().await.unwrap();
    assert_eq!(answer.content_length(), Some(SHOWN.len() as u64));
    assert_eq!(answer.text().await.unwrap(), SHOWN);

    let one_line = |text: &str| text.replace("\n ", "");
    let event = |json: &str| {
        format!(
            ": hello\n\nid: 7\nevent: message\ndata: {}\n\n",
            one_line(json)
        )
    };
    let server = Raw::answering("text/event-stream", event(LIST).as_bytes()).await;
    let gateway = guarded(&server.url, rules);
    let answer = list(&gateway.url("server"))
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    assert_eq!(answer, event(SHOWN));

    // Without rules nothing is touched.
    let gateway = Gateway::before(
        &Raw::answering("application/json", LIST.as_bytes())
            .await
            .url,
    );
    let _ = gateway;
    let server = Raw::answering("application/json", LIST.as_bytes()).await;
    let gateway = Gateway::before(&server.url);
    let answer = list(&gateway.url("server")).send().await.unwrap();
    assert_eq!(answer.text().await.unwrap(), LIST);
}

#[tokio::test]
async fn a_list_that_could_be_read_in_two_ways_is_not_shown() {
    let twice = br#"{"jsonrpc":"2.0","id":1,"result":{"tools":[],"tools":[{"name":"hidden"}]}}"#;
    let server = Raw::answering("application/json", twice).await;
    let gateway = guarded(&server.url, "[{allow: ['server/open']}]");
    let (status, error) = refusal(modern(
        &gateway.url("server"),
        "tools/list",
        None,
        json!({}),
    ))
    .await;
    assert_eq!((status, &error["code"]), (502, &json!(-32603)));
}

/// A reader that guesses would find the list in a text; one that does not has lost nothing.
#[tokio::test]
async fn a_list_in_no_form_that_can_be_read_is_not_shown() {
    let answering = async |status: &str| {
        let head = format!(
            "HTTP/1.1 {status}\r\ncontent-type: text/plain\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
            LIST.len()
        );
        let steps = vec![
            Step::Send([head.as_bytes(), LIST.as_bytes()].concat()),
            Step::Close,
        ];
        let server = Raw::start(steps).await;
        let gateway = guarded(&server.url, "[{allow: ['server/open']}]");
        let list = modern(&gateway.url("server"), "tools/list", None, json!({}));
        let answer = list.send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    let (status, text) = answering("200 OK").await;
    assert_eq!(status, 502);
    assert!(
        text.contains("-32603") && !text.contains("inputSchema"),
        "{text}"
    );
    assert_eq!(answering("404 Not Found").await, (404, String::new()));
}

/// A client's own stream: an answer that a legacy server finishes there, and news about resources.
#[tokio::test]
async fn a_stream_tells_nothing_about_what_is_hidden() {
    let event = |message: Value| format!("data: {message}\n\n");
    let updated = |uri: &str| {
        event(
            json!({"jsonrpc": "2.0", "method": "notifications/resources/updated", "params": {"uri": uri}}),
        )
    };
    let list = |names: &[&str]| {
        let tools: Vec<Value> = names.iter().map(|name| json!({"name": name})).collect();
        event(json!({"jsonrpc": "2.0", "id": 3, "result": {"tools": tools}}))
    };
    let sent = [
        updated("file:///a"),
        updated("file:///secret"),
        list(&["open", "hidden"]),
        event(json!({"jsonrpc": "2.0", "method": "ping", "id": 9})),
    ];
    let head =
        b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n".to_vec();
    let server = Raw::start(vec![
        Step::Send(head),
        Step::Send(sent.concat().into_bytes()),
        Step::Close,
    ])
    .await;
    let gateway = guarded(
        &server.url,
        "[{allow: [server/open, 'server/resource:file:///a']}]",
    );
    let stream = client()
        .get(gateway.url("server"))
        .header("accept", "text/event-stream");
    let got = stream.send().await.unwrap().text().await.unwrap();
    assert_eq!(
        got,
        [updated("file:///a"), list(&["open"]), sent[3].clone()].concat()
    );
}
