//! API keys: known by their digests only, compared in constant time.

use std::collections::HashMap;

use gantry_analytics::record::AuthMethod;
use serde_json::Value;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq as _;

use super::caller::{Caller, Identified};
use crate::config::ApiKey;

/// The keys of one configuration.
#[derive(Debug, Default)]
pub(super) struct ApiKeys {
    /// By the beginning of the digest: what the time of a look-up gives away is a part of the
    /// digest of what was sent, which says nothing about any key.
    by_prefix: HashMap<[u8; 8], Vec<(Digested, Caller)>>,
}

type Digested = [u8; 32];

impl ApiKeys {
    pub(super) fn compile(keys: &[ApiKey]) -> Self {
        let mut by_prefix: HashMap<_, Vec<_>> = HashMap::new();
        for key in keys {
            let caller = Caller::new(Identified {
                agent: key.agent.clone(),
                teams: key.teams.clone(),
                scopes: key.scopes.clone(),
                claims: key
                    .claims
                    .iter()
                    .map(|(name, value)| (name.clone(), Value::from(value.as_str())))
                    .collect(),
                method: AuthMethod::ApiKey,
                ..Identified::default()
            });
            let entry = by_prefix.entry(prefix(&key.sha256)).or_default();
            entry.push((key.sha256, caller));
        }
        Self { by_prefix }
    }

    /// The holder of a key.
    pub(super) fn find(&self, key: &[u8]) -> Option<Caller> {
        if self.by_prefix.is_empty() {
            return None;
        }
        let digest = Digested::from(Sha256::digest(key));
        let candidates = self.by_prefix.get(&prefix(&digest))?;
        let equal = |known: &Digested| bool::from(known.ct_eq(&digest));
        let found = candidates.iter().find(|(known, _)| equal(known));
        found.map(|(_, caller)| caller.clone())
    }
}

fn prefix(digest: &Digested) -> [u8; 8] {
    let mut prefix = [0; 8];
    prefix
        .iter_mut()
        .zip(digest)
        .for_each(|(to, from)| *to = *from);
    prefix
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_known_by_its_digest() {
        let key = |text: &str, agent: &str| ApiKey {
            sha256: Sha256::digest(text).into(),
            agent: agent.to_owned(),
            teams: vec!["ops".to_owned()],
            scopes: Vec::new(),
            claims: [("tid".to_owned(), agent.to_uppercase())].into(),
        };
        let keys = ApiKeys::compile(&[key("first", "a"), key("second", "b")]);
        let found = keys.find(b"second").unwrap();
        assert_eq!(found.agent(), "b");
        assert_eq!(found.teams(), ["ops"]);
        assert_eq!(found.method(), AuthMethod::ApiKey);
        assert_eq!(found.claims()["tid"], "B");
        for wrong in ["", "firs", "first ", "FIRST"] {
            assert!(keys.find(wrong.as_bytes()).is_none(), "{wrong:?}");
        }
        assert!(ApiKeys::default().find(b"first").is_none());
    }
}
