//! Agents and usage: who uses what?

use super::*;
use crate::Store;

pub(super) fn dashboard() -> Dashboard {
    Dashboard {
        name: "agents",
        title: "Gantry / 2 Agents and usage",
        description: "Who calls, how much, with which software, and who is stuck. Whole hours.",
        store: Store::ClickHouse,
        from: "now-24h",
        variables: callers(),
        lines: vec![
            line(4, [active(), calls(), tokens(), refused()]),
            line(9, [leaderboard()]),
            line(8, [teams(), software().width(8)]),
            line(9, [matrix().width(9), loops()]),
        ],
    }
}

fn active() -> Panel {
    Panel::sql(
        Visual::Stat,
        "Active agents",
        "Who is live? Agents with at least one call.",
        "
        SELECT uniqExactIf((tenant, agent), agent != '') AS agents FROM usage_1h WHERE {hour}",
    )
    .steps(PLAIN, &[])
}

fn calls() -> Panel {
    Panel::sql(
        Visual::Stat,
        "Calls",
        "How much was done?",
        "
        SELECT sum(calls) AS calls_n FROM usage_1h WHERE {hour}",
    )
    .steps(PLAIN, &[])
}

fn tokens() -> Panel {
    Panel::sql(
        Visual::Stat,
        "Tokens",
        "How much text went through tools, in and out? An estimate by the gateway.",
        "
        SELECT sum(tokens_in) + sum(tokens_out) AS tokens FROM usage_1h WHERE {hour}",
    )
    .steps(PLAIN, &[])
}

fn refused() -> Panel {
    Panel::sql(
        Visual::Stat,
        "Refused",
        "How many calls did a rule, a limit or a guardrail stop?",
        "
        SELECT sum(denied) + sum(limited) + sum(blocked) AS refused FROM usage_1h WHERE {hour}",
    )
    .steps(GREEN, &[(1.0, AMBER)])
}

fn leaderboard() -> Panel {
    Panel::sql(Visual::Table, "Agents", "Which agents call most, fail most, cost most? A name leads to the agent's calls.", "
        SELECT tenant, team, agent, sum(calls) AS n, sum(errors) / n AS error_rate, sum(denied) AS denied_n,
               sum(limited) AS limited_n, sum(tokens_in) + sum(tokens_out) AS tokens, toFloat64(sum(cost)) AS cost_usd
        FROM usage_1h WHERE {hour} GROUP BY tenant, team, agent ORDER BY n DESC, tenant, team, agent LIMIT 50")
        .columns([
            column("tenant", "Tenant"),
            column("team", "Team"),
            agent_column(),
            column("n", "Calls"),
            error_column("error_rate", "Errors"),
            column("denied_n", "Denied"),
            column("limited_n", "Over a limit"),
            column("tokens", "Tokens"),
            column("cost_usd", "Cost").unit(Unit::Dollars),
        ])
}

fn teams() -> Panel {
    Panel::sql(Visual::TimeSeries { stacked: true }, "Calls per team", "Who adopts it? The eight busiest teams.", "
        SELECT $__timeInterval(hour) AS time, team, sum(calls) AS n
        FROM usage_1h
        WHERE {hour} AND team IN (SELECT team FROM usage_1h WHERE {hour} GROUP BY team ORDER BY sum(calls) DESC LIMIT 8)
        GROUP BY time, team ORDER BY time, team")
        .every("1h")
        .by("team")
}

fn software() -> Panel {
    Panel::sql(Visual::BarGauge, "Client software", "Which hosts and versions are in use?", "
        SELECT if(client_name = '', 'not said', concat(client_name, ' ', client_version)) AS client, count() AS n
        FROM audit_log WHERE {calls} GROUP BY client ORDER BY n DESC, client LIMIT 12")
        .steps(PLAIN, &[])
}

fn matrix() -> Panel {
    Panel::sql(Visual::Table, "Who uses what", "Which agent calls which server, and how often?", "
        SELECT agent, server, uniqExact(tool) AS tools, sum(calls) AS n
        FROM usage_1h WHERE {hour} AND server != '' GROUP BY agent, server ORDER BY n DESC, agent, server LIMIT 500")
        .columns([agent_column(), server_column(), column("tools", "Tools"), column("n", "Calls")])
}

fn loops() -> Panel {
    Panel::sql(Visual::Table, "Suspected loops", "Which agent repeats the same call with the same arguments, five times or more?", "
        SELECT agent, server, tool, count() AS repeats, min(ts) AS first, max(ts) AS last
        FROM audit_log WHERE {calls} AND kind = 'tool' AND tool != ''
        GROUP BY agent, server, tool, args_hash HAVING repeats >= 5 ORDER BY repeats DESC, agent, server, tool LIMIT 50")
        .nothing("No agent repeats itself")
        .columns([
            agent_column(),
            server_column(),
            column("tool", "Tool"),
            column("repeats", "Repeats").steps(AMBER, &[(50.0, RED)]),
            column("first", "First").unit(Unit::Moment),
            column("last", "Last").unit(Unit::Moment),
        ])
}
