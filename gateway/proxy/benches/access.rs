//! What a decision costs: `cargo bench -p gantry --bench access`.
//!
//! Prints the best of several rounds in nanoseconds; on a shared machine the minimum is the
//! uncontended cost. For exact counts, a case can be done so many times and nothing else:
//! `valgrind --tool=callgrind target/release/deps/access-… 'decision, many rules' 10000`, once more
//! with 20000, and the difference divided by 10000 is the instructions of one.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a failed expectation ends the measurement"
)]

use std::{fmt::Write as _, hint::black_box, sync::Arc, time::Instant};

use gantry::{
    auth::{Caller, suppose},
    config,
    policy::{Asked, Policy, check, listing},
};
use gantry_mcp::frame::{self, Bounds};
use serde_json::{Map, json};

const ROUNDS: usize = 200;
const ROUND_NS: u128 = 500_000;

const RULES: usize = 500;
const AGENTS: usize = 10_000;
const TOOLS: usize = 1_000;

/// The rules that are about the caller, alone or among `RULES` that are not.
fn policy(own: &str, many: bool) -> Policy {
    let mut text = format!("servers: {{orders: {{url: http://a/}}}}\naccess:\n{own}\n");
    for rule in 0..if many { RULES } else { 0 } {
        let per_rule = AGENTS / RULES;
        let agents: Vec<String> = (0..per_rule)
            .map(|agent| format!("agent-{}", rule * per_rule + agent))
            .collect();
        let tools: Vec<String> = (0..4)
            .map(|tool| format!("orders/tool_{}", (rule * 2 + tool) % TOOLS))
            .collect();
        // Half of them by agent, half by team; each with a glob of its own.
        let who = if rule % 2 == 0 {
            format!("agent: [{}]", agents.join(", "))
        } else {
            format!("team: [team-{rule}], claims: {{tier: [tier-{rule}]}}")
        };
        writeln!(
            text,
            "- {{{who}, allow: [{}, 'orders/group{rule}_*'], deny: ['orders/tool_{rule}x*']}}",
            tools.join(", ")
        )
        .unwrap();
    }
    Policy::compile(
        &config::parse(&text, "gantry.yaml").unwrap_or_else(|faults| panic!("{faults}")),
    )
}

fn caller() -> Caller {
    let mut claims = Map::new();
    claims.insert("tier".to_owned(), json!("gold"));
    claims.insert("region".to_owned(), json!("eu"));
    suppose(
        "bot",
        vec!["support".to_owned(), "night".to_owned()],
        None,
        vec!["orders".to_owned()],
        claims,
    )
}

/// Does one piece of work: measured, or so often as the arguments say.
fn measure(name: &str, mut work: impl FnMut()) {
    let mut arguments = std::env::args()
        .skip(1)
        .filter(|argument| !argument.starts_with('-'));
    let wanted = arguments.next();
    if wanted.is_some_and(|wanted| !name.contains(&wanted)) {
        return;
    }
    if let Some(count) = arguments.next().and_then(|count| count.parse::<u32>().ok()) {
        (0..count).for_each(|_| work());
        return;
    }
    let mut best = f64::INFINITY;
    for _ in 0..ROUNDS {
        let start = Instant::now();
        let mut count = 0_u32;
        while start.elapsed().as_nanos() < ROUND_NS {
            work();
            count += 1;
        }
        best = best.min(start.elapsed().as_secs_f64() * 1e9 / f64::from(count));
    }
    println!("{name:<44} {best:>12.0} ns");
}

fn measure_decision(name: &str, own: &str, many: bool) {
    let (policy, caller, server) = (policy(own, many), caller(), Arc::from("orders"));
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "tool_7", "arguments": {"amount": 5, "note": "by the back door"}}});
    let body = body.to_string();
    let frame = frame::parse(body.as_bytes(), &Bounds::default()).unwrap();
    measure(name, || {
        let asked = Asked::read(Some(black_box(&frame)), "POST");
        let permit = check(&policy, caller.clone(), &server, &asked);
        black_box(permit.unwrap());
    });
}

fn measure_list(name: &str, own: &str, many: bool) {
    let (policy, caller, server) = (policy(own, many), caller(), Arc::from("orders"));
    let tools: Vec<_> = (0..TOOLS)
        .map(|tool| json!({"name": format!("tool_{tool}"), "description": "Does one thing and does it well", "inputSchema": {"type": "object", "properties": {"id": {"type": "string"}}}}))
        .collect();
    let list =
        json!({"jsonrpc": "2.0", "id": 1, "result": {"tools": tools, "cacheScope": "public"}})
            .to_string();
    let permit = check(&policy, caller, &server, &Asked::read(None, "GET")).unwrap();
    let view = permit.view().unwrap();
    measure(name, || {
        black_box(listing::filter(black_box(list.as_bytes()), |entry| view.shows(entry)).unwrap());
    });
}

fn main() {
    let plain = "- {team: support, allow: [orders/tool_7]}";
    let glob = "- {team: support, allow: ['orders/tool_*']}";
    let condition = "- {team: support, allow: [orders/tool_7], when: arguments.amount <= 100}";
    for (kind, own) in [
        ("decision", plain),
        ("decision by glob", glob),
        ("decision with a condition", condition),
    ] {
        measure_decision(&format!("{kind}, one rule"), own, false);
        measure_decision(&format!("{kind}, many rules"), own, true);
    }
    for (kind, own) in [
        ("list of 1000, one shown", plain),
        ("list of 1000, all shown", glob),
    ] {
        measure_list(&format!("{kind}, one rule"), own, false);
        measure_list(&format!("{kind}, many rules"), own, true);
    }
}
