//! One MCP server: its versions, and the rules by which callers see them.

use std::{
    net::IpAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use gantry_analytics::record::{AuthMethod, Transport};
use http::{HeaderMap, HeaderValue};
use sha2::{Digest, Sha256};

use super::{
    canary::{Breach, Watch},
    version::{self, Traits, Version},
};
use crate::{
    auth::Caller,
    config::{self, Balance, Pin, Pinned, Sharing, Source},
};

/// How long an exchange with a server may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// Until a connection is established, TLS included.
    pub connect: Duration,
    /// From the beginning of the call until the head of the answer, connecting and trying again
    /// included.
    pub answer: Duration,
    /// The longest silence within the body of an answer.
    pub idle: Duration,
}

/// One MCP server that calls may be sent to.
#[derive(Debug)]
pub struct Server {
    name: Arc<str>,
    timeouts: Timeouts,
    versions: Vec<Version>,
    pins: Vec<(Pinned, usize)>,
    watch: Option<Arc<Watch>>,
    /// The version that gets copies, and of how many in a hundred.
    mirror: Option<(usize, u32)>,
    repeatable: Vec<String>,
    /// Whether endpoints are chosen by consistent hashing.
    hashes: bool,
    /// Whether any of its programs belong to callers.
    tells_callers: bool,
    nameless: Version,
}

impl Server {
    pub(super) fn new(config: &config::Server, previous: Option<&Self>, now: Instant) -> Self {
        let known = |name: &str| previous.and_then(|server| server.find_version(name));
        let versions: Vec<Version> = config
            .versions
            .iter()
            .map(|version| {
                let transport = transport(&version.source);
                Version::new(&version.name, version.weight, known(&version.name)).over(transport)
            })
            .collect();
        let at = |name: &str| {
            versions
                .iter()
                .position(|version| &**version.name() == name)
        };
        let pins = config.pins.iter();
        let pins = pins.filter_map(|Pin { who, version }| Some((who.clone(), at(version)?)));
        let mirror = config.mirror.as_ref();
        Self {
            name: config.name.as_str().into(),
            timeouts: Timeouts {
                connect: config.timeouts.connect,
                answer: config.timeouts.answer,
                idle: config.timeouts.idle,
            },
            pins: pins.collect(),
            watch: watch(config, previous, now),
            mirror: mirror.and_then(|mirror| Some((at(&mirror.version)?, mirror.percent))),
            repeatable: config.retry.tools.clone(),
            hashes: config.balance == Balance::ConsistentHash,
            tells_callers: config
                .versions
                .iter()
                .any(|version| belongs_to_callers(&version.source)),
            versions,
            nameless: Version::new("", 0, None),
        }
    }

    /// The server's name in the configuration, the path, the metrics and the record.
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// The bounds of an exchange with it.
    pub fn timeouts(&self) -> Timeouts {
        self.timeouts
    }

    /// Its versions, in the order of their names.
    pub fn versions(&self) -> &[Version] {
        &self.versions
    }

    /// Counts how a call of a version ended. When the version under watch thereby breaks its bounds,
    /// its weight becomes 0, and the breach is returned once.
    pub fn observe(
        &self,
        version: &str,
        failed: bool,
        latency: Duration,
        now: Instant,
    ) -> Option<Breach> {
        let watch = self.watch.as_ref()?;
        let breach = watch.observe(version, failed, latency, now)?;
        let withdrawn = self.find_version(version)?.withdraw();
        withdrawn.then_some(breach)
    }

    /// Keeps what the tools of a version's list say about themselves: whether they change nothing,
    /// whether calling one twice does no more than calling it once. `list` is the message that they stand in.
    pub fn learn<'a>(
        &self,
        version: &str,
        list: &[u8],
        tools: impl Iterator<Item = (&'a str, Traits)>,
    ) {
        if let Some(version) = self.find_version(version) {
            version.learn(list, tools);
        }
    }

    /// Whether nothing can be learned from a version's list that was not learned before.
    pub fn has_learned(&self, version: &str, list: &[u8]) -> bool {
        self.find_version(version)
            .is_some_and(|version| version.has_learned(list))
    }

    /// The version under watch.
    pub(super) fn watched(&self) -> Option<&Version> {
        let watch = self.watch.as_ref()?;
        self.find_version(&watch.rules().version)
    }

    pub(super) fn reinstate(&self, now: Instant) -> Vec<(Arc<str>, Arc<str>)> {
        if let Some(watch) = &self.watch {
            watch.restart(now);
        }
        let withdrawn = self.versions.iter().filter(|version| version.reinstate());
        withdrawn
            .map(|version| (Arc::clone(&self.name), Arc::clone(version.name())))
            .collect()
    }

    pub(super) fn version(&self, at: usize) -> &Version {
        self.versions.get(at).unwrap_or(&self.nameless)
    }

    pub(super) fn version_named(&self, name: &str) -> Option<usize> {
        let mut versions = self.versions.iter();
        versions.position(|version| &**version.name() == name)
    }

    fn find_version(&self, name: &str) -> Option<&Version> {
        let mut versions = self.versions.iter();
        versions.find(|version| &**version.name() == name)
    }

    /// Whether anything is chosen by [`Server::key`].
    pub(super) fn goes_by_key(&self) -> bool {
        self.hashes || self.versions.len() > 1
    }

    /// What stands for a caller at its programs, where it has some: nobody else's is the same, and who it is cannot be
    /// read from it.
    pub(super) fn tell(&self, caller: &Caller) -> Option<HeaderValue> {
        if !self.tells_callers {
            return None;
        }
        let issuer = caller
            .claims()
            .get("iss")
            .and_then(serde_json::Value::as_str);
        let mut hash = Sha256::new();
        for part in [Some(caller.agent()), caller.subject(), issuer] {
            let part = part.unwrap_or_default();
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
        HeaderValue::try_from(hex::encode(hash.finalize())).ok()
    }

    /// What stands for a caller in every choice: its agent, or its address where it has no name.
    pub(super) fn key(&self, caller: &Caller, client: IpAddr) -> u64 {
        match caller.method() {
            AuthMethod::None => {
                let address = client.to_string();
                version::hash(&[b"address", self.name.as_bytes(), address.as_bytes()])
            }
            _ => version::hash(&[b"agent", self.name.as_bytes(), caller.agent().as_bytes()]),
        }
    }

    pub(super) fn pick(&self, key: u64) -> usize {
        match self.versions.len() {
            0 | 1 => 0,
            _ => version::pick(&self.versions, key),
        }
    }

    /// The version of the first pin that fits.
    pub(super) fn pinned(&self, caller: &Caller, headers: &HeaderMap) -> Option<usize> {
        let fits = |who: &Pinned| match who {
            Pinned::Agent(agent) => caller.method() != AuthMethod::None && caller.agent() == agent,
            Pinned::Team(team) => caller.teams().contains(team),
            Pinned::Header { name, value } => headers.get(name).is_some_and(|sent| {
                let same = |value: &String| sent.as_bytes() == value.as_bytes();
                value.as_ref().is_none_or(same)
            }),
        };
        let mut pins = self.pins.iter();
        pins.find(|(who, _)| fits(who)).map(|(_, version)| *version)
    }

    /// Whether the operator says that a tool may be called twice.
    pub(super) fn repeats(&self, tool: &str) -> bool {
        self.repeatable.iter().any(|pattern| fits(pattern, tool))
    }

    pub(super) fn mirror(&self, random: u64) -> Option<usize> {
        let (version, percent) = self.mirror?;
        (random % 100 < u64::from(percent)).then_some(version)
    }
}

fn belongs_to_callers(source: &Source) -> bool {
    match source {
        Source::Network | Source::Rest(_) => false,
        Source::Command(command) => command.per != Sharing::Gateway,
    }
}

fn transport(source: &Source) -> Transport {
    match source {
        Source::Network => Transport::StreamableHttp,
        Source::Rest(_) => Transport::Rest,
        Source::Command(_) => Transport::Stdio,
    }
}

/// The watch goes on across configurations that leave its rules and the weights as they are.
fn watch(config: &config::Server, previous: Option<&Server>, now: Instant) -> Option<Arc<Watch>> {
    let rules = config.canary.as_ref()?;
    let weights = config
        .versions
        .iter()
        .map(|version| (&*version.name, version.weight));
    let carried = previous.and_then(|server| {
        let before = server.versions.iter();
        let same = before
            .map(|version| (&**version.name(), version.weight()))
            .eq(weights);
        let watch = server.watch.as_ref()?;
        (same && watch.rules() == rules).then(|| Arc::clone(watch))
    });
    Some(carried.unwrap_or_else(|| Arc::new(Watch::new(rules, now))))
}

/// Whether `pattern`, in which `*` stands for any text, fits the whole of `text`.
fn fits(pattern: &str, text: &str) -> bool {
    let mut pieces = pattern.split('*');
    let Some(mut rest) = pieces.next().and_then(|first| text.strip_prefix(first)) else {
        return false;
    };
    let mut last = None;
    for piece in pieces {
        if let Some(between) = last.replace(piece) {
            let Some(at) = rest.find(between) else {
                return false;
            };
            rest = rest.get(at + between.len()..).unwrap_or_default();
        }
    }
    match last {
        Some(last) => rest.ends_with(last),
        None => rest.is_empty(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        for (pattern, text, expected) in [
            ("get", "get", true),
            ("get", "gets", false),
            ("get_*", "get_order", true),
            ("get_*", "forget_order", false),
            ("*_get", "orders_get", true),
            ("*", "", true),
            ("", "", true),
            ("", "a", false),
            ("a*b*c", "a-b-c", true),
            ("a*b*c", "a-c-b", false),
            ("a*b*b", "a-b", false),
            ("*b*", "abc", true),
        ] {
            assert_eq!(fits(pattern, text), expected, "{pattern} {text}");
        }
    }
}
