//! Any body is read as `serde_json` reads it, or refused; whatever is unambiguous is read.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failed expectation is a failed test"
)]

#[path = "../fuzz/src/lib.rs"]
#[allow(dead_code, unreachable_pub, reason = "shared with the fuzz targets")]
mod shared;

use gantry_mcp::frame::{self, Bounds, Frame};
use proptest::{prelude::*, sample::select};
use serde_json::{Value, json};

/// Bodies that random edits begin with: whole messages, and the turns that trip readers up.
const SEEDS: &[&str] = &[
    r#"{"jsonrpc":"2.0","id":17,"method":"tools/call","params":{"name":"add","arguments":{"a":[1,{"b":-0.5e+3}]},"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{},"io.modelcontextprotocol/clientInfo":{"name":"n","version":"1"},"progressToken":"t"}}}"#,
    r#"{"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"n"}},"jsonrpc":"2.0","id":"a\ud83d\ude00"}"#,
    r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}"#,
    r#"{"jsonrpc":"2.0","id":1,"result":{"roots":[true,false,null]}}"#,
    r#"{"jsonrpc":"2.0","id":null,"error":{"code":-1,"message":"\\\"\u0000"}}"#,
    r#"{"jsonrpc":"2.0","id":1,"method":"own","params":{"name":1,"name ":2,"arguments":0}}"#,
];

/// Answers that random edits begin with.
const LISTS: &[&str] = &[
    r#"{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"a","inputSchema":{"type":"object"}},{"name":"\u0062"}],"nextCursor":"","cacheScope":"public"}}"#,
    r#"{"result":{"resources":[{"uri":"file:///a","name":"x"}],"resourceTemplates":[{"uriTemplate":"a/{b}"}],"prompts":[]},"id":"a"}"#,
    r#"{"jsonrpc":"2.0","method":"notifications/resources/updated","params":{"uri":"file:///a"}}"#,
];

/// What edits insert.
const PIECES: &[&str] = &[
    "\"",
    "\\",
    "{",
    "}",
    "[",
    "]",
    ":",
    ",",
    " ",
    "\n",
    "\t",
    "\u{b}",
    "0",
    "-",
    "1e5",
    ".",
    "null",
    "true",
    "\\u0061",
    "\\ud800",
    "\\udc00",
    "\\u00",
    "\\x",
    "\u{feff}",
    "é",
    "\u{1}",
    "\u{7f}",
    "\"id\":2,",
    "\"Name\":1,",
    "\"name\":\"b\",",
    "\"a\":{},",
    "/* */",
    "1e400",
    "\"method\":\"x\",",
];

/// A body, and a few edits of it: cuts, insertions, repetitions, swapped bytes.
fn edited(seeds: &'static [&'static str]) -> impl Strategy<Value = Vec<u8>> {
    let edit = (
        any::<prop::sample::Index>(),
        0..4u8,
        select(PIECES),
        any::<u8>(),
        0..12usize,
    );
    (select(seeds), prop::collection::vec(edit, 0..6)).prop_map(|(seed, edits)| {
        let mut body = seed.as_bytes().to_vec();
        for (place, kind, piece, byte, length) in edits {
            let at = place.index(body.len() + 1);
            let end = (at + length).min(body.len());
            match kind {
                0 => drop(body.splice(at..at, piece.bytes())),
                1 => drop(body.drain(at..end)),
                2 => body.extend_from_within(at..end),
                _ => body[at..end].iter_mut().take(1).for_each(|old| *old = byte),
            }
        }
        body
    })
}

/// Values as arguments have them.
fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::hash_map(any::<String>(), inner, 0..5)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// Writes an object with its members in this order, its strings escaped or not, and white space.
fn written(members: &[(&str, String)], turn: usize, escaped: bool, space: &str) -> String {
    let mut members = members.to_vec();
    let count = members.len().max(1);
    members.rotate_left(turn % count);
    let key = |key: &str| match (escaped, key.chars().next()) {
        (true, Some(first)) => format!("\"\\u{:04x}{}\"", u32::from(first), &key[1..]),
        _ => format!("\"{key}\""),
    };
    let members: Vec<_> = members
        .iter()
        .map(|(k, v)| format!("{space}{}{space}:{space}{v}{space}", key(k)))
        .collect();
    format!("{space}{{{}}}{space}", members.join(","))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(6000))]

    #[test]
    fn edited_bodies(body in edited(SEEDS)) {
        shared::frame(&body);
    }

    #[test]
    fn edited_lists(message in edited(LISTS)) {
        shared::listing(&message);
    }

    #[test]
    fn random_bytes(body in prop::collection::vec(any::<u8>(), 0..80)) {
        shared::frame(&body);
        shared::listing(&body);
    }

    #[test]
    fn random_json(value in value()) {
        shared::frame(value.to_string().as_bytes());
        let call = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": value});
        shared::frame(call.to_string().as_bytes());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn whatever_is_unambiguous_is_read(
        name in "[^\\p{Cc}]{0,20}", id in prop_oneof![any::<i64>().prop_map(Value::from), any::<String>().prop_map(Value::from)],
        arguments in prop::collection::hash_map(any::<String>(), value(), 0..30), state in any::<String>(),
        turns in any::<[u8; 3]>(), escaped in any::<bool>(), space in "[ \\t\\r\\n]{0,3}",
    ) {
        let quoted = |text: &str| Value::from(text).to_string();
        let meta = written(&[
            ("io.modelcontextprotocol/protocolVersion", quoted("2026-07-28")),
            ("traceparent", quoted(&state)), ("com.example/own", "[1]".into()),
        ], turns[0].into(), escaped, &space);
        let arguments = Value::Object(arguments.into_iter().collect());
        let params = written(&[
            ("name", quoted(&name)), ("arguments", arguments.to_string()), ("_meta", meta),
            ("requestState", quoted(&state)), ("own", "null".into()),
        ], turns[1].into(), escaped, &space);
        let body = written(&[
            ("jsonrpc", quoted("2.0")), ("id", id.to_string()), ("method", quoted("tools/call")), ("params", params),
        ], turns[2].into(), escaped, &space);

        let Ok(Frame::Request(call)) = frame::parse(body.as_bytes(), &Bounds::default()) else {
            return Err(TestCaseError::fail(body));
        };
        prop_assert_eq!(call.id.unwrap().as_raw(), id.to_string());
        prop_assert_eq!(call.subject(), Some(name.as_str()));
        prop_assert_eq!(call.params.arguments.unwrap().get(), arguments.to_string());
        prop_assert_eq!(call.params.request_state.as_deref(), Some(state.as_str()));
        prop_assert_eq!(call.params.meta.traceparent.as_deref(), Some(state.as_str()));
        shared::frame(body.as_bytes());
    }
}
