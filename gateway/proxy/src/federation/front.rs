//! The endpoints of several servers, as one configuration has them.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use gantry_mcp::listing::List;

use super::{
    discovery::Discovery, learned::Learned, lists::Lists, names, places, sessions::Sessions,
};
use crate::{
    config::{self, Bundle, Checked, Glob, Kind, Prefix, Server, ToolView},
    pipeline::EVERY,
};

/// The endpoints of one configuration that stand for several servers, or show a server's tools otherwise
/// than the server does.
#[derive(Debug)]
pub struct Fronts {
    all: Arc<Front>,
    named: HashMap<String, Arc<Front>>,
    /// What clients have open; outlives configurations.
    pub(super) sessions: Sessions,
    /// Lists that may be given again.
    pub(super) lists: Lists,
}

impl Fronts {
    /// Builds them from a checked configuration. Sessions of the `previous` one go on.
    pub fn compile(config: &Checked, previous: Option<&Self>) -> Self {
        let whole = |server: &Server| Member::new(server, config, None);
        let all = Front::new(
            EVERY,
            config.servers.iter().map(whole).collect(),
            config.federation.prefix,
            config.federation.discovery,
            config,
        );
        let bundles = config.bundles.iter().map(|bundle| {
            let members = members(bundle, config);
            let front = Front::new(
                &bundle.name,
                members,
                bundle.prefix,
                bundle.discovery,
                config,
            );
            (bundle.name.clone(), Arc::new(front))
        });
        let views = config
            .servers
            .iter()
            .filter(|server| !server.tools.is_empty());
        let views = views.map(|server| {
            let members = vec![whole(server)];
            let discovery = config::Discovery::List;
            let front = Front::new(&server.name, members, Prefix::None, discovery, config);
            (server.name.clone(), Arc::new(front))
        });
        Self {
            all: Arc::new(all),
            named: bundles.chain(views).collect(),
            sessions: previous.map_or_else(Sessions::default, |fronts| fronts.sessions.clone()),
            lists: Lists::default(),
        }
    }

    /// The one at this endpoint, `None` being that of all servers; none where the endpoint is a single
    /// server's, untouched.
    pub fn at(&self, entrance: Option<&str>) -> Option<&Arc<Front>> {
        match entrance {
            None => Some(&self.all),
            Some(name) => self.named.get(name),
        }
    }
}

fn members(bundle: &Bundle, config: &Checked) -> Vec<Member> {
    let chosen = |server: &Server| {
        if bundle.servers.contains(&server.name) {
            return Some(Member::new(server, config, None));
        }
        let of_it = |pattern: &&config::Pattern| pattern.server.as_str() == server.name;
        let mut patterns = bundle.tools.iter().filter(of_it).peekable();
        patterns.peek()?;
        let mut named = Vec::new();
        for pattern in patterns {
            match &pattern.named {
                None => return Some(Member::new(server, config, None)),
                Some(one) => named.push(one.clone()),
            }
        }
        Some(Member::new(server, config, Some(named)))
    };
    config.servers.iter().filter_map(chosen).collect()
}

/// One endpoint that stands for several servers.
#[derive(Debug)]
pub struct Front {
    name: Arc<str>,
    pub(super) members: Vec<Member>,
    prefix: Prefix,
    /// Whether tools are searched, in place of a long list.
    pub(super) is_searched: bool,
    /// What they are searched in.
    pub(super) discovery: Discovery,
    separator: String,
    /// Of each member, where several are asked.
    pub(super) deadline: Duration,
    /// Of lists that do not say how long they may be kept.
    pub(super) list_ttl: Duration,
    /// Names that lead nowhere by themselves.
    pub(super) learned: Learned,
}

impl Front {
    fn new(
        name: &str,
        members: Vec<Member>,
        prefix: Prefix,
        discovery: config::Discovery,
        config: &Checked,
    ) -> Self {
        let prefix = match prefix {
            // One alone collides with nobody.
            Prefix::Collision if members.len() == 1 => Prefix::None,
            prefix => prefix,
        };
        Self {
            name: name.into(),
            members,
            prefix,
            is_searched: discovery == config::Discovery::Search,
            discovery: Discovery::default(),
            separator: config.federation.separator.clone(),
            deadline: config.federation.deadline,
            list_ttl: config.federation.list_ttl,
            learned: Learned::default(),
        }
    }

    /// What records call it.
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// Its only member, to which everything goes: sessions, streams and ids are that server's own then.
    pub(super) fn is_solo(&self) -> bool {
        self.members.len() == 1 && !self.is_searched
    }

    /// Whether clients see the names that a member itself gives.
    pub(super) fn shows_own_names(&self, member: &Member) -> bool {
        self.prefix != Prefix::Always && !member.has_views()
    }

    pub(super) fn separator(&self) -> &str {
        &self.separator
    }

    /// Whether names lead to their servers by themselves.
    pub(super) fn names_servers(&self) -> bool {
        self.prefix == Prefix::Always || (self.is_solo() && self.prefix == Prefix::None)
    }

    pub(super) fn member(&self, server: &str) -> Option<usize> {
        self.members
            .iter()
            .position(|member| *member.server == *server)
    }

    /// What a tool or prompt is called here. `shared` are the names that several members have.
    pub(super) fn exposed(
        &self,
        member: &Member,
        list: List,
        own: &str,
        shared: &HashSet<String>,
    ) -> String {
        let seen = member.seen(list, own);
        let prefixed = match self.prefix {
            Prefix::Always => true,
            Prefix::Collision => shared.contains(seen),
            // A server's own names are left alone where nothing stands beside them.
            Prefix::None if self.is_solo() => return seen.to_owned(),
            Prefix::None => false,
        };
        let prefix = if prefixed { member.lead.as_str() } else { "" };
        names::exposed(prefix, seen)
    }

    /// Where a name leads by itself: the member, and its own name.
    pub(super) fn split(&self, list: List, name: &str) -> Option<(usize, String)> {
        if self.is_solo() && self.prefix == Prefix::None {
            let own = self.members.first()?.own(list, name)?;
            return Some((0, own.to_owned()));
        }
        let (server, seen) = names::split(name, &self.separator)?;
        let at = self.member(server)?;
        let own = self.members.get(at)?.own(list, seen)?;
        Some((at, own.to_owned()))
    }

    /// A resource's URI, or a template's, as clients see it.
    pub(super) fn uri(&self, member: &Member, own: &str) -> String {
        match self.is_solo() {
            true => own.to_owned(),
            false => places::uri(&member.server, own),
        }
    }
}

/// One server behind a front.
#[derive(Debug)]
pub(super) struct Member {
    pub server: Arc<str>,
    /// The server's name and the separator.
    lead: String,
    /// What of it is here; `None`: everything.
    chosen: Option<Vec<(Kind, Glob)>>,
    views: HashMap<String, ToolView>,
    /// What tools of the server are called here, by their own names.
    shown: HashMap<String, String>,
    /// The other way round.
    renamed: HashMap<String, String>,
}

impl Member {
    fn new(server: &Server, config: &Checked, chosen: Option<Vec<(Kind, Glob)>>) -> Self {
        let views = server.tools.iter();
        let shown = views.clone().filter(|view| !view.hidden);
        Self {
            server: server.name.as_str().into(),
            lead: format!("{}{}", server.name, config.federation.separator),
            chosen,
            shown: shown
                .clone()
                .map(|view| (view.own.clone(), view.shown()))
                .collect(),
            renamed: shown.map(|view| (view.shown(), view.own.clone())).collect(),
            views: views.map(|view| (view.own.clone(), view.clone())).collect(),
        }
    }

    /// Whether something of the server, by its own name, is here.
    pub(super) fn has(&self, kind: Kind, own: &str) -> bool {
        let hidden = || self.views.get(own).is_some_and(|view| view.hidden);
        if kind == Kind::Tool && hidden() {
            return false;
        }
        self.chosen.as_ref().is_none_or(|chosen| {
            let mut chosen = chosen.iter();
            chosen.any(|(of, glob)| *of == kind && glob.matches(own))
        })
    }

    /// Whether lists have to be filtered.
    pub(super) fn is_partial(&self) -> bool {
        self.chosen.is_some() || self.views.values().any(|view| view.hidden)
    }

    /// What a tool is said to do here.
    pub(super) fn description(&self, list: List, own: &str) -> Option<&str> {
        let view = self.views.get(own).filter(|_| list == List::Tools)?;
        view.description.as_deref()
    }

    /// Whether tools are called or described otherwise here.
    pub(super) fn has_views(&self) -> bool {
        !self.views.is_empty()
    }

    /// What a tool of the server is called here.
    pub(super) fn seen<'a>(&'a self, list: List, own: &'a str) -> &'a str {
        let shown = self.shown.get(own).filter(|_| list == List::Tools);
        shown.map_or(own, String::as_str)
    }

    /// The server's own name for what is called `seen`; none where nothing is called that here.
    fn own<'a>(&'a self, list: List, seen: &'a str) -> Option<&'a str> {
        if list != List::Tools {
            return Some(seen);
        }
        match self.renamed.get(seen) {
            Some(own) => Some(own),
            // What is called otherwise is not called this any more.
            None if self.views.contains_key(seen) => None,
            None => Some(seen),
        }
    }
}

/// The kind of what a list holds, as rules name it.
pub(super) fn kind_of(list: List) -> Kind {
    match list {
        List::Tools => Kind::Tool,
        List::Prompts => Kind::Prompt,
        List::Resources | List::Templates => Kind::Resource,
    }
}
