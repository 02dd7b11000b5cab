//! Records and logs to test with.

use std::{net::IpAddr, path::Path, time::Duration};

use gantry_analytics::{
    AuthMethod, EventId, GuardAction, Kind, Log, Outcome, Record, Transport, log::Settings,
};

/// 2026-11-22 10:51:07.123456 UTC.
pub(crate) const TS_US: i64 = 1_795_344_667_123_456;

/// A record in which every column holds something.
pub(crate) fn full() -> Record<'static> {
    Record {
        ts_us: TS_US,
        tenant: "acme",
        team: "support",
        agent: "support-bot",
        subject: u64::MAX - 1,
        auth_method: AuthMethod::Oidc,
        client_name: "Grüße",
        client_version: "1.2.3",
        client_ip: IpAddr::from([192, 0, 2, 7]),
        method: "tools/call",
        server: "orders",
        server_version: "v2",
        endpoint: "http://orders-v2:8000/mcp",
        kind: Kind::Tool,
        tool: "orders_get",
        resource_uri: "file:///tmp/a\tb",
        args_hash: 0x0123_4567_89ab_cdef,
        protocol: "2025-11-25",
        transport: Transport::Sse,
        session_id: "s-1",
        rpc_id: "\"42\"",
        trace_id: [0xa1; 16],
        span_id: [0xb2; 8],
        outcome: Outcome::Guardrail,
        http_status: 503,
        rpc_code: -32_603,
        error: "upstream said 'no'",
        attempts: 3,
        flags: 0x8000_0001,
        duration_us: 12_345,
        upstream_us: 12_000,
        guard_us: 210,
        queue_us: 9,
        ttfb_us: 11_000,
        req_bytes: 120,
        resp_bytes: 5_000_000_000,
        tokens_in: 17,
        tokens_out: 4_000_000_000,
        cost: 1_500_000_001,
        price_book: "2026-q4",
        policy: "team:support",
        guard_action: GuardAction::Mask,
        guard_rules: &["email", "iban"],
        pii_in: &[("email", 2), ("iban", 1)],
        pii_out: &[("phone", 65_535)],
        attrs: &[("region", "eu-west-1")],
    }
}

/// An ordinary call: the `n`th, a millisecond after the one before.
pub(crate) fn call(n: u64) -> Record<'static> {
    Record {
        ts_us: TS_US + i64::try_from(n).unwrap() * 1_000,
        duration_us: 1_000 + n,
        upstream_us: 900,
        outcome: Outcome::ALL[usize::try_from(n % 13).unwrap()],
        ..full()
    }
}

pub(crate) fn settings(dir: &Path) -> Settings {
    Settings::new(dir, "gw-1")
}

pub(crate) fn open(dir: &Path) -> Log {
    Log::open(settings(dir)).unwrap()
}

pub(crate) async fn append(log: &Log, rows: std::ops::Range<u64>) -> Vec<EventId> {
    let mut events = Vec::new();
    for n in rows {
        events.push(log.append(call(n).encode()).await.unwrap().unwrap());
    }
    events
}

/// Closes a log and lets its directory go.
pub(crate) fn close(log: Log) {
    log.close(Duration::from_secs(10));
}

/// Waits until `condition` holds, or fails the test after `limit`.
pub(crate) async fn until(what: &str, limit: Duration, mut condition: impl FnMut() -> bool) {
    let wait = async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(limit, wait)
        .await
        .unwrap_or_else(|_| panic!("not within {limit:?}: {what}"));
}
