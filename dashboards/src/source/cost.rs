//! Cost: what did it cost, and whom?

use super::*;
use crate::Store;

pub(super) fn dashboard() -> Dashboard {
    Dashboard {
        name: "cost",
        title: "Gantry / 4 Cost",
        description: "Cost as the gateway stamped it on each call by the price book in force. Whole hours.",
        store: Store::ClickHouse,
        from: "now-7d",
        variables: callers(),
        lines: vec![
            line(4, [cost(), run_rate(), per_call(), wasted()]),
            line(8, [over_time(), teams().width(8)]),
            line(10, [tools()]),
        ],
    }
}

fn cost() -> Panel {
    Panel::sql(
        Visual::Stat,
        "Cost",
        "What did we spend?",
        "
        SELECT toFloat64(sum(cost)) AS cost_usd FROM usage_1h WHERE {hour}",
    )
    .unit(Unit::Dollars)
    .steps(PLAIN, &[])
}

fn run_rate() -> Panel {
    Panel::sql(Visual::Stat, "Run rate, 30 days", "Where will it end? The range's cost, stretched to 30 days.", "
        SELECT toFloat64(sum(cost)) / greatest(1, dateDiff('second', toStartOfHour($__fromTime), $__toTime)) * 2592000 AS run_rate
        FROM usage_1h WHERE {hour}")
        .unit(Unit::Dollars)
        .steps(PLAIN, &[])
}

fn per_call() -> Panel {
    Panel::sql(
        Visual::Stat,
        "Cost per call",
        "What does one call cost on average?",
        "
        SELECT toFloat64(sum(cost)) / sum(calls) AS per_call FROM usage_1h WHERE {hour}",
    )
    .unit(Unit::Dollars)
    .steps(PLAIN, &[])
    .decimals(4)
}

fn wasted() -> Panel {
    Panel::sql(
        Visual::Stat,
        "Cost of failed calls",
        "What did we pay for nothing? The cost of calls that did not end well.",
        "
        SELECT toFloat64(sumIf(cost, is_error)) AS wasted FROM audit_log WHERE {calls}",
    )
    .unit(Unit::Dollars)
    .steps(GREEN, &[(1.0, AMBER), (100.0, RED)])
}

fn over_time() -> Panel {
    Panel::sql(Visual::TimeSeries { stacked: true }, "Cost per server", "When did we spend it, and on which server? The eight dearest.", "
        SELECT $__timeInterval(hour) AS time, server, toFloat64(sum(cost)) AS cost_usd
        FROM usage_1h
        WHERE {hour} AND server IN (SELECT server FROM usage_1h WHERE {hour} GROUP BY server ORDER BY sum(cost) DESC, server LIMIT 8)
        GROUP BY time, server ORDER BY time, server")
        .unit(Unit::Dollars)
        .every("1h")
        .by("server")
}

fn teams() -> Panel {
    Panel::sql(
        Visual::BarGauge,
        "Cost per team",
        "Who is charged what?",
        "
        SELECT if(team = '', 'no team', team) AS team_name, toFloat64(sum(cost)) AS cost_usd
        FROM usage_1h WHERE {hour} GROUP BY team_name ORDER BY cost_usd DESC, team_name LIMIT 20",
    )
    .unit(Unit::Dollars)
    .steps(PLAIN, &[])
}

fn tools() -> Panel {
    Panel::sql(Visual::Table, "Cost per tool", "What is dear, by the call and in all?", "
        SELECT server, tool, toFloat64(sum(cost)) AS cost_usd, sum(calls) AS n, cost_usd / n AS per_call,
               sum(tokens_in) + sum(tokens_out) AS tokens, arrayStringConcat(arraySort(groupUniqArray(10)(price_book)), ', ') AS books
        FROM usage_1h WHERE {hour} AND tool != '' AND server != '' GROUP BY server, tool ORDER BY cost_usd DESC, n DESC, server, tool LIMIT 50")
        .columns([
            server_column(),
            column("tool", "Tool"),
            column("cost_usd", "Cost").unit(Unit::Dollars),
            column("n", "Calls"),
            column("per_call", "Per call").unit(Unit::Dollars),
            column("tokens", "Tokens"),
            column("books", "Price books"),
        ])
}
