//! One endpoint for several servers.

use super::Page;
use crate::config::checked::*;

pub(super) fn federation(page: &mut Page, federation: &Federation) {
    page.text("prefix", prefix(federation.prefix));
    page.text("discovery", discovery(federation.discovery));
    page.text("separator", &federation.separator);
    page.period("deadline", federation.deadline);
    page.period("list_ttl", federation.list_ttl);
}

pub(super) fn bundle(page: &mut Page, bundle: &Bundle) {
    if !bundle.servers.is_empty() {
        page.list("servers", &bundle.servers);
    }
    if !bundle.tools.is_empty() {
        let tools: Vec<String> = bundle.tools.iter().map(ToString::to_string).collect();
        page.list("tools", &tools);
    }
    page.text("prefix", prefix(bundle.prefix));
    page.text("discovery", discovery(bundle.discovery));
}

pub(super) fn tools(page: &mut Page, tools: &[ToolView]) {
    if tools.is_empty() {
        return;
    }
    page.map("tools", |page| {
        for tool in tools {
            page.map(&tool.own, |page| {
                page.optional("name", tool.name.as_ref());
                page.optional("group", tool.group.as_ref());
                page.optional("description", tool.description.as_ref());
                page.bare("hidden", tool.hidden);
            });
        }
    });
}

fn discovery(discovery: Discovery) -> &'static str {
    match discovery {
        Discovery::List => "list",
        Discovery::Search => "search",
    }
}

fn prefix(prefix: Prefix) -> &'static str {
    match prefix {
        Prefix::Always => "always",
        Prefix::Collision => "collision",
        Prefix::None => "none",
    }
}
