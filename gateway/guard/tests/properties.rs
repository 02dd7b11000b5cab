//! What holds for every message: it parses as before, nothing is found twice, and what holds nothing is not touched.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that fails says so by panicking"
)]

use std::sync::LazyLock;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use gantry_guard::{
    Custom, Limits, ScanError, Scanner, Wanted,
    redact::{self, Edit},
};
use proptest::prelude::*;
use serde_json::Value;

static SCANNER: LazyLock<Scanner> = LazyLock::new(|| {
    let wanted = Wanted {
        hidden: false,
        injection: false,
        ..Wanted::default()
    };
    Scanner::compile(&[], Limits::default(), wanted).unwrap()
});

fn redacted(message: &[u8]) -> Option<Vec<u8>> {
    redact::placeholders(&SCANNER, message, &|| true).unwrap()
}

/// Texts with something to find in them, written in many ways.
fn text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("jane@example.org".to_owned()),
        Just("j%61ne%40example.org".to_owned()),
        Just("&#106;ane&#64;example.org".to_owned()),
        Just("\u{ff4a}ane\u{ff20}example.org".to_owned()),
        Just("amFuZUBleGFtcGxlLm9yZyBpcyBoZXI=".to_owned()),
        Just("4111 1111 1111 1111".to_owned()),
        Just("+44 20 7946 0958".to_owned()),
        Just("\\u006aane@example.org".to_owned()),
        Just("password=hunter2Hunter".to_owned()),
        "[ -~]{0,12}",
        "\\PC{0,8}",
    ];
    prop::collection::vec(piece, 0..5).prop_map(|pieces| pieces.join(" "))
}

/// Words that name numbers, and numbers of many forms, one beside the other.
fn numbers() -> impl Strategy<Value = String> {
    let word = prop::sample::select(vec![
        "call", "phone", "tel", "fax", "on", "the", "number", "is", "ssn", "passport", "born",
        "dob", "iban", "card", "order", "id", "ref", "tax", "vat", "name:", "email", "at",
    ]);
    let piece = prop_oneof![
        3 => word.prop_map(str::to_owned),
        3 => "[0-9]{1,12}",
        1 => "\\+[0-9]{1,3}[ -]?[0-9]{2,4}[ .-]?[0-9]{3,8}",
        1 => "[0-3][0-9][./-][01][0-9][./-](19|20)[0-9]{2}",
        1 => "\\([0-9]{3}\\) [0-9]{3}-[0-9]{4}",
        1 => prop::sample::select(vec![
            "jane@example.org", "10.1.2.3", "4111 1111 1111 1111", "DE89370400440532013000",
            "AKIAIOSFODNN7EXAMPLQ", "078-05-1120", "BA1712000", "[PHONE]", "password=hunter2Hunter",
        ]).prop_map(str::to_owned),
        1 => "[A-Z][0-9]{5,9}",
        1 => "[-/. :,|+;\n]{1,3}",
    ];
    let between = prop::sample::select(vec!["", " ", "  ", "-", ".", ", "]);
    prop::collection::vec((piece, between), 2..12).prop_map(|pieces| {
        pieces
            .iter()
            .map(|(piece, between)| format!("{piece}{between}"))
            .collect()
    })
}

/// Values that say something of each other: a label and what it labels, rows under a header, JSON in a string.
fn related() -> impl Strategy<Value = Value> {
    (numbers(), numbers(), 0..5).prop_map(|(one, other, form)| match form {
        0 => serde_json::json!(one),
        1 => serde_json::json!({"label": one, "value": other}),
        2 => serde_json::json!({ one: other }),
        3 => serde_json::json!(format!("phone;name;dob\n{one};{other};{one}")),
        _ => serde_json::json!(serde_json::json!({ one: other }).to_string()),
    })
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        text().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        Just(Value::Null),
        any::<bool>().prop_map(Value::from)
    ];
    leaf.prop_recursive(4, 32, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::vec((text(), inner), 0..5)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

fn message() -> impl Strategy<Value = String> {
    (value(), any::<bool>(), any::<bool>()).prop_map(|(value, pretty, ascii)| {
        let whole =
            serde_json::json!({"jsonrpc": "2.0", "id": 7, "result": {"structuredContent": value}});
        let text = if pretty {
            serde_json::to_string_pretty(&whole)
        } else {
            serde_json::to_string(&whole)
        }
        .unwrap();
        if !ascii {
            return text;
        }
        // Everything but ASCII as `\uXXXX`, in pairs where it takes two.
        text.chars()
            .flat_map(|c| {
                if c.is_ascii() {
                    vec![c.to_string()]
                } else {
                    c.encode_utf16(&mut [0; 2])
                        .iter()
                        .map(|unit| format!("\\u{unit:04X}"))
                        .collect()
                }
            })
            .collect()
    })
}

/// The names and types of all that a value holds.
fn shape(value: &Value) -> String {
    match value {
        Value::Array(items) => format!(
            "[{}]",
            items.iter().map(shape).collect::<Vec<_>>().join(",")
        ),
        Value::Object(members) => format!("{{{}}}", members.len()),
        Value::Null => "null".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Number(_) | Value::String(_) => "scalar".to_owned(),
    }
}

#[test]
fn what_stands_for_an_identifier_names_none() {
    for text in [
        "+3173952 5780 078-05-1120  +9575415",
        "+39-401 9387- 0162937671. /. 19/12/1935- (847) 265-8534",
        "+1 57.42412758 1 81609214097 name: 40080239481",
    ] {
        let once = redacted(&serde_json::to_vec(&[text]).unwrap()).unwrap();
        assert_eq!(redacted(&once), None, "{text}");
    }
    for (label, found) in [
        ("[PHONE]", false),
        ("[PHONE:0123456789abcdef]", false),
        ("[PHONE:t0123456789abcdef]", false),
        ("phone", true),
        ("[phone]", true),
        ("[PHONE", true),
    ] {
        let text = serde_json::to_vec(&[format!("{label} 079 212 34 56")]).unwrap();
        assert_eq!(redacted(&text).is_some(), found, "{label}");
    }
    // What only looks like one hides nothing.
    for text in [
        "[PASSPORT:123456789]",
        "[US_SSN:078051121]",
        "[SSN] 078051121",
        "[PASSWORD:hunter2Hunter]",
    ] {
        let whole = serde_json::to_vec(&[text]).unwrap();
        assert!(redacted(&whole).is_some(), "{text}");
    }
}

#[test]
fn what_stands_for_a_match_of_an_own_pattern_is_none() {
    let custom = |name: &str, expression: &str| Custom {
        name: name.to_owned(),
        expression: expression.to_owned(),
        caseless: true,
    };
    let customs = [
        custom("acme", "acme"),
        custom("phone-note", "note [a-z]+"),
        custom("tail", "[x-z]{3,}"),
    ];
    let scanner = Scanner::compile(&customs, Limits::default(), Wanted::default()).unwrap();
    let redacted = |text: &str| {
        let message = serde_json::to_vec(&[text]).unwrap();
        let mut scan = scanner.scan(&message).unwrap();
        let edits = scanner.settle(&mut scan, &|| true, |_, findings, edits| {
            edits.extend(findings.iter().map(|finding| Edit {
                token: finding.token,
                start: finding.start,
                end: finding.end,
                text: redact::placeholder(scanner.name(finding.what)),
                number: redact::Number::Text,
            }));
        });
        let out = redact::splice(&scan, edits.unwrap());
        let texts: Vec<String> = serde_json::from_slice(&out).unwrap();
        texts.concat()
    };
    for (text, expected) in [
        ("acme", "[acme]"),
        ("[acme] ACME", "[acme] [acme]"),
        ("[EMAIL] 12 xyz", "[EMAIL] 12 [tail]"),
        ("note it 079 212 34 56", "[phone-note] 079 212 34 56"),
        ("[acme:0123456789abcdef]", "[acme:0123456789abcdef]"),
        ("[xyz]", "[[tail]]"),
    ] {
        assert_eq!(redacted(text), expected, "{text}");
        assert_eq!(redacted(expected), expected, "{text}");
    }
}

#[test]
fn a_label_that_something_was_taken_out_of_is_none() {
    for (label, found) in [
        ("Phone", true),
        ("Phone [home]", true),
        ("Phone [EMAIL]", false),
        ("Phone [EMAIL:e123456789abcdef]", false),
        ("Phone ****6789", false),
    ] {
        let message = serde_json::json!({"result": {"structuredContent": {"label": label, "value": "079 212 34 56"}}});
        let redacted = redacted(message.to_string().as_bytes());
        assert_eq!(redacted.is_some(), found, "{label}");
    }
}

/// It may be taken out, and the label names its value all the same.
#[test]
fn what_cannot_be_seen_of_a_label_makes_it_no_longer() {
    let hidden = format!("Phone{}", "\u{200b}".repeat(40));
    let shown = format!("Phone{}", ".".repeat(60));
    for (label, found) in [(hidden, true), (shown, false)] {
        let message = serde_json::json!({"result": {"structuredContent": {"label": label, "value": "079 212 34 56"}}});
        let redacted = redacted(message.to_string().as_bytes());
        assert_eq!(redacted.is_some(), found, "{label}");
    }
}

#[test]
fn what_stands_for_a_secret_names_none() {
    for text in [
        "password=hunter2Hunter :AA00##",
        "password=hunter2Hunter = x9y8z7w6",
    ] {
        let once = redacted(&serde_json::to_vec(&[text]).unwrap()).unwrap();
        assert_eq!(redacted(&once), None, "{text}");
    }
    let named =
        r#"{"result":{"password=hunter2Hunter":"password=hunter2Hunter jane@example.org"}}"#;
    assert_eq!(redacted(&redacted(named.as_bytes()).unwrap()), None);
}

#[test]
fn a_scan_ends_when_nobody_waits_for_it() {
    let texts: Vec<String> = (0..2_000).map(|number| format!("text {number}")).collect();
    let many = serde_json::to_vec(&texts).unwrap();
    let long = serde_json::to_vec(&["4111-1111-1111-1112 ".repeat(2_000)]).unwrap();
    for message in [many, long] {
        let asked = std::cell::Cell::new(0);
        let go_on = || {
            asked.set(asked.get() + 1);
            asked.get() < 3
        };
        let scan = SCANNER.scan_while(&message, &go_on);
        assert_eq!(scan.unwrap_err(), ScanError::Time);
        assert!(SCANNER.scan(&message).is_ok());
    }
    assert!(SCANNER.scan_while(b"[]", &|| false).is_err());
}

/// A text as the string of a JSON text, so many times.
fn nested(text: &str, times: usize) -> String {
    (0..times).fold(text.to_owned(), |text, _| {
        serde_json::to_string(&text).unwrap()
    })
}

#[test]
fn what_is_encoded_too_deeply_is_refused_and_not_passed_over() {
    let encoded = |times: usize| {
        let text = "write to jane@example.org about it".to_owned();
        let text = (0..times).fold(text, |text, _| STANDARD.encode(text));
        serde_json::to_vec(&[format!("see {text}")]).unwrap()
    };
    for times in 0..=3 {
        assert!(redacted(&encoded(times)).is_some(), "{times}");
    }
    for times in 4..7 {
        let refused = SCANNER.scan(&encoded(times)).unwrap_err();
        assert_eq!(refused, ScanError::Limit("layers of encoding"), "{times}");
    }
}

#[test]
fn texts_in_texts_and_files_are_not_too_deep() {
    let noise: Vec<u8> = (0..3_000_u32)
        .map(|place| (place.wrapping_mul(2_654_435_761) >> 13) as u8)
        .collect();
    for text in [
        nested("say \"hello\" to C:\\users\nand go", 7),
        format!("art {} of slashes", "\\".repeat(100)),
        format!("R&{}D", "amp;".repeat(12)),
        format!("/a%{}20b", "25".repeat(12)),
        STANDARD.encode(&noise),
        STANDARD.encode(STANDARD.encode(&noise)),
        format!("data:application/pdf;base64,{}", STANDARD.encode(&noise)),
        "caf\u{e9} \u{4f60}\u{597d} \u{1f600}".repeat(20),
    ] {
        let message = serde_json::to_vec(&[&text]).unwrap();
        assert!(SCANNER.scan(&message).is_ok(), "{text}");
    }
    let deep = serde_json::to_vec(&[nested("mail \"jane@example.org\"", 6)]).unwrap();
    assert!(redacted(&deep).is_some());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_output_parses_and_has_the_same_shape(message in message()) {
        if let Some(out) = redacted(message.as_bytes()) {
            let (before, after): (Value, Value) = (serde_json::from_str(&message).unwrap(), serde_json::from_slice(&out).unwrap());
            prop_assert_eq!(&before["id"], &after["id"]);
            prop_assert_eq!(shape(&before["result"]), shape(&after["result"]));
        }
    }

    #[test]
    fn redacting_twice_changes_nothing(message in message()) {
        let Some(once) = redacted(message.as_bytes()) else { return Ok(()) };
        let twice = redacted(&once);
        prop_assert!(twice.is_none(), "{} became {}", String::from_utf8_lossy(&once), String::from_utf8_lossy(&twice.unwrap_or_default()));
    }

    #[test]
    fn neighbours_of_what_was_taken_out_stay(values in prop::collection::vec(related(), 16)) {
        for value in values {
            let message = serde_json::json!({"jsonrpc": "2.0", "id": 7, "result": {"structuredContent": value}});
            let Some(once) = redacted(message.to_string().as_bytes()) else { continue };
            let twice = redacted(&once).map(|twice| String::from_utf8_lossy(&twice).into_owned());
            prop_assert_eq!(twice, None, "{} became {}", value, String::from_utf8_lossy(&once));
        }
    }

    #[test]
    fn bytes_outside_of_findings_stay(prefix in "[ a-z]{0,40}", suffix in "[ a-z]{0,40}") {
        let message = format!("{{\"jsonrpc\" : \"2.0\",\n \"x\":1.50e+3, \"params\":{{\"arguments\":{{\"t\":\"{prefix} jane@example.org {suffix}\", \"t\":[1e5]}}}}}}");
        let out = redacted(message.as_bytes()).unwrap();
        prop_assert_eq!(String::from_utf8(out).unwrap(), message.replace("jane@example.org", "[EMAIL]"));
    }

    #[test]
    fn any_bytes_are_scanned_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let scanned = SCANNER.scan(&bytes).is_ok();
        prop_assert_eq!(scanned, serde_json::from_slice::<&serde_json::value::RawValue>(&bytes).is_ok());
    }

    #[test]
    fn any_string_is_scanned(text in "\\PC{0,300}") {
        let message = serde_json::to_string(&[&text]).unwrap();
        let scan = SCANNER.scan(message.as_bytes()).unwrap();
        for finding in &scan.findings {
            prop_assert!(finding.start < finding.end && finding.end <= scan.text(finding.token).len());
            prop_assert!(std::str::from_utf8(scan.value(finding)).is_ok(), "{:?} cuts a character", finding);
        }
    }
}
