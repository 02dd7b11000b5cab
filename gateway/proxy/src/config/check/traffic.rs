//! Versions, weights, health, retries, canaries, mirrors and pins of a server.

use url::Url;

use super::Checker;
use crate::config::bounds::{KEY_CHARS_MIN, VERSION_NAME_BYTES_MAX, WEIGHT_MAX};
use crate::config::checked::{
    Balance, Canary, Capacity, Check, ClientCertificate, Health, Mirror, Pin, Pinned, Retry,
    Sessions, Version,
};
use crate::config::fault::{Path, Shown};
use crate::config::raw::local::OpenApi;
use crate::config::raw::traffic::{self as raw, RATIO, SHARE};
use crate::config::{certificate, raw as shapes};

const NAME_FORM: &str = "1 to 64 of letters, digits, `.`, `_` and `-`";

impl Checker<'_> {
    /// The versions of a server; of one without any, its only one, which has no name.
    pub(super) fn versions(&mut self, raw: &shapes::Server, path: &Path) -> Vec<Version> {
        let written = Written::from(raw);
        let Some(versions) = &raw.versions else {
            let (urls, source) = self.source(written, path);
            return vec![Version {
                name: String::new(),
                urls,
                source,
                weight: 1,
            }];
        };
        let at = path.key("versions");
        if written.is_anything() {
            self.fault(&at, "both an URL and `versions`", "one of the two");
        }
        let checked: Vec<Version> = versions
            .iter()
            .map(|(name, version)| self.version(name, version, &at.key(name)))
            .collect();
        if !checked.is_empty() && checked.iter().all(|version| version.weight == 0) {
            let allowed = format!("1 to {WEIGHT_MAX} for at least one of them");
            self.fault(&at, "every version has the weight 0", &allowed);
        }
        checked
    }

    fn version(&mut self, name: &str, raw: &raw::Version, path: &Path) -> Version {
        let fit = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        let fits = (1..=VERSION_NAME_BYTES_MAX).contains(&name.len());
        if !fits || !name.chars().all(fit) {
            let place = self.tree.place_of_key(path);
            let what = format!("`{}` cannot name a version", Shown(name));
            self.findings.add(place, path, what, NAME_FORM);
        }
        let (urls, source) = self.source(Written::from(raw), path);
        Version {
            name: name.to_owned(),
            urls,
            source,
            weight: raw.weight,
        }
    }

    /// Whether one of the versions has this name; a fault where none has.
    fn known_version(&mut self, name: &str, versions: &[Version], path: &Path) -> bool {
        let known = versions
            .iter()
            .any(|version| !name.is_empty() && version.name == name);
        if !known {
            let names: Vec<&str> = versions.iter().map(|version| &*version.name).collect();
            let what = format!("the server has no version `{}`", Shown(name));
            self.fault(path, what, &names.join(", "));
        }
        known
    }

    pub(super) fn health(&mut self, raw: &raw::Health, path: &Path) -> Health {
        if !raw.path.starts_with('/') || raw.path.contains(|c: char| c <= ' ' || c > '~') {
            let at = path.key("health").key("path");
            self.fault(&at, "this is not a path", "a path such as `/healthz`");
        }
        Health {
            check: match raw.check {
                raw::Check::Auto => Check::Auto,
                raw::Check::Mcp => Check::Mcp,
                raw::Check::Http => Check::Http(raw.path.clone()),
                raw::Check::None => Check::None,
            },
            every: raw.every.into(),
            timeout: raw.timeout.into(),
            unhealthy_after: raw.unhealthy_after,
            healthy_after: raw.healthy_after,
            eject_after: raw.eject_after,
            eject_for: raw.eject_for.into(),
            open_after: raw.open_after,
        }
    }

    pub(super) fn retry(&mut self, raw: &raw::Retry, path: &Path) -> Retry {
        let path = path.key("retry");
        Retry {
            attempts: raw.attempts,
            budget_percent: self.share(&raw.budget, &path.key("budget")),
            try_timeout: raw.try_timeout.map(Into::into),
            tools: raw.tools.clone(),
        }
    }

    pub(super) fn canary(
        &mut self,
        raw: &raw::Canary,
        versions: &[Version],
        path: &Path,
    ) -> Option<Canary> {
        let path = path.key("canary");
        let max_error_ratio = self.ratio(&raw.max_error_ratio, &path.key("max_error_ratio"));
        let max_p95_ratio = self.ratio(&raw.max_p95_ratio, &path.key("max_p95_ratio"));
        let weighted = || versions.iter().filter(|version| version.weight > 0);
        if versions.len() < 2 {
            let what = "a canary is compared with another version";
            self.fault(&path, what, "`versions` with at least two");
            return None;
        }
        let version = match &raw.version {
            Some(name) => self
                .known_version(name, versions, &path.key("version"))
                .then(|| name.clone())?,
            None => {
                let least = weighted().map(|version| version.weight).min()?;
                let mut smallest = weighted().filter(|version| version.weight == least);
                let first = smallest.next()?;
                if smallest.next().is_some() {
                    let what = "several versions have the smallest weight";
                    self.fault(&path, what, "`version` with the name of the new one");
                    return None;
                }
                first.name.clone()
            }
        };
        Some(Canary {
            version,
            watch: raw.watch.into(),
            max_error_ratio: max_error_ratio?,
            max_p95_ratio: max_p95_ratio?,
            min_calls: raw.min_calls,
        })
    }

    pub(super) fn mirror(
        &mut self,
        raw: &raw::Mirror,
        versions: &[Version],
        path: &Path,
    ) -> Option<Mirror> {
        let path = path.key("mirror");
        let known = self.known_version(&raw.version, versions, &path.key("version"));
        let percent = match &raw.share {
            Some(share) => self.share(share, &path.key("share")),
            None => 100,
        };
        known.then(|| Mirror {
            version: raw.version.clone(),
            percent,
        })
    }

    pub(super) fn pins(&mut self, raw: &[raw::Pin], versions: &[Version], path: &Path) -> Vec<Pin> {
        let path = path.key("pins");
        let mut pins = Vec::new();
        for (index, pin) in raw.iter().enumerate() {
            let at = path.index(index);
            let known = self.known_version(&pin.version, versions, &at.key("version"));
            let who = match (&pin.agent, &pin.team, &pin.header) {
                (Some(agent), None, None) if pin.value.is_none() => {
                    Some(Pinned::Agent(agent.clone()))
                }
                (None, Some(team), None) if pin.value.is_none() => Some(Pinned::Team(team.clone())),
                (None, None, Some(header)) => self.pinned_header(header, pin, &at),
                _ => {
                    let allowed = "one of `agent`, `team` and `header`; `value` with `header` only";
                    self.fault(&at, "it is not plain whom this pins", allowed);
                    None
                }
            };
            if let Some(who) = who.filter(|_| known) {
                pins.push(Pin {
                    who,
                    version: pin.version.clone(),
                });
            }
        }
        pins
    }

    fn pinned_header(&mut self, header: &str, pin: &raw::Pin, path: &Path) -> Option<Pinned> {
        match header.parse() {
            Ok(name) => Some(Pinned::Header {
                name,
                value: pin.value.clone(),
            }),
            Err(_) => {
                let at = path.key("header");
                self.fault(
                    &at,
                    "this cannot name a header",
                    "a name such as `x-version`",
                );
                None
            }
        }
    }

    pub(super) fn client_certificate(
        &mut self,
        raw: &raw::ClientCertificate,
        path: &Path,
    ) -> Option<ClientCertificate> {
        let [cert, key] = [self.file(&raw.cert), self.file(&raw.key)];
        let chain = match certificate::read_chain(&cert) {
            Ok(chain) => chain,
            Err(error) => {
                let allowed = "a PEM file with a certificate";
                self.fault(&path.key("cert"), error.to_string(), allowed);
                return None;
            }
        };
        if let Err(error) = certificate::check_key(&key, Some(chain)) {
            let allowed = "a PEM file with the private key of `cert`";
            self.fault(&path.key("key"), error.to_string(), allowed);
            return None;
        }
        Some(ClientCertificate { cert, key })
    }

    pub(super) fn sessions(&mut self, raw: &raw::Sessions) -> Sessions {
        let path = Path::of("sessions.keys");
        let mut keys = Vec::new();
        for (index, key) in raw.keys.iter().enumerate() {
            let at = path.index(index);
            let Some(key) = self.secret(key, &at) else {
                continue;
            };
            if key.expose().len() < KEY_CHARS_MIN {
                let allowed = format!("at least {KEY_CHARS_MIN} characters, drawn at random");
                self.fault(&at, "this key is too short", &allowed);
            }
            keys.push(key);
        }
        Sessions {
            keys,
            lifetime: raw.lifetime.into(),
        }
    }

    /// `20%` as 20; 0 where that is a fault.
    fn share(&mut self, text: &str, path: &Path) -> u32 {
        let number = text.strip_suffix('%').and_then(|text| text.parse().ok());
        match number.filter(|percent| *percent <= 100) {
            Some(percent) => percent,
            None => {
                self.fault(path, "this is not a share", SHARE);
                0
            }
        }
    }

    /// `1.5x` as 1.5.
    fn ratio(&mut self, text: &str, path: &Path) -> Option<f64> {
        let number: Option<f64> = text.strip_suffix('x').and_then(|text| text.parse().ok());
        let number = number.filter(|ratio| (1.0..=1000.0).contains(ratio));
        if number.is_none() {
            let allowed = format!("{RATIO}, from `1x` to `1000x`");
            self.fault(path, "this is not a ratio", &allowed);
        }
        number
    }
}

pub(super) fn balance(raw: raw::Balance) -> Balance {
    match raw {
        raw::Balance::RoundRobin => Balance::RoundRobin,
        raw::Balance::LeastLoaded => Balance::LeastLoaded,
        raw::Balance::ConsistentHash => Balance::ConsistentHash,
    }
}

pub(super) fn capacity(raw: &raw::Capacity) -> Capacity {
    Capacity {
        calls: raw.calls,
        queue: raw.queue,
        queue_timeout: raw.queue_timeout.into(),
        streams: raw.streams,
    }
}

/// What the file says of where a server, or a version of it, is.
#[derive(Clone, Copy)]
pub(super) struct Written<'a> {
    pub one: &'a Option<String>,
    pub several: &'a Option<Vec<String>>,
    pub openapi: Option<&'a OpenApi>,
}

impl Written<'_> {
    fn is_anything(self) -> bool {
        self.one.is_some() || self.several.is_some() || self.openapi.is_some()
    }
}

impl<'a> From<&'a shapes::Server> for Written<'a> {
    fn from(raw: &'a shapes::Server) -> Self {
        Self {
            one: &raw.url,
            several: &raw.urls,
            openapi: raw.openapi.as_ref(),
        }
    }
}

impl<'a> From<&'a raw::Version> for Written<'a> {
    fn from(raw: &'a raw::Version) -> Self {
        Self {
            one: &raw.url,
            several: &raw.urls,
            openapi: raw.openapi.as_ref(),
        }
    }
}

/// Whether every URL is plain HTTP, so that nothing about TLS can apply.
pub(super) fn all_plain(versions: &[Version]) -> bool {
    let mut urls = versions.iter().flat_map(Version::addresses).peekable();
    urls.peek().is_some() && urls.all(|url: &Url| url.scheme() == "http")
}
