//! How the effective configuration says where calls go.

use super::{Page, local};
use crate::config::checked::*;

pub(super) fn versions(page: &mut Page, server: &Server) {
    match server.versions.as_slice() {
        [only] if only.name.is_empty() => local::source(page, only),
        several => page.map("versions", |page| {
            for version in several {
                page.map(&version.name, |page| {
                    local::source(page, version);
                    page.bare("weight", version.weight);
                });
            }
        }),
    }
}

pub(super) fn traffic(page: &mut Page, server: &Server) {
    page.text(
        "balance",
        match server.balance {
            Balance::RoundRobin => "round_robin",
            Balance::LeastLoaded => "least_loaded",
            Balance::ConsistentHash => "consistent_hash",
        },
    );
    page.map("health", |page| health(page, &server.health));
    page.map("retry", |page| {
        page.bare("attempts", server.retry.attempts);
        page.text("budget", format_args!("{}%", server.retry.budget_percent));
        if let Some(limit) = server.retry.try_timeout {
            page.period("try_timeout", limit);
        }
        page.list("tools", &server.retry.tools);
    });
    if let Some(canary) = &server.canary {
        page.map("canary", |page| {
            page.text("version", &canary.version);
            page.period("watch", canary.watch);
            page.text(
                "max_error_ratio",
                format_args!("{}x", canary.max_error_ratio),
            );
            page.text("max_p95_ratio", format_args!("{}x", canary.max_p95_ratio));
            page.bare("min_calls", canary.min_calls);
        });
    }
    if let Some(mirror) = &server.mirror {
        page.map("mirror", |page| {
            page.text("version", &mirror.version);
            page.text("share", format_args!("{}%", mirror.percent));
        });
    }
    if !server.pins.is_empty() {
        page.items("pins", &server.pins, pin);
    }
    page.map("capacity", |page| {
        page.bare("calls", server.capacity.calls);
        page.bare("queue", server.capacity.queue);
        page.period("queue_timeout", server.capacity.queue_timeout);
        page.bare("streams", server.capacity.streams);
    });
}

fn health(page: &mut Page, health: &Health) {
    let check = match &health.check {
        Check::Auto => "auto",
        Check::Mcp => "mcp",
        Check::Http(_) => "http",
        Check::None => "none",
    };
    page.text("check", check);
    if let Check::Http(path) = &health.check {
        page.text("path", path);
    }
    page.period("every", health.every);
    page.period("timeout", health.timeout);
    page.bare("unhealthy_after", health.unhealthy_after);
    page.bare("healthy_after", health.healthy_after);
    page.bare("eject_after", health.eject_after);
    page.period("eject_for", health.eject_for);
    page.bare("open_after", health.open_after);
}

fn pin(page: &mut Page, pin: &Pin) {
    match &pin.who {
        Pinned::Agent(agent) => page.text("agent", agent),
        Pinned::Team(team) => page.text("team", team),
        Pinned::Header { name, value } => {
            page.text("header", name);
            page.optional("value", value.as_ref());
        }
    }
    page.text("version", &pin.version);
}

pub(super) fn sessions(page: &mut Page, sessions: &Sessions) {
    let keys: Vec<String> = sessions.keys.iter().map(ToString::to_string).collect();
    page.list("keys", &keys);
    page.period("lifetime", sessions.lifetime);
}
