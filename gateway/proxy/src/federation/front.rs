//! The endpoints of several servers, as one configuration has them.

use std::{collections::HashMap, sync::Arc, time::Duration};

use gantry_mcp::listing::List;

use super::{
    discovery::Discovery,
    learned::Learned,
    lists::Lists,
    member::Member,
    names, places,
    sessions::Sessions,
    shared::{Known, Shared},
};
use crate::{
    config::{self, Bundle, Checked, Kind, Prefix, Server},
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
    /// Names that members have, where they are compared.
    pub(super) known: Known,
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
            known: Known::default(),
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

    /// Whether what something is called depends on what others are.
    pub(super) fn compares(&self, list: List) -> bool {
        self.prefix == Prefix::Collision && matches!(list, List::Tools | List::Prompts)
    }

    /// What a tool or prompt is called here.
    pub(super) fn exposed(
        &self,
        member: &Member,
        list: List,
        own: &str,
        shared: &Shared,
    ) -> String {
        let seen = member.seen(list, own);
        let prefixed = match self.prefix {
            Prefix::Always => true,
            Prefix::Collision => shared.has(seen),
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

    /// What may be meant by a name that clients of this endpoint use: each server that may have it, with its own
    /// name for it. Which one has it, where there are several, only their lists can tell.
    pub fn meant(&self, kind: Kind, name: &str) -> Vec<(Arc<str>, String)> {
        let list = match kind {
            Kind::Tool => List::Tools,
            Kind::Prompt => List::Prompts,
            Kind::Resource => return self.located(name),
            Kind::Method => return self.each(|_| Some(name.to_owned())),
        };
        match self.split(list, name) {
            Some((at, own)) => {
                let member = self.members.get(at).filter(|member| member.has(kind, &own));
                member
                    .into_iter()
                    .map(|member| (Arc::clone(&member.server), own.clone()))
                    .collect()
            }
            None if self.names_servers() => Vec::new(),
            None => self.each(|member| {
                let own = member.own(list, name)?;
                member.has(kind, own).then(|| own.to_owned())
            }),
        }
    }

    fn located(&self, uri: &str) -> Vec<(Arc<str>, String)> {
        let (server, own) = match places::uri_of(uri) {
            _ if self.is_solo() => (None, uri),
            Some((server, own)) => (Some(server), own),
            None => return Vec::new(),
        };
        self.each(|member| {
            let is_it = server.is_none_or(|server| *server == *member.server);
            (is_it && member.has(Kind::Resource, own)).then(|| own.to_owned())
        })
    }

    fn each(&self, own: impl Fn(&Member) -> Option<String>) -> Vec<(Arc<str>, String)> {
        let members = self.members.iter();
        members
            .filter_map(|member| Some((Arc::clone(&member.server), own(member)?)))
            .collect()
    }

    /// A resource's URI, or a template's, as clients see it.
    pub(super) fn uri(&self, member: &Member, own: &str) -> String {
        match self.is_solo() {
            true => own.to_owned(),
            false => places::uri(&member.server, own),
        }
    }
}
