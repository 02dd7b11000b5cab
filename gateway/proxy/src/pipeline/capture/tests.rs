//! The result of an answer is found in whatever pieces it comes, and nothing else of it is.

use super::*;

const STREAM: &str = ": hello\n\nevent: message\n\
    data: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/message\",\"params\":{\"result\":{\"no\":1}}}\n\n\
    data: {\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}\n\n\
    id: 3\ndata: {\"jsonrpc\":\"2.0\",\ndata: \"id\":1, \"result\": {\"a\":[1, 2]}}\n\n\
    data: {\"jsonrpc\":\"2.0\",\"id\":2,\"result\":{\"late\":1}}\n\n";

/// A call whose result is awaited, before a store that is not there.
fn awaiting() -> Captured {
    let store = gantry_analytics::Store::new("http://127.0.0.1:1");
    let settings = payload::Settings {
        bytes_max: 1_024,
        keep: DAY,
        insert_timeout: DAY,
    };
    let (outbox, _) = Dispatch::start(&store, settings, Box::new(|_| None)).unwrap();
    Captured {
        outbox,
        arguments: None,
        result: Reading::Awaited,
    }
}

/// What is found of a body in pieces of `size` bytes.
fn found(awaited: &Captured, format: Format, body: &str, size: usize) -> Option<String> {
    let mut captured = Captured {
        outbox: awaited.outbox.clone(),
        arguments: None,
        result: Reading::Awaited,
    };
    captured.answers_in(format);
    let body = Bytes::copy_from_slice(body.as_bytes());
    let mut at = 0;
    while at < body.len() {
        let end = (at + size).min(body.len());
        captured.given(&body.slice(at..end), end == body.len());
        at = end;
    }
    match captured.result {
        Reading::Found(Text::Held { text, .. }) => Some(String::from_utf8(text.into()).unwrap()),
        Reading::Found(Text::TooLong { bytes }) => Some(format!("{bytes} bytes")),
        _ => None,
    }
}

#[tokio::test]
async fn the_result_is_found_however_the_answer_is_cut() {
    let awaited = awaiting();
    for size in 1..=STREAM.len() {
        let result = found(&awaited, Format::EventStream, STREAM, size);
        assert_eq!(result.as_deref(), Some(r#"{"a":[1, 2]}"#), "by {size}");
    }
    for (json, result) in [
        (
            r#"{"jsonrpc":"2.0","id":1,"result":{"b":"ü"}}"#,
            Some(r#"{"b":"ü"}"#),
        ),
        (
            r#"{"jsonrpc":"2.0","id":1,"error":{"code":-1,"message":"m"}}"#,
            Some(r#"{"code":-1,"message":"m"}"#),
        ),
        (r#"{"jsonrpc":"2.0","id":1,"resu"#, None),
        ("no JSON", None),
    ] {
        for size in 1..=json.len() {
            let found = found(&awaited, Format::Json, json, size);
            assert_eq!(found.as_deref(), result, "{json} by {size}");
        }
    }
}

#[tokio::test]
async fn of_a_result_that_is_too_long_the_length_is_left() {
    let awaited = awaiting();
    let long = format!(r#"{{"result":"{}"}}"#, "x".repeat(2 * TEXT_BYTES_MAX));
    for size in [16 * 1024, long.len()] {
        let found = found(&awaited, Format::Json, &long, size);
        assert_eq!(found, Some(format!("{} bytes", long.len())), "by {size}");
    }
    // All the room is free again.
    let mut room = awaited.outbox.room();
    assert!(room.resize(64 * 1024 * 1024));
}
