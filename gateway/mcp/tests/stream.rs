//! Event streams and answers, in every chunking.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failed expectation is a failed test"
)]

#[path = "../fuzz/src/lib.rs"]
#[allow(
    dead_code,
    unreachable_pub,
    clippy::indexing_slicing,
    reason = "shared with the fuzz targets"
)]
mod shared;

use gantry_mcp::{
    answer::{Answer, Format, ResultType, Verdict},
    sse::Reader,
};
use proptest::prelude::*;
use shared::{events, specified};

/// Cuts a stream at these places.
fn cut<'a>(stream: &'a [u8], places: &[usize]) -> Vec<&'a [u8]> {
    let mut places: Vec<_> = places
        .iter()
        .map(|place| place % (stream.len() + 1))
        .collect();
    places.extend([0, stream.len()]);
    places.sort_unstable();
    places
        .windows(2)
        .map(|pair| &stream[pair[0]..pair[1]])
        .collect()
}

#[test]
fn events_by_the_specification() {
    for (stream, expect) in [
        ("", &[][..]),
        ("data: a\n\n", &["a"]),
        ("data:a\n\n", &["a"]),
        ("data:  a\n\n", &[" a"]),
        ("data\n\n", &[""]),
        ("data:\n\n", &[""]),
        ("data\ndata\n\n", &["\n"]),
        ("data: a\ndata: b\n\ndata:c\n\n", &["a\nb", "c"]),
        ("data: a\r\n\r\ndata: b\r\rdata: c\n\n", &["a", "b", "c"]),
        ("data: a\r\n\ndata: b\n\r\n", &["a", "b"]),
        ("\u{feff}data: a\n\n", &["a"]),
        ("\u{feff}\u{feff}data: a\n\n", &[]),
        ("data: \nid: 0\nretry: 3000\n\n", &[""]),
        ("id: 1\nretry: 5\n\n: comment\n\n\n\n", &[]),
        (": c\nevent: message\ndata: a\nid\n\n", &["a"]),
        ("Data: a\ndatas: b\ndat: c\n data: d\ndata : e\n\n", &[]),
        ("data: a\n", &[]),
        ("data: a\n\ndata: cut", &["a"]),
        ("data: a: b:\n\n", &["a: b:"]),
    ] {
        let bytes: Vec<_> = stream.as_bytes().chunks(1).collect();
        let expect: Vec<_> = expect.iter().map(|data| data.as_bytes()).collect();
        assert_eq!(
            specified(stream.as_bytes()),
            expect,
            "the oracle, {stream:?}"
        );
        assert_eq!(events(&[stream.as_bytes()]), expect, "{stream:?}");
        assert_eq!(events(&bytes), expect, "{stream:?} byte by byte");
    }
}

#[test]
fn boundaries_lie_between_events() {
    let at = |stream: &str| {
        let mut reader = Reader::new();
        reader.feed(stream.as_bytes(), |_| ());
        reader.at_boundary()
    };
    for boundary in [
        "",
        "\u{feff}",
        "\n",
        "data: a\n\n",
        "data: a\r\n\r\n",
        "data: a\r\r",
        ": c\n\n",
    ] {
        assert!(at(boundary), "{boundary:?}");
    }
    for within in [
        "d",
        "data: a",
        "data: a\n",
        "data: a\r\n",
        "data: a\r",
        ": c",
        ": c\n",
        "id: 1\n",
    ] {
        assert!(!at(within), "{within:?}");
    }
    let mut reader = Reader::new();
    reader.feed(b"\xef\xbb", |_| ());
    assert!(!reader.at_boundary(), "within a byte order mark");
}

/// Streams made of what streams are made of, valid or not.
fn stream() -> impl Strategy<Value = Vec<u8>> {
    let part = prop_oneof![
        Just("data"),
        Just("data:"),
        Just("data: "),
        Just(":"),
        Just(" "),
        Just("\n"),
        Just("\r"),
        Just("\r\n"),
        Just("\n\n"),
        Just("\r\r"),
        Just("\r\n\r\n"),
        Just("id: 1\n"),
        Just("event: x\n"),
        Just("retry: 10\r"),
        Just(": note\n"),
        Just("d"),
        Just("at"),
        Just("a"),
        Just("é"),
        Just("\u{feff}"),
        Just("data: {\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}\n\n"),
        Just("data: {\"method\":\"x\"}\n\n"),
        Just("{\"error\":{\"code\":-1}}"),
    ];
    proptest::collection::vec(part, 0..40).prop_map(|parts| parts.concat().into_bytes())
}

/// Messages that servers send, as JSON.
fn message() -> impl Strategy<Value = serde_json::Value> {
    use serde_json::{Value, json};
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        ".{0,40}".prop_map(Value::from),
        Just(json!({"isError": true, "resultType": "task", "code": 5, "result": 1, "method": "m"})),
    ];
    let value = leaf.prop_recursive(3, 24, 4, |inner| {
        let key = prop_oneof![
            ".{0,6}",
            Just("isError".to_owned()),
            Just("result".to_owned())
        ];
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::hash_map(key, inner, 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    });
    let kind = prop_oneof![
        Just(None),
        Just(Some("complete")),
        Just(Some("input_required")),
        Just(Some("task")),
        Just(Some("a type of its own")),
    ];
    let result = (value.clone(), kind, any::<Option<bool>>()).prop_map(|(content, kind, error)| {
        let mut result = json!({"content": content});
        if let Some(kind) = kind {
            result["resultType"] = kind.into();
        }
        if let Some(error) = error {
            result["isError"] = error.into();
        }
        json!({"jsonrpc": "2.0", "id": 1, "result": result})
    });
    let error = (any::<i32>(), ".{0,40}", value.clone()).prop_map(|(code, message, data)| {
        json!({"id": null, "error": {"data": data, "code": code, "message": message}})
    });
    let call =
        value.prop_map(|params| json!({"method": "notifications/progress", "params": params}));
    prop_oneof![result, error, call]
}

/// What a message reports, read with a whole parser.
fn reported(message: &serde_json::Value) -> Option<Verdict> {
    if message.get("method").is_some() {
        return None;
    }
    if let Some(error) = message.get("error") {
        return Some(Verdict::Error {
            code: error["code"].as_i64().unwrap(),
        });
    }
    let result = message.get("result")?;
    let result_type = match result.get("resultType").and_then(|kind| kind.as_str()) {
        None | Some("complete") => ResultType::Complete,
        Some("input_required") => ResultType::InputRequired,
        Some("task") => ResultType::Task,
        Some(_) => ResultType::Other,
    };
    Some(Verdict::Complete {
        is_error: result.get("isError") == Some(&true.into()),
        result_type,
    })
}

/// Feeds chunks and says which of them completed the response.
fn answer(format: Format, chunks: &[&[u8]]) -> (Answer, Vec<usize>) {
    let mut answer = Answer::new(format);
    let completed = |(index, chunk): (usize, &&[u8])| answer.feed(chunk).then_some(index);
    let completions = chunks.iter().enumerate().filter_map(completed).collect();
    (answer, completions)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn any_chunking_gives_the_specified_events(
        stream in stream(), places in proptest::collection::vec(any::<usize>(), 0..12),
    ) {
        let chunks = cut(&stream, &places);
        prop_assert_eq!(events(&chunks), specified(&stream));
        let whole = answer(Format::EventStream, &[&stream]).0;
        let (cut, completions) = answer(Format::EventStream, &chunks);
        prop_assert_eq!(cut.verdict(), whole.verdict());
        prop_assert_eq!(cut.events(), whole.events());
        prop_assert_eq!(cut.at_boundary(), whole.at_boundary());
        prop_assert_eq!(completions.len(), usize::from(whole.verdict().is_some()));
    }

    #[test]
    fn a_comment_at_a_boundary_changes_no_event(stream in stream(), places in proptest::collection::vec(any::<usize>(), 0..12)) {
        let mut reader = Reader::new();
        let mut commented = Vec::new();
        for (index, chunk) in cut(&stream, &places).into_iter().enumerate() {
            // A byte order mark counts at the beginning only, so a stream that has one is let begin.
            if reader.at_boundary() && (index > 0 && !commented.is_empty() || !stream.starts_with(b"\xef")) {
                commented.extend_from_slice(b": \n\n");
            }
            reader.feed(chunk, |_| ());
            commented.extend_from_slice(chunk);
        }
        prop_assert_eq!(specified(&commented), specified(&stream));
    }

    #[test]
    fn any_chunking_gives_the_same_verdict(
        messages in proptest::collection::vec(message(), 1..4),
        pretty in any::<bool>(), lines in any::<bool>(),
        places in proptest::collection::vec(any::<usize>(), 0..12),
    ) {
        let text = |message| if pretty { serde_json::to_string_pretty(message) } else { serde_json::to_string(message) };
        let texts: Vec<_> = messages.iter().map(|message| text(message).unwrap()).collect();
        let expect = messages.iter().find_map(reported);

        let json = texts.join(if lines { "\n" } else { "" });
        let (read, completions) = answer(Format::Json, &cut(json.as_bytes(), &places));
        prop_assert_eq!(read.verdict(), expect);
        prop_assert_eq!(completions.len(), usize::from(expect.is_some()));

        let end = if lines { "\r\n" } else { "\n" };
        let event = |text: &String| {
            let data: String = text.lines().map(|line| format!("data: {line}{end}")).collect();
            format!("event: message{end}{data}{end}")
        };
        let stream: String = texts.iter().map(event).collect();
        let (read, completions) = answer(Format::EventStream, &cut(stream.as_bytes(), &places));
        prop_assert_eq!(read.verdict(), expect);
        prop_assert_eq!(read.events(), messages.len() as u64);
        prop_assert_eq!(completions.len(), usize::from(expect.is_some()));
    }

    #[test]
    fn no_bytes_at_all_make_it_fail(chunks in proptest::collection::vec(proptest::collection::vec(
        prop_oneof![Just(b'"'), Just(b'\\'), Just(b'{'), Just(b'}'), Just(b'['), Just(b':'), Just(b','), any::<u8>()], 0..60), 0..6)) {
        for format in [Format::Json, Format::EventStream] {
            let chunks: Vec<_> = chunks.iter().map(Vec::as_slice).collect();
            prop_assert!(answer(format, &chunks).1.len() <= 1);
        }
    }
}

#[test]
fn verdicts() {
    let complete = |is_error, result_type| {
        Some(Verdict::Complete {
            is_error,
            result_type,
        })
    };
    let plain = complete(false, ResultType::Complete);
    for (message, expect) in [
        (r#"{"jsonrpc":"2.0","id":1,"result":{}}"#, plain),
        (r#"{"result":null,"id":1}"#, plain),
        (r#"{"result":{},"error":null}"#, plain),
        (
            r#"{"error": null ,"result":{"isError" : true}}"#,
            complete(true, ResultType::Complete),
        ),
        (
            r#"{"result":{"content":[{"isError":true}],"structuredContent":{"isError":true}}}"#,
            plain,
        ),
        (r#"{"result":{"isError":"true"}}"#, plain),
        (r#"{"result":["isError",true,"resultType","task"]}"#, plain),
        (
            r#"{"result":{"a":"\"isError\":true}","isError":false}}"#,
            plain,
        ),
        (
            r#"{"result":{"resultType":"input_required","isError":true}}"#,
            complete(true, ResultType::InputRequired),
        ),
        (
            r#"{"result":{"resultType":"task"}}"#,
            complete(false, ResultType::Task),
        ),
        (
            r#"{"result":{"resultType":"complete "}}"#,
            complete(false, ResultType::Other),
        ),
        (
            r#"{"error":{"code":-32602,"message":"m"}}"#,
            Some(Verdict::Error { code: -32602 }),
        ),
        (
            r#"{"error":{"data":{"code":1},"code": 7 }}"#,
            Some(Verdict::Error { code: 7 }),
        ),
        (
            r#"{"error":{"message":"code"}}"#,
            Some(Verdict::Error { code: 0 }),
        ),
        (
            r#"{"error":{"code":1.5}}"#,
            Some(Verdict::Error { code: 0 }),
        ),
        (
            r#"{"error":{"code":"5"}}"#,
            Some(Verdict::Error { code: 0 }),
        ),
        (
            r#"{"error":{"code":99999999999999999999}}"#,
            Some(Verdict::Error { code: i64::MAX }),
        ),
        (r#"{"error":"text"}"#, Some(Verdict::Error { code: 0 })),
        (r#"{"id":1,"method":"ping"}"#, None),
        (r#"{"params":{"result":{}},"method":"x","result":1}"#, None),
        (r#"{"id":1}"#, None),
        (r#"[{"result":{}}]"#, None),
        (r#"{"id":1,"result":{}"#, None),
        (r#""result""#, None),
        ("", None),
        ("null", None),
    ] {
        let bytes = message.as_bytes().chunks(1).flat_map(|byte| [byte, &[]]);
        let bytes: Vec<&[u8]> = bytes.collect();
        assert_eq!(
            answer(Format::Json, &[message.as_bytes()]).0.verdict(),
            expect,
            "{message}"
        );
        assert_eq!(
            answer(Format::Json, &bytes).0.verdict(),
            expect,
            "{message} byte by byte, with empty chunks"
        );
    }
}

#[test]
fn the_response_is_complete_when_its_event_is_dispatched() {
    let stream: [&[u8]; 6] = [
        b": hello\n\ndata: \nid: 0\nretry: 3000\n\n",
        b"data: {\"method\":\"notifications/progress\",\"params\":{}}\n\n",
        b"data: {\"jsonrpc\":\"2.0\",\"id\":1,\ndata: \"result\":{\"isError\":true}}",
        b"\n",
        b"\n",
        b"data: {\"id\":2,\"error\":{\"code\":1}}\n\n",
    ];
    let (answer, completions) = answer(Format::EventStream, &stream);
    assert_eq!(completions, [4]);
    assert_eq!(answer.events(), 4);
    assert!(answer.at_boundary());
    let expect = Verdict::Complete {
        is_error: true,
        result_type: ResultType::Complete,
    };
    assert_eq!(answer.verdict(), Some(expect));
}

#[test]
fn of_several_messages_in_one_event_the_first_response_counts() {
    let stream: [&[u8]; 3] = [
        b"data: {\"method\":\"x\"}{\"result\":{}}\n",
        b"data: {\"error\":{\"code\":1}}\n",
        b"\n",
    ];
    let (answer, completions) = answer(Format::EventStream, &stream);
    assert_eq!(completions, [2]);
    let expect = Verdict::Complete {
        is_error: false,
        result_type: ResultType::Complete,
    };
    assert_eq!(answer.verdict(), Some(expect));
}
