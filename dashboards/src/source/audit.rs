//! Audit explorer: the trail itself.

use super::*;
use crate::Store;

pub(super) fn dashboard() -> Dashboard {
    let mut variables = callers();
    variables.extend([
        Variable::text("session", "Session", ""),
        Variable::text("trace", "Trace", ""),
        Variable::text("trace_url", "Trace page", "http://localhost:16686/trace/"),
    ]);
    Dashboard {
        name: "audit",
        title: "Gantry / 6 Audit explorer",
        description: "Every call as it was recorded, one session after the other, and whether the trail is whole.",
        store: Store::ClickHouse,
        from: "now-1h",
        variables,
        lines: vec![
            line(12, [records()]),
            line(9, [session()]),
            line(7, [completeness(), seals()]),
        ],
    }
}

fn records() -> Panel {
    Panel::sql(Visual::Table, "Calls", "What happened? The last 500 calls of the selection; a trace leads to its page, a session to all its calls.", "
        SELECT ts, tenant, team, agent, method, server, tool, toString(outcome) AS result, duration_us / 1e6 AS seconds,
               toFloat64(cost) AS cost_usd, policy, client_name, session_id, if(trace_id = toFixedString('', 16), '', trace_hex) AS trace, event_id
        FROM audit_log WHERE $__timeFilter_ms(ts) AND {callers} AND {server} ORDER BY ts DESC, seq DESC LIMIT 500")
        .columns([
            column("ts", "Time").unit(Unit::Moment).width(180),
            column("tenant", "Tenant"),
            column("team", "Team"),
            agent_column(),
            column("method", "Method"),
            server_column(),
            column("tool", "Tool"),
            column("result", "Outcome"),
            seconds_column("seconds", "Duration").steps(GREEN, WAIT_STEPS),
            column("cost_usd", "Cost").unit(Unit::Dollars),
            column("policy", "Rule"),
            column("client_name", "Client"),
            session_column(),
            column("trace", "Trace").drill(Drill::Trace),
            column("event_id", "Record").width(160),
        ])
}

fn session_column() -> Column {
    column("session_id", "Session").drill(Drill::Dashboard {
        to: "audit",
        variable: "session",
        title: "All calls of this session",
    })
}

fn session() -> Panel {
    Panel::sql(Visual::Table, "One session", "What did one session do, step by step? Name a session or a trace above; otherwise it is the last call's.", "
        SELECT ts, method, server, tool, toString(outcome) AS result, duration_us / 1e6 AS seconds, resource_uri, error, session_id, event_id
        FROM audit_log
        WHERE $__timeFilter(ts) AND multiIf(
            ${session:singlequote} != '', session_id = ${session:singlequote},
            ${trace:singlequote} != '', trace_hex = lower(${trace:singlequote}),
            (session_id, if(session_id = '', trace_id, toFixedString('', 16))) = (
                SELECT (argMax(session_id, ts), argMax(if(session_id = '', trace_id, toFixedString('', 16)), ts))
                FROM audit_log WHERE {calls}))
        ORDER BY ts, seq LIMIT 1000")
        .columns([
            column("ts", "Time").unit(Unit::Moment).width(180),
            column("method", "Method"),
            server_column(),
            column("tool", "Tool"),
            column("result", "Outcome"),
            seconds_column("seconds", "Duration").steps(GREEN, WAIT_STEPS),
            column("resource_uri", "Resource"),
            column("error", "Error"),
            session_column(),
            column("event_id", "Record").width(160),
        ])
}

fn completeness() -> Panel {
    Panel::sql(Visual::Table, "Completeness", "Is a record missing, or there twice? Per gateway and epoch, by the dense \
        sequence numbers. A stream that ended in the range may have begun up to a day before.", "
        SELECT gateway, epoch, count() AS records, any(last_seq) - any(first_seq) + 1 - uniqExact(seq) AS missing,
               count() - uniqExact(seq) AS doubled, any(newest) AS last
        FROM audit_log
        INNER JOIN (SELECT gateway, epoch, min(seq) AS first_seq, max(seq) AS last_seq, max(ts) AS newest
                    FROM audit_log WHERE $__timeFilter(ts) GROUP BY gateway, epoch) AS seen USING (gateway, epoch)
        WHERE ts >= $__fromTime - INTERVAL 1 DAY AND ts <= $__toTime + INTERVAL 1 DAY AND seq BETWEEN first_seq AND last_seq
        GROUP BY gateway, epoch ORDER BY gateway, epoch LIMIT 1000")
        .columns([
            column("gateway", "Gateway"),
            column("epoch", "Epoch").unit(Unit::Text),
            column("records", "Records"),
            column("missing", "Missing").steps(GREEN, &[(1.0, RED)]),
            column("doubled", "Doubled").steps(GREEN, &[(1.0, RED)]),
            column("last", "Last").unit(Unit::Moment),
        ])
}

fn seals() -> Panel {
    Panel::sql(Visual::Table, "Seals", "Does every seal go on from the one before? A break is a batch that was taken out, put in or exchanged; \
        dead letters are rows that ClickHouse refused. `gantry audit verify` checks the rows and signatures too.", "
        SELECT gateway, epoch, count() AS seals, countIf(broken) AS breaks, countIf(kind = 'dead') AS dead, countIf(signature = '') AS unsigned,
               max(last_seq) AS sealed_to, max(sealed_at) AS last
        FROM (
            SELECT gateway, epoch, kind, signature, last_seq, sealed_at,
                   row_number() OVER log > 1 AND (prev != lagInFrame(seal) OVER log OR first_seq != lagInFrame(last_seq) OVER log + 1) AS broken
            FROM audit_seal WHERE sealed_at >= $__fromTime - INTERVAL 1 DAY AND sealed_at <= $__toTime
            WINDOW log AS (PARTITION BY gateway, epoch ORDER BY first_seq ROWS BETWEEN 1 PRECEDING AND CURRENT ROW))
        WHERE $__timeFilter(sealed_at)
        GROUP BY gateway, epoch ORDER BY gateway, epoch LIMIT 1000")
        .nothing("Nothing was sealed")
        .columns([
            column("gateway", "Gateway"),
            column("epoch", "Epoch").unit(Unit::Text),
            column("seals", "Seals"),
            column("breaks", "Breaks").steps(GREEN, &[(1.0, RED)]),
            column("dead", "Dead letters").steps(GREEN, &[(1.0, RED)]),
            column("unsigned", "Unsigned"),
            column("sealed_to", "Sealed to").unit(Unit::Text),
            column("last", "Last").unit(Unit::Moment),
        ])
}
