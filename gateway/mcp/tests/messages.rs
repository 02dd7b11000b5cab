//! Bodies cut into messages: in every chunking the same parts, and nothing is lost or changed.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failed expectation is a failed test"
)]

use bytes::Bytes;
use gantry_mcp::{
    answer::Format,
    messages::{Messages, Part, TooLarge},
    sse::{Piece, Reader},
};
use proptest::prelude::*;

const ROOMY: usize = 1 << 20;

/// All parts of a body that arrives in these chunks.
fn parts(format: Format, chunks: &[&[u8]], bytes_max: usize) -> Result<Vec<Part>, TooLarge> {
    let mut messages = Messages::new(format, bytes_max);
    let mut parts = Vec::new();
    for chunk in chunks {
        messages.feed(Bytes::copy_from_slice(chunk));
        while let Some(part) = messages.next_part()? {
            parts.push(part);
        }
    }
    messages.end();
    while let Some(part) = messages.next_part()? {
        parts.push(part);
    }
    Ok(parts)
}

/// What a reader gets when everything is kept.
fn kept(parts: &[Part]) -> Vec<u8> {
    let bytes = parts.iter().cloned().map(|part| match part {
        Part::Plain(bytes) => bytes,
        Part::Message(message) => message.kept(),
    });
    bytes.flatten().collect()
}

fn texts(parts: &[Part]) -> Vec<String> {
    let message = |part: &Part| match part {
        Part::Plain(_) => None,
        Part::Message(message) => Some(String::from_utf8_lossy(&message.json()).into_owned()),
    };
    parts.iter().filter_map(message).collect()
}

/// The data of every event that is dispatched, as the specification's reader has it.
fn dispatched(stream: &[u8]) -> Vec<String> {
    let (mut events, mut data) = (Vec::new(), Vec::new());
    Reader::new().feed(stream, |piece| match piece {
        Piece::Data(bytes) => data.extend_from_slice(bytes),
        Piece::End => {
            let text = String::from_utf8_lossy(&std::mem::take(&mut data)).into_owned();
            events.push(text);
        }
    });
    events
}

fn cut<'a>(body: &'a [u8], places: &[usize]) -> Vec<&'a [u8]> {
    let mut places: Vec<_> = places.iter().map(|at| at % (body.len() + 1)).collect();
    places.extend([0, body.len()]);
    places.sort_unstable();
    places
        .windows(2)
        .map(|pair| &body[pair[0]..pair[1]])
        .collect()
}

#[track_caller]
fn check(format: Format, body: &str, expect: &[&str]) {
    let whole = parts(format, &[body.as_bytes()], ROOMY).unwrap();
    assert_eq!(texts(&whole), expect, "{body:?}");
    let bytes: Vec<&[u8]> = body.as_bytes().chunks(1).collect();
    let single = parts(format, &bytes, ROOMY).unwrap();
    assert_eq!(texts(&single), expect, "byte by byte: {body:?}");
    assert_eq!(kept(&whole), body.as_bytes());
    assert_eq!(kept(&single), body.as_bytes());
}

#[test]
fn json_is_cut_where_values_end() {
    check(Format::Json, r#"{"a":"}\"{"}"#, &[r#"{"a":"}\"{"}"#]);
    check(Format::Json, " {\"a\":1}\r\n", &["{\"a\":1}"]);
    check(
        Format::Json,
        "{\"a\":[{}]}\n{\"b\":2}\n",
        &["{\"a\":[{}]}", "{\"b\":2}"],
    );
    check(Format::Json, "[{},{}]", &["[{},{}]"]);
    check(Format::Json, "1 \"a b\" null", &["1", "\"a b\"", "null"]);
    check(Format::Json, "{\"cut\":\"off", &["{\"cut\":\"off"]);
    check(Format::Json, "}", &["}"]);
    check(Format::Json, "", &[]);
}

#[test]
fn streams_are_cut_where_events_end() {
    let sse = Format::EventStream;
    check(sse, "data: {}\n\n", &["{}"]);
    check(
        sse,
        "id: 7\nevent: message\ndata:{\ndata:}\r\n\r\n: c\n\n",
        &["{\n}"],
    );
    check(sse, "data: a\r\rdata: b\r", &["a", "b"]);
    check(sse, "data: \nid: 0\nretry: 3000\n\n", &[]);
    check(sse, ": comment\n\n:\nid: 1\n: within\ndata: x\n\n", &["x"]);
    check(sse, "\u{feff}data: a\n\n", &["a"]);
    check(sse, "data: cut off", &["cut off"]);
    check(sse, "data: a\n\ndata", &["a"]);
}

#[test]
fn what_stands_between_events_waits_for_nothing() {
    let mut messages = Messages::new(Format::EventStream, ROOMY);
    for comment in [":\n", ": ping\n\n", "id: 1\nretry: 5\ndata:\n\n"] {
        messages.feed(Bytes::from_static(comment.as_bytes()));
        let mut passed = Vec::new();
        while let Some(Part::Plain(bytes)) = messages.next_part().unwrap() {
            passed.extend_from_slice(&bytes);
        }
        assert_eq!(passed, comment.as_bytes());
    }
}

#[test]
fn an_event_is_replaced_with_its_fields_kept() {
    for (event, json, expect) in [
        ("data: 1\n\n", "{}", "data: {}\n\n"),
        (
            ": c\r\nid: 7\r\ndata: 1\r\ndata: 2\r\nretry: 5\r\n\r\n",
            "[3,\n4]",
            ": c\r\nid: 7\r\ndata: [3,\r\ndata: 4]\r\nretry: 5\r\n\r\n",
        ),
        ("\u{feff}data:1\n\n", "2", "\u{feff}data: 2\n\n"),
        ("data: 1", "[\n]", "data: [\ndata: ]"),
    ] {
        let found = parts(Format::EventStream, &[event.as_bytes()], ROOMY).unwrap();
        let messages = found.iter().filter_map(|part| match part {
            Part::Message(message) => Some(message.replaced(json.as_bytes())),
            Part::Plain(_) => None,
        });
        let last = messages.last().unwrap();
        assert!(
            expect.ends_with(std::str::from_utf8(&last).unwrap()),
            "{last:?}"
        );
        assert_eq!(
            dispatched(expect.as_bytes()).len(),
            dispatched(event.as_bytes()).len()
        );
    }
}

#[test]
fn a_message_has_a_largest_size() {
    for (format, body) in [
        (Format::Json, r#"{"a":"0123456789"}"#),
        (Format::EventStream, "data: 0123456789abcd\n\n"),
    ] {
        let length = body.len();
        for chunks in [vec![body.as_bytes()], body.as_bytes().chunks(3).collect()] {
            assert!(parts(format, &chunks, length).is_ok());
            let refused = parts(format, &chunks, length - 1);
            assert_eq!(
                refused,
                Err(TooLarge {
                    bytes_max: length - 1
                })
            );
        }
    }
}

#[test]
fn a_body_in_one_piece_is_not_copied() {
    let body = Bytes::from_static(b"{\"result\":{}}");
    let mut messages = Messages::new(Format::Json, ROOMY);
    messages.feed(body.clone());
    let Some(Part::Message(message)) = messages.next_part().unwrap() else {
        unreachable!("a whole value is a message");
    };
    assert_eq!(message.kept().as_ptr(), body.as_ptr());
}

proptest! {
    #[test]
    fn any_chunking_gives_the_same_events(
        lines in prop::collection::vec(
            ("(data: ?|data|id: |: ?|event:|retry: |\u{feff}|)[a-c{\"]{0,4}", "\n|\r\n|\r|\n\n"),
            0..12,
        ),
        places in prop::collection::vec(any::<usize>(), 0..8),
    ) {
        let stream: String = lines.iter().flat_map(|(line, end)| [line.as_str(), end]).collect();
        let chunks = cut(stream.as_bytes(), &places);
        let found = parts(Format::EventStream, &chunks, ROOMY).unwrap();
        prop_assert_eq!(kept(&found), stream.as_bytes());
        let events: Vec<_> = dispatched(stream.as_bytes())
            .into_iter()
            .filter(|data| data.bytes().any(|byte| byte != b'\n'))
            .collect();
        let mut texts = texts(&found);
        texts.retain(|data| data.bytes().any(|byte| byte != b'\n'));
        // What was cut off is no event to this reader, and is looked at all the same.
        prop_assert!(texts.len() - events.len() <= 1);
        texts.truncate(events.len());
        prop_assert_eq!(texts, events);
    }

    #[test]
    fn any_chunking_gives_the_same_values(
        values in prop::collection::vec("[{}\\[\\]\",:a1\\\\ \n]{0,12}", 0..6),
        places in prop::collection::vec(any::<usize>(), 0..8),
    ) {
        let body = values.concat();
        let whole = parts(Format::Json, &[body.as_bytes()], ROOMY).unwrap();
        let cut = parts(Format::Json, &cut(body.as_bytes(), &places), ROOMY).unwrap();
        prop_assert_eq!(kept(&cut), body.as_bytes());
        prop_assert_eq!(texts(&cut), texts(&whole));
    }
}

#[test]
fn who_is_in_no_hurry_gets_a_body_in_json_whole_when_it_has_ended() {
    let (head, tail) = (&br#" {"id":1,"result":"#[..], &b"{}} \n"[..]);
    for bytes_max in [head.len() + tail.len() - 1, head.len() + tail.len()] {
        let fits = bytes_max == head.len() + tail.len();
        let mut messages = Messages::in_no_hurry(Format::Json, bytes_max);
        messages.feed(Bytes::from_static(head));
        assert_eq!(messages.next_part(), Ok(None));
        messages.feed(Bytes::from_static(tail));
        assert_eq!(messages.next_part().is_ok(), fits);
        messages.end();
        match messages.next_part() {
            Ok(part) => {
                let parts = Vec::from_iter(part);
                assert_eq!(kept(&parts), [head, tail].concat());
                assert_eq!((texts(&parts).len(), messages.next_part()), (1, Ok(None)));
            }
            Err(TooLarge { .. }) => assert!(!fits),
        }
    }
}
