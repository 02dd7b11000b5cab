//! The known calls: few enough to count by hand.

use std::fmt::Write as _;

/// 2026-11-22 10:00:00 UTC, in seconds since 1970. All calls are within the two hours after it.
pub(crate) const BEGIN_S: i64 = 1_795_341_600;

/// Calls that are alike.
pub(crate) struct Calls {
    pub n: u32,
    /// After [`BEGIN_S`]; each call of the group is a second after the one before.
    pub minute: i64,
    pub who: [&'static str; 3],
    pub server: &'static str,
    pub version: &'static str,
    pub tool: &'static str,
    pub outcome: &'static str,
    pub duration_us: u64,
    pub upstream_us: u64,
    pub attempts: u8,
    pub cost: &'static str,
    pub policy: &'static str,
    pub guard: &'static str,
    pub pii_in: &'static str,
    pub pii_out: &'static str,
}

const SUPPORT: [&str; 3] = ["acme", "support", "bot-a"];
const SALES: [&str; 3] = ["acme", "sales", "bot-b"];
const OPS: [&str; 3] = ["globex", "ops", "bot-c"];

const PLAIN: Calls = Calls {
    n: 1,
    minute: 0,
    who: SUPPORT,
    server: "orders",
    version: "v1",
    tool: "get",
    outcome: "ok",
    duration_us: 1_024,
    upstream_us: 1_000,
    attempts: 1,
    cost: "0.01",
    policy: "",
    guard: "none",
    pii_in: "map()",
    pii_out: "map()",
};

/// 40 calls.
#[rustfmt::skip]
pub(crate) const CALLS: &[Calls] = &[
    // 20 of bot-a to two versions of orders; the newer one fails twice and is saved once.
    Calls { n: 10, minute: 1, ..PLAIN },
    Calls { n: 7, minute: 2, version: "v2", duration_us: 4_096, upstream_us: 4_000, ..PLAIN },
    Calls { n: 1, minute: 2, version: "v2", duration_us: 4_096, upstream_us: 4_000, attempts: 2, ..PLAIN },
    Calls { n: 2, minute: 2, version: "v2", duration_us: 4_096, upstream_us: 4_000, attempts: 2, outcome: "upstream_error", ..PLAIN },
    // 12 of bot-b: dear, and up against a rule, a limit and a guardrail.
    Calls { n: 5, minute: 65, who: SALES, server: "crm", tool: "find", duration_us: 1_048_576, upstream_us: 1_000_000, cost: "0.5", pii_out: "map('email', 2)", guard: "mask", ..PLAIN },
    Calls { n: 2, minute: 65, who: SALES, server: "crm", tool: "find", outcome: "tool_error", duration_us: 1_048_576, upstream_us: 1_000_000, cost: "0.5", ..PLAIN },
    Calls { n: 3, minute: 66, who: SALES, server: "crm", tool: "drop", outcome: "denied", duration_us: 64, upstream_us: 0, attempts: 0, cost: "0", policy: "no-drop", ..PLAIN },
    Calls { n: 1, minute: 67, who: SALES, outcome: "rate_limited", duration_us: 64, upstream_us: 0, attempts: 0, cost: "0", policy: "per-agent", ..PLAIN },
    Calls { n: 1, minute: 68, who: SALES, outcome: "guardrail", duration_us: 64, upstream_us: 0, attempts: 0, cost: "0", policy: "iban", guard: "block", pii_in: "map('iban', 1)", ..PLAIN },
    // 7 of bot-c.
    Calls { n: 6, minute: 90, who: OPS, server: "crm", tool: "find", duration_us: 2_048, upstream_us: 2_000, cost: "0.02", ..PLAIN },
    Calls { n: 1, minute: 91, who: OPS, server: "crm", tool: "find", outcome: "timeout", duration_us: 8_388_608, upstream_us: 8_388_000, cost: "0.02", ..PLAIN },
    // 1 that was no call.
    Calls { n: 1, minute: 92, who: ["", "", ""], server: "", version: "", tool: "", outcome: "bad_request", duration_us: 64, upstream_us: 0, attempts: 0, cost: "0", ..PLAIN },
];

/// Inserts all calls. The record with the sequence number 17 of `gw-1` is missing.
pub(crate) fn insert() -> String {
    let mut sql = String::from(
        "INSERT INTO audit_log (gateway, epoch, seq, ts, tenant, team, agent, method, server, server_version, endpoint, \
         kind, tool, args_hash, session_id, trace_id, client_name, client_version, outcome, attempts, duration_us, \
         upstream_us, req_bytes, resp_bytes, tokens_in, tokens_out, cost, price_book, policy, guard_action, pii_in, pii_out) VALUES ",
    );
    let mut seq = 0;
    for (group, calls) in CALLS.iter().enumerate() {
        let Calls {
            minute,
            who: [tenant, team, agent],
            server,
            version,
            tool,
            ..
        } = calls;
        let kind = if tool.is_empty() { "other" } else { "tool" };
        for nth in 0..i64::from(calls.n) {
            seq += if seq == 16 { 2 } else { 1 };
            let ts = BEGIN_S + minute * 60 + nth;
            let _ = write!(
                sql,
                "('gw-1', 1, {seq}, toDateTime({ts}), '{tenant}', '{team}', '{agent}', 'tools/call', '{server}', '{version}', \
                 if('{server}' = '', '', 'http://{server}-{version}:8000'), '{kind}', '{tool}', {group}, 'session-{group}', \
                 unhex('{seq:032x}'), if('{agent}' = '', '', 'client'), '1', '{}', {}, {}, {}, 100, 900, 10, 20, {}, if({} = 0, '', '2026-q4'), '{}', '{}', {}, {}), ",
                calls.outcome,
                calls.attempts,
                calls.duration_us,
                calls.upstream_us,
                calls.cost,
                calls.attempts,
                calls.policy,
                calls.guard,
                calls.pii_in,
                calls.pii_out,
            );
        }
    }
    sql.truncate(sql.len() - 2);
    sql
}

/// Seals over them: a whole chain with a dead letter, and one whose second seal follows nothing.
pub(crate) fn insert_seals() -> String {
    let seal = |gateway: &str, [first, last]: [u64; 2], kind: &str, prev: u8, seal: u8| {
        let at = BEGIN_S + 60 * i64::from(seal);
        format!(
            "('{gateway}', 1, {first}, {last}, {}, '{kind}', toDateTime({at}), toDateTime({at}), 1, unhex('{prev:064x}'), unhex('{seal:064x}'), '{}')",
            last - first + 1,
            if gateway == "gw-1" { "signed" } else { "" },
        )
    };
    let rows = [
        seal("gw-1", [1, 20], "batch", 0, 1),
        seal("gw-1", [21, 21], "dead", 1, 2),
        seal("gw-1", [22, 41], "batch", 2, 3),
        seal("gw-2", [1, 5], "batch", 0, 4),
        seal("gw-2", [6, 9], "batch", 9, 5),
        seal("gw-2", [12, 12], "batch", 5, 6),
    ];
    format!(
        "INSERT INTO audit_seal (gateway, epoch, first_seq, last_seq, rows, kind, newest, sealed_at, schema_version, prev, seal, signature) VALUES {}",
        rows.join(", ")
    )
}

/// Price books: the one that the calls were charged by; a newer one, loaded twice; and one to come.
pub(crate) fn insert_books() -> String {
    let price = |book: &str,
                 text: u8,
                 from: &str,
                 what: [&str; 4],
                 rates: [&str; 2],
                 loaded: u8| {
        let [tenant, server, kind, name] = what;
        let [per_call, per_1k_in] = rates;
        format!(
            "('{book}', unhex('{text:064x}'), toDateTime64('{from} 00:00:00', 6, 'UTC'), '{tenant}', '{server}', '{kind}', '{name}', \
             {per_call}, {per_1k_in}, 'USD', toDateTime64('2026-01-01 00:00:0{loaded}', 6, 'UTC'))"
        )
    };
    let all = ["", "", "other", ""];
    let rows = [
        price("2026-q4", 1, "2026-10-01", all, ["9", "0"], 1),
        // Superseded: nothing of it counts.
        price("next", 2, "2026-11-02", all, ["7", "0"], 2),
        price(
            "next",
            2,
            "2026-11-02",
            ["", "orders", "tool", "get"],
            ["7", "0"],
            2,
        ),
        price("next", 3, "2026-11-01", all, ["0.02", "0"], 3),
        price(
            "next",
            3,
            "2026-11-01",
            ["", "crm", "other", ""],
            ["0.1", "1"],
            3,
        ),
        price(
            "next",
            3,
            "2026-11-01",
            ["globex", "crm", "tool", "find"],
            ["0.05", "0"],
            3,
        ),
        price("to come", 4, "2100-01-01", all, ["5", "0"], 4),
    ];
    format!(
        "INSERT INTO price_book (book, revision, valid_from, tenant, server, kind, name, per_call, per_1k_in, currency, loaded_at) VALUES {}",
        rows.join(", ")
    )
}
