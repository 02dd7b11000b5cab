//! What a record costs: encoding it, and having it written to the log, in CPU and in waiting.
//!
//! `cargo run --release -p gantry-analytics --example append_cost [directory]`; the directory
//! should be on the disk that the log will be on. The CPU is that of the whole process: callers,
//! runtime and writer.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a measurement that fails has nothing to say"
)]

use std::{
    fs,
    hint::black_box,
    net::IpAddr,
    time::{Duration, Instant},
};

use gantry_analytics::{
    AuthMethod, GuardAction, Kind, Log, Outcome, Record, Transport, log::Settings,
};

const ROWS: u64 = 400_000;
/// The kernel's clock ticks a second, as `/proc` counts them.
const TICKS: u64 = 100;

fn main() {
    encode();
    let parent = std::env::args()
        .nth(1)
        .unwrap_or_else(|| "target".to_owned());
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    for callers in [1, 16, 64, 512] {
        let dir = tempfile::tempdir_in(&parent).unwrap();
        let log = Log::open(Settings::new(dir.path(), "gw-1")).unwrap();
        runtime.block_on(append(&log, callers));
        runtime.block_on(append_between_work(&log, callers));
        log.close(Duration::from_secs(30));
    }
}

/// What a row adds to callers that have something else to do, as a gateway has.
async fn append_between_work(log: &Log, callers: u64) {
    let without = work_cpu(None, callers).await;
    let with = work_cpu(Some(log), callers).await;
    println!(
        "append between work: {callers} callers, {without:?} CPU a call without, {:?} more with",
        with.saturating_sub(without)
    );
}

async fn work_cpu(log: Option<&Log>, callers: u64) -> Duration {
    let calls = 40_000 / callers;
    let cpu = cpu_time();
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..callers {
        let log = log.cloned();
        tasks.spawn(async move {
            for n in 0..calls {
                let row = record(n).encode();
                // About as long as a proxied call takes.
                for _ in 0..100 {
                    black_box(crc32c::crc32c(black_box(&[7; 4096])));
                }
                if let Some(log) = &log {
                    log.append(row).await.unwrap();
                } else {
                    tokio::task::yield_now().await;
                }
            }
        });
    }
    tasks.join_all().await;
    (cpu_time() - cpu) / (calls * callers) as u32
}

fn encode() {
    let cpu = cpu_time();
    for n in 0..ROWS {
        black_box(record(black_box(n)).encode());
    }
    let per_row = (cpu_time() - cpu) / ROWS as u32;
    println!(
        "encode: {} bytes, {per_row:?} CPU a row",
        record(0).encode().len()
    );
}

async fn append(log: &Log, callers: u64) {
    let (cpu, started) = (cpu_time(), Instant::now());
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..callers {
        let log = log.clone();
        tasks.spawn(async move {
            let mut waits = Vec::new();
            for n in 0..ROWS / callers {
                let row = record(n).encode();
                let asked = Instant::now();
                log.append(row).await.unwrap();
                waits.push(asked.elapsed());
            }
            waits
        });
    }
    let mut waits: Vec<Duration> = tasks.join_all().await.into_iter().flatten().collect();
    let rows = waits.len();
    let per_row = (cpu_time() - cpu) / rows as u32;
    let per_second = rows as f64 / started.elapsed().as_secs_f64();
    waits.sort_unstable();
    let at = |share: f64| waits[((rows - 1) as f64 * share) as usize];
    println!(
        "append: {callers} callers, {per_second:.0} rows/s, {per_row:?} CPU a row, \
         p50 {:?}, p99 {:?}, max {:?}",
        at(0.5),
        at(0.99),
        at(1.0)
    );
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
        ts_us: 1_795_344_667_123_456 + n as i64,
        tenant: "acme",
        team: "support",
        agent: "support-bot-17",
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
        tool: "orders_get",
        resource_uri: "",
        args_hash: n.wrapping_mul(0x9e37_79b9_7f4a_7c15),
        protocol: "2025-11-25",
        transport: Transport::StreamableHttp,
        session_id: "0190a5f2-7c1e-7d3a-9f64-2f3a5b7c9d1e",
        rpc_id: "42",
        trace_id: [7; 16],
        span_id: [9; 8],
        outcome: Outcome::Ok,
        http_status: 200,
        rpc_code: 0,
        error: "",
        attempts: 1,
        flags: 0,
        duration_us: 12_345,
        upstream_us: 12_000,
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
