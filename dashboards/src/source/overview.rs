//! Overview: is everything well?

use super::*;
use crate::Store;

pub(super) fn dashboard() -> Dashboard {
    Dashboard {
        name: "overview",
        title: "Gantry / 1 Overview",
        description: "Traffic, faults and latency of all MCP servers: the page to open first.",
        store: Store::ClickHouse,
        from: "now-6h",
        variables: operations(),
        lines: vec![
            line(4, [calls(), availability(), failing(), p95(), findings()]),
            line(8, [rate(), outcomes()]),
            line(8, [latency(), overhead()]),
            line(9, [servers()]),
        ],
    }
}

fn calls() -> Panel {
    Panel::sql(
        Visual::Stat,
        "Calls",
        "How much was done? All operations of the range, refused ones too.",
        "
        SELECT sum(calls) AS calls_n FROM usage_1m WHERE {minute}",
    )
    .steps(PLAIN, &[])
}

fn availability() -> Panel {
    Panel::sql(Visual::Stat, "Availability", "Do we meet the objective? The share of calls that neither the upstream nor the gateway \
        failed. Callers' own faults (denied, over a limit, malformed, cancelled) do not count, and a tool's own error is an answer.", "
        SELECT 1 - sumIf(calls, {failed}) / sumIf(calls, {eligible}) AS availability FROM usage_1m WHERE {minute}")
        .unit(Unit::Share)
        .decimals(2)
        .steps(RED, &[(0.99, AMBER), (0.999, GREEN)])
}

fn failing() -> Panel {
    Panel::sql(
        Visual::Stat,
        "Failed calls",
        "How many calls did an upstream or the gateway fail?",
        "
        SELECT sumIf(calls, {failed}) AS failed_n FROM usage_1m WHERE {minute}",
    )
    .steps(GREEN, &[(1.0, AMBER), (100.0, RED)])
}

fn p95() -> Panel {
    Panel::sql(
        Visual::Stat,
        "p95 latency",
        "How long do callers wait? 95 of 100 calls took no longer, within 5 % of the bucket.",
        "
        SELECT quantileExactWeighted(0.95)({bucket_s}, c) AS p95
        FROM (SELECT sumMap(duration_hist) AS m FROM usage_1m WHERE {minute})
        ARRAY JOIN mapKeys(m) AS k, mapValues(m) AS c",
    )
    .unit(Unit::Seconds)
    .steps(GREEN, WAIT_STEPS)
}

fn findings() -> Panel {
    Panel::sql(
        Visual::Stat,
        "PII findings",
        "How much personal data did guardrails see in either direction?",
        "
        SELECT sum(pii) AS findings FROM usage_1m WHERE {minute}",
    )
    .steps(PLAIN, &[])
}

fn rate() -> Panel {
    Panel::sql(Visual::TimeSeries { stacked: true }, "Calls per second", "How much traffic, and to which server? The eight busiest.", "
        SELECT $__timeInterval(minute) AS time, server, sum(calls) / $__interval_s AS rps
        FROM usage_1m
        WHERE {minute} AND server IN (SELECT server FROM usage_1m WHERE {minute} GROUP BY server ORDER BY sum(calls) DESC LIMIT 8)
        GROUP BY time, server ORDER BY time, server")
        .unit(Unit::PerSecond)
        .every("1m")
        .by("server")
}

fn outcomes() -> Panel {
    Panel::sql(Visual::TimeSeries { stacked: true }, "Calls by outcome", "What goes wrong, and since when?", "
        SELECT $__timeInterval(minute) AS time, toString(outcome) AS outcome_name, sum(calls) / $__interval_s AS rps
        FROM usage_1m WHERE {minute} GROUP BY time, outcome_name ORDER BY time, outcome_name")
        .unit(Unit::PerSecond)
        .every("1m")
        .by("outcome_name")
        .columns(outcome_columns())
}

fn latency() -> Panel {
    Panel::sql(Visual::TimeSeries { stacked: false }, "Latency p50, p95, p99", "How slow is it for most, for some, for the unlucky? \
        Streams without an end of their own are left out.", "
        SELECT time,
               quantileExactWeighted(0.5)({bucket_s}, c) AS p50,
               quantileExactWeighted(0.95)({bucket_s}, c) AS p95,
               quantileExactWeighted(0.99)({bucket_s}, c) AS p99
        FROM (SELECT $__timeInterval(minute) AS time, sumMap(duration_hist) AS m FROM usage_1m WHERE {minute} GROUP BY time)
        ARRAY JOIN mapKeys(m) AS k, mapValues(m) AS c
        GROUP BY time ORDER BY time")
        .unit(Unit::Seconds)
        .every("1m")
}

fn overhead() -> Panel {
    Panel::sql(
        Visual::TimeSeries { stacked: false },
        "Gateway overhead, mean",
        "What do we add to a call? The time of a call less that of its upstream.",
        "
        SELECT $__timeInterval(minute) AS time, sum(gateway_sum) / sum(calls) / 1e6 AS overhead
        FROM usage_1m WHERE {minute} GROUP BY time ORDER BY time",
    )
    .unit(Unit::Seconds)
    .every("1m")
}

fn servers() -> Panel {
    Panel::sql(Visual::Table, "Servers", "Where is the traffic, and where is the pain? A name leads to the server's tools.", "
        SELECT server, sum(calls) AS n, sumIf(calls, {failed}) / n AS error_rate,
               sumIf(calls, outcome = 'tool_error') / n AS tool_errors,
               sum(duration_sum) / n / 1e6 AS mean_s, max(duration_max) / 1e6 AS max_s,
               sum(req_bytes) + sum(resp_bytes) AS volume
        FROM usage_1m WHERE {minute} AND server != '' GROUP BY server ORDER BY n DESC, server LIMIT 20")
        .columns([
            server_column(),
            column("n", "Calls"),
            error_column("error_rate", "Failed"),
            column("tool_errors", "Tool errors").unit(Unit::Share),
            seconds_column("mean_s", "Mean").steps(GREEN, WAIT_STEPS),
            seconds_column("max_s", "Longest"),
            column("volume", "Bytes").unit(Unit::Bytes),
        ])
}
