//! What HTTP answers become, by example.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a failed expectation is a failed test"
)]

mod schema;

use gantry_openapi::{AnswerLimits, Options, Response, read};
use serde_json::{Value, json};

#[test]
fn each_kind_of_answer() {
    let operation = json!({"parameters": [{"name": "page", "in": "query", "schema": {"type": "integer"}}],
        "responses": {"200": {"content": {"application/json": {"schema": {"type": "object", "required": ["a"], "properties": {"a": {"type": "integer"}}}}}}}});
    let document = json!({"openapi": "3.0.0", "paths": {"/x": {"post": operation}}});
    let tool = read(&document.to_string(), &Options::default())
        .unwrap()
        .tools
        .remove(0);

    let output: Value = serde_json::from_str(tool.output_schema().unwrap()).unwrap();
    assert_eq!(
        output,
        json!({"type": "object", "properties": {"a": {"type": ["integer", "null"]}}})
    );
    let limits = AnswerLimits {
        text_bytes: 100,
        blob_bytes: 100,
        fault_bytes: 20,
    };
    let answer = |status: u16, headers: &[(&str, &str)], body: &[u8]| -> Value {
        let text = tool.answer(
            &Response {
                status,
                headers,
                body,
            },
            &limits,
        );
        assert!(!text.contains('\n'));
        let value: Value = serde_json::from_str(&text).unwrap();
        if value["isError"] == false {
            assert!(
                schema::accepts(&output, &output, &value["structuredContent"]),
                "{value}"
            );
        }
        value
    };
    let json_type = ("Content-Type", "application/json; charset=utf-8");
    let link = (
        "Link",
        r#"<https://inside.example/x?page=2&secret=1>; rel="next""#,
    );
    assert_eq!(
        answer(200, &[json_type, link], b"{ \"a\" :\n 1.0 }"),
        json!({"content": [{"type": "text", "text": "{\"a\":1.0}"}, {"type": "text", "text": "There is a next page: call again with page=2"}],
            "structuredContent": {"a": 1.0}, "isError": false, "_meta": {"gantry/next": {"page": "2"}}})
    );
    assert_eq!(
        answer(200, &[json_type], b"[1]")["structuredContent"],
        json!({"result": [1]})
    );
    assert_eq!(
        answer(204, &[], b"")["content"][0]["text"],
        "HTTP 204 No Content"
    );
    assert_eq!(
        answer(200, &[json_type], b"{oops")["content"][0]["text"],
        "{oops"
    );
    assert_eq!(
        answer(200, &[("content-type", "text/html")], &[b'x'; 200])["content"][1]["text"],
        "(cut: the answer has 200 bytes, of which 100 are shown)"
    );
    assert_eq!(
        answer(
            200,
            &[("content-type", "text/plain; charset=ISO-8859-1")],
            b"\xe9"
        )["content"][0]["text"],
        "é"
    );
    assert_eq!(
        answer(
            200,
            &[json_type],
            format!("[{}1]", "1,".repeat(60)).as_bytes()
        )["isError"],
        true
    );
    assert_eq!(
        answer(200, &[("content-type", "image/png")], b"\x89P")["content"][0],
        json!({"type": "image", "mimeType": "image/png", "data": "iVA="})
    );
    let blob = answer(200, &[("content-type", "application/zip")], b"PK");
    assert_eq!(blob["content"][0]["resource"]["blob"], "UEs=");
    assert_eq!(
        answer(200, &[("content-type", "application/zip")], &[0; 101])["isError"],
        true
    );
    assert_eq!(
        answer(
            503,
            &[json_type, ("retry-after", "30")],
            b"{\"why\": \"a long story about it\"}"
        ),
        json!({"content": [{"type": "text", "text": "HTTP 503 Service Unavailable\nRetry after: 30\n{\"why\":\"a long…"}], "isError": true})
    );
    assert_eq!(
        answer(302, &[("location", "https://evil.example")], b"")["isError"],
        true
    );
    let deep = format!("{}1{}", "[".repeat(40), "]".repeat(40));
    assert_eq!(answer(200, &[json_type], deep.as_bytes())["isError"], false);
}
