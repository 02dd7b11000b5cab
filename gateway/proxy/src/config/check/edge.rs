//! The two listeners: where they listen, and who could reach them there.

use std::net::SocketAddr;
use std::path::PathBuf;

use url::{Origin, Url};

use super::Checker;
use crate::config::Secret;
use crate::config::bounds;
use crate::config::certificate;
use crate::config::checked::{Admin, Insecure, Listen, ListenTls};
use crate::config::fault::Path;
use crate::config::raw;

impl Checker<'_> {
    pub(super) fn listen(
        &mut self,
        raw: &raw::Listen,
        insecure: Insecure,
        identified: bool,
    ) -> Option<Listen> {
        let path = Path::of("listen");
        let plain = |address: &String| raw::ListenDetails {
            address: address.clone(),
            ..Default::default()
        };
        let (details, at) = match raw {
            raw::Listen::Address(address) => (plain(address), path.clone()),
            raw::Listen::Detailed(details) => (details.clone(), path.key("address")),
        };
        let address = match raw {
            raw::Listen::Detailed(_) if self.is_absent(&at) => None,
            _ => self.address(&details.address, &at),
        };
        if let Some(address) = address
            && !address.ip().is_loopback()
            && !insecure.anonymous
            && !identified
        {
            let what = "callers without an identity could reach this address from other machines";
            self.fault(
                &at,
                what,
                "a loopback address such as `127.0.0.1:8080`, a section `auth`, or `insecure: {anonymous: true}`",
            );
        }
        let hosts = self.hosts(&details.hosts, &path.key("hosts"));
        let origins = self.origins(&details.origins, &path.key("origins"));
        let tls = details
            .tls
            .as_ref()
            .map(|tls| self.listen_tls(tls, &path.key("tls")));
        Some(Listen {
            address: address?,
            hosts,
            origins,
            tls,
            connections: details.connections,
            header_timeout: details.header_timeout.into(),
            idle_timeout: details.idle_timeout.into(),
        })
    }

    pub(super) fn admin(
        &mut self,
        raw: &raw::Admin,
        insecure: Insecure,
        listen: Option<&Listen>,
    ) -> Option<Admin> {
        let path = Path::of("admin");
        let (text, at, credential) = match raw {
            raw::Admin::Address(address) => (address, path.clone(), None),
            raw::Admin::Detailed(details) => {
                let credential = details.credential.as_ref();
                (&details.address, path.key("address"), credential)
            }
        };
        let credential =
            credential.and_then(|secret| self.credential(secret, &path.key("credential")));
        if matches!(raw, raw::Admin::Detailed(_)) && self.is_absent(&at) {
            return None;
        }
        let address = self.address(text, &at)?;
        if !address.ip().is_loopback() && !insecure.admin_remote {
            let what = "the admin listener asks nobody who they are, and could be reached from other machines";
            self.fault(
                &at,
                what,
                "a loopback address such as `127.0.0.1:9090`, or `insecure: {admin_remote: true}`",
            );
        }
        // Port 0 asks the system for any free port, twice.
        if address.port() != 0 && listen.is_some_and(|listen| listen.address == address) {
            self.fault(&at, "the data listener has this address", "another port");
        }
        Some(Admin {
            address,
            credential,
        })
    }

    /// What opens `/usage`: too short a one could be guessed.
    fn credential(&mut self, secret: &Secret, path: &Path) -> Option<Secret> {
        let credential = self.secret(secret, path)?;
        if credential.expose().chars().count() < bounds::CREDENTIAL_CHARS_MIN {
            let allowed = format!("{} characters or more", bounds::CREDENTIAL_CHARS_MIN);
            self.fault(path, "this could be guessed", &allowed);
        }
        Some(credential)
    }

    fn address(&mut self, text: &str, path: &Path) -> Option<SocketAddr> {
        let address = text.parse().ok();
        if address.is_none() {
            self.fault(path, "this is not an address", raw::ADDRESS);
        }
        address
    }

    fn hosts(&mut self, hosts: &[String], path: &Path) -> Vec<String> {
        let mut accepted = Vec::new();
        for (index, host) in hosts.iter().enumerate() {
            match host.parse::<http::uri::Authority>() {
                Ok(authority) if !authority.as_str().contains('@') => {
                    accepted.push(host.to_ascii_lowercase())
                }
                _ => self.fault(
                    &path.index(index),
                    "this is not a host name",
                    "a name with or without a port, such as `gw.example.com` or `localhost:8080`",
                ),
            }
        }
        accepted
    }

    fn origins(&mut self, origins: &[String], path: &Path) -> Vec<String> {
        let mut accepted = Vec::new();
        for (index, origin) in origins.iter().enumerate() {
            match read_origin(origin) {
                Some(origin) => accepted.push(origin),
                None => self.fault(
                    &path.index(index),
                    "this is not a web origin",
                    "scheme, host and port without a path, such as `https://app.example.com`",
                ),
            }
        }
        accepted
    }

    fn listen_tls(&mut self, raw: &raw::ListenTls, path: &Path) -> ListenTls {
        let (cert, key) = self.certificate(&raw.cert, &raw.key, path);
        let mut further = Vec::new();
        for (index, one) in raw.further.iter().enumerate() {
            let path = path.key("further").index(index);
            further.push(self.certificate(&one.cert, &one.key, &path));
        }
        ListenTls { cert, key, further }
    }

    /// Checks a certificate and its key.
    fn certificate(&mut self, cert: &str, key: &str, path: &Path) -> (PathBuf, PathBuf) {
        let [cert, key] = [self.file(cert), self.file(key)];
        let mut chain = None;
        if !self.is_absent(&path.key("cert")) {
            match certificate::read_chain(&cert) {
                Ok(read) => chain = Some(read),
                Err(error) => self.fault(
                    &path.key("cert"),
                    error.to_string(),
                    "a PEM file with a certificate",
                ),
            }
        }
        if !self.is_absent(&path.key("key"))
            && let Err(error) = certificate::check_key(&key, chain)
        {
            self.fault(
                &path.key("key"),
                error.to_string(),
                "a PEM file with the private key of `cert`",
            );
        }
        (cert, key)
    }
}

/// The origin as a browser serialises it: lower case, without a default port.
fn read_origin(text: &str) -> Option<String> {
    let url = Url::parse(text).ok()?;
    let bare = url.path() == "/"
        && url.query().is_none()
        && url.fragment().is_none()
        && url.username().is_empty();
    match url.origin() {
        origin @ Origin::Tuple(..) if bare && !text.ends_with('/') => {
            Some(origin.ascii_serialization())
        }
        _ => None,
    }
}
