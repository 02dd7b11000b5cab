//! What rules say about names: a table for each server and kind of thing.

use foldhash::HashMap;
use smallvec::SmallVec;

use super::{
    beginnings::Beginnings,
    rules::{Effect, Effects},
    uri,
};
use crate::config::{AccessRule, Glob, Kind, Pattern};

/// The tables of all servers.
#[derive(Debug)]
pub(super) struct Tables(HashMap<Box<str>, ServerTable>);

impl Tables {
    /// Empty ones.
    pub(super) fn of<'a>(servers: impl IntoIterator<Item = &'a str>) -> Self {
        let empty = |name: &str| (name.into(), ServerTable::default());
        Self(servers.into_iter().map(empty).collect())
    }

    /// Enters everything that the rule at `index` says.
    pub(super) fn enter(&mut self, index: usize, rule: &AccessRule) {
        for (effect, patterns) in [(Effect::Allow, &rule.allow), (Effect::Deny, &rule.deny)] {
            for pattern in patterns {
                let tables = self.0.iter_mut();
                let named = tables.filter(|(name, _)| pattern.server.matches(name));
                named.for_each(|(_, table)| table.enter(index, effect, pattern));
            }
        }
    }

    pub(super) fn at(&self, server: &str) -> Option<&ServerTable> {
        self.0.get(server)
    }

    pub(super) fn servers(&self) -> impl ExactSizeIterator<Item = &str> {
        self.0.keys().map(|name| &**name)
    }
}

/// Everything that rules say about one server.
#[derive(Debug, Default)]
pub(super) struct ServerTable {
    /// Patterns for everything at the server.
    pub(super) all: Effects,
    /// Rules that allow anything at all here; what they deny is not in it.
    pub(super) any: Effects,
    /// Rules that allow any tool here; denied by rules that deny all tools.
    pub(super) any_tool: Effects,
    tools: Names,
    prompts: Names,
    resources: Names,
    methods: Names,
}

impl ServerTable {
    /// Enters what `rule` does to the things that `pattern` names here.
    fn enter(&mut self, rule: usize, effect: Effect, pattern: &Pattern) {
        if effect == Effect::Allow {
            self.any.add(effect, rule);
        }
        match &pattern.named {
            None => {
                self.all.add(effect, rule);
                self.any_tool.add(effect, rule);
            }
            Some((kind, glob)) => {
                if *kind == Kind::Tool && (effect == Effect::Allow || glob.is_everything()) {
                    self.any_tool.add(effect, rule);
                }
                self.names_mut(*kind).enter(rule, effect, glob);
                // A resource is looked up as it is written and as a server may resolve it.
                let resolved = uri::resolved(glob.as_str()).filter(|_| *kind == Kind::Resource);
                if let Some(resolved) = resolved.filter(|resolved| resolved != glob.as_str()) {
                    self.resources
                        .enter(rule, effect, &Glob::new(resolved.into_owned()));
                }
            }
        }
    }

    /// All entries that stand for this name.
    pub(super) fn find<'a>(&'a self, kind: Kind, name: &str, found: &mut Found<'a>) {
        self.names(kind).find(name, found);
    }

    fn names(&self, kind: Kind) -> &Names {
        match kind {
            Kind::Tool => &self.tools,
            Kind::Prompt => &self.prompts,
            Kind::Resource => &self.resources,
            Kind::Method => &self.methods,
        }
    }

    fn names_mut(&mut self, kind: Kind) -> &mut Names {
        match kind {
            Kind::Tool => &mut self.tools,
            Kind::Prompt => &mut self.prompts,
            Kind::Resource => &mut self.resources,
            Kind::Method => &mut self.methods,
        }
    }
}

/// Entries that stand for one name. Most names are in few.
pub(super) type Found<'a> = SmallVec<[&'a Effects; 8]>;

/// What rules say about the names of one kind: whole names by hash, globs by what they begin with.
#[derive(Debug, Default)]
struct Names {
    whole: HashMap<Box<str>, Effects>,
    globs: Beginnings,
}

impl Names {
    fn enter(&mut self, rule: usize, effect: Effect, glob: &Glob) {
        if glob.is_literal() {
            let entry = self.whole.entry(glob.as_str().into()).or_default();
            return entry.add(effect, rule);
        }
        let globs = self.globs.at(glob.prefix());
        match globs.iter_mut().find(|(known, _)| known == glob) {
            Some((_, effects)) => effects.add(effect, rule),
            None => {
                let mut effects = Effects::default();
                effects.add(effect, rule);
                globs.push((glob.clone(), effects));
            }
        }
    }

    fn find<'a>(&'a self, name: &str, found: &mut Found<'a>) {
        found.extend(self.whole.get(name));
        self.globs.find(name, |(glob, effects)| {
            if glob.matches(name) {
                found.push(effects);
            }
        });
    }
}
