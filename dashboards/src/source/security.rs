//! Security and policy: who bumps into which rule, and what leaks?

use super::*;
use crate::Store;

pub(super) fn dashboard() -> Dashboard {
    Dashboard {
        name: "security",
        title: "Gantry / 5 Security and policy",
        description: "Refusals, guardrails, personal data, and what was never seen before.",
        store: Store::ClickHouse,
        from: "now-24h",
        variables: callers(),
        lines: vec![
            line(4, [denied(), limited(), blocked(), malformed()]),
            line(8, [refusals(), actions()]),
            line(9, [denials(), pii().width(8)]),
            line(9, [pairs()]),
        ],
    }
}

fn denied() -> Panel {
    Panel::sql(Visual::Stat, "Denied", "How many calls did identity or a rule refuse?", "
        SELECT countIf(outcome IN ('denied', 'unauthenticated')) AS denied FROM audit_log WHERE {calls}")
        .steps(GREEN, &[(1.0, AMBER)])
}

fn limited() -> Panel {
    Panel::sql(
        Visual::Stat,
        "Over a limit",
        "How many calls were too many?",
        "
        SELECT countIf(outcome = 'rate_limited') AS limited FROM audit_log WHERE {calls}",
    )
    .steps(GREEN, &[(1.0, AMBER)])
}

fn blocked() -> Panel {
    Panel::sql(
        Visual::Stat,
        "Stopped by guardrails",
        "How many calls or answers were not let through?",
        "
        SELECT countIf(outcome = 'guardrail') AS blocked FROM audit_log WHERE {calls}",
    )
    .steps(GREEN, &[(1.0, AMBER)])
}

fn malformed() -> Panel {
    Panel::sql(
        Visual::Stat,
        "Malformed",
        "How many requests could be read in two ways, or in none? Smuggling starts here.",
        "
        SELECT countIf(outcome = 'bad_request') AS malformed FROM audit_log WHERE {calls}",
    )
    .steps(GREEN, &[(1.0, AMBER)])
}

fn refusals() -> Panel {
    Panel::sql(Visual::TimeSeries { stacked: true }, "Refusals", "Are we under attack, or is something misconfigured?", "
        SELECT $__timeInterval(ts) AS time, toString(outcome) AS outcome_name, count() AS n
        FROM audit_log
        WHERE {calls} AND outcome IN ('denied', 'unauthenticated', 'rate_limited', 'guardrail', 'bad_request')
        GROUP BY time, outcome_name ORDER BY time, outcome_name")
        .every("1m")
        .by("outcome_name")
        .nothing("Nothing was refused")
        .columns(outcome_columns())
}

fn actions() -> Panel {
    Panel::sql(Visual::TimeSeries { stacked: true }, "Guardrail actions", "What did guardrails do: mask, block, flag, allow?", "
        SELECT $__timeInterval(ts) AS time, toString(guard_action) AS action, count() AS n
        FROM audit_log WHERE {calls} AND guard_action != 'none' GROUP BY time, action ORDER BY time, action")
        .every("1m")
        .by("action")
        .nothing("Guardrails had nothing to do")
}

fn denials() -> Panel {
    Panel::sql(Visual::Table, "Refused callers", "Who bumps into which rule?", "
        SELECT toString(outcome) AS result, policy, agent, server, tool, count() AS n, max(ts) AS last
        FROM audit_log
        WHERE {calls} AND outcome IN ('denied', 'unauthenticated', 'rate_limited', 'guardrail', 'bad_request')
        GROUP BY result, policy, agent, server, tool ORDER BY n DESC, last DESC, result, agent, server, tool LIMIT 100")
        .nothing("Nothing was refused")
        .columns([
            column("result", "Refusal"),
            column("policy", "Rule"),
            agent_column(),
            server_column(),
            column("tool", "Tool"),
            column("n", "Times"),
            column("last", "Last").unit(Unit::Moment),
        ])
}

fn pii() -> Panel {
    Panel::sql(
        Visual::BarGauge,
        "Personal data by kind",
        "What leaks, and which way? In is towards servers, out is towards agents.",
        "
        SELECT kind_name, sum(n) AS found FROM (
            SELECT concat('in: ', k) AS kind_name, toUInt64(v) AS n
            FROM audit_log ARRAY JOIN mapKeys(pii_in) AS k, mapValues(pii_in) AS v WHERE {calls}
            UNION ALL
            SELECT concat('out: ', k) AS kind_name, toUInt64(v) AS n
            FROM audit_log ARRAY JOIN mapKeys(pii_out) AS k, mapValues(pii_out) AS v WHERE {calls})
        GROUP BY kind_name ORDER BY found DESC, kind_name",
    )
    .steps(AMBER, &[])
    .nothing("No personal data was found")
}

fn pairs() -> Panel {
    Panel::sql(Visual::Table, "First use", "Which agent used a tool that it had never used before? First seen within the range.", "
        SELECT agent, server, tool, min(hour) AS first_seen, sum(calls) AS n
        FROM usage_1h WHERE hour <= $__toTime AND {callers} AND {server} AND tool != '' AND server != ''
        GROUP BY agent, server, tool HAVING first_seen >= toStartOfHour($__fromTime)
        ORDER BY first_seen DESC, agent, server, tool LIMIT 100")
        .nothing("Nothing new")
        .columns([
            agent_column(),
            server_column(),
            column("tool", "Tool"),
            column("first_seen", "First seen").unit(Unit::Moment),
            column("n", "Calls"),
        ])
}
