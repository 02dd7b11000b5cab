//! Names are found where they stand, and nowhere else.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failed expectation is a failed test"
)]

#[path = "../fuzz/src/lib.rs"]
#[allow(dead_code, unreachable_pub, reason = "shared with the fuzz targets")]
mod shared;

use gantry_mcp::{
    listing::List,
    mentions::{self, What},
};
use proptest::prelude::*;

#[track_caller]
fn check(found: Vec<mentions::Mention<'_>>, message: &str, expected: &[(What, &str)]) {
    let found: Vec<_> = found
        .into_iter()
        .filter(|mention| !matches!(mention.what, What::Result | What::Error | What::Filter))
        .map(|mention| {
            assert_eq!(&message[mention.span()], mention.raw());
            (mention.what, mention.raw())
        })
        .collect();
    assert_eq!(found, expected);
}

#[track_caller]
fn server(message: &str, expected: &[(What, &str)]) {
    let found = mentions::of_server(message.as_bytes()).unwrap();
    check(found, message, expected);
}

#[track_caller]
fn client(message: &str, expected: &[(What, &str)]) {
    let found = mentions::of_client(message.as_bytes()).unwrap();
    check(found, message, expected);
}

#[test]
fn what_servers_name() {
    server(
        r#"{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"resource_link","uri":"a:1","name":"x"},{"type":"resource","resource":{"uri":"a:2","text":"uri"}},{"type":"text","text":"{\"uri\":1}"}],"structuredContent":{"uri":"a:3","content":[{"uri":"a:4"}]}}}"#,
        &[
            (What::Id, "1"),
            (What::Uri, r#""a:1""#),
            (What::Uri, r#""a:2""#),
        ],
    );
    server(
        r#"{"result":{"messages":[{"role":"user","content":{"type":"resource","resource":{"uri":"a:1"}}}]},"id":"x"}"#,
        &[(What::Uri, r#""a:1""#), (What::Id, r#""x""#)],
    );
    server(
        r#"{"id":7,"method":"sampling/createMessage","params":{"messages":[{"content":[{"type":"tool_result","content":[{"uri":"a:1"}]}]}],"_meta":{"progressToken":5}}}"#,
        &[
            (What::Id, "7"),
            (What::Method, r#""sampling/createMessage""#),
            (What::Uri, r#""a:1""#),
            (What::Token, "5"),
        ],
    );
    server(
        r#"{"method":"notifications/resources/updated","params":{"uri":"a:1","uri":"a:2"}}"#,
        &[
            (What::Method, r#""notifications/resources/updated""#),
            (What::Uri, r#""a:1""#),
            (What::Uri, r#""a:2""#),
        ],
    );
    server(
        r#"{"id":1,"error":{"code":-32602,"message":"uri","data":{"uri":"a:1"}}}"#,
        &[(What::Id, "1"), (What::Uri, r#""a:1""#)],
    );
}

#[test]
fn what_lists_hold() {
    let tools = List::Tools;
    server(
        r#"{"id":1,"result":{"tools":[ {"name":"a","inputSchema":{"properties":{"name":{"description":"no"}}}} , 5,{"n\u0061me":"b","description":"B"}],"nextCursor":"","ttlMs":5,"cacheScope":"public"}}"#,
        &[
            (What::Id, "1"),
            (
                What::Element(tools),
                r#"{"name":"a","inputSchema":{"properties":{"name":{"description":"no"}}}}"#,
            ),
            (What::ElementName(tools), r#""a""#),
            (What::Element(tools), "5"),
            (
                What::Element(tools),
                r#"{"n\u0061me":"b","description":"B"}"#,
            ),
            (What::ElementName(tools), r#""b""#),
            (What::Description(tools), r#""B""#),
            (What::Cursor, r#""""#),
            (What::Ttl, "5"),
            (What::Scope, r#""public""#),
        ],
    );
}

#[test]
fn what_clients_name() {
    client(
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","arguments":{"name":"b","uri":"c"},"_meta":{"progressToken":"t","io.modelcontextprotocol/protocolVersion":"2026-07-28"}}}"#,
        &[
            (What::Id, "1"),
            (What::Method, r#""tools/call""#),
            (What::Name, r#""a""#),
            (What::Token, r#""t""#),
            (What::Version, r#""2026-07-28""#),
        ],
    );
    client(
        r#"{"id":1,"method":"completion/complete","params":{"ref":{"type":"ref/resource","uri":"a:{x}"},"argument":{"name":"x","value":""}}}"#,
        &[
            (What::Id, "1"),
            (What::Method, r#""completion/complete""#),
            (What::RefUri, r#""a:{x}""#),
        ],
    );
    client(
        r#"{"id":1,"method":"subscriptions/listen","params":{"notifications":{"toolsListChanged":true,"resourceSubscriptions":["a:1","a:2"],"taskIds":["t"]}}}"#,
        &[
            (What::Id, "1"),
            (What::Method, r#""subscriptions/listen""#),
            (What::FilterUri, r#""a:1""#),
            (What::FilterUri, r#""a:2""#),
            (What::FilterTask, r#""t""#),
        ],
    );
}

#[test]
fn what_is_not_json_is_refused() {
    for message in ["", "{", r#"{"id":1}x"#, "{\"id\":\u{1}}", r#"{"result":[}"#] {
        assert!(
            mentions::of_server(message.as_bytes()).is_err(),
            "{message}"
        );
    }
    assert!(mentions::of_server(b"\xff").is_err());
}

proptest! {
    /// Whatever is named anew, every byte beside the names stays as it is.
    #[test]
    fn what_is_not_named_stays(
        text in ".{0,40}",
        names in prop::collection::vec("[ -~]{0,12}", 1..6),
        replacement in "[a-z:/]{0,20}",
    ) {
        let quoted = |text: &str| serde_json::to_string(text).unwrap();
        let (text, replacement) = (quoted(&text), quoted(&replacement));
        let with = |name: &dyn Fn(&str) -> String| {
            let entries: Vec<String> = names
                .iter()
                .map(|own| format!("{{\"inputSchema\" : {{\"name\":{text}}}, \"name\":{} }}", name(own)))
                .collect();
            format!("{{\"result\":{{\"tools\": [{}] , \"x\":{text}}},\"id\":1}} ", entries.join(" , "))
        };
        let before = with(&quoted);
        let edits = mentions::of_server(before.as_bytes()).unwrap().into_iter()
            .filter(|mention| mention.what == What::ElementName(List::Tools))
            .map(|mention| (mention.span(), replacement.clone()))
            .collect::<Vec<_>>();
        prop_assert_eq!(edits.len(), names.len());
        let after = mentions::splice(before.as_bytes(), edits);
        prop_assert_eq!(String::from_utf8(after).unwrap(), with(&|_| replacement.clone()));
    }

    #[test]
    fn whatever_is_read_lies_where_it_is_said_to_lie(text in r#"[{}\[\]:,"a-z0-9\\ ]{0,60}"#) {
        shared::mentions(text.as_bytes());
    }
}
