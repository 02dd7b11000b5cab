//! The seven dashboards. Each file reads from top to bottom as its page does.
//!
//! The words in braces are those of [`crate::sql`]; `$__…` are macros of Grafana's ClickHouse plugin.

mod agents;
mod audit;
mod cost;
mod health;
mod overview;
mod security;
mod tools;

use crate::{Column, Dashboard, Drill, Line, Panel, Unit, Variable, Visual, panel::column};

/// All dashboards, in the order of their menu.
pub fn all() -> Vec<Dashboard> {
    vec![
        overview::dashboard(),
        agents::dashboard(),
        tools::dashboard(),
        cost::dashboard(),
        security::dashboard(),
        audit::dashboard(),
        health::dashboard(),
    ]
}

/// Colours of rising concern, by Grafana's names.
const GREEN: &str = "green";
const AMBER: &str = "orange";
const RED: &str = "red";
/// For a figure that is neither good nor bad.
const PLAIN: &str = "blue";

/// A share of calls that failed: 1 % is worth a look, 5 % is an incident.
const ERROR_STEPS: &[(f64, &str)] = &[(0.01, AMBER), (0.05, RED)];
/// Seconds that a caller waits.
const WAIT_STEPS: &[(f64, &str)] = &[(1.0, AMBER), (5.0, RED)];

/// The variables of the dashboards over the trail, from the widest to the narrowest.
///
/// Their values are those that were seen in the range; a caller without a tenant is under All.
fn callers() -> Vec<Variable> {
    vec![
        Variable::data_source("datasource", "Trail", "grafana-clickhouse-datasource"),
        Variable::query("tenant", "Tenant", "
            SELECT DISTINCT tenant FROM usage_1h
            WHERE hour >= toStartOfHour($__fromTime) AND hour <= $__toTime AND tenant != ''
            ORDER BY tenant"),
        Variable::query("team", "Team", "
            SELECT DISTINCT team FROM usage_1h
            WHERE hour >= toStartOfHour($__fromTime) AND hour <= $__toTime AND {tenant} AND team != ''
            ORDER BY team"),
        Variable::query("agent", "Agent", "
            SELECT DISTINCT agent FROM usage_1h
            WHERE hour >= toStartOfHour($__fromTime) AND hour <= $__toTime AND {tenant} AND {team} AND agent != ''
            ORDER BY agent"),
        Variable::query("server", "Server", "
            SELECT DISTINCT server FROM usage_1h
            WHERE hour >= toStartOfHour($__fromTime) AND hour <= $__toTime AND {callers} AND server != ''
            ORDER BY server"),
    ]
}

/// The variables over the table of minutes, which knows no agents.
fn operations() -> Vec<Variable> {
    callers()
        .into_iter()
        .filter(|variable| !["team", "agent"].contains(&variable.name))
        .map(|variable| match variable.name {
            "server" => Variable::query("server", "Server", "
                SELECT DISTINCT server FROM usage_1m
                WHERE minute >= toStartOfMinute($__fromTime) AND minute <= $__toTime AND {tenant} AND server != ''
                ORDER BY server"),
            _ => variable,
        })
        .collect()
}

/// Panels side by side.
fn line<const N: usize>(height: u32, panels: [Panel; N]) -> Line {
    Line {
        height,
        panels: panels.into(),
    }
}

/// The columns that lead on to an agent's page and its calls.
fn agent_column() -> Column {
    column("agent", "Agent")
        .drill(Drill::Dashboard {
            to: "agents",
            variable: "agent",
            title: "Usage of this agent",
        })
        .drill(Drill::Dashboard {
            to: "audit",
            variable: "agent",
            title: "Calls of this agent",
        })
}

fn server_column() -> Column {
    column("server", "Server")
        .drill(Drill::Dashboard {
            to: "tools",
            variable: "server",
            title: "Tools of this server",
        })
        .drill(Drill::Dashboard {
            to: "audit",
            variable: "server",
            title: "Calls to this server",
        })
}

fn error_column(name: &'static str, title: &'static str) -> Column {
    column(name, title)
        .unit(Unit::Share)
        .steps(GREEN, ERROR_STEPS)
}

fn seconds_column(name: &'static str, title: &'static str) -> Column {
    column(name, title).unit(Unit::Seconds)
}

/// A colour for each outcome, the same on every page.
fn outcome_columns() -> [Column; 12] {
    const fn coloured(name: &'static str, title: &'static str, colour: &'static str) -> Column {
        let mut shown = column(name, title);
        shown.steps = Some(crate::Steps {
            base: colour,
            steps: &[],
        });
        shown
    }
    [
        coloured("ok", "ok", "green"),
        coloured("tool_error", "tool error", "yellow"),
        coloured("rpc_error", "rpc error", "orange"),
        coloured("upstream_error", "upstream error", "red"),
        coloured("timeout", "timeout", "dark-red"),
        coloured("gateway_error", "gateway error", "dark-purple"),
        coloured("denied", "denied", "purple"),
        coloured("unauthenticated", "unauthenticated", "light-purple"),
        coloured("rate_limited", "rate limited", "blue"),
        coloured("guardrail", "guardrail", "light-blue"),
        coloured("bad_request", "bad request", "light-orange"),
        coloured("cancelled", "cancelled", "text"),
    ]
}
