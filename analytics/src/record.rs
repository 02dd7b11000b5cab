//! One call, as the audit table keeps it.
//!
//! `Record` borrows everything: the caller holds the facts for the length of one `encode`. Text
//! is cut to the named maxima here, so no caller can make a row grow without bound. The record
//! never holds arguments, results or secrets, and it does not know its own identity: gateway,
//! epoch and sequence number are the log's to give.

pub(crate) mod rowbinary;
pub(crate) mod shape;
mod vocabulary;

use std::net::IpAddr;

pub use vocabulary::{AuthMethod, GuardAction, Kind, Outcome, Transport};

use rowbinary::RowBuffer;

/// Longest name kept: agents, teams, tools, servers, sessions, rules, attribute names.
pub const NAME_BYTES_MAX: usize = 256;
/// Longest free text kept: error texts and resource URIs.
pub const TEXT_BYTES_MAX: usize = 2048;
/// Longest attribute value kept.
pub const ATTR_BYTES_MAX: usize = 512;
/// Most elements kept of each list: rules, kinds of personal data, attributes.
pub const LIST_ITEMS_MAX: usize = 32;

/// Bytes of the columns whose width never varies, plus two length bytes for each text.
const FIXED_BYTES: usize = 256;

/// The columns of `audit_log` after (gateway, epoch, seq), in the table's order.
///
/// An empty text and a zero mean "not known" or "does not apply"; the table has no NULLs.
#[derive(Clone, Debug)]
pub struct Record<'a> {
    /// Start of the call, microseconds since the Unix epoch, UTC.
    pub ts_us: i64,

    pub tenant: &'a str,
    pub team: &'a str,
    pub agent: &'a str,
    /// Pseudonym of the person behind the agent, never an address or a name.
    pub subject: u64,
    pub auth_method: AuthMethod,
    pub client_name: &'a str,
    pub client_version: &'a str,
    /// Kept as IPv6; an IPv4 address as `::ffff:a.b.c.d` (RFC 4291, 2.5.5.2).
    pub client_ip: IpAddr,

    pub method: &'a str,
    pub server: &'a str,
    pub server_version: &'a str,
    pub endpoint: &'a str,
    pub kind: Kind,
    pub tool: &'a str,
    pub resource_uri: &'a str,
    pub args_hash: u64,
    /// MCP revision that the caller spoke, such as `2025-11-25`.
    pub protocol: &'a str,
    pub transport: Transport,
    pub session_id: &'a str,
    /// The JSON-RPC id as it stood in the body.
    pub rpc_id: &'a str,
    pub trace_id: [u8; 16],
    pub span_id: [u8; 8],

    pub outcome: Outcome,
    pub http_status: u16,
    pub rpc_code: i32,
    pub error: &'a str,
    pub attempts: u8,
    pub flags: u32,

    /// From the request's first byte to the answer's last.
    pub duration_us: u64,
    pub upstream_us: u64,
    pub guard_us: u32,
    pub queue_us: u32,
    pub ttfb_us: u64,

    pub req_bytes: u32,
    pub resp_bytes: u64,
    pub tokens_in: u32,
    pub tokens_out: u32,
    /// Price of the call in billionths of the currency unit: `Decimal(18, 9)`.
    pub cost: i64,
    pub price_book: &'a str,

    pub policy: &'a str,
    pub guard_action: GuardAction,
    pub guard_rules: &'a [&'a str],
    /// Findings by kind of personal data in the request, and in the answer.
    pub pii_in: &'a [(&'a str, u16)],
    pub pii_out: &'a [(&'a str, u16)],
    /// What the operator asked to keep besides; never for a known field.
    pub attrs: &'a [(&'a str, &'a str)],
}

impl Record<'_> {
    /// The row's RowBinary bytes without its identity columns, in one allocation.
    pub fn encode(&self) -> Vec<u8> {
        let mut row = RowBuffer::with_capacity(self.bytes_estimate());
        row.fixed(self.ts_us.to_le_bytes());
        self.encode_caller(&mut row);
        self.encode_call(&mut row);
        self.encode_outcome(&mut row);
        self.encode_volume(&mut row);
        self.encode_policy(&mut row);
        row.into_bytes()
    }

    fn encode_caller(&self, row: &mut RowBuffer) {
        row.text(self.tenant, NAME_BYTES_MAX);
        row.text(self.team, NAME_BYTES_MAX);
        row.text(self.agent, NAME_BYTES_MAX);
        row.fixed(self.subject.to_le_bytes());
        row.fixed((self.auth_method as i8).to_le_bytes());
        row.text(self.client_name, NAME_BYTES_MAX);
        row.text(self.client_version, NAME_BYTES_MAX);
        let ip = match self.client_ip {
            IpAddr::V4(ip) => ip.to_ipv6_mapped(),
            IpAddr::V6(ip) => ip,
        };
        row.fixed(ip.octets());
    }

    fn encode_call(&self, row: &mut RowBuffer) {
        row.text(self.method, NAME_BYTES_MAX);
        row.text(self.server, NAME_BYTES_MAX);
        row.text(self.server_version, NAME_BYTES_MAX);
        row.text(self.endpoint, NAME_BYTES_MAX);
        row.fixed((self.kind as i8).to_le_bytes());
        row.text(self.tool, NAME_BYTES_MAX);
        row.text(self.resource_uri, TEXT_BYTES_MAX);
        row.fixed(self.args_hash.to_le_bytes());
        row.text(self.protocol, NAME_BYTES_MAX);
        row.fixed((self.transport as i8).to_le_bytes());
        row.text(self.session_id, NAME_BYTES_MAX);
        row.text(self.rpc_id, NAME_BYTES_MAX);
        row.fixed(self.trace_id);
        row.fixed(self.span_id);
    }

    fn encode_outcome(&self, row: &mut RowBuffer) {
        row.fixed((self.outcome as i8).to_le_bytes());
        row.fixed(self.http_status.to_le_bytes());
        row.fixed(self.rpc_code.to_le_bytes());
        row.text(self.error, TEXT_BYTES_MAX);
        row.fixed(self.attempts.to_le_bytes());
        row.fixed(self.flags.to_le_bytes());
        row.fixed(self.duration_us.to_le_bytes());
        row.fixed(self.upstream_us.to_le_bytes());
        row.fixed(self.guard_us.to_le_bytes());
        row.fixed(self.queue_us.to_le_bytes());
        row.fixed(self.ttfb_us.to_le_bytes());
    }

    fn encode_volume(&self, row: &mut RowBuffer) {
        row.fixed(self.req_bytes.to_le_bytes());
        row.fixed(self.resp_bytes.to_le_bytes());
        row.fixed(self.tokens_in.to_le_bytes());
        row.fixed(self.tokens_out.to_le_bytes());
        row.fixed(self.cost.to_le_bytes());
        row.text(self.price_book, NAME_BYTES_MAX);
    }

    fn encode_policy(&self, row: &mut RowBuffer) {
        row.text(self.policy, NAME_BYTES_MAX);
        row.fixed((self.guard_action as i8).to_le_bytes());
        let rules = self.guard_rules.iter().take(LIST_ITEMS_MAX);
        row.count(rules.len());
        for rule in rules {
            row.text(rule, NAME_BYTES_MAX);
        }
        for findings in [self.pii_in, self.pii_out] {
            let findings = findings.iter().take(LIST_ITEMS_MAX);
            row.count(findings.len());
            for (kind, count) in findings {
                row.text(kind, NAME_BYTES_MAX);
                row.fixed(count.to_le_bytes());
            }
        }
        let attrs = self.attrs.iter().take(LIST_ITEMS_MAX);
        row.count(attrs.len());
        for (name, value) in attrs {
            row.text(name, NAME_BYTES_MAX);
            row.text(value, ATTR_BYTES_MAX);
        }
    }

    /// An upper bound of the row's bytes, close for ordinary rows; it only sizes the allocation.
    fn bytes_estimate(&self) -> usize {
        let names = [
            self.tenant,
            self.team,
            self.agent,
            self.client_name,
            self.client_version,
            self.method,
            self.server,
            self.server_version,
            self.endpoint,
            self.tool,
            self.protocol,
            self.session_id,
            self.rpc_id,
            self.price_book,
            self.policy,
        ];
        let named: usize = names
            .iter()
            .chain(self.guard_rules.iter().take(LIST_ITEMS_MAX))
            .map(|name| name.len().min(NAME_BYTES_MAX))
            .sum();
        let texts =
            self.resource_uri.len().min(TEXT_BYTES_MAX) + self.error.len().min(TEXT_BYTES_MAX);
        let rules = self.guard_rules.len().min(LIST_ITEMS_MAX) * 2;
        let findings: usize = [self.pii_in, self.pii_out]
            .iter()
            .flat_map(|findings| findings.iter().take(LIST_ITEMS_MAX))
            .map(|(kind, _)| kind.len().min(NAME_BYTES_MAX) + 4)
            .sum();
        let attrs: usize = self
            .attrs
            .iter()
            .take(LIST_ITEMS_MAX)
            .map(|(name, value)| {
                name.len().min(NAME_BYTES_MAX) + value.len().min(ATTR_BYTES_MAX) + 4
            })
            .sum();
        FIXED_BYTES + named + texts + rules + findings + attrs
    }
}
