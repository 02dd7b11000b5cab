//! Gateway health: are the gateways themselves well? From Prometheus.

use super::*;
use crate::Store;

pub(super) fn dashboard() -> Dashboard {
    Dashboard {
        name: "health",
        title: "Gantry / 7 Gateway health",
        description: "The gateways themselves: load, latency, the audit pipeline, the process.",
        store: Store::Prometheus,
        from: "now-1h",
        variables: vec![
            Variable::data_source("prometheus", "Metrics", "prometheus"),
            Variable::labels("gateway", "Gateway", "mcp_gateway_build_info", "instance"),
            Variable::labels("server", "Server", "mcp_gateway_requests_total", "server"),
        ],
        lines: vec![
            // Four side by side: more cut the titles on a screen of a laptop.
            line(4, [up(), down(), config(), overflow()]),
            line(4, [backlog(), lost(), dead(), payloads_lost()]),
            line(8, [requests(), in_flight(), connections()]),
            line(8, [latency(), upstream()]),
            line(8, [budget(), overhead()]),
            line(8, [endpoints(), repeats()]),
            line(8, [refused(), keys()]),
            line(8, [records(), waiting(), payloads()]),
            line(8, [spool(), inserts(), failures()]),
            line(8, [cpu(), memory(), files(), versions()]),
        ],
    }
}

fn up() -> Panel {
    Panel::promql(
        Visual::Stat,
        "Gateways",
        "How many gateways answer Prometheus?",
        &[("count(mcp_gateway_build_info{<gateway>})", "gateways")],
    )
    .steps(RED, &[(1.0, GREEN)])
}

fn backlog() -> Panel {
    Panel::promql(
        Visual::Stat,
        "Oldest undelivered record",
        "Does the trail reach ClickHouse? Above five minutes somebody is called.",
        &[(
            "max(mcp_gateway_audit_oldest_unsent_seconds{<gateway>})",
            "age",
        )],
    )
    .unit(Unit::Seconds)
    .steps(GREEN, &[(60.0, AMBER), (300.0, RED)])
}

fn down() -> Panel {
    Panel::promql(
        Visual::Stat,
        "Endpoints down",
        "How many endpoints of MCP servers take no calls?",
        &[(
            "count(mcp_gateway_endpoint_up{<server>} == 0) or vector(0)",
            "endpoints",
        )],
    )
    .steps(GREEN, &[(1.0, RED)])
}

fn lost() -> Panel {
    Panel::promql(Visual::Stat, "Records dropped", "Was a record not taken into the trail within the range? There must be none.", &[
        (r#"sum(increase(mcp_gateway_audit_records_total{<gateway>, stage="dropped"}[$__range]))"#, "records"),
    ])
    .steps(GREEN, &[(0.5, RED)])
}

fn dead() -> Panel {
    Panel::promql(Visual::Stat, "Dead letters", "Did ClickHouse refuse a record within the range? The gateway keeps it, and seals say so; there should be none.", &[
        (r#"sum(increase(mcp_gateway_audit_records_total{<gateway>, stage="dead_letter"}[$__range]))"#, "records"),
    ])
    .steps(GREEN, &[(0.5, RED)])
}

fn payloads_lost() -> Panel {
    Panel::promql(Visual::Stat, "Payloads dropped", "Was a captured argument or result not stored within the range? The record of its call is there all the same.", &[
        (r#"sum(increase(mcp_gateway_audit_payloads_total{<gateway>, stage="dropped"}[$__range]))"#, "payloads"),
    ])
    .steps(GREEN, &[(0.5, AMBER)])
}

fn config() -> Panel {
    Panel::promql(
        Visual::Stat,
        "Configuration",
        "Did every gateway take the last configuration that it read?",
        &[(
            "min(mcp_gateway_config_last_reload_success{<gateway>})",
            "in effect",
        )],
    )
    .unit(Unit::YesNo)
    .steps(RED, &[(1.0, GREEN)])
}

fn overflow() -> Panel {
    Panel::promql(
        Visual::Stat,
        "Label overflow",
        "Did a metric have more label values than it may keep? They are counted under __other__.",
        &[(
            "sum(increase(mcp_gateway_metrics_overflow_total{<gateway>}[$__range])) or vector(0)",
            "observations",
        )],
    )
    .steps(GREEN, &[(1.0, AMBER)])
}

fn requests() -> Panel {
    Panel::promql(
        Visual::TimeSeries { stacked: true },
        "Requests per second",
        "How much does each gateway carry?",
        &[(
            "sum by (instance) (rate(mcp_gateway_requests_total{<server>}[$__rate_interval]))",
            "{{instance}}",
        )],
    )
    .unit(Unit::PerSecond)
}

fn in_flight() -> Panel {
    Panel::promql(
        Visual::TimeSeries { stacked: false },
        "In flight",
        "How many requests and streams are open?",
        &[
            ("sum(mcp_gateway_inflight_requests{<server>})", "requests"),
            ("sum(mcp_gateway_open_streams{<server>})", "streams"),
        ],
    )
}

fn connections() -> Panel {
    Panel::promql(
        Visual::TimeSeries { stacked: true },
        "Connections of callers",
        "How many connections do callers hold? Beyond `listen.connections` further ones are refused.",
        &[(
            "sum by (instance) (mcp_gateway_downstream_connections{<gateway>})",
            "{{instance}}",
        )],
    )
}

fn latency() -> Panel {
    Panel::promql(Visual::TimeSeries { stacked: false }, "p95 at the gateway", "How long do callers wait, per server?", &[
        ("histogram_quantile(0.95, sum by (le, server) (rate(mcp_server_operation_duration_seconds_bucket{<server>}[$__rate_interval])))", "{{server}}"),
    ])
    .unit(Unit::Seconds)
}

fn upstream() -> Panel {
    Panel::promql(Visual::TimeSeries { stacked: false }, "p95 at the upstream", "How much of it is the server's own time, per endpoint?", &[
        ("histogram_quantile(0.95, sum by (le, server, endpoint) (rate(mcp_client_operation_duration_seconds_bucket{<server>}[$__rate_interval])))", "{{server}} {{endpoint}}"),
    ])
    .unit(Unit::Seconds)
}

fn budget() -> Panel {
    Panel::promql(Visual::TimeSeries { stacked: true }, "Overhead by phase", "Where does the gateway's own time go? The mean of a call, per phase.", &[
        ("sum by (phase) (rate(mcp_gateway_overhead_seconds_sum{<gateway>}[$__rate_interval])) / sum by (phase) (rate(mcp_gateway_overhead_seconds_count{<gateway>}[$__rate_interval]))", "{{phase}}"),
    ])
    .unit(Unit::Seconds)
}

fn overhead() -> Panel {
    Panel::promql(Visual::TimeSeries { stacked: false }, "p99 overhead by phase", "How bad does it get? Above five milliseconds somebody should look.", &[
        ("histogram_quantile(0.99, sum by (le, phase) (rate(mcp_gateway_overhead_seconds_bucket{<gateway>}[$__rate_interval])))", "{{phase}}"),
    ])
    .unit(Unit::Seconds)
}

fn endpoints() -> Panel {
    Panel::promql(
        Visual::TimeSeries { stacked: false },
        "Endpoints up",
        "Which share of each server's endpoints takes calls?",
        &[(
            "avg by (server) (mcp_gateway_endpoint_up{<server>})",
            "{{server}}",
        )],
    )
    .unit(Unit::Share)
    .max(1.0)
}

fn repeats() -> Panel {
    Panel::promql(Visual::TimeSeries { stacked: false }, "Ejections and retries", "Which servers let calls down, so that an endpoint was put out or a call was sent again?", &[
        ("sum by (server) (rate(mcp_gateway_endpoint_ejections_total{<server>}[$__rate_interval]))", "{{server}} ejected"),
        ("sum by (server, reason) (rate(mcp_gateway_retries_total{<server>}[$__rate_interval]))", "{{server}} again: {{reason}}"),
    ])
    .unit(Unit::PerSecond)
    .nothing("No endpoint was put out, and no call sent again")
}

fn refused() -> Panel {
    Panel::promql(Visual::TimeSeries { stacked: true }, "Refused at the door", "What does the gateway turn away before a server sees it?", &[
        ("sum by (reason) (rate(mcp_gateway_auth_failures_total{<gateway>}[$__rate_interval]))", "identity: {{reason}}"),
        ("sum by (scope) (rate(mcp_gateway_rate_limited_total{<gateway>}[$__rate_interval]))", "limit: {{scope}}"),
        ("sum by (reason) (rate(mcp_gateway_shed_total{<gateway>}[$__rate_interval]))", "no room: {{reason}}"),
    ])
    .unit(Unit::PerSecond)
    .nothing("Nothing was turned away")
}

fn keys() -> Panel {
    Panel::promql(
        Visual::TimeSeries { stacked: false },
        "Age of issuers' keys",
        "When did each issuer last give its keys? Above a day somebody should look.",
        &[(
            "max by (issuer) (mcp_gateway_jwks_age_seconds{<gateway>})",
            "{{issuer}}",
        )],
    )
    .unit(Unit::Seconds)
    .nothing("No issuer is asked for keys")
}

fn payloads() -> Panel {
    Panel::promql(Visual::TimeSeries { stacked: false }, "Captured payloads", "What becomes of captured arguments and results? Withheld ones are stored without their text.", &[
        ("sum by (stage) (rate(mcp_gateway_audit_payloads_total{<gateway>}[$__rate_interval]))", "{{stage}}"),
    ])
    .unit(Unit::PerSecond)
}

fn records() -> Panel {
    Panel::promql(
        Visual::TimeSeries { stacked: false },
        "Audit records by stage",
        "Does every record go from accepted to delivered?",
        &[(
            "sum by (stage) (rate(mcp_gateway_audit_records_total{<gateway>}[$__rate_interval]))",
            "{{stage}}",
        )],
    )
    .unit(Unit::PerSecond)
}

fn waiting() -> Panel {
    Panel::promql(
        Visual::TimeSeries { stacked: false },
        "Undelivered records",
        "How many records wait on disk?",
        &[(
            "sum by (instance) (mcp_gateway_audit_unsent_records{<gateway>})",
            "{{instance}}",
        )],
    )
}

fn spool() -> Panel {
    Panel::promql(
        Visual::TimeSeries { stacked: false },
        "Audit spool",
        "How full is the spool, and how much may it grow? When it is full, calls are refused.",
        &[
            (
                "sum by (instance) (mcp_gateway_audit_wal_bytes{<gateway>})",
                "{{instance}} used",
            ),
            (
                "min by (instance) (mcp_gateway_audit_wal_free_bytes{<gateway>})",
                "{{instance}} free",
            ),
        ],
    )
    .unit(Unit::Bytes)
}

fn inserts() -> Panel {
    Panel::promql(Visual::TimeSeries { stacked: false }, "Delivery to ClickHouse", "How long does an insert take, on average?", &[
        ("sum(rate(mcp_gateway_audit_insert_seconds_sum{<gateway>}[$__rate_interval])) / sum(rate(mcp_gateway_audit_insert_seconds_count{<gateway>}[$__rate_interval]))", "seconds per batch"),
    ])
    .unit(Unit::Seconds)
}

fn failures() -> Panel {
    Panel::promql(
        Visual::TimeSeries { stacked: true },
        "Failed deliveries",
        "Why does the store not take a batch? It is sent again.",
        &[(
            "sum by (reason) (rate(mcp_gateway_audit_insert_failures_total{<gateway>}[$__rate_interval]))",
            "{{reason}}",
        )],
    )
    .unit(Unit::PerSecond)
    .nothing("Every batch was delivered at once")
}

fn cpu() -> Panel {
    Panel::promql(
        Visual::TimeSeries { stacked: false },
        "CPU",
        "How many cores does each gateway use?",
        &[(
            r#"rate(process_cpu_seconds_total{<gateway>}[$__rate_interval])"#,
            "{{instance}}",
        )],
    )
}

fn memory() -> Panel {
    Panel::promql(
        Visual::TimeSeries { stacked: false },
        "Memory",
        "How much memory does each gateway hold?",
        &[("process_resident_memory_bytes{<gateway>}", "{{instance}}")],
    )
    .unit(Unit::Bytes)
}

fn files() -> Panel {
    Panel::promql(
        Visual::TimeSeries { stacked: false },
        "Open files",
        "Do connections pile up?",
        &[("process_open_fds{<gateway>}", "{{instance}}")],
    )
}

fn versions() -> Panel {
    Panel::promql(
        Visual::BarGauge,
        "Versions",
        "Which versions run, on how many gateways?",
        &[(
            "count by (version) (mcp_gateway_build_info{<gateway>})",
            "{{version}}",
        )],
    )
    .steps(PLAIN, &[])
}
