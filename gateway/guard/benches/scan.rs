//! What scanning costs: `cargo bench -p gantry-guard --bench scan`.
//!
//! Prints the best of several rounds; on a shared machine the minimum is the uncontended cost. The second table holds
//! the engines beside each other, tier by tier: literals, and shapes of digits.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a failed expectation ends the measurement"
)]

use std::{hint::black_box, time::Instant};

use gantry_guard::{
    Limits, Scanner, Wanted,
    database::{Database, Pattern},
    redact,
};

const ROUNDS: usize = 60;
const ROUND_NS: u128 = 2_000_000;

/// Nanoseconds of one run, the best of all rounds.
fn best(mut work: impl FnMut()) -> f64 {
    let started = Instant::now();
    work();
    let once = started.elapsed().as_nanos().max(1);
    let runs = u32::try_from((ROUND_NS / once).clamp(1, 100_000)).unwrap();
    let round = |_| {
        let started = Instant::now();
        (0..runs).for_each(|_| work());
        started.elapsed().as_nanos() as f64 / f64::from(runs)
    };
    (0..ROUNDS).map(round).fold(f64::MAX, f64::min)
}

/// Words, numbers and a little that is found, as tools answer.
fn prose(bytes: usize, findings: bool) -> String {
    let plain = "The order 48213 of 2026-03-14 was shipped from Zurich; 3 items, total 129.95, tracking X8812-22. ";
    let found = "Write to jane.doe@example.org or call +41 44 668 18 00 about invoice 2026-118. ";
    let mut text = String::new();
    while text.len() < bytes {
        text.push_str(if findings && text.len().is_multiple_of(5) {
            found
        } else {
            plain
        });
    }
    text.truncate(bytes);
    text
}

fn answer(text: &str) -> Vec<u8> {
    serde_json::json!({"jsonrpc": "2.0", "id": 1, "result": {"resultType": "complete", "content": [{"type": "text", "text": text}]}}).to_string().into_bytes()
}

/// Rows of an object each: many short strings and numbers.
fn rows(bytes: usize) -> Vec<u8> {
    let row = serde_json::json!({"id": 4711, "name": "Widget", "state": "open", "count": 3, "price": 19.99, "updated": "2026-03-14T12:00:00Z"});
    let rows: Vec<_> = (0..bytes / row.to_string().len())
        .map(|_| row.clone())
        .collect();
    serde_json::json!({"jsonrpc": "2.0", "id": 1, "result": {"structuredContent": {"rows": rows}}})
        .to_string()
        .into_bytes()
}

fn main() {
    let compiled = Instant::now();
    let scanner = Scanner::compile(&[], Limits::default(), Wanted::default()).unwrap();
    println!(
        "compiling the patterns: {:.0} ms\n",
        compiled.elapsed().as_secs_f64() * 1e3
    );
    println!("| message | bytes | µs | MB/s |\n|---|---|---|---|");
    let secret = "token=abc ".repeat(1600);
    for (name, message) in [
        ("small", answer("ok")),
        ("1 KB text", answer(&prose(1000, false))),
        ("1 KB text with findings", answer(&prose(1000, true))),
        ("16 KB text", answer(&prose(16_000, false))),
        ("16 KB text with findings", answer(&prose(16_000, true))),
        ("16 KB rows", rows(16_000)),
        ("1 MB text", answer(&prose(1_000_000, false))),
        ("1 MB rows", rows(1_000_000)),
        (
            "worst: digits in pairs",
            answer(&"12 34 56 78 ".repeat(1300)),
        ),
        ("worst: single digits", answer(&"1 2 3 4 5 6 ".repeat(1300))),
        (
            "worst: hexadecimal",
            answer(&"0123456789abcdef".repeat(1000)),
        ),
        (
            "worst: base64 of text",
            answer(&"U29tZSB0ZXh0IHRoYXQgcmVhZHM=\n".repeat(550)),
        ),
        ("worst: escapes", answer(&"\\u0041%41&#65;".repeat(1100))),
        ("worst: at signs", answer(&"@a.b".repeat(4000))),
        ("worst: keywords", answer(&secret)),
    ] {
        let nanos = best(|| {
            let scan = scanner.scan(black_box(&message)).unwrap();
            black_box(redact::placeholders(&scan));
        });
        println!(
            "| {name} | {} | {:.1} | {:.0} |",
            message.len(),
            nanos / 1e3,
            message.len() as f64 * 1e3 / nanos
        );
    }
    engines();
}

/// Both engines on the same expressions and text.
fn engines() {
    let literals: Vec<String> = [
        "ghp_",
        "AKIA",
        "xoxb-",
        "sk_live_",
        "glpat-",
        "npm_",
        "hvs\\.",
        "eyJ",
        "://",
        "password",
        "secret",
        "api_key",
        "iban",
        "passport",
        "social security",
    ]
    .iter()
    .map(|text| (*text).to_owned())
    .collect();
    let shapes: Vec<String> = [
        r"[0-9]{3}-[0-9]{2}-[0-9]{4}",
        r"(?:[0-9][ -]?){13,19}",
        r"[A-Z]{2}[0-9]{2}(?: ?[A-Z0-9]{4}){3,7}",
        r"[0-9]{1,3}(?:\.[0-9]{1,3}){3}",
        r"[A-Z]{6}[0-9]{2}[A-Z][0-9]{2}[A-Z][0-9]{3}[A-Z]",
    ]
    .iter()
    .map(|text| (*text).to_owned())
    .collect();
    let text = prose(64_000, true);
    println!("\n| tier, 64 KB of text | Vectorscan µs/KB | regex-automata µs/KB |\n|---|---|---|");
    for (tier, expressions) in [("literals", literals), ("shapes", shapes)] {
        let patterns: Vec<Pattern> = expressions
            .iter()
            .zip(0..)
            .map(|(expression, id)| Pattern {
                id,
                expression: expression.clone(),
                caseless: false,
                utf8: false,
            })
            .collect();
        let database = Database::compile(&patterns).unwrap();
        let set = regex::bytes::Regex::new(
            &expressions
                .iter()
                .map(|expression| format!("(?:{expression})"))
                .collect::<Vec<_>>()
                .join("|"),
        )
        .unwrap();
        let vectorscan = best(|| {
            let mut count = 0;
            database
                .pass(black_box(text.as_bytes()), |_, _| {
                    count += 1;
                    true
                })
                .unwrap();
            black_box(count);
        });
        let automata = best(|| {
            black_box(set.find_iter(black_box(text.as_bytes())).count());
        });
        println!(
            "| {tier} | {:.2} | {:.2} |",
            vectorscan / 64e3,
            automata / 64e3
        );
    }
}
