//! Single messages: what is read, and with which words the rest is refused.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a failed expectation is a failed test"
)]

use gantry_mcp::frame::{self, Bounds, Call, Frame, Malformed};

fn parse(body: &str) -> Result<Frame<'_>, Malformed> {
    frame::parse(body.as_bytes(), &Bounds::default())
}

#[track_caller]
fn call(body: &str) -> Call<'_> {
    match parse(body) {
        Ok(Frame::Request(call) | Frame::Notification(call)) => call,
        other => panic!("{other:?}"),
    }
}

/// Wraps members in a request with id 1.
fn request(members: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":1,{members}}}"#)
}

#[track_caller]
fn refused(body: &str, code: i64, text: &str) {
    let fault = parse(body).expect_err(body);
    assert_eq!(
        (fault.code(), fault.to_string().as_str()),
        (code, text),
        "{body}"
    );
}

#[test]
fn a_modern_tool_call_is_read_whole() {
    let body = r#" {"method":"tools/call","params":{"name":"orders_get","_meta":{
        "io.modelcontextprotocol/protocolVersion":"2026-07-28",
        "io.modelcontextprotocol/clientCapabilities":{"sampling":{}},
        "io.modelcontextprotocol/clientInfo":{"name":"inspector","title":"I","version":"2.1"},
        "io.modelcontextprotocol/logLevel":"debug","progressToken":7,
        "traceparent":"00-a-b-01","tracestate":"x=1","baggage":"k=v","com.example/own":[]},
        "arguments": {"id": 12345678901234567890.50, "s": "}{\"]"}, "requestState":"é\u0000"},
        "jsonrpc":"2.0","id":"listen:0"} "#;
    let Ok(Frame::Request(call)) = parse(body) else {
        panic!()
    };
    assert_eq!(call.id.unwrap().as_raw(), "\"listen:0\"");
    assert_eq!(call.method, "tools/call");
    assert_eq!(call.subject(), Some("orders_get"));
    let params = &call.params;
    let arguments = params.arguments.unwrap();
    assert_eq!(
        arguments.get(),
        r#"{"id": 12345678901234567890.50, "s": "}{\"]"}"#
    );
    assert_eq!(&body[arguments.span()], arguments.get());
    assert_eq!(params.request_state.as_deref(), Some("é\0"));
    let meta = &params.meta;
    assert!(meta.present);
    assert_eq!(meta.protocol_version.as_deref(), Some("2026-07-28"));
    assert_eq!(
        meta.client_capabilities.unwrap().get(),
        r#"{"sampling":{}}"#
    );
    let info = meta.client_info.as_ref().unwrap();
    assert_eq!(
        (info.name.as_deref(), info.version.as_deref()),
        (Some("inspector"), Some("2.1"))
    );
    assert_eq!(meta.log_level.as_deref(), Some("debug"));
    assert_eq!(meta.progress_token.unwrap().as_raw(), "7");
    assert_eq!(meta.traceparent.as_deref(), Some("00-a-b-01"));
    assert_eq!(meta.tracestate.as_deref(), Some("x=1"));
    assert_eq!(meta.baggage.as_deref(), Some("k=v"));
}

#[test]
fn other_calls() {
    let initialize = call(
        r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25",
        "capabilities":{},"clientInfo":{"name":"c","version":"1"}}}"#,
    );
    assert_eq!(
        initialize.params.protocol_version.as_deref(),
        Some("2025-11-25")
    );
    assert_eq!(
        initialize.params.client_info.unwrap().name.as_deref(),
        Some("c")
    );
    assert!(!initialize.params.meta.present);

    let cancelled = call(
        r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"a","reason":"r"}}"#,
    );
    assert_eq!(cancelled.id, None);
    assert_eq!(cancelled.params.request_id.unwrap().as_raw(), "\"a\"");

    let complete = request(
        r#""method":"completion/complete","params":{"ref":{"type":"ref/prompt","name":"p"},"argument":{"name":"a","value":"v"}}"#,
    );
    let reference = call(&complete).params.reference.unwrap();
    assert_eq!(reference.kind.as_deref(), Some("ref/prompt"));
    assert_eq!(reference.name.as_deref(), Some("p"));

    let subjects = [
        (
            r#""method":"resources/read","params":{"uri":"file:///a","name":"n"}"#,
            Some("file:///a"),
        ),
        (r#""method":"tasks/get","params":{"taskId":"t"}"#, Some("t")),
        (
            r#""method":"tools/list","params":{"name":"n","cursor":""}"#,
            None,
        ),
        (r#""method":"prompts/get","params":{"name":null}"#, None),
        (r#""method":"prompts/get","params":null"#, None),
        (r#""method":"own/method","params":{"name":"n"}"#, None),
    ];
    for (members, subject) in subjects {
        assert_eq!(call(&request(members)).subject(), subject, "{members}");
    }
    assert_eq!(
        call(&request(subjects[2].0)).params.cursor.as_deref(),
        Some("")
    );
}

#[test]
fn escapes_are_read_as_what_they_stand_for() {
    let body = request(
        r#""\u006dethod":"tools\u002fcall","params":{"n\u0061me":"a\u00e9\ud83d\ude00\"\\\/b"}"#,
    );
    let call = call(&body);
    assert_eq!(call.method, "tools/call");
    assert_eq!(call.params.name.as_deref(), Some("aé😀\"\\/b"));
}

#[test]
fn ids_are_strings_and_integers_of_any_size() {
    for id in [
        "0",
        "-1",
        "-0",
        "123456789012345678901234567890",
        "\"\"",
        "\"\\u0041\"",
        "\"null\"",
    ] {
        let body = format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"ping"}}"#);
        assert_eq!(call(&body).id.unwrap().as_raw(), id);
    }
    for id in ["null", "1.0", "1e3", "true", "{}", "[1]", "{\"id\":1}"] {
        let body = format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"ping"}}"#);
        refused(&body, -32600, "`id` is not a string or an integer");
    }
}

#[test]
fn ids_are_compared_by_value() {
    let id = |raw: &str| {
        let body = format!(r#"{{"jsonrpc":"2.0","id":{raw},"method":"ping"}}"#).leak();
        call(body).id.unwrap()
    };
    assert_eq!(id("\"A\""), id("\"\\u0041\""));
    assert_eq!(id("1"), id("1"));
    assert_ne!(id("1"), id("\"1\""));
    assert_ne!(id("1"), id("2"));
    assert_ne!(id("\"a\""), id("\"b\""));
}

#[test]
fn replies_of_legacy_clients() {
    let Ok(Frame::Response(reply)) = parse(r#"{"jsonrpc":"2.0","id":3,"result":{"roots":[]}}"#)
    else {
        panic!()
    };
    assert_eq!((reply.id.unwrap().as_raw(), reply.is_error), ("3", false));
    assert_eq!(reply.body.get(), r#"{"roots":[]}"#);
    for id in ["", r#""id":null,"#] {
        let body = format!(r#"{{"jsonrpc":"2.0",{id}"error":{{"code":-1,"message":"m"}}}}"#);
        let Ok(Frame::Response(reply)) = parse(&body) else {
            panic!()
        };
        assert_eq!((reply.id, reply.is_error), (None, true));
    }
    refused(
        r#"{"jsonrpc":"2.0","result":{}}"#,
        -32600,
        "`id` is not a string or an integer",
    );
    refused(
        r#"{"jsonrpc":"2.0","id":null,"result":{}}"#,
        -32600,
        "`id` is not a string or an integer",
    );
}

#[test]
fn what_is_not_one_message_is_refused() {
    let batch = "batches are not supported: send one JSON-RPC message per request";
    refused("[]", -32600, batch);
    refused(
        r#" [{"jsonrpc":"2.0","id":1,"method":"ping"}]"#,
        -32600,
        batch,
    );
    refused(r#"["2.0",1,"tools/call",{"name":"evil"}]"#, -32600, batch);
    for scalar in ["null", "1", "\"{}\"", "true"] {
        refused(scalar, -32600, "the message is not a JSON object");
    }
    for (members, text) in [
        (
            r#""method":"ping","result":1"#,
            "the message is both a call and a response: `result` cannot stand here",
        ),
        (
            r#""error":{},"method":"ping""#,
            "the message is both a call and a response: `error` cannot stand here",
        ),
        (
            r#""error":{},"result":{}"#,
            "the message is both a call and a response: `error` cannot stand here",
        ),
        (
            r#""params":{},"result":{}"#,
            "the message is both a call and a response: `params` cannot stand here",
        ),
        (
            r#""params":{}"#,
            "the message has neither `method` nor `result` nor `error`",
        ),
        (
            r#""method":"ping","params":[]"#,
            "`params` is not an object",
        ),
        (
            r#""method":"ping","params":"x""#,
            "`params` is not an object",
        ),
    ] {
        refused(&request(members), -32600, text);
    }
    for method in [
        "\"\"",
        "null",
        "1",
        "[\"ping\"]",
        r#""pi\u0000ng""#,
        r#""ping\n""#,
        r#""ping\u0085""#,
    ] {
        let text = "`method` is not a string of one or more characters without control characters";
        refused(&request(&format!(r#""method":{method}"#)), -32600, text);
    }
    for version in [
        "",
        r#""jsonrpc":"2.00","#,
        r#""jsonrpc":2.0,"#,
        r#""jsonrpc":null,"#,
        r#""jsonrpc":"1.0","#,
    ] {
        refused(
            &format!(r#"{{{version}"id":1,"method":"ping"}}"#),
            -32600,
            "`jsonrpc` is not \"2.0\"",
        );
    }
}

#[test]
fn keys_that_could_be_read_in_two_ways_are_refused() {
    for (members, text) in [
        (
            r#""method":"ping","method":"ping""#,
            "a key occurs twice in the message, at byte ",
        ),
        (
            r#""method":"ping","\u006dethod":"x""#,
            "a key occurs twice in the message, at byte ",
        ),
        (
            r#""method":"ping","id":2"#,
            "a key occurs twice in the message, at byte ",
        ),
        (
            r#""method":"ping","x":1,"x":1"#,
            "a key occurs twice in the message, at byte ",
        ),
        (
            r#""Method":"ping""#,
            "a key in the message differs from `method` only in letter case, at byte ",
        ),
        (
            r#""method":"ping","RESULT":1"#,
            "a key in the message differs from `result` only in letter case, at byte ",
        ),
        (
            r#""method":"ping","param\u017f":{}"#,
            "a key in the message differs from `params` only in letter case, at byte ",
        ),
        (
            r#""method":"x","params":{"tas\u212aId":""}"#,
            "a key in params differs from `taskId` only in letter case, at byte ",
        ),
        (
            r#""method":"x","params":{"ur\u0131":""}"#,
            "a key in params differs from `uri` only in letter case, at byte ",
        ),
        (
            r#""method":"x","params":{"name":"a","n\u0061me":"b"}"#,
            "a key occurs twice in params, at byte ",
        ),
        (
            r#""method":"x","params":{"_META":{}}"#,
            "a key in params differs from `_meta` only in letter case, at byte ",
        ),
        (
            r#""method":"x","params":{"_meta":{"ProgressToken":1}}"#,
            "a key in params._meta differs from `progressToken` only in letter case, at byte ",
        ),
        (
            r#""method":"x","params":{"_meta":{"a":1,"a":2}}"#,
            "a key occurs twice in params._meta, at byte ",
        ),
        (
            r#""method":"x","params":{"clientInfo":{"NAME":"a"}}"#,
            "a key in clientInfo differs from `name` only in letter case, at byte ",
        ),
        (
            r#""method":"x","params":{"ref":{"Name":"a"}}"#,
            "a key in params.ref differs from `name` only in letter case, at byte ",
        ),
        (
            r#""method":"x","params":{"arguments":{"a":1,"\u0061":2}}"#,
            "a key occurs twice in params.arguments, at byte ",
        ),
    ] {
        let body = request(members);
        let fault = parse(&body).expect_err(members);
        assert_eq!(fault.code(), -32600);
        let (expect, actual) = (text.rsplit_once(" byte ").unwrap(), fault.to_string());
        assert_eq!(
            actual.rsplit_once(" byte ").unwrap().0,
            expect.0,
            "{members}"
        );
    }
    // Letter case is the server's own business below the members that are read.
    call(&request(
        r#""method":"tools/call","params":{"name":"n","arguments":{"Name":1,"name":2}}"#,
    ));
    call(&request(
        r#""method":"tools/call","params":{"name":"n","arguments":{"a":{"b":1,"b":2}}}"#,
    ));
}

#[test]
fn many_keys_are_compared_too() {
    let arguments = |count: usize, repeated: &str| {
        let keys: Vec<_> = (0..count).map(|n| format!(r#""k{n}":{n}"#)).collect();
        request(&format!(
            r#""method":"tools/call","params":{{"name":"n","arguments":{{{}{repeated}}}}}"#,
            keys.join(",")
        ))
    };
    call(&arguments(500, ""));
    for repeated in [r#","k0":1"#, r#","k499":1"#, r#","k\u00317":1"#] {
        assert!(parse(&arguments(500, repeated)).is_err(), "{repeated}");
    }
    call(&arguments(4096, ""));
    refused(
        &arguments(4097, ""),
        -32600,
        "params.arguments has more than 4096 keys",
    );
    refused(
        &arguments(100_000, ""),
        -32600,
        "params.arguments has more than 4096 keys",
    );
}

#[test]
fn members_of_the_wrong_type() {
    for (members, text) in [
        (
            r#""method":"tools/call","params":{"name":1}"#,
            "`name` in params is not a string without control characters, at byte ",
        ),
        (
            r#""method":"tools/call","params":{"name":"a\u0000"}"#,
            "`name` in params is not a string without control characters, at byte ",
        ),
        (
            r#""params":{"name":["a"]},"method":"prompts/get""#,
            "`name` in params is not a string without control characters, at byte ",
        ),
        (
            r#""method":"tools/call","params":{"name":"a","arguments":[]}"#,
            "`arguments` in params is not an object, at byte ",
        ),
        (
            r#""method":"resources/read","params":{"uri":{}}"#,
            "`uri` in params is not a string without control characters, at byte ",
        ),
        (
            r#""method":"tools/list","params":{"cursor":0}"#,
            "`cursor` in params is not a string, at byte ",
        ),
        (
            r#""method":"tools/list","params":{"_meta":[]}"#,
            "`_meta` in params is not an object, at byte ",
        ),
        (
            r#""method":"tools/list","params":{"_meta":{"progressToken":1.5}}"#,
            "`progressToken` in params._meta is not a string or an integer, at byte ",
        ),
        (
            r#""method":"notifications/cancelled","params":{"requestId":{}}"#,
            "`requestId` in params is not a string or an integer, at byte ",
        ),
    ] {
        let fault = parse(&request(members)).expect_err(members).to_string();
        assert_eq!(
            fault.trim_end_matches(|c: char| c.is_ascii_digit()),
            text,
            "{members}"
        );
    }
    // A method of someone else's may give these members any type.
    let own = request(r#""method":"own/method","params":{"name":[1],"arguments":"x","_meta":0}"#);
    assert_eq!(
        (call(&own).params.name, call(&own).params.arguments),
        (None, None)
    );
}

#[test]
fn depth_is_bounded_and_brackets_in_strings_do_not_count() {
    let nested = |depth: usize| {
        let (open, close) = ("[".repeat(depth), "]".repeat(depth));
        request(&format!(r#""method":"x","params":{{"a":{open}{close}}}"#))
    };
    call(&nested(126));
    refused(
        &nested(127),
        -32600,
        "nested deeper than 128 levels at byte 177",
    );
    refused(
        &nested(1_000_000),
        -32600,
        "nested deeper than 128 levels at byte 177",
    );
    let string = "[{".repeat(1000);
    call(&request(&format!(
        r#""method":"x","params":{{"a":"{string}"}}"#
    )));
    let many = "[{}],".repeat(1000);
    call(&request(&format!(
        r#""method":"x","params":{{"a":[{many}0]}}"#
    )));
    let huge = Bounds {
        depth_max: usize::MAX,
    };
    assert!(frame::parse(nested(1021).as_bytes(), &huge).is_ok());
    assert!(frame::parse(nested(2000).as_bytes(), &huge).is_err());
}

#[test]
fn the_id_is_found_when_the_body_is_json() {
    for (body, id) in [
        (r#"{"id":7,"jsonrpc":"1.0","method":"ping"}"#, Some("7")),
        (
            r#"{"jsonrpc":"2.0","method":"","id":"a\n"}"#,
            Some("\"a\\n\""),
        ),
        (
            r#"{"method":"ping","method":"ping","jsonrpc":"2.0","id":1}"#,
            Some("1"),
        ),
        (r#"{"id":1,"id":2,"jsonrpc":"2.0","method":"ping"}"#, None),
        (r#"{"id":1,"id":1}"#, None),
        (r#"{"id":null,"method":"ping"}"#, None),
        (r#"{"id":1.5,"method":"ping"}"#, None),
        (r#"{"id":1,"method":"ping""#, None),
        (r#"[{"id":1}]"#, None),
    ] {
        assert_eq!(parse(body).expect_err(body).id.as_deref(), id, "{body}");
    }
}

#[test]
fn texts_never_repeat_what_was_sent() {
    for body in [
        r#"{"jsonrpc":"2.0","id":1,"method":"ping","hunter2":1,"hunter2":2}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":{"hunter2":1}}}"#,
        r#"{"jsonrpc":"hunter2","id":1,"method":"ping"}"#,
        "hunter2",
    ] {
        assert!(!parse(body).unwrap_err().to_string().contains("hunter2"));
    }
}
