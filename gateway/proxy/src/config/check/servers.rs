//! The MCP servers behind the gateway.

use std::collections::BTreeMap;

use rustls::pki_types::ServerName;
use url::Url;

use super::Checker;
use super::traffic::{self, Written};
use crate::config::bounds::SERVER_NAME_BYTES_MAX;
use crate::config::checked::{Protocol, Server, ServerTls, Source, Timeouts, Version};
use crate::config::fault::{Path, Shown};
use crate::config::raw;
use crate::config::read::is_ambiguous_word;

const NAME_FORM: &str = "1 to 63 of `a` to `z`, `0` to `9` and `-`, not beginning with `-`";

impl Checker<'_> {
    pub(super) fn servers(
        &mut self,
        raw: &BTreeMap<String, raw::Server>,
        exchangeable: bool,
    ) -> Vec<Server> {
        let path = Path::of("servers");
        raw.iter()
            .map(|(name, server)| self.server(name, server, exchangeable, &path.key(name)))
            .collect()
    }

    fn server(&mut self, name: &str, raw: &raw::Server, exchangeable: bool, path: &Path) -> Server {
        self.server_name(name, path);
        let versions = self.versions(raw, path);
        let tls =
            ServerTls {
                ca: raw
                    .tls
                    .ca
                    .as_ref()
                    .and_then(|ca| self.authorities(ca, &path.key("tls").key("ca"))),
                server_name: raw.tls.server_name.clone(),
                client: raw.tls.client.as_ref().and_then(|client| {
                    self.client_certificate(client, &path.key("tls").key("client"))
                }),
            };
        if let Some(name) = &raw.tls.server_name
            && ServerName::try_from(name.as_str()).is_err()
        {
            let at = path.key("tls").key("server_name");
            self.fault(
                &at,
                "this is not a host name",
                "a name such as `orders.example.com`",
            );
        }
        let tls_raw = &raw.tls;
        let trusts =
            tls_raw.ca.is_some() || tls_raw.server_name.is_some() || tls_raw.client.is_some();
        if trusts && traffic::all_plain(&versions) {
            self.fault(
                &path.key("tls"),
                "TLS is set up, but every URL is `http`",
                "`tls` with `https` only",
            );
        }
        let urls = versions.iter().flat_map(Version::addresses);
        let urls: Vec<Url> = urls.cloned().collect();
        let auth = self.server_auth(raw, &urls, exchangeable, path);
        self.local_server(raw, &versions, path);
        Server {
            name: name.to_owned(),
            balance: traffic::balance(raw.balance),
            health: self.health(&raw.health, path),
            retry: self.retry(&raw.retry, path),
            canary: match &raw.canary {
                Some(canary) => self.canary(canary, &versions, path),
                None => None,
            },
            mirror: match &raw.mirror {
                Some(mirror) => self.mirror(mirror, &versions, path),
                None => None,
            },
            pins: self.pins(&raw.pins, &versions, path),
            capacity: traffic::capacity(&raw.capacity),
            versions,
            protocol: match raw.protocol {
                raw::Protocol::Auto => Protocol::Auto,
                raw::Protocol::Http1 => Protocol::Http1,
                raw::Protocol::Http2 => Protocol::Http2,
            },
            timeouts: Timeouts {
                connect: raw.timeouts.connect.into(),
                answer: raw.timeouts.answer.into(),
                idle: raw.timeouts.idle.into(),
            },
            tls,
            auth,
            audiences: raw.audiences.clone(),
            tools: self.tools(&raw.tools, path),
        }
    }

    pub(super) fn server_name(&mut self, name: &str, path: &Path) {
        let place = self.tree.place_of_key(path);
        let fit = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if name.is_empty()
            || name.len() > SERVER_NAME_BYTES_MAX
            || name.starts_with('-')
            || !name.bytes().all(fit)
        {
            self.findings.add(
                place,
                path,
                format!("`{}` cannot name a server", Shown(name)),
                NAME_FORM,
            );
        } else if self.tree.is_plain_key(path) && is_ambiguous_word(name) {
            let what =
                format!("the name `{name}` without quotes is a yes-or-no to many YAML readers");
            self.findings
                .add(place, path, what, &format!("`\"{name}\"`, or another name"));
        }
    }

    /// Where a version of a server is, and what stands behind it.
    pub(super) fn source(&mut self, raw: Written<'_>, path: &Path) -> (Vec<Url>, Source) {
        let at = path.key("openapi");
        let Some(openapi) = raw.openapi else {
            return (self.urls(raw, path), Source::Network);
        };
        if raw.one.is_some() || raw.several.is_some() {
            self.fault(&at, "both an URL and `openapi`", "one of the two");
        }
        let rest = self.rest(openapi, &at);
        (Vec::new(), rest.map_or(Source::Network, Source::Rest))
    }

    fn urls(&mut self, raw: Written<'_>, path: &Path) -> Vec<Url> {
        let [one, several] = [path.key("url"), path.key("urls")];
        match (raw.one, raw.several) {
            (Some(_), Some(_)) => {
                self.fault(&several, "both `url` and `urls`", "one of the two");
                Vec::new()
            }
            (Some(url), None) => self.url(url, &one).into_iter().collect(),
            (None, Some(urls)) => self.several_urls(urls, &several),
            (None, None) => {
                let noted = [&one, &several, &path.key("openapi")]
                    .into_iter()
                    .any(|path| self.findings.touch(path));
                if !noted && !self.findings.suggest(path, &["url", "urls", "openapi"]) {
                    let place = self.tree.place_of_key(path);
                    self.findings.add(
                        place,
                        path,
                        "`url` is missing",
                        "`url`, `urls` with at least one, or `openapi`",
                    );
                }
                Vec::new()
            }
        }
    }

    fn several_urls(&mut self, texts: &[String], path: &Path) -> Vec<Url> {
        let mut urls: Vec<Url> = Vec::new();
        for (index, text) in texts.iter().enumerate() {
            let path = path.index(index);
            let Some(url) = self.url(text, &path) else {
                continue;
            };
            if urls.contains(&url) {
                self.fault(
                    &path,
                    "this URL stands in the list already",
                    "each URL once",
                );
            }
            urls.push(url);
        }
        urls
    }
}
