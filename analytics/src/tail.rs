//! Following the trail: the last rows, then each new one as it is delivered.
//!
//! Rows are followed by their identity, not by their time: a long call, another gateway or a
//! backlog brings rows that are older than some already shown, and they are shown all the same.

mod line;

use std::{collections::BTreeMap, fmt::Write as _, ops::ControlFlow, time::Duration};

use ::clickhouse::{Client, error::Error};
use serde::Deserialize;

use crate::{
    Store,
    query::{QueryError, reading_client},
};

/// Time between two looks at the store.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Most rows fetched with one look.
const LOOK_ROWS_MAX: u32 = 10_000;
/// Calls that began longer ago are not looked for; it keeps each look to two days' partitions.
const LOOKBACK: &str = "ts >= now64(6) - INTERVAL 1 DAY";

const COLUMNS: &str = "toString(ts) AS time, toUnixTimestamp64Micro(ts) AS ts_us, gateway, epoch, seq, tenant, agent, method, \
    server, server_version, tool, toString(outcome) AS outcome, http_status, rpc_code, error, policy, \
    duration_us, upstream_us, req_bytes, resp_bytes, lower(hex(trace_id)) AS trace_id";

/// A row of the trail, as far as a line of `tail` shows it.
#[derive(Clone, Debug, PartialEq, Eq, ::clickhouse::Row, Deserialize)]
pub struct Row {
    /// Start of the call, UTC: `2026-11-22 10:51:07.123456`.
    pub time: String,
    /// The same in microseconds since the Unix epoch.
    pub ts_us: i64,
    pub gateway: String,
    pub epoch: u32,
    pub seq: u64,
    pub tenant: String,
    pub agent: String,
    pub method: String,
    pub server: String,
    pub server_version: String,
    pub tool: String,
    pub outcome: String,
    pub http_status: u16,
    pub rpc_code: i32,
    pub error: String,
    pub policy: String,
    pub duration_us: u64,
    pub upstream_us: u64,
    pub req_bytes: u32,
    pub resp_bytes: u64,
    /// 32 hex digits.
    pub trace_id: String,
}

/// The newest `rows` rows, oldest of them first.
pub async fn recent(store: &Store, rows: u32) -> Result<Vec<Row>, QueryError> {
    Ok(newest(&reading_client(store).await?, rows).await?)
}

async fn newest(client: &Client, rows: u32) -> Result<Vec<Row>, Error> {
    let sql = format!(
        "SELECT {COLUMNS} FROM audit_log ORDER BY ts DESC, gateway DESC, epoch DESC, seq DESC LIMIT {rows}"
    );
    let mut rows: Vec<Row> = client.query_raw(&sql).fetch_all().await?;
    rows.reverse();
    Ok(rows)
}

/// Shows the newest `rows` rows, then each new one, until `show` breaks.
///
/// Within one look rows come by time; from look to look each gateway's come in its own order,
/// none twice and none left out.
///
/// # Errors
/// The store refused a look or could not be reached; the rows shown until then stay shown.
pub async fn tail(
    store: &Store,
    rows: u32,
    mut show: impl FnMut(&Row) -> ControlFlow<()>,
) -> Result<(), QueryError> {
    let client = reading_client(store).await?;
    let mut seen = seen_now(&client).await?;
    for row in newest(&client, rows).await? {
        // A row that came since then has its turn below, in its gateway's order.
        if seen.holds(&row) && show(&row).is_break() {
            return Ok(());
        }
    }
    loop {
        let mut new = look(&client, &seen).await?;
        new.sort_by(|a, b| order_of(a).cmp(&order_of(b)));
        for row in &new {
            seen.note(row);
            if show(row).is_break() {
                return Ok(());
            }
        }
        if new.len() < LOOK_ROWS_MAX as usize {
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }
}

/// How far each gateway's rows were seen, by epoch. Within an epoch rows are delivered in order,
/// so one number says it all.
#[derive(Debug, Default)]
struct Seen(BTreeMap<(String, u32), u64>);

impl Seen {
    fn holds(&self, row: &Row) -> bool {
        let last = self.0.get(&(row.gateway.clone(), row.epoch));
        last.is_some_and(|last| row.seq <= *last)
    }

    fn note(&mut self, row: &Row) {
        let last = self.0.entry((row.gateway.clone(), row.epoch)).or_default();
        *last = row.seq.max(*last);
    }

    /// The condition that holds for rows not seen.
    fn condition(&self) -> String {
        let mut condition = String::from("1");
        for ((gateway, epoch), last) in &self.0 {
            let gateway = gateway.replace('\\', "\\\\").replace('\'', "\\'");
            let _ = write!(
                condition,
                " AND NOT (gateway = '{gateway}' AND epoch = {epoch} AND seq <= {last})"
            );
        }
        condition
    }
}

#[derive(::clickhouse::Row, Deserialize)]
struct SeenRow {
    gateway: String,
    epoch: u32,
    last: u64,
}

async fn seen_now(client: &Client) -> Result<Seen, Error> {
    let sql = format!(
        "SELECT gateway, epoch, max(seq) AS last FROM audit_log WHERE {LOOKBACK} GROUP BY gateway, epoch"
    );
    let rows: Vec<SeenRow> = client.query_raw(&sql).fetch_all().await?;
    let last_of = |row: SeenRow| ((row.gateway, row.epoch), row.last);
    Ok(Seen(rows.into_iter().map(last_of).collect()))
}

/// Rows not seen yet. They are cut off in the order of identity: what is left out comes with the
/// next look, and nothing before it is ever skipped.
async fn look(client: &Client, seen: &Seen) -> Result<Vec<Row>, Error> {
    let sql = format!(
        "SELECT {COLUMNS} FROM audit_log WHERE {LOOKBACK} AND {} ORDER BY gateway, epoch, seq LIMIT {LOOK_ROWS_MAX}",
        seen.condition()
    );
    client.query_raw(&sql).fetch_all().await
}

fn order_of(row: &Row) -> (i64, &str, u32, u64) {
    (row.ts_us, &row.gateway, row.epoch, row.seq)
}
