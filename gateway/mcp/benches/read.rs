//! What reading costs: `cargo bench -p gantry-mcp --bench read`.
//!
//! Prints the best of several rounds in nanoseconds per message; on a shared machine the minimum is
//! the uncontended cost. The yardstick is `serde_json` with borrowed fields and raw values, alone
//! and with a second look at the arguments for repeated names. Neither checks depth, letter case or
//! lone surrogates.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a failed expectation ends the measurement"
)]

use std::{borrow::Cow, collections::BTreeMap, hint::black_box, time::Instant};

use gantry_mcp::{
    answer::{Answer, Format},
    frame::{self, Bounds},
    headers::{Head, classify},
};
use serde::{Deserialize, de::IgnoredAny};
use serde_json::value::RawValue;

const ROUNDS: usize = 400;
const ROUND_NS: u128 = 500_000;

#[derive(Deserialize)]
#[expect(dead_code, reason = "read to be measured")]
struct Yardstick<'a> {
    #[serde(borrow)]
    jsonrpc: Cow<'a, str>,
    #[serde(borrow)]
    id: &'a RawValue,
    #[serde(borrow)]
    method: Cow<'a, str>,
    #[serde(borrow)]
    params: YardstickParams<'a>,
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "read to be measured")]
struct YardstickParams<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
    #[serde(borrow)]
    arguments: &'a RawValue,
    #[serde(borrow, rename = "_meta")]
    meta: YardstickMeta<'a>,
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "read to be measured")]
struct YardstickMeta<'a> {
    #[serde(borrow, rename = "io.modelcontextprotocol/protocolVersion")]
    version: Cow<'a, str>,
    #[serde(borrow, rename = "io.modelcontextprotocol/clientCapabilities")]
    capabilities: &'a RawValue,
}

/// Measures one piece of work and prints it, unless an argument asks for others.
fn measure(name: &str, bytes: usize, mut work: impl FnMut()) {
    let filter = std::env::args()
        .skip(1)
        .find(|argument| !argument.starts_with('-'));
    if filter.is_some_and(|filter| !name.contains(&filter)) {
        return;
    }
    let mut best = f64::INFINITY;
    for _ in 0..ROUNDS {
        let start = Instant::now();
        let mut count = 0_u32;
        while start.elapsed().as_nanos() < ROUND_NS {
            for _ in 0..8 {
                work();
            }
            count += 8;
        }
        best = best.min(start.elapsed().as_secs_f64() * 1e9 / f64::from(count));
    }
    println!(
        "{name:<44} {bytes:>8} B {best:>12.0} ns {:>8.2} GB/s",
        bytes as f64 / best
    );
}

/// A modern call with these arguments.
fn call(arguments: &str) -> Vec<u8> {
    format!(
        r#"{{"jsonrpc":"2.0","id":17,"method":"tools/call","params":{{"name":"orders_get","arguments":{arguments},"_meta":{{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{{}}}}}}}}"#
    )
    .into_bytes()
}

fn measure_frame(name: &str, body: &[u8]) {
    measure(&format!("frame, {name}"), body.len(), || {
        black_box(frame::parse(black_box(body), &Bounds::default()).unwrap());
    });
    measure(&format!("serde_json, {name}"), body.len(), || {
        black_box(yardstick(black_box(body)));
    });
    measure(&format!("serde_json twice, {name}"), body.len(), || {
        let message = yardstick(black_box(body));
        let arguments = message.params.arguments.get();
        let names: BTreeMap<Cow<'_, str>, IgnoredAny> = serde_json::from_str(arguments).unwrap();
        black_box((message, names));
    });
}

fn yardstick(body: &[u8]) -> Yardstick<'_> {
    serde_json::from_slice(body).unwrap()
}

fn measure_answer(name: &str, format: Format, body: &[u8]) {
    measure(
        &format!("answer, {name}, 16 KiB chunks"),
        body.len(),
        || {
            let mut answer = Answer::new(format);
            let completions = black_box(body)
                .chunks(16 << 10)
                .filter(|chunk| answer.feed(chunk))
                .count();
            assert_eq!(completions, 1);
        },
    );
}

fn main() {
    let small = call(
        r#"{"order":"A-1734","lines":[1,2,3],"note":"deliver to the back door, please ring"}"#,
    );
    let text = |bytes: usize| {
        format!(
            r#"{{"text":"{}"}}"#,
            "The quick brown fox jumps. ".repeat(bytes / 27)
        )
    };
    let rows = |bytes: usize| {
        let row = r#"{"id":12345,"name":"a row of some kind","ok":true,"tags":["a","b"]}"#;
        format!(r#"{{"rows":[{}]}}"#, vec![row; bytes / row.len()].join(","))
    };
    measure_frame("small", &small);
    for (name, bytes) in [("4 KB", 4 << 10), ("256 KB", 256 << 10)] {
        measure_frame(&format!("{name} text"), &call(&text(bytes)));
        measure_frame(&format!("{name} rows"), &call(&rows(bytes)));
    }

    let headers: [(&str, &[u8]); 3] = [
        ("mcp-protocol-version", b"2026-07-28"),
        ("mcp-method", b"tools/call"),
        ("mcp-name", b"orders_get"),
    ];
    let parsed = frame::parse(&small, &Bounds::default()).unwrap();
    measure("headers, read and cross-checked", 0, || {
        black_box(classify(black_box(&parsed), &Head::read(headers).unwrap()).unwrap());
    });

    let result = |content: &str| {
        format!(r#"{{"jsonrpc":"2.0","id":17,"result":{{"isError":false,"content":{content}}}}}"#)
    };
    for (name, bytes) in [("100 B", 30), ("256 KB", 256 << 10)] {
        for (kind, content) in [("text", text(bytes)), ("rows", rows(bytes))] {
            let json = result(&content);
            measure_answer(
                &format!("JSON {name} {kind}"),
                Format::Json,
                json.as_bytes(),
            );
            let event = format!("event: message\ndata: {json}\n\n");
            measure_answer(
                &format!("stream {name} {kind}"),
                Format::EventStream,
                event.as_bytes(),
            );
        }
    }
    let progress = "event: message\ndata: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/progress\",\"params\":{\"progress\":1}}\n\n";
    let ten = progress.repeat(9) + &format!("data: {}\n\n", result("[]"));
    measure_answer("ten events", Format::EventStream, ten.as_bytes());
}
