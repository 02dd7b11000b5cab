//! The columns of `audit_log` that a row's bytes fill, in their order.
//!
//! The order is the schema: new columns are appended and the version goes up, so that bytes
//! which wait in a log since before an upgrade can still be told apart.

/// Version of the column list below. It stands in every segment's header.
pub const SCHEMA_VERSION: u16 = 1;

/// Where a row's identity and contents go.
pub const TABLE: &str = "audit_log";

/// Where the batches' seals go.
pub const SEAL_TABLE: &str = "audit_seal";

/// Where it stands who a pseudonym is.
pub const SUBJECT_TABLE: &str = "subject";

/// The columns, identity first.
pub const COLUMNS: [&str; 49] = [
    "gateway",
    "epoch",
    "seq",
    "ts",
    "tenant",
    "team",
    "agent",
    "subject",
    "auth_method",
    "client_name",
    "client_version",
    "client_ip",
    "method",
    "server",
    "server_version",
    "endpoint",
    "kind",
    "tool",
    "resource_uri",
    "args_hash",
    "protocol",
    "transport",
    "session_id",
    "rpc_id",
    "trace_id",
    "span_id",
    "outcome",
    "http_status",
    "rpc_code",
    "error",
    "attempts",
    "flags",
    "duration_us",
    "upstream_us",
    "guard_us",
    "queue_us",
    "ttfb_us",
    "req_bytes",
    "resp_bytes",
    "tokens_in",
    "tokens_out",
    "cost",
    "price_book",
    "policy",
    "guard_action",
    "guard_rules",
    "pii_in",
    "pii_out",
    "attrs",
];

/// The statement under which row bytes are sent as they are.
pub fn insert_statement(table: &str) -> String {
    format!(
        "INSERT INTO {table} ({}) FORMAT RowBinary",
        COLUMNS.join(", ")
    )
}
