//! The names of all metrics.
//!
//! A name is part of the contract with dashboards and alert rules: it is written here and nowhere
//! else, and it never changes its meaning. The two duration families follow the semantic
//! conventions of OpenTelemetry for MCP (`mcp.server.operation.duration` and its client twin).

/// A metric family.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Family {
    ServerDuration,
    ClientDuration,
    Requests,
    Inflight,
    OpenStreams,
    DownstreamConnections,
    RequestBytes,
    ResponseBytes,
    AuthFailures,
    JwksAge,
    RateLimited,
    Tokens,
    Cost,
    LimitKeys,
    LimitOverflows,
    LimitsShared,
    RedisFailures,
    SettlementsLost,
    Overhead,
    PolicyDecisions,
    PiiFindings,
    GuardrailScan,
    GuardrailScannedBytes,
    GuardrailDegraded,
    GuardrailUntold,
    VersionRequests,
    Spans,
    AuditRecords,
    AuditOldestUnsent,
    AuditWalBytes,
    AuditWalFreeBytes,
    AuditUnsentRecords,
    AuditInsertSeconds,
    AuditInsertRows,
    AuditInsertFailures,
    AuditPayloads,
    BuildInfo,
    ReloadSuccess,
    ReloadTimestamp,
    EndpointUp,
    Ejections,
    CircuitOpen,
    Retries,
    Shed,
    CanaryWithdrawn,
    Mirrored,
    LeftOut,
    Overflow,
}

impl Family {
    /// Every family of the gateway's own. The `process_*` families come from the system.
    pub const ALL: [Self; 48] = [
        Self::ServerDuration,
        Self::ClientDuration,
        Self::Requests,
        Self::Inflight,
        Self::OpenStreams,
        Self::DownstreamConnections,
        Self::RequestBytes,
        Self::ResponseBytes,
        Self::AuthFailures,
        Self::JwksAge,
        Self::RateLimited,
        Self::Tokens,
        Self::Cost,
        Self::LimitKeys,
        Self::LimitOverflows,
        Self::LimitsShared,
        Self::RedisFailures,
        Self::SettlementsLost,
        Self::Overhead,
        Self::PolicyDecisions,
        Self::PiiFindings,
        Self::GuardrailScan,
        Self::GuardrailScannedBytes,
        Self::GuardrailDegraded,
        Self::GuardrailUntold,
        Self::VersionRequests,
        Self::Spans,
        Self::AuditRecords,
        Self::AuditOldestUnsent,
        Self::AuditWalBytes,
        Self::AuditWalFreeBytes,
        Self::AuditUnsentRecords,
        Self::AuditInsertSeconds,
        Self::AuditInsertRows,
        Self::AuditInsertFailures,
        Self::AuditPayloads,
        Self::BuildInfo,
        Self::ReloadSuccess,
        Self::ReloadTimestamp,
        Self::EndpointUp,
        Self::Ejections,
        Self::CircuitOpen,
        Self::Retries,
        Self::Shed,
        Self::CanaryWithdrawn,
        Self::Mirrored,
        Self::LeftOut,
        Self::Overflow,
    ];

    /// The name in the exposition.
    pub const fn name(self) -> &'static str {
        self.words().0
    }

    /// One sentence for the exposition's `HELP`.
    pub const fn help(self) -> &'static str {
        self.words().1
    }

    #[rustfmt::skip]
    const fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::ServerDuration => ("mcp_server_operation_duration_seconds", "Time from a client's request to the end of the answer."),
            Self::ClientDuration => ("mcp_client_operation_duration_seconds", "Time that the MCP server took of it."),
            Self::Requests => ("mcp_gateway_requests_total", "MCP operations by how they ended."),
            Self::Inflight => ("mcp_gateway_inflight_requests", "Requests that are being answered."),
            Self::OpenStreams => ("mcp_gateway_open_streams", "Event streams that are open."),
            Self::DownstreamConnections => ("mcp_gateway_downstream_connections", "Connections of clients that are open."),
            Self::RequestBytes => ("mcp_gateway_request_bytes_total", "Bytes of request bodies."),
            Self::ResponseBytes => ("mcp_gateway_response_bytes_total", "Bytes of answer bodies."),
            Self::AuthFailures => ("mcp_gateway_auth_failures_total", "Requests whose sender could not be identified, by what was wrong."),
            Self::JwksAge => ("mcp_gateway_jwks_age_seconds", "How long ago an issuer last gave its keys; where it never has, since when it is asked."),
            Self::RateLimited => ("mcp_gateway_rate_limited_total", "Calls that a limit refused, by what it counts and under what."),
            Self::Tokens => ("mcp_gateway_tokens_total", "Tokens of arguments (in) and results (out), where a price or limit needs them."),
            Self::Cost => ("mcp_gateway_cost_total", "What calls cost, in the currency of the configured prices."),
            Self::LimitKeys => ("mcp_gateway_limit_keys", "Agents, teams, tools and servers that limits keep counts of."),
            Self::LimitOverflows => ("mcp_gateway_limit_overflows_total", "Calls counted together with others because a limit had too many keys."),
            Self::LimitsShared => ("mcp_gateway_limits_shared", "Whether limits are counted in Redis right now, together with other replicas."),
            Self::RedisFailures => ("mcp_gateway_limits_redis_failures_total", "How often the Redis of shared limits went away or could not be connected to."),
            Self::SettlementsLost => ("mcp_gateway_limits_settlements_lost_total", "Charges of ended calls that did not reach Redis."),
            Self::Overhead => ("mcp_gateway_overhead_seconds", "Time that a phase of the gateway's own took of an operation."),
            Self::PolicyDecisions => ("mcp_gateway_policy_decisions_total", "What the stages decided about operations."),
            Self::PiiFindings => ("mcp_gateway_pii_findings_total", "Personal data and secrets that were found, by what was done with the operation."),
            Self::GuardrailScan => ("mcp_gateway_guardrail_scan_seconds", "Time that the guardrails took of an operation."),
            Self::GuardrailScannedBytes => ("mcp_gateway_guardrail_scanned_bytes_total", "Bytes of bodies that the guardrails looked at."),
            Self::GuardrailDegraded => ("mcp_gateway_guardrail_degraded_total", "Operations with a message that could not be scanned, or that a classifier did not answer for."),
            Self::GuardrailUntold => ("mcp_gateway_guardrail_untold_total", "Blocked requests of servers, or blocked answers to them, of which the server could not be told."),
            Self::VersionRequests => ("mcp_gateway_version_requests_total", "MCP operations by the server's version that took them, and how they ended."),
            Self::Spans => ("mcp_gateway_spans_total", "Spans that were exported, or dropped because the collector did not take them."),
            Self::AuditRecords => ("mcp_gateway_audit_records_total", "Audit records that reached a stage; dropped and refused ones are not in the trail."),
            Self::AuditOldestUnsent => ("mcp_gateway_audit_oldest_unsent_seconds", "Age of the oldest record that is not delivered."),
            Self::AuditWalBytes => ("mcp_gateway_audit_wal_bytes", "Size of the audit spool."),
            Self::AuditWalFreeBytes => ("mcp_gateway_audit_wal_free_bytes", "What the audit spool may still grow by."),
            Self::AuditUnsentRecords => ("mcp_gateway_audit_unsent_records", "Records in the spool that are not delivered."),
            Self::AuditInsertSeconds => ("mcp_gateway_audit_insert_seconds", "Time that delivered batches took."),
            Self::AuditInsertRows => ("mcp_gateway_audit_insert_rows", "Rows of delivered batches."),
            Self::AuditInsertFailures => ("mcp_gateway_audit_insert_failures_total", "Failed tries to deliver a batch."),
            Self::AuditPayloads => ("mcp_gateway_audit_payloads_total", "Captured arguments and results by what became of them; withheld ones are delivered without their text."),
            Self::BuildInfo => ("mcp_gateway_build_info", "The version that is running; always 1."),
            Self::ReloadSuccess => ("mcp_gateway_config_last_reload_success", "Whether the last configuration that was read is in effect."),
            Self::ReloadTimestamp => ("mcp_gateway_config_last_reload_timestamp_seconds", "When the configuration in effect was read."),
            Self::EndpointUp => ("mcp_gateway_endpoint_up", "Whether an endpoint takes calls."),
            Self::Ejections => ("mcp_gateway_endpoint_ejections_total", "Times that an endpoint was put out because its calls failed."),
            Self::CircuitOpen => ("mcp_gateway_circuit_open", "Whether calls of a server are refused because all of them failed."),
            Self::Retries => ("mcp_gateway_retries_total", "Calls that were sent again, by what had happened to them."),
            Self::Shed => ("mcp_gateway_shed_total", "Calls and connections that were refused for want of room."),
            Self::CanaryWithdrawn => ("mcp_gateway_canary_withdrawn", "Whether the watch has set a version's weight to 0."),
            Self::Mirrored => ("mcp_gateway_mirrored_calls_total", "Copied calls by whether they were answered alike."),
            Self::LeftOut => ("mcp_gateway_left_out_total", "Servers whose part is missing in an answer that was put together of several, by reason."),
            Self::Overflow => ("mcp_gateway_metrics_overflow_total", "Observations counted under __other__ because a label was full."),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_distinct_and_of_one_of_two_prefixes() {
        for (position, family) in Family::ALL.iter().enumerate() {
            let name = family.name();
            assert!(
                name.starts_with("mcp_gateway_") || name.ends_with("_operation_duration_seconds")
            );
            assert!(
                Family::ALL
                    .iter()
                    .skip(position + 1)
                    .all(|other| other.name() != name)
            );
        }
    }
}
