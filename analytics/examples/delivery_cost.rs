//! What delivering the trail takes: rows per second, CPU a row, and what a row is on the store's disk.
//!
//! `GANTRY_STORE_PASSWORD=… cargo run --release -p gantry-analytics --example delivery_cost URL`; the
//! rows go to a database of their own.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a measurement that fails has nothing to say"
)]

use std::{
    fs,
    net::IpAddr,
    time::{Duration, Instant},
};

use gantry_analytics::{
    AuthMethod, Delivery, GuardAction, Kind, Log, Outcome, Record, Store, Transport, delivery,
    log::{Ack, Settings},
    migrate::migrate,
    query::{Format, query},
    seal::Signer,
};

const ROWS: u64 = 500_000;
/// The kernel's clock ticks a second, as `/proc` counts them.
const TICKS: u64 = 100;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let mut store = Store::new(std::env::args().nth(1).unwrap());
    store.password = std::env::var("GANTRY_STORE_PASSWORD").ok();
    store.database = "delivery_cost".to_owned();
    migrate(&store, false).await.unwrap();
    let dir = tempfile::tempdir().unwrap();
    let log = Log::open(Settings {
        ack: Ack::Memory,
        ..Settings::new(dir.path(), "gw-1")
    })
    .unwrap();
    let mut bytes = 0;
    for n in 0..ROWS {
        let row = record(n).encode();
        bytes += row.len();
        log.append(row).await.unwrap();
    }
    while log.stats().written_rows < ROWS {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let settings = delivery::Settings {
        signer: Some(Signer::load_or_make(&dir.path().join("seal.key")).unwrap()),
        ..delivery::Settings::default()
    };
    let (cpu, started) = (cpu_time(), Instant::now());
    Delivery::start(&log, store.clone(), settings)
        .unwrap()
        .stop(Duration::from_secs(300));
    let (took, cpu) = (started.elapsed(), cpu_time() - cpu);
    assert_eq!(log.stats().unsent_rows, 0, "not everything was delivered");
    println!(
        "{ROWS} rows of {} bytes, hashed, sealed and signed, in {took:.1?}: {:.0} rows/s, {:.2?} CPU of ours a row.",
        bytes / ROWS as usize,
        ROWS as f64 / took.as_secs_f64(),
        cpu / ROWS as u32
    );
    let sizes = "SELECT table, round(sum(bytes_on_disk) / 500000, 1) AS bytes_per_row FROM system.parts \
        WHERE active AND database = 'delivery_cost' AND table IN ('audit_log', 'audit_seal', 'usage_1m', 'usage_1h') \
        GROUP BY table ORDER BY table";
    let mut out = Vec::new();
    query(&store, sizes, Format::Json, &mut out).await.unwrap();
    println!(
        "\nOn disk, in bytes per record:\n\n```json\n{}```",
        String::from_utf8(out).unwrap()
    );
    log.close(Duration::from_secs(10));
}

/// User and system time of this process.
fn cpu_time() -> Duration {
    let stat = fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat
        .rsplit_once(')')
        .unwrap()
        .1
        .split_whitespace()
        .collect();
    let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
    Duration::from_millis(ticks * 1_000 / TICKS)
}

fn record(n: u64) -> Record<'static> {
    Record {
        ts_us: 1_795_344_667_123_456 + n as i64 * 1_000,
        tenant: "acme",
        team: "support",
        agent: AGENTS[n as usize % AGENTS.len()],
        subject: n,
        auth_method: AuthMethod::Jwt,
        client_name: "claude-code",
        client_version: "2.1.0",
        client_ip: IpAddr::from([10, 1, 2, 3]),
        method: "tools/call",
        server: "orders",
        server_version: "v2",
        endpoint: "http://orders-v2:8000/mcp",
        kind: Kind::Tool,
        tool: TOOLS[n as usize / 7 % TOOLS.len()],
        resource_uri: "",
        args_hash: n.wrapping_mul(0x9e37_79b9_7f4a_7c15),
        protocol: "2025-11-25",
        transport: Transport::StreamableHttp,
        session_id: "0190a5f2-7c1e-7d3a-9f64-2f3a5b7c9d1e",
        rpc_id: "42",
        trace_id: mixed(n).to_le_bytes(),
        span_id: (mixed(n) as u64 ^ n).to_le_bytes(),
        outcome: Outcome::Ok,
        http_status: 200,
        rpc_code: 0,
        error: "",
        attempts: 1,
        flags: 0,
        duration_us: 2_000 + mixed(n) as u64 % 20_000,
        upstream_us: 1_900 + mixed(n) as u64 % 19_000,
        guard_us: 40,
        queue_us: 3,
        ttfb_us: 11_900,
        req_bytes: 310,
        resp_bytes: 1_200,
        tokens_in: 80,
        tokens_out: 300,
        cost: 1_000_000,
        price_book: "2026-q4",
        policy: "team:support",
        guard_action: GuardAction::Allow,
        guard_rules: &[],
        pii_in: &[],
        pii_out: &[],
        attrs: &[],
    }
}

const AGENTS: [&str; 5] = [
    "support-bot-17",
    "coder-3",
    "billing",
    "ops-night",
    "research",
];
const TOOLS: [&str; 6] = [
    "orders_get",
    "orders_refund",
    "crm_lookup",
    "search",
    "ticket_open",
    "mail_send",
];

/// Bits that a compressor cannot guess.
fn mixed(n: u64) -> u128 {
    let mix = |n: u64| {
        let n = (n ^ n >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let n = (n ^ n >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        n ^ n >> 31
    };
    u128::from(mix(n)) << 64 | u128::from(mix(!n))
}
