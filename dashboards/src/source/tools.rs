//! Tools and servers: which is slow or broken?

use super::*;
use crate::Store;

pub(super) fn dashboard() -> Dashboard {
    Dashboard {
        name: "tools",
        title: "Gantry / 3 Tools and servers",
        description: "Every tool and every upstream: use, faults, latency, versions, failover.",
        store: Store::ClickHouse,
        from: "now-6h",
        variables: callers(),
        lines: vec![
            line(10, [tools()]),
            line(8, [latency(), faults()]),
            line(8, [retries(), balance()]),
            line(8, [versions()]),
        ],
    }
}

fn tools() -> Panel {
    Panel::sql(Visual::Table, "Tools", "Which tool is slow or broken? Tool errors are the tool's own; failures are the upstream's.", "
        SELECT server, tool, sum(calls) AS n, sumIf(calls, outcome = 'tool_error') / n AS tool_errors,
               sumIf(calls, {failed}) / n AS infra_errors, sum(duration_sum) / n / 1e6 AS mean_s, max(duration_max) / 1e6 AS max_s
        FROM usage_1m WHERE {minute} AND tool != '' AND server != '' GROUP BY server, tool ORDER BY n DESC, server, tool LIMIT 100")
        .columns([
            server_column(),
            column("tool", "Tool"),
            column("n", "Calls"),
            error_column("tool_errors", "Tool errors"),
            error_column("infra_errors", "Failed"),
            seconds_column("mean_s", "Mean").steps(GREEN, WAIT_STEPS),
            seconds_column("max_s", "Longest"),
        ])
}

fn latency() -> Panel {
    Panel::sql(
        Visual::TimeSeries { stacked: false },
        "p95 per server",
        "Which upstream is slow, and since when?",
        "
        SELECT time, server, quantileExactWeighted(0.95)({bucket_s}, c) AS p95
        FROM (SELECT $__timeInterval(minute) AS time, server, sumMap(duration_hist) AS m
              FROM usage_1m WHERE {minute} AND server != '' GROUP BY time, server)
        ARRAY JOIN mapKeys(m) AS k, mapValues(m) AS c
        GROUP BY time, server ORDER BY time, server",
    )
    .unit(Unit::Seconds)
    .every("1m")
    .by("server")
}

fn faults() -> Panel {
    Panel::sql(Visual::TimeSeries { stacked: false }, "Failed calls per server", "Which upstream fails? The share of its calls.", "
        SELECT $__timeInterval(minute) AS time, server, sumIf(calls, {failed}) / sum(calls) AS failed
        FROM usage_1m WHERE {minute} AND server != '' GROUP BY time, server ORDER BY time, server")
        .unit(Unit::Share)
        .every("1m")
        .by("server")
        .max(1.0)
}

fn versions() -> Panel {
    Panel::sql(Visual::Table, "Versions side by side", "Is the new version worse? All servers; those with several versions first.", "
        SELECT server, if(server_version = '', 'not said', server_version) AS version, sum(calls) AS n,
               sumIf(calls, {failed}) / n AS error_rate, sumIf(calls, outcome = 'tool_error') / n AS tool_errors,
               sum(duration_sum) / n / 1e6 AS mean_s, count() OVER (PARTITION BY server) AS versions_n
        FROM usage_1m WHERE {minute} AND server != ''
        GROUP BY server, version ORDER BY versions_n DESC, server, version LIMIT 100")
        .columns([
            server_column(),
            column("version", "Version"),
            column("n", "Calls"),
            error_column("error_rate", "Failed"),
            error_column("tool_errors", "Tool errors"),
            seconds_column("mean_s", "Mean").steps(GREEN, WAIT_STEPS),
            column("versions_n", "Versions"),
        ])
}

fn retries() -> Panel {
    Panel::sql(
        Visual::TimeSeries { stacked: true },
        "Calls that were tried again",
        "Does failover save us? Calls with more than one attempt.",
        "
        SELECT $__timeInterval(ts) AS time, countIf(attempts > 1 AND outcome = 'ok') AS saved,
               countIf(attempts > 1 AND outcome != 'ok') AS lost
        FROM audit_log WHERE {calls} GROUP BY time ORDER BY time",
    )
    .every("10s")
}

fn balance() -> Panel {
    Panel::sql(Visual::TimeSeries { stacked: true }, "Balance over endpoints", "Is the load even? The endpoints of the selection's busiest server.", "
        SELECT $__timeInterval(ts) AS time, endpoint, count() / $__interval_s AS rps
        FROM audit_log
        WHERE {calls} AND endpoint != ''
          AND server IN (SELECT server FROM audit_log WHERE {calls} AND endpoint != '' GROUP BY server ORDER BY count() DESC, server LIMIT 1)
        GROUP BY time, endpoint ORDER BY time, endpoint")
        .unit(Unit::PerSecond)
        .every("10s")
        .by("endpoint")
}
