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
            line(8, [reprice()]),
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
               sum(tokens_in) + sum(tokens_out) AS tokens, arrayStringConcat(arraySort(groupUniqArrayIf(10)(price_book, price_book != '')), ', ') AS books
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

/// As `gantry audit reprice` does, exactly and call by call, but by one book and per team.
fn reprice() -> Panel {
    Panel::sql(Visual::Table, "Reprice with the current book", "What would the range's calls cost by the newest price book? Current is the loaded book that became \
        valid last; `gantry audit migrate` and the gateway load them. Unpriced are calls that it has no price for.", "
        WITH
            in_force AS (SELECT book AS name, argMax(revision, loaded_at) AS newest FROM price_book GROUP BY book),
            (SELECT argMax((CAST(book, 'String'), revision), (valid_from, CAST(book, 'String'))) FROM price_book
             WHERE (book, revision) GLOBAL IN (SELECT name, newest FROM in_force) AND valid_from <= now64(6)) AS current,
            prices AS (
                SELECT CAST(tenant, 'String') AS at_tenant, CAST(server, 'String') AS at_server, CAST(kind, 'String') AS at_kind, name AS at_name,
                       toUInt256(toDecimal128(per_call, 9) * 1000000000) AS call_price,
                       toUInt256(toDecimal128(per_1k_in, 9) * 1000000000) AS in_price,
                       toUInt256(toDecimal128(per_1k_out, 9) * 1000000000) AS out_price,
                       toUInt256(toDecimal128(per_mib, 9) * 1000000000) AS mib_price,
                       toUInt256(toDecimal128(per_second, 9) * 1000000000) AS second_price
                FROM price_book FINAL WHERE CAST(book, 'String') = current.1 AND revision = current.2),
            charged AS (
                SELECT CAST(team, 'String') AS by_team, CAST(tenant, 'String') AS of_tenant, CAST(server, 'String') AS of_server,
                       CAST(kind, 'String') AS item, if(kind = 'resource', resource_uri, CAST(tool, 'String')) AS thing,
                       tokens_in, tokens_out, toUInt256(req_bytes) + resp_bytes AS bytes, duration_us, cost
                FROM audit_log
                WHERE {calls} AND method IN ('tools/call', 'prompts/get', 'resources/read')
                  AND (price_book != '' OR (attempts > 0 AND outcome IN ('ok', 'tool_error', 'rpc_error')))),
            places AS (
                SELECT of_tenant, of_server, item, thing, arrayJoin(arrayConcat(
                           [(1, of_tenant, of_server, item, thing), (2, '', of_server, item, thing)],
                           if(item = 'tool', [(3, of_tenant, of_server, 'other', ''), (4, '', of_server, 'other', ''),
                                              (5, of_tenant, '', 'other', ''), (6, '', '', 'other', '')], []))) AS place
                FROM (SELECT DISTINCT of_tenant, of_server, item, thing FROM charged)),
            closest AS (
                SELECT of_tenant, of_server, item, thing, 1 AS is_priced,
                       argMin((call_price, in_price, out_price, mib_price, second_price), rank) AS rates
                FROM (SELECT of_tenant, of_server, item, thing, place.1 AS rank, place.2 AS at_tenant, place.3 AS at_server,
                             place.4 AS at_kind, place.5 AS at_name FROM places) AS sought
                INNER JOIN prices USING (at_tenant, at_server, at_kind, at_name)
                GROUP BY of_tenant, of_server, item, thing)
        SELECT if(by_team = '', 'no team', by_team) AS team_name, count() AS n, countIf(is_priced = 0) AS unpriced,
               toFloat64(sum(cost)) AS charged_usd,
               toFloat64(sum(rates.1 + intDiv(rates.2 * tokens_in + 500, 1000) + intDiv(rates.3 * tokens_out + 500, 1000)
                             + intDiv(rates.4 * bytes + 524288, 1048576) + intDiv(rates.5 * duration_us + 500000, 1000000))) / 1e9 AS repriced_usd,
               round(repriced_usd - charged_usd, 9) AS difference, current.1 AS book_name
        FROM charged LEFT JOIN closest USING (of_tenant, of_server, item, thing)
        GROUP BY team_name ORDER BY charged_usd DESC, team_name LIMIT 50")
        .columns([
            column("team_name", "Team"),
            column("n", "Calls"),
            column("unpriced", "Unpriced").steps(PLAIN, &[(1.0, AMBER)]),
            column("charged_usd", "Charged").unit(Unit::Dollars),
            column("repriced_usd", "Repriced").unit(Unit::Dollars),
            column("difference", "Difference").unit(Unit::Dollars).steps(GREEN, &[(0.000_001, AMBER)]),
            column("book_name", "Book"),
        ])
}
