//! What scanning costs: `cargo bench -p gantry-guard`.
//!
//! Time and bytes a second of one pass over the labelled sample, of single messages by size and of
//! the worst that we could think of; then the engines beside each other, tier by tier. For the cost
//! of one message of the sample, its pass is divided by the number that its name says.
//!
//! Optimised, one thread on a shared virtual machine (Intel Xeon), least of many runs, looked at again once redacted:
//! 5.1 µs for a message of the sample (315 bytes on average, most of them with something to find; 62 MB/s), 3.9 µs where
//! identifiers and secrets alone are looked for (82 MB/s). While its neighbours are busy the same machine takes twice as
//! long for it. A third of the instructions are of the walk, a quarter of Vectorscan and what it met, a third of judging;
//! wrong guesses of branches and code that does not stay in the first cache cost as much as instructions do. Of some
//! sixty shapes of text that were tried, the worst takes 0.3 s a megabyte (printable noise), then names of secrets one
//! behind the other 0.21 s, and digits in pairs among words 0.11 s.
//!
//! With 734 words as literals, Vectorscan's vendored SSE4.2 build makes 458 MB/s and Debian's library with AVX-512
//! 543 MB/s; with the phrases 416 and 383 MB/s. So the portable build stays. `regex-automata` is twice as fast on a
//! handful of literals (7.6 against 4.0 GB/s over 16 KB) and on shapes (458 against 198 MB/s), but tells only one of the
//! matches that overlap, and words do: words and phrases stay with Vectorscan. Shapes are with neither: the scanner's
//! own pass follows them.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a failed expectation ends the measurement"
)]

use std::{hint::black_box, path::Path, process::Command, time::Duration};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use gantry_guard::{
    Limits, Scanner, Wanted,
    database::{Database, Match, Pattern},
    redact,
};

criterion_main!(benches);
criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(2));
    targets = compiling, sample, messages, engines
}

fn scanner() -> Scanner {
    Scanner::compile(&[], Limits::default(), Wanted::default()).unwrap()
}

/// As the gateway does it: everything is looked for, and what is found is replaced.
fn redact(scanner: &Scanner, message: &[u8]) {
    black_box(redact::placeholders(scanner, black_box(message), &|| true)).unwrap();
}

fn compiling(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("compiling");
    group.sample_size(10);
    group.bench_function("all patterns", |bencher| bencher.iter(scanner));
}

/// The messages of the labelled sample, as they are on the wire.
fn sample_messages() -> Vec<Vec<u8>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../proxy/tests/guard/messages.jsonl.xz");
    let unpacked = Command::new("xz")
        .args(["--decompress", "--stdout"])
        .arg(path)
        .output();
    let unpacked = unpacked.unwrap_or_else(|error| panic!("cannot run xz: {error}"));
    assert!(unpacked.status.success());
    let lines = unpacked.stdout.split(|byte| *byte == b'\n');
    let wire = |line: &[u8]| {
        let row: serde_json::Value = serde_json::from_slice(line).unwrap();
        row["wire"].as_str().unwrap().as_bytes().to_vec()
    };
    lines.filter(|line| !line.is_empty()).map(wire).collect()
}

fn sample(criterion: &mut Criterion) {
    let (scanner, messages) = (scanner(), sample_messages());
    let bytes = messages.iter().map(Vec::len).sum::<usize>();
    let mut group = criterion.benchmark_group("sample");
    group.throughput(Throughput::BytesDecimal(bytes as u64));
    let name = format!(
        "{} messages of {} bytes on average",
        messages.len(),
        bytes / messages.len()
    );
    group.bench_function(name, |bencher| {
        bencher.iter(|| {
            messages
                .iter()
                .for_each(|message| redact(&scanner, message))
        });
    });
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

fn messages(criterion: &mut Criterion) {
    let scanner = scanner();
    let mut group = criterion.benchmark_group("message");
    for (name, message) in [
        ("small", answer("ok")),
        ("1 KB text", answer(&prose(1000, false))),
        ("1 KB text with findings", answer(&prose(1000, true))),
        ("1 KB rows", rows(1000)),
        ("16 KB text", answer(&prose(16_000, false))),
        ("16 KB text with findings", answer(&prose(16_000, true))),
        ("16 KB rows", rows(16_000)),
        ("1 MB text", answer(&prose(1_000_000, false))),
        ("1 MB text with findings", answer(&prose(1_000_000, true))),
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
        ("worst: keywords", answer(&"token=abc ".repeat(1600))),
    ] {
        group.throughput(Throughput::BytesDecimal(message.len() as u64));
        group.bench_function(name, |bencher| bencher.iter(|| redact(&scanner, &message)));
    }
}

const LITERALS: &[&str] = &[
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
];
const SHAPES: &[&str] = &[
    r"[0-9]{3}-[0-9]{2}-[0-9]{4}",
    r"(?:[0-9][ -]?){13,19}",
    r"[A-Z]{2}[0-9]{2}(?: ?[A-Z0-9]{4}){3,7}",
    r"[0-9]{1,3}(?:\.[0-9]{1,3}){3}",
    r"[A-Z]{6}[0-9]{2}[A-Z][0-9]{2}[A-Z][0-9]{3}[A-Z]",
];

/// Both engines on the same expressions and text.
fn engines(criterion: &mut Criterion) {
    for (tier, expressions) in [("literals", LITERALS), ("shapes", SHAPES)] {
        let pattern = |(expression, id): (&&str, u32)| Pattern {
            id,
            expression: (*expression).to_owned(),
            caseless: false,
            utf8: false,
        };
        let patterns: Vec<Pattern> = expressions.iter().zip(0..).map(pattern).collect();
        let database = Database::compile(&patterns).unwrap();
        // The engine of crate `regex` is that of `regex-automata`, with its prefilters.
        let all = expressions
            .iter()
            .map(|one| format!("(?:{one})"))
            .collect::<Vec<_>>();
        let automata = regex::bytes::Regex::new(&all.join("|")).unwrap();
        let mut group = criterion.benchmark_group(tier);
        for (size, bytes) in [("1 KB", 1000), ("16 KB", 16_000), ("1 MB", 1_000_000)] {
            let text = prose(bytes, true);
            let text = text.as_bytes();
            group.throughput(Throughput::BytesDecimal(bytes as u64));
            group.bench_function(format!("vectorscan, {size}"), |bencher| {
                bencher.iter(|| {
                    let mut count = 0;
                    let count_on = |matches: &[Match]| {
                        count += matches.len();
                        true
                    };
                    database.pass(black_box(text), count_on).unwrap();
                    count
                });
            });
            group.bench_function(format!("regex-automata, {size}"), |bencher| {
                bencher.iter(|| automata.find_iter(black_box(text)).count());
            });
        }
    }
}
