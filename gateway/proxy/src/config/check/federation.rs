//! One endpoint for several servers: bundles, and how clients see tools.

use std::collections::{BTreeMap, HashMap};

use super::Checker;
use crate::config::bounds::{DESCRIPTION_BYTES_MAX, TOOL_NAME_BYTES_MAX};
use crate::config::checked::{Bundle, Discovery, Federation, Prefix, ToolView};
use crate::config::fault::{Path, Shown};
use crate::config::pattern::Pattern;
use crate::config::raw::federation::{self as shapes, SEPARATOR};
use crate::config::raw::{self, PATTERN};

const NAME_FORM: &str = "1 to 64 of letters, digits, `_`, `.` and `-`";

impl Checker<'_> {
    pub(super) fn federation(&mut self, raw: &shapes::Federation) -> Federation {
        let path = Path::of("federation").key("separator");
        let separator = raw.separator.as_str();
        // Otherwise a server's name could be taken for the beginning of another one's tool.
        let ends_a_name = |c: char| matches!(c, '_' | '.') || c.is_ascii_uppercase();
        let fits = (1..=8).contains(&separator.len()) && separator.chars().all(is_name_char);
        if !fits || !separator.starts_with(ends_a_name) {
            self.fault(&path, "this cannot separate names", SEPARATOR);
        }
        Federation {
            prefix: prefix(raw.prefix),
            discovery: discovery(raw.discovery),
            separator: separator.to_owned(),
            deadline: raw.deadline.into(),
            list_ttl: raw.list_ttl.into(),
        }
    }

    pub(super) fn bundles(&mut self, raw: &raw::Gateway) -> Vec<Bundle> {
        let path = Path::of("bundles");
        let bundles = raw.bundles.iter();
        bundles
            .map(|(name, bundle)| self.bundle(name, bundle, raw, &path.key(name)))
            .collect()
    }

    fn bundle(
        &mut self,
        name: &str,
        bundle: &shapes::Bundle,
        raw: &raw::Gateway,
        path: &Path,
    ) -> Bundle {
        self.server_name(name, path);
        let place = self.tree.place_of_key(path);
        if raw.servers.contains_key(name) {
            let what = format!("there is a server `{}` at this path", Shown(name));
            self.findings.add(place, path, what, "another name");
        }
        let [servers, tools] = [path.key("servers"), path.key("tools")];
        let noted = [&servers, &tools].map(|path| self.findings.touch(path));
        if bundle.servers.is_empty() && bundle.tools.is_empty() && !noted.contains(&true) {
            self.findings
                .add(place, path, "nothing is in it", "`servers`, or `tools`");
        }
        for (index, server) in bundle.servers.iter().enumerate() {
            self.member(server, raw, &servers.index(index));
        }
        Bundle {
            name: name.to_owned(),
            servers: bundle.servers.clone(),
            tools: self.chosen(&bundle.tools, raw, &tools),
            prefix: prefix(bundle.prefix.unwrap_or(raw.federation.prefix)),
            discovery: discovery(bundle.discovery.unwrap_or(raw.federation.discovery)),
        }
    }

    fn member(&mut self, server: &str, raw: &raw::Gateway, path: &Path) {
        if !raw.servers.contains_key(server) {
            let what = format!("there is no server `{}`", Shown(server));
            let names: Vec<&str> = raw.servers.keys().map(String::as_str).take(20).collect();
            self.fault(path, what, &names.join(", "));
        }
    }

    fn chosen(&mut self, texts: &[String], raw: &raw::Gateway, path: &Path) -> Vec<Pattern> {
        let mut chosen = Vec::new();
        for (index, text) in texts.iter().enumerate() {
            let path = path.index(index);
            match Pattern::parse(text) {
                Ok(pattern) if !pattern.server.is_literal() => {
                    self.fault(&path, "a bundle names its servers", "a server without `*`");
                }
                Ok(pattern) => {
                    self.member(pattern.server.as_str(), raw, &path);
                    chosen.push(pattern);
                }
                Err(error) => self.fault(&path, error.to_string(), PATTERN),
            }
        }
        chosen
    }

    /// How clients see the tools of one server.
    pub(super) fn tools(
        &mut self,
        raw: &BTreeMap<String, shapes::Tool>,
        path: &Path,
    ) -> Vec<ToolView> {
        let path = path.key("tools");
        let mut seen = HashMap::new();
        let mut tools = Vec::new();
        for (own, tool) in raw {
            let path = path.key(own);
            for (key, text) in [("name", &tool.name), ("group", &tool.group)] {
                if let Some(text) = text
                    && !is_name(text)
                {
                    self.fault(&path.key(key), "this cannot name a tool", NAME_FORM);
                }
            }
            if let Some(text) = &tool.description
                && text.len() > DESCRIPTION_BYTES_MAX
            {
                let allowed = format!("at most {DESCRIPTION_BYTES_MAX} bytes");
                self.fault(&path.key("description"), "this is too long", &allowed);
            }
            let view = ToolView {
                own: own.clone(),
                name: tool.name.clone(),
                group: tool.group.clone(),
                description: tool.description.clone(),
                hidden: tool.hidden,
            };
            let shown = view.shown();
            if !view.hidden && shown != *own && shown.len() > TOOL_NAME_BYTES_MAX {
                self.fault(&path, "its group and name are too long together", NAME_FORM);
            }
            if let Some(other) = (!view.hidden).then(|| seen.insert(shown, own)).flatten() {
                let what = format!("`{}` is called the same", Shown(other));
                self.fault(&path, what, "another name");
            }
            tools.push(view);
        }
        tools
    }
}

fn prefix(raw: shapes::Prefix) -> Prefix {
    match raw {
        shapes::Prefix::Always => Prefix::Always,
        shapes::Prefix::Collision => Prefix::Collision,
        shapes::Prefix::None => Prefix::None,
    }
}

fn discovery(raw: shapes::Discovery) -> Discovery {
    match raw {
        shapes::Discovery::List => Discovery::List,
        shapes::Discovery::Search => Discovery::Search,
    }
}

fn is_name(text: &str) -> bool {
    (1..=TOOL_NAME_BYTES_MAX).contains(&text.len()) && text.chars().all(is_name_char)
}

fn is_name_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-')
}
