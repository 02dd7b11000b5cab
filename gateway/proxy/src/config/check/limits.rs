//! The rules of `limits`: what they are about, how much they let through, and their names.

use std::collections::HashMap;

use gantry_analytics::record::Kind;

use super::Checker;
use crate::config::bounds::{GLOB_BYTES_MAX, LIMIT_ID_BYTES_MAX, REFILL_SECONDS_MAX};
use crate::config::checked::{Item, Limit, Measure, Per, Prices, Server};
use crate::config::fault::{Path, Shown};
use crate::config::rate::{BUDGET_FORM, BYTE_RATE_FORM, Budget, RATE_FORM, Rate};
use crate::config::raw;

impl Checker<'_> {
    pub(super) fn limits(
        &mut self,
        raw: &[raw::Limit],
        servers: &[Server],
        prices: Option<&Prices>,
    ) -> Vec<Limit> {
        let path = Path::of("limits");
        let rules: Vec<Limit> = raw
            .iter()
            .enumerate()
            .map(|(index, limit)| self.limit(limit, &path.index(index), servers, prices))
            .collect();
        self.distinct(&rules, &path);
        rules
    }

    fn limit(
        &mut self,
        raw: &raw::Limit,
        path: &Path,
        servers: &[Server],
        prices: Option<&Prices>,
    ) -> Limit {
        let measures = self.measures(raw, path, prices);
        let item = raw
            .tool
            .as_ref()
            .and_then(|tool| self.item(tool, &path.key("tool"), servers));
        for (key, glob) in [
            ("agent", &raw.agent),
            ("team", &raw.team),
            ("server", &raw.server),
        ] {
            if let Some(glob) = glob {
                self.glob(glob, &path.key(key));
            }
        }
        if let Some(server) = &raw.server {
            self.known_server(server, &path.key("server"), servers);
        }
        let mut per: Vec<Per> = raw.per.iter().map(|per| dimension(*per)).collect();
        per.sort_unstable();
        per.dedup();
        if per.len() < raw.per.len() {
            self.fault(&path.key("per"), "one of these stands here twice", "");
        }
        let mut limit = Limit {
            id: String::new(),
            per,
            agent: raw.agent.clone(),
            team: raw.team.clone(),
            server: raw.server.clone(),
            item,
            measures,
        };
        limit.id = match &raw.id {
            Some(id) => id.clone(),
            None => in_short(&limit),
        };
        if let Some(id) = &raw.id
            && (id.is_empty() || id.len() > LIMIT_ID_BYTES_MAX || id.chars().any(char::is_control))
        {
            let allowed = "1 to 128 bytes without control characters";
            self.fault(&path.key("id"), "this cannot name a limit", allowed);
        }
        limit
    }

    fn measures(&mut self, raw: &raw::Limit, path: &Path, prices: Option<&Prices>) -> Vec<Measure> {
        let mut measures = Vec::new();
        if let Some(text) = &raw.calls
            && let Some(rate) = self.rate(text, Rate::parse, RATE_FORM, &path.key("calls"))
        {
            measures.extend(self.calls(rate, raw.burst, path));
        }
        if let Some(text) = &raw.tokens {
            let rate = self.rate(text, Rate::parse, RATE_FORM, &path.key("tokens"));
            measures.extend(rate.map(Measure::Tokens));
        }
        if let Some(text) = &raw.bytes {
            let rate = self.rate(text, Rate::parse_bytes, BYTE_RATE_FORM, &path.key("bytes"));
            measures.extend(rate.map(Measure::Bytes));
        }
        measures.extend(raw.concurrent.map(Measure::Concurrent));
        if let Some(text) = &raw.cost {
            measures.extend(self.budget(text, &path.key("cost"), prices));
        }
        if raw.burst.is_some() && raw.calls.is_none() {
            self.fault(&path.key("burst"), "`burst` without `calls`", "both");
        }
        let keys = ["calls", "tokens", "bytes", "concurrent", "cost"];
        let noted = || {
            let burst = ["burst"];
            let mut all = keys.iter().chain(&burst);
            all.any(|key| self.findings.touch(&path.key(key)))
        };
        if measures.is_empty() && !noted() && !self.findings.suggest(path, &keys) {
            let allowed = "at least one of `calls`, `tokens`, `bytes`, `concurrent` and `cost`";
            self.fault(path, "this limits nothing", allowed);
        }
        measures
    }

    fn rate(
        &mut self,
        text: &str,
        parse: fn(&str) -> Option<Rate>,
        form: &str,
        path: &Path,
    ) -> Option<Rate> {
        let rate = parse(text);
        if rate.is_none() {
            self.fault(path, format!("`{}` is not a rate", Shown(text)), form);
        }
        rate
    }

    fn calls(&mut self, rate: Rate, burst: Option<u32>, path: &Path) -> Option<Measure> {
        // A rate's amount fits, since it is at most a thousand million.
        let burst = burst.unwrap_or_else(|| u32::try_from(rate.amount).unwrap_or(u32::MAX));
        let refill = u64::from(burst).saturating_mul(rate.span.seconds()) / rate.amount;
        if refill > REFILL_SECONDS_MAX {
            let what = "at this rate, so many calls at once take more than a year to fill up again";
            self.fault(&path.key("burst"), what, "fewer");
            return None;
        }
        Some(Measure::Calls { rate, burst })
    }

    fn budget(&mut self, text: &str, path: &Path, prices: Option<&Prices>) -> Option<Measure> {
        let Some(budget) = Budget::parse(text) else {
            self.fault(
                path,
                format!("`{}` is not a budget", Shown(text)),
                BUDGET_FORM,
            );
            return None;
        };
        match prices {
            // Whether there are no prices or wrong ones, their own fault says.
            None if self.findings.touch(&Path::of("prices")) => {}
            None => self.fault(
                path,
                "a budget, but nothing has a price",
                "`prices` as well",
            ),
            Some(prices) if prices.currency != budget.currency => {
                let what = format!("prices are in {}", Shown(&prices.currency));
                self.fault(path, what, "a budget in the same currency");
            }
            Some(_) => {}
        }
        Some(Measure::Cost {
            amount: budget.amount,
            term: budget.term,
        })
    }

    /// Reads `server/tool`. `*` alone is every tool of every server.
    pub(super) fn item(&mut self, text: &str, path: &Path, servers: &[Server]) -> Option<Item> {
        self.glob(text, path);
        let (server, rest) = match text.split_once('/') {
            Some(parts) => parts,
            None if text == "*" => ("*", "*"),
            None => {
                let what = format!("`{}` names no server", Shown(text));
                self.fault(path, what, raw::TOOL_FORM);
                return None;
            }
        };
        self.known_server(server, path, servers);
        let (kind, name) = match rest.split_once(':') {
            Some(("prompt", name)) => (Kind::Prompt, name),
            Some(("resource", name)) => (Kind::Resource, name),
            _ => (Kind::Tool, rest),
        };
        if name.is_empty() {
            let what = format!("`{}` names nothing of the server", Shown(text));
            self.fault(path, what, raw::TOOL_FORM);
        }
        Some(Item {
            server: server.to_owned(),
            kind,
            name: name.to_owned(),
        })
    }

    fn glob(&mut self, text: &str, path: &Path) {
        if text.is_empty() || text.len() > GLOB_BYTES_MAX {
            self.fault(path, "this matches nothing", "a text of 1 to 512 bytes");
        }
    }

    /// A rule for a server that is not there is a typing error.
    pub(super) fn known_server(&mut self, name: &str, path: &Path, servers: &[Server]) {
        let known = name.contains('*') || servers.iter().any(|server| server.name == name);
        if !known {
            let what = format!("there is no server `{}`", Shown(name));
            self.fault(path, what, "one of `servers`");
        }
    }

    fn distinct(&mut self, rules: &[Limit], path: &Path) {
        let mut seen = HashMap::with_capacity(rules.len());
        for (index, rule) in rules.iter().enumerate() {
            // One that could not be read whole says less than it should.
            if rule.measures.is_empty() {
                continue;
            }
            if let Some(first) = seen.insert(rule.id.as_str(), index) {
                let what = format!("limits[{first}] is called the same");
                self.fault(&path.index(index), what, "each rule once, each `id` once");
            }
        }
    }
}

fn dimension(per: raw::Per) -> Per {
    match per {
        raw::Per::Agent => Per::Agent,
        raw::Per::Team => Per::Team,
        raw::Per::Tool => Per::Tool,
        raw::Per::Server => Per::Server,
    }
}

/// A name that says what the rule is: `calls 5/min per agent+tool, tool orders/refund`.
fn in_short(limit: &Limit) -> String {
    let measures: Vec<String> = limit.measures.iter().map(measure).collect();
    let mut name = measures.join(", ");
    for (position, per) in limit.per.iter().enumerate() {
        name.push_str(if position == 0 { " per " } else { "+" });
        name.push_str(per.as_str());
    }
    let item = limit.item.as_ref().map(ToString::to_string);
    for (key, glob) in [
        ("agent", &limit.agent),
        ("team", &limit.team),
        ("server", &limit.server),
        ("tool", &item),
    ] {
        if let Some(glob) = glob {
            name.push_str(&format!(", {key} {glob}"));
        }
    }
    name
}

fn measure(measure: &Measure) -> String {
    match measure {
        Measure::Calls { rate, burst } if u64::from(*burst) != rate.amount => {
            format!("{measure} burst {burst}")
        }
        _ => measure.to_string(),
    }
}
