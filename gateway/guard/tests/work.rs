//! No message is slow: work grows with the length of a message and with nothing else, and whoever waits is asked all
//! the while whether to go on.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that fails says so by panicking"
)]

use std::{cell::Cell, sync::LazyLock};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use gantry_guard::{Custom, Limits, ScanError, Scanner, Wanted, redact};

static SCANNER: LazyLock<Scanner> = LazyLock::new(|| {
    let custom = Custom {
        name: "ticket".to_owned(),
        expression: "T-[0-9]+".to_owned(),
        caseless: false,
    };
    Scanner::compile(&[custom], Limits::default(), Wanted::default()).unwrap()
});

/// Steps between two questions.
const STEPS: usize = 1 << 16;

/// Texts that make the most of what a scan does, each of about that many bytes.
fn worst(bytes: usize) -> Vec<(&'static str, String)> {
    let many = |text: &str| text.repeat(bytes / text.len());
    let noise: String = (0..bytes as u64)
        .map(|at| char::from(b' ' + (at.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 33) as u8 % 94))
        .collect();
    let readable = "some text that reads, with jane@example.org in it; ";
    let encoded = STANDARD.encode(readable.repeat(bytes * 3 / 4 / readable.len()));
    let twice = STANDARD.encode(STANDARD.encode(readable.repeat(bytes * 9 / 16 / readable.len())));
    vec![
        ("digits", many("1")),
        ("single digits", many("1 2 3 4 5 6 ")),
        ("pairs", many("12 34 56 78 ")),
        (
            "pairs near a word",
            format!("passport {}", many("12 34 56 78 ")),
        ),
        ("threes", many("123-456-789-")),
        ("cards", many("4111-1111-1111-1112 ")),
        ("cards near words", many("card 4111-1111-1111-1111 ")),
        ("letters and digits", many("A1 B2 C3 D4 ")),
        (
            "a row of words",
            format!("iban,card\n{}\n", many("4111 1111 1111 1112,")),
        ),
        (
            "a table",
            format!(
                "card;iban\n{}",
                many("4111111111111112;DE89370400440532013001\n")
            ),
        ),
        ("quoted cells", many("\"4111111111111112\",'12345678',\n")),
        (
            "values",
            format!(
                "insert into t (ssn, card) values ({})",
                many("4111111111111112, ")
            ),
        ),
        (
            "phone numbers",
            format!("phone {}", many("044 668 18 00, ")),
        ),
        ("underscores", format!("phone {}", many("1_2_3_4_"))),
        ("country codes", many("+41 44 668 18 00 ")),
        ("dates", format!("born {}", many("12.03.1987 1987-03-12 "))),
        (
            "coordinates",
            format!("latitude {}", many("47.37689, 8.54169 ")),
        ),
        ("at signs", many("@a.b")),
        ("addresses", many("a@b.cd@e.fg")),
        ("colons", many("1:2:3:")),
        ("versions of addresses", many("fe80::1 ")),
        ("dots", many("1.1.1.1.")),
        ("hardware", many("aa-bb-cc-dd-ee-")),
        ("wallets", many("1A bc1q 0x1 ")),
        ("keywords", many("token=abc ")),
        ("keywords in values", many("token=")),
        ("secrets by name", many("secret=a1b2c3d4e5f6g7h8i9 ")),
        (
            "secrets in columns",
            format!(
                "token;password\n{}",
                many("a1B2c3D4e5F6g7H8i9;Pepper43!in\n")
            ),
        ),
        (
            "headers of keywords",
            format!(
                "{}\n{}",
                format!("{}password,", "token ".repeat(8)).repeat(99),
                many(&format!("{}\n", ",".repeat(99)))
            ),
        ),
        (
            "rows of a page",
            format!(
                "<tr><th>ssn token</th></tr>{}",
                many("<tr><td>078051120</td></tr>")
            ),
        ),
        (
            "cells of a page",
            format!("<th>ssn</th>{}", many("<td>078051120 ")),
        ),
        (
            "rows under a ruler",
            format!("NAME   SSN\n==========\n{}", many("JO     078051120\n")),
        ),
        ("rulers", format!("ssn {}", many("-----\n078051120\n"))),
        (
            "rows under headers in capitals",
            format!("NAME   SSN\n{}", many("JO     078051120\n")),
        ),
        (
            "rows of arrays",
            format!("[\"id\",\"ssn\"],{}", many("[7,\"078051120\"],")),
        ),
        (
            "a row behind spaces",
            format!(
                "[\"id\",\"ssn\"],{}[{}",
                many(" "),
                "\"078051120\",".repeat(150)
            ),
        ),
        ("names in arrays", many("[\"ssn\", 078051120")),
        ("answers", many("ssn?\n078051120 ")),
        ("tags", many("\u{e0041}")),
        ("tags apart", many("\u{e0041}a")),
        ("areas", many("(312) 750-5420")),
        ("commands", many("curl -u a:b ")),
        ("pairs", many("token value=")),
        ("tokens", many("ops_eyJ")),
        ("prefixes", many("glpat-")),
        ("armour", many("-----BEGIN PRIVATE KEY-----")),
        ("signed tokens", many("eyJ.eyJ")),
        ("schemes", many("a://b:c@d ")),
        ("escapes", many("\\u0041%41&#65;")),
        ("escaped escapes", many("%2525252541")),
        ("backslashes", many("\\")),
        ("brackets", many("<")),
        ("ampersands", many("&amp;amp;")),
        ("hidden", many("a\u{200b}\u{200b}")),
        ("wide", many("\u{ff11}\u{ff12}")),
        ("hexadecimal", many("0123456789abcdef")),
        ("base64", encoded.clone()),
        ("base64 behind an escape", format!("%41 {encoded}")),
        ("base64 twice, behind an escape", format!("%41 {twice}")),
        ("lines of base64", many("U29tZSB0ZXh0IHRoYXQgcmVhZHM=\n")),
        ("phrases", many("ignore all the previous of your ")),
        ("verbs", many("send reveal show when before ")),
        ("customs", many("T-1")),
        ("noise", noise),
    ]
}

/// What is done with a message.
type Done = fn(&[u8], &dyn Fn() -> bool) -> Result<(), ScanError>;

/// It is scanned.
const SCANNED: Done = |message, go_on| SCANNER.scan_while(message, go_on).map(drop);
/// It is redacted, and looked at again.
const REDACTED: Done = |message, go_on| redact::placeholders(&SCANNER, message, go_on).map(drop);

/// How often it is asked whether to go on.
fn asked(done: Done, message: &[u8]) -> usize {
    let asked = Cell::new(0);
    let go_on = || {
        asked.set(asked.get() + 1);
        true
    };
    // What is beyond a limit ends before.
    let _ = done(message, &go_on);
    asked.get()
}

fn message(text: &str) -> Vec<u8> {
    serde_json::to_vec(
        &serde_json::json!({"result": {"content": [{"type": "text", "text": text}]}}),
    )
    .unwrap()
}

#[test]
fn work_grows_as_a_text_does() {
    const BYTES: usize = 200_000;
    for ((name, text), (_, twice)) in worst(BYTES).iter().zip(worst(2 * BYTES)) {
        // Each of two works is rounded up.
        for (done, rounded, steps_max) in [(SCANNED, 2, 200), (REDACTED, 4, 300)] {
            let once = asked(done, &message(text));
            let twice = asked(done, &message(&twice));
            assert!(twice <= 2 * once + rounded, "{name}: {once}, {twice}");
            let steps = once * STEPS / BYTES;
            assert!(steps < steps_max, "{name}: {steps} steps a byte");
        }
    }
}

#[test]
fn a_scan_is_asked_about_wherever_its_work_is() {
    for (name, text) in worst(400_000) {
        let message = message(&text);
        let all = asked(REDACTED, &message);
        for last in [2, all / 2, all]
            .into_iter()
            .filter(|last| (2..=all).contains(last))
        {
            let asked = Cell::new(0);
            let go_on = || {
                asked.set(asked.get() + 1);
                asked.get() < last
            };
            let ended = REDACTED(&message, &go_on);
            assert_eq!(
                ended.unwrap_err(),
                ScanError::Time,
                "{name}: {last} of {all}"
            );
            assert_eq!(asked.get(), last, "{name}");
        }
        assert!(all > 2, "{name}: asked {all} times");
    }
}

/// Rows have their headers as soon as a row has them, however many there are of both.
#[test]
fn work_on_headers_grows_as_rows_do() {
    let table = |rows: usize| {
        let heads = vec!["ssn"; 200];
        let row = vec!["078051120"; 200];
        serde_json::json!({"columns": heads, "rows": vec![row; rows]}).to_string()
    };
    let (once, twice) = (
        asked(SCANNED, table(50).as_bytes()),
        asked(SCANNED, table(100).as_bytes()),
    );
    assert!(once > 2 && twice <= 2 * once + 2, "{once}, {twice}");
}

#[test]
fn names_are_not_repeated_without_end() {
    let long = "n".repeat(17 << 10);
    let half = "n".repeat(9 << 10);
    for (message, fits) in [
        (format!(r#"{{"{half}":["jane@example.org"]}}"#), true),
        (format!(r#"{{"{long}":["jane@example.org"]}}"#), false),
        (
            format!(r#"{{"{half}":{{"{half}":"jane@example.org"}}}}"#),
            false,
        ),
        (
            format!(r#"[{{"{half}":1}},{{"{half}":"jane@example.org"}}]"#),
            true,
        ),
    ] {
        let scan = SCANNER.scan(message.as_bytes());
        assert_eq!(scan.is_ok(), fits);
        if !fits {
            assert_eq!(scan.unwrap_err(), ScanError::Limit("bytes of names"));
        }
    }
}

#[test]
fn what_is_found_without_end_is_refused() {
    for text in ["a@b.cd ", "T-1 ", "token=a1b2c3d4e5f6g7h8i9 "] {
        let message = message(&text.repeat(100_001));
        let refused = SCANNER.scan(&message).unwrap_err();
        assert_eq!(refused, ScanError::Limit("findings"), "{text}");
    }
}

#[test]
fn every_match_of_an_own_pattern_is_found_once() {
    let text = "T-1 and T-123, T-4567T-8; ".repeat(2_000);
    let message = message(&text);
    let scan = SCANNER.scan(&message).unwrap();
    let found: Vec<_> = scan
        .findings
        .iter()
        .filter(|finding| SCANNER.name(finding.what) == "ticket")
        .map(|finding| String::from_utf8_lossy(scan.value(finding)).into_owned())
        .collect();
    assert_eq!(found, ["T-1", "T-123", "T-4567", "T-8"].repeat(2_000));
}

#[test]
fn numbers_and_containers_without_end_are_refused() {
    let numbers = format!("[{}1]", "1,".repeat(1_000_000));
    assert_eq!(
        SCANNER.scan(numbers.as_bytes()).unwrap_err(),
        ScanError::Limit("strings")
    );
    let containers = format!("[{}[]]", "[],".repeat(1_000_000));
    assert_eq!(
        SCANNER.scan(containers.as_bytes()).unwrap_err(),
        ScanError::Limit("strings")
    );
}

#[test]
fn code_points_are_counted_where_findings_are() {
    let text = "gr\u{fc}n jane@example.org \u{1f600} joe@example.org, a\u{300}@example.org";
    let message = serde_json::to_vec(&[text, text]).unwrap();
    let scan = SCANNER.scan(&message).unwrap();
    let mut code_points = scan.code_points();
    assert!(scan.findings.len() >= 4);
    for finding in &scan.findings {
        let count = |to: usize| text.get(..to).unwrap().chars().count();
        let expected = (count(finding.start), count(finding.end));
        assert_eq!(code_points.of(finding), expected);
    }
}
