//! Headers against bodies: the matrix of the specification, row by row.

#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a failed expectation is a failed test"
)]

use gantry_mcp::{
    frame::{self, Bounds},
    headers::{BadValue, Era, Head, Mismatch, VALUE_BYTES_MAX, classify, decode_value},
    revision::Revision,
};

const MODERN: Era = Era::Modern(Revision::V2026_07_28);

/// The metadata of a modern request.
const META: &str = r#""_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}"#;

/// Reads headers written as lines and classifies the message.
fn outcome(headers: &str, members: &str) -> Result<Era, Mismatch> {
    let body = format!(r#"{{"jsonrpc":"2.0",{members}}}"#);
    let frame = frame::parse(body.as_bytes(), &Bounds::default()).unwrap_or_else(|e| panic!("{e}"));
    let pairs = headers
        .lines()
        .map(|line| line.split_once(':').unwrap_or((line, "")));
    let head = Head::read(pairs.map(|(name, value)| (name.trim(), value.as_bytes())))?;
    classify(&frame, &head)
}

#[track_caller]
fn accepts(headers: &str, members: &str, era: Era) {
    assert_eq!(outcome(headers, members), Ok(era), "{headers}\n{members}");
}

#[track_caller]
fn refuses(headers: &str, members: &str, code: i64, text: &str) {
    let mismatch = outcome(headers, members).unwrap_err();
    assert_eq!(
        (mismatch.code, mismatch.text.as_str()),
        (code, text),
        "{headers}\n{members}"
    );
    assert_eq!(mismatch.http_status, 400);
}

/// A modern request for `method` with these further params.
fn modern(method: &str, params: &str) -> String {
    let comma = if params.is_empty() { "" } else { "," };
    format!(r#""id":1,"method":"{method}","params":{{{params}{comma}{META}}}"#)
}

#[test]
fn modern_requests_that_agree() {
    let version = "MCP-Protocol-Version: 2026-07-28\n";
    for (headers, method, params) in [
        ("Mcp-Method: tools/list", "tools/list", ""),
        ("mcp-method:tools/list", "tools/list", ""),
        ("MCP-METHOD: \t tools/list \t", "tools/list", ""),
        ("Mcp-Method: tools/list\nMcp-Name: unused", "tools/list", ""),
        (
            "Mcp-Method: tools/call\nMcp-Name:   add  ",
            "tools/call",
            r#""name":"add""#,
        ),
        (
            "Mcp-Method: tools/call\nMcp-Name: =?base64?w6k=?=",
            "tools/call",
            r#""name":"é""#,
        ),
        (
            "Mcp-Method: tools/call\nMcp-Name:",
            "tools/call",
            r#""name":"""#,
        ),
        ("Mcp-Method: tools/call", "tools/call", ""),
        (
            "Mcp-Method: prompts/get\nMcp-Name: p",
            "prompts/get",
            r#""name":"p""#,
        ),
        (
            "Mcp-Method: resources/read\nMcp-Name: a://b",
            "resources/read",
            r#""uri":"a://b","name":"n""#,
        ),
        (
            "Mcp-Method: tasks/get\nMcp-Name: t",
            "tasks/get",
            r#""taskId":"t""#,
        ),
        ("Mcp-Method: initialize", "initialize", ""),
        ("Mcp-Method: own/method", "own/method", r#""name":"n""#),
    ] {
        accepts(
            &format!("{version}{headers}"),
            &modern(method, params),
            MODERN,
        );
    }
}

#[test]
fn modern_requests_that_do_not_agree() {
    let version = "MCP-Protocol-Version: 2026-07-28\n";
    let method_differs = "Mcp-Method differs from the method in the body";
    for (headers, method, params, text) in [
        ("", "tools/list", "", "Mcp-Method is missing"),
        ("Mcp-Method:", "tools/list", "", method_differs),
        ("Mcp-Method: TOOLS/LIST", "tools/list", "", method_differs),
        ("Mcp-Method: prompts/list", "tools/list", "", method_differs),
        (
            "Mcp-Method: =?base64?dG9vbHMvbGlzdA==?=",
            "tools/list",
            "",
            method_differs,
        ),
        (
            "Mcp-Method: tools/list\nMcp-Method: tools/list",
            "tools/list",
            "",
            "Mcp-Method occurs twice",
        ),
        (
            "Mcp-Method: tools/list, tools/list",
            "tools/list",
            "",
            method_differs,
        ),
        (
            "Mcp-Method: tools/list\nMcp-Name: a\nmcp-name: a",
            "tools/list",
            "",
            "Mcp-Name occurs twice",
        ),
        (
            "Mcp-Method: tools/call",
            "tools/call",
            r#""name":"add""#,
            "Mcp-Name is missing",
        ),
        (
            "Mcp-Method: tools/call",
            "tools/call",
            r#""name":"""#,
            "Mcp-Name is missing",
        ),
        (
            "Mcp-Method: tools/call\nMcp-Name:",
            "tools/call",
            r#""name":"a""#,
            "Mcp-Name differs from params.name",
        ),
        (
            "Mcp-Method: tools/call\nMcp-Name: Add",
            "tools/call",
            r#""name":"add""#,
            "Mcp-Name differs from params.name",
        ),
        (
            "Mcp-Method: tools/call\nMcp-Name: add",
            "tools/call",
            "",
            "Mcp-Name differs from params.name",
        ),
        (
            "Mcp-Method: tools/call\nMcp-Name: add",
            "tools/call",
            r#""uri":"add""#,
            "Mcp-Name differs from params.name",
        ),
        (
            "Mcp-Method: resources/read\nMcp-Name: n",
            "resources/read",
            r#""uri":"a","name":"n""#,
            "Mcp-Name differs from params.uri",
        ),
        (
            "Mcp-Method: tasks/cancel\nMcp-Name: n",
            "tasks/cancel",
            r#""taskId":"a""#,
            "Mcp-Name differs from params.taskId",
        ),
        (
            "Mcp-Method: tools/call\nMcp-Name: é",
            "tools/call",
            r#""name":"é""#,
            "Mcp-Name has characters other than visible ASCII, space and tab",
        ),
        (
            "Mcp-Method: tools/call\nMcp-Name: =?base64?w6k?=",
            "tools/call",
            r#""name":"é""#,
            "Mcp-Name is not valid base64",
        ),
        (
            "Mcp-Method: tools/call\nMcp-Name: =?base64?/w==?=",
            "tools/call",
            r#""name":"é""#,
            "Mcp-Name is not UTF-8 within its base64",
        ),
        (
            "Mcp-Method: é",
            "tools/list",
            "",
            "Mcp-Method has characters other than visible ASCII, space and tab",
        ),
    ] {
        refuses(
            &format!("{version}{headers}"),
            &modern(method, params),
            -32020,
            text,
        );
    }
}

#[test]
fn the_version_header_goes_with_the_claim() {
    let list = modern("tools/list", "");
    let differs = "MCP-Protocol-Version differs from the version in _meta";
    refuses(
        "Mcp-Method: tools/list",
        &list,
        -32020,
        "MCP-Protocol-Version is missing",
    );
    for version in [
        "2025-11-25",
        "1999-01-01",
        "",
        "2026-07-28, 2026-07-28",
        "2026-07-28\u{b}",
    ] {
        let header = format!("MCP-Protocol-Version:{version}\nMcp-Method: tools/list");
        assert_eq!(
            outcome(&header, &list).unwrap_err().code,
            -32020,
            "{version:?}"
        );
    }
    refuses("mcp-protocol-version: 2025-06-18", &list, -32020, differs);
    let twice = "MCP-Protocol-Version: 2026-07-28\nmcp-protocol-version: 2026-07-28";
    refuses(twice, &list, -32020, "MCP-Protocol-Version occurs twice");
}

#[test]
fn unknown_versions_name_the_known_ones() {
    let body = |version: &str| {
        format!(
            r#""id":1,"method":"ping","params":{{"_meta":{{"io.modelcontextprotocol/protocolVersion":"{version}"}}}}"#
        )
    };
    let mismatch = outcome("MCP-Protocol-Version: 2030-01-01", &body("2030-01-01")).unwrap_err();
    assert_eq!((mismatch.code, mismatch.http_status), (-32022, 400));
    assert_eq!(
        mismatch.data.as_deref(),
        Some(r#"{"supported":["2026-07-28"],"requested":"2030-01-01"}"#)
    );
    // A header that says another version is the greater fault.
    let mismatch = outcome("MCP-Protocol-Version: 2026-07-28", &body("2030-01-01")).unwrap_err();
    assert_eq!(mismatch.code, -32020);
    // Without a claim the header is all there is, in a call, a notification and a response.
    for members in [
        r#""id":1,"method":"ping""#,
        r#""method":"n""#,
        r#""id":1,"result":{}"#,
    ] {
        let mismatch = outcome("MCP-Protocol-Version: a\"b", members).unwrap_err();
        assert_eq!(mismatch.code, -32022);
        assert!(mismatch.data.unwrap().ends_with(r#""requested":"a\"b"}"#));
    }
}

#[test]
fn modern_requests_carry_their_metadata() {
    let headers = "MCP-Protocol-Version: 2026-07-28\nMcp-Method: server/discover";
    let version = r#"params._meta lacks "io.modelcontextprotocol/protocolVersion""#;
    let capabilities = r#"params._meta lacks "io.modelcontextprotocol/clientCapabilities""#;
    for (params, text) in [
        ("", version),
        (r#","params":{}"#, version),
        (
            r#","params":{"_meta":{"io.modelcontextprotocol/clientCapabilities":{}}}"#,
            version,
        ),
        (
            r#","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}}"#,
            capabilities,
        ),
        (
            r#","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":null}}"#,
            capabilities,
        ),
    ] {
        refuses(
            headers,
            &format!(r#""id":1,"method":"server/discover"{params}"#),
            -32602,
            text,
        );
    }
}

#[test]
fn legacy_messages_go_by_their_header() {
    let call =
        r#""id":1,"method":"tools/call","params":{"name":"add","_meta":{"progressToken":1}}"#;
    let initialized = r#""method":"notifications/initialized""#;
    let reply = r#""id":1,"result":{}"#;
    for members in [call, initialized, reply] {
        accepts("", members, Era::Legacy(None));
        for revision in [
            Revision::V2025_03_26,
            Revision::V2025_06_18,
            Revision::V2025_11_25,
        ] {
            let header = format!("mcp-protocol-version:  {revision} ");
            accepts(&header, members, Era::Legacy(Some(revision)));
        }
    }
    accepts("MCP-Protocol-Version: 2026-07-28", initialized, MODERN);
    let text = "a client sends no responses in this revision";
    refuses("MCP-Protocol-Version: 2026-07-28", reply, -32600, text);
    for header in ["Mcp-Method: tools/call", "Mcp-Name: add"] {
        refuses(
            header,
            reply,
            -32020,
            "Mcp-Method and Mcp-Name do not go with a response",
        );
    }
}

#[test]
fn the_handshake_is_legacy_whatever_it_asks_for() {
    let initialize = |version: &str| {
        format!(
            r#""id":0,"method":"initialize","params":{{"protocolVersion":"{version}","capabilities":{{}}}}"#
        )
    };
    let v2025_11_25 = Era::Legacy(Some(Revision::V2025_11_25));
    accepts("", &initialize("2025-11-25"), v2025_11_25);
    accepts(
        "MCP-Protocol-Version: 2025-11-25",
        &initialize("2025-11-25"),
        v2025_11_25,
    );
    accepts("", &initialize("2026-07-28"), Era::Legacy(None));
    accepts("", &initialize("1999-01-01"), Era::Legacy(None));
}

#[test]
fn legacy_mirrors_may_be_absent_but_never_wrong() {
    let call = r#""id":1,"method":"tools/call","params":{"name":"add"}"#;
    accepts(
        "Mcp-Method: tools/call\nMcp-Name: add",
        call,
        Era::Legacy(None),
    );
    refuses(
        "Mcp-Method: tools/list",
        call,
        -32020,
        "Mcp-Method differs from the method in the body",
    );
    refuses(
        "Mcp-Name: sub",
        call,
        -32020,
        "Mcp-Name differs from params.name",
    );
    let claimed = r#""id":1,"method":"ping","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2025-11-25"}}"#;
    accepts(
        "MCP-Protocol-Version: 2025-11-25",
        claimed,
        Era::Legacy(Some(Revision::V2025_11_25)),
    );
}

#[test]
fn values_are_decoded() {
    for (raw, expect) in [
        ("", Ok("")),
        (" \t ", Ok("")),
        (" a b\tc ", Ok("a b\tc")),
        ("=?base64?SGVsbG8=?=", Ok("Hello")),
        (" =?base64?SGVsbG8=?=\t", Ok("Hello")),
        ("=?base64??=", Ok("")),
        ("=?base64?PT9iYXNlNjQ/eD89?=", Ok("=?base64?x?=")),
        ("=?base64?IGEg?=", Ok(" a ")),
        ("=?base64?8J+YgA==?=", Ok("😀")),
        // Not quite the marker: literal.
        ("=?base64?=", Ok("=?base64?=")),
        ("=?BASE64?SGVsbG8=?=", Ok("=?BASE64?SGVsbG8=?=")),
        ("=?base64?SGVsbG8=", Ok("=?base64?SGVsbG8=")),
        ("SGVsbG8=?=", Ok("SGVsbG8=?=")),
        ("=?utf-8?q?a?=", Ok("=?utf-8?q?a?=")),
        // The marker, but not what it promises.
        ("=?base64?SGVsbG8?=", Err(BadValue::Base64)),
        ("=?base64?SGVs!!!bG8=?=", Err(BadValue::Base64)),
        ("=?base64?SGVs bG8=?=", Err(BadValue::Base64)),
        ("=?base64?SGVsbG9=?=", Err(BadValue::Base64)),
        ("=?base64?_-8=?=", Err(BadValue::Base64)),
        ("=?base64?/w==?=", Err(BadValue::Utf8)),
        ("a\u{7f}", Err(BadValue::Characters)),
        ("a\0", Err(BadValue::Characters)),
        ("a\r\nb", Err(BadValue::Characters)),
        ("é", Err(BadValue::Characters)),
    ] {
        assert_eq!(
            decode_value(raw.as_bytes()).as_deref(),
            expect.as_deref(),
            "{raw:?}"
        );
    }
    let long = vec![b'a'; VALUE_BYTES_MAX + 1];
    assert_eq!(decode_value(&long), Err(BadValue::TooLong));
    assert!(decode_value(&long[1..]).is_ok());
}
