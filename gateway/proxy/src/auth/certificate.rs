//! Client certificates: from one that TLS has verified to the agent that it names.
//!
//! Whether the certificate is genuine and its holder has the key is decided by TLS, before any
//! request; this never judges that.

use gantry_analytics::record::AuthMethod;
use sha2::{Digest, Sha256};
use x509_parser::{
    extensions::GeneralName,
    prelude::{FromDer as _, X509Certificate},
};

use super::caller::{Caller, Identified};
use crate::config::{CertificateAgent, CertificateName, Certificates};

/// The longest name that is taken from a certificate.
const NAME_BYTES_MAX: usize = 256;

/// What of a verified client certificate matters later. It belongs to its connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerCertificate {
    sha256: [u8; 32],
    common_name: Option<String>,
    dns: Option<String>,
    uri: Option<String>,
}

impl PeerCertificate {
    /// Reads the names of a certificate that TLS has verified; `None` where it is none.
    pub fn read(der: &[u8]) -> Option<Self> {
        let (_, certificate) = X509Certificate::from_der(der).ok()?;
        let mut common_names = certificate.subject().iter_common_name();
        let common_name = common_names.next().and_then(|name| name.as_str().ok());
        // Of two common names, two readers may each believe another one.
        let common_name = common_name.filter(|_| common_names.next().is_none());
        let alternatives = certificate.subject_alternative_name().ok().flatten();
        let names = alternatives.map_or(&[][..], |extension| &extension.value.general_names);
        let dns = names.iter().find_map(|name| match name {
            GeneralName::DNSName(name) => Some(*name),
            _ => None,
        });
        let uri = names.iter().find_map(|name| match name {
            GeneralName::URI(uri) => Some(*uri),
            _ => None,
        });
        Some(Self {
            sha256: Sha256::digest(der).into(),
            common_name: common_name.and_then(fit),
            dns: dns.and_then(fit),
            uri: uri.and_then(fit),
        })
    }

    /// SHA-256 of the whole certificate, as tokens name it (RFC 8705 section 3.1).
    pub(super) fn sha256(&self) -> &[u8; 32] {
        &self.sha256
    }
}

fn fit(name: &str) -> Option<String> {
    let fits = (1..=NAME_BYTES_MAX).contains(&name.len()) && !name.chars().any(char::is_control);
    fits.then(|| name.to_owned())
}

/// Which agents have certificates.
#[derive(Debug)]
pub(super) struct CertificateAgents {
    name: CertificateName,
    listed: Vec<(String, Caller)>,
}

impl CertificateAgents {
    pub(super) fn compile(certificates: &Certificates) -> Self {
        let listed = certificates.agents.iter();
        let mut listed: Vec<_> = listed
            .map(|(name, agent)| (name.clone(), caller(agent.clone())))
            .collect();
        listed.sort_by(|(one, _), (other, _)| one.cmp(other));
        Self {
            name: certificates.name,
            listed,
        }
    }

    /// The agent that a certificate names, where it names one of ours.
    pub(super) fn find(&self, certificate: &PeerCertificate) -> Option<Caller> {
        let name = match self.name {
            CertificateName::CommonName => certificate.common_name.as_deref(),
            CertificateName::Dns => certificate.dns.as_deref(),
            CertificateName::Uri => certificate.uri.as_deref(),
        }?;
        if self.listed.is_empty() {
            return Some(caller(CertificateAgent {
                agent: name.to_owned(),
                teams: Vec::new(),
                scopes: Vec::new(),
            }));
        }
        let at = self
            .listed
            .binary_search_by(|(known, _)| known.as_str().cmp(name));
        let found = at.ok().and_then(|at| self.listed.get(at));
        found.map(|(_, caller)| caller.clone())
    }
}

fn caller(agent: CertificateAgent) -> Caller {
    Caller::new(Identified {
        agent: agent.agent,
        teams: agent.teams,
        scopes: agent.scopes,
        method: AuthMethod::Mtls,
        ..Identified::default()
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use rcgen::{CertificateParams, DnType, KeyPair, SanType};

    use super::*;

    fn certificate(common_name: &str, names: Vec<SanType>) -> PeerCertificate {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params
            .distinguished_name
            .push(DnType::CommonName, common_name);
        params.subject_alt_names = names;
        let key = KeyPair::generate().unwrap();
        let der = params.self_signed(&key).unwrap().der().to_vec();
        PeerCertificate::read(&der).unwrap()
    }

    #[test]
    fn the_name_that_counts_is_the_configured_one() {
        let spiffe = "spiffe://prod/billing";
        let one = certificate(
            "billing",
            vec![
                SanType::DnsName("billing.internal".try_into().unwrap()),
                SanType::URI(spiffe.try_into().unwrap()),
            ],
        );
        let agent = |name, agents| {
            let certificates = Certificates {
                ca: "ca.pem".into(),
                name,
                agents,
            };
            CertificateAgents::compile(&certificates).find(&one)
        };
        let own = |name| agent(name, BTreeMap::new()).unwrap().agent().to_owned();
        assert_eq!(own(CertificateName::CommonName), "billing");
        assert_eq!(own(CertificateName::Dns), "billing.internal");
        assert_eq!(own(CertificateName::Uri), spiffe);

        let mapped = CertificateAgent {
            agent: "billing-bot".to_owned(),
            teams: vec!["finance".to_owned()],
            scopes: Vec::new(),
        };
        let listed = BTreeMap::from([(spiffe.to_owned(), mapped)]);
        let found = agent(CertificateName::Uri, listed.clone()).unwrap();
        assert_eq!(
            (found.agent(), found.teams()),
            ("billing-bot", &["finance".to_owned()][..])
        );
        assert_eq!(found.method(), AuthMethod::Mtls);
        assert!(agent(CertificateName::Dns, listed).is_none(), "not listed");
    }

    #[test]
    fn what_names_nobody_is_nobody() {
        assert_eq!(PeerCertificate::read(b"not a certificate"), None);
        let odd = certificate("a\u{7}b", Vec::new());
        assert_eq!(odd.common_name, None);
    }
}
