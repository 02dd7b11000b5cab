//! Bearer tokens: from a text to a caller.
//!
//! What a token says never changes, so that it is remembered for a while; whether it is good for a
//! request is judged for each request anew.

use std::{sync::Arc, time::Duration};

use gantry_analytics::record::AuthMethod;
use moka::sync::Cache;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{
    caller::Caller,
    fetcher::{Fetcher, FetcherError},
    keys::{KeySource, Unavailable},
    mapping::ClaimMap,
    opaque::Opaque,
    resource::Resource,
    token::{Parts, Rules, Standing, TokenFault, looks_like_jwt},
};
use crate::config::{Algorithm, Auth, Secret};

/// How long a verified token is remembered.
const REMEMBER: Duration = Duration::from_secs(60);

/// What verified tokens may occupy, roughly.
const REMEMBERED_BYTES_MAX: u64 = 64 << 20;

/// An authorization server whose tokens are accepted.
pub(super) struct Trusted {
    pub name: String,
    algorithms: Vec<Algorithm>,
    audiences: Vec<String>,
    pub keys: Arc<KeySource>,
}

/// A token that was found good, and what of it must be judged again.
pub(super) struct Verified {
    pub caller: Caller,
    pub standing: Standing,
    pub issuer: Arc<Trusted>,
    /// The issuer's keys that verified it.
    pub generation: u64,
    pub token_bytes: usize,
}

/// What a token is shown for.
#[derive(Clone, Copy)]
pub(super) struct Occasion<'a> {
    pub resource: &'a Resource,
    /// SHA-256 of the connection's client certificate.
    pub certificate: Option<&'a [u8; 32]>,
    /// Unix time in seconds.
    pub now: u64,
}

/// Why a token gives no caller.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum BearerFault {
    #[error(transparent)]
    Token(#[from] TokenFault),
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// The tokens that one configuration accepts.
pub(super) struct Bearer {
    issuers: Vec<Arc<Trusted>>,
    rules: Rules,
    claims: Arc<ClaimMap>,
    verified: Cache<[u8; 32], Arc<Verified>>,
    opaque: Option<Opaque>,
    /// Whether some server is shown a token in exchange for the caller's.
    exchanged: bool,
}

impl Bearer {
    /// The keys of every issuer, by its name.
    pub(super) fn keys(&self) -> impl Iterator<Item = (&str, &Arc<KeySource>)> {
        let issuers = self.issuers.iter();
        issuers.map(|issuer| (issuer.name.as_str(), &issuer.keys))
    }

    pub(super) fn compile(
        auth: &Auth,
        exchanged: bool,
        fetcher: &Arc<Fetcher>,
    ) -> Result<Self, FetcherError> {
        let rules = Rules {
            typ: auth.typ,
            skew: auth.clock_skew.as_secs(),
        };
        let claims = Arc::new(ClaimMap::compile(auth));
        let (mut issuers, mut opaque) = (Vec::new(), None);
        for issuer in &auth.issuers {
            let trusted = Arc::new(Trusted {
                name: issuer.issuer.clone(),
                algorithms: issuer.algorithms.clone(),
                audiences: issuer.audiences.clone(),
                keys: fetcher.keys(issuer)?,
            });
            if let Some(introspection) = &issuer.introspection {
                let client = fetcher.client(issuer.ca.as_deref())?;
                let (issuer, claims) = (Arc::clone(&trusted), Arc::clone(&claims));
                opaque = Some(Opaque::new(
                    introspection,
                    issuer,
                    claims,
                    rules,
                    client,
                    fetcher,
                ));
            }
            issuers.push(trusted);
        }
        let weigh = |_: &[u8; 32], one: &Arc<Verified>| {
            // The claims are about as long as the token, and are held with their names.
            u32::try_from(one.token_bytes * 3 + 1_024).unwrap_or(u32::MAX)
        };
        Ok(Self {
            issuers,
            rules,
            claims,
            verified: Cache::builder()
                .weigher(weigh)
                .max_capacity(REMEMBERED_BYTES_MAX)
                .time_to_live(REMEMBER)
                .build(),
            opaque,
            exchanged,
        })
    }

    /// The caller that a token stands for.
    ///
    /// # Errors
    /// [`BearerFault`] says whether the token is bad or cannot be judged right now.
    pub(super) async fn identify(
        &self,
        token: &str,
        occasion: Occasion<'_>,
    ) -> Result<Caller, BearerFault> {
        let digest = <[u8; 32]>::from(Sha256::digest(token));
        if let Some(known) = self.verified.get(&digest)
            && known.generation == known.issuer.keys.generation()
        {
            self.judge(&known.standing, &known.issuer, occasion)?;
            return Ok(known.caller.clone());
        }
        if !looks_like_jwt(token) {
            let opaque = self.opaque.as_ref();
            let opaque = opaque.ok_or(TokenFault::Malformed("it is not a JWT"))?;
            let known = opaque
                .ask(token, digest, self.exchanged, occasion.now)
                .await?;
            self.judge(&known.standing, &known.issuer, occasion)?;
            return Ok(known.caller.clone());
        }
        let verified = Arc::new(self.verify(token, occasion).await?);
        self.verified.insert(digest, Arc::clone(&verified));
        Ok(verified.caller.clone())
    }

    /// What a token claims, its signature not looked at: for explanations, never for a request.
    pub(super) fn read(&self, token: &str, occasion: Occasion<'_>) -> Result<Caller, TokenFault> {
        let parts = Parts::read(token)?;
        let issuer = self.issuer(&parts)?;
        let standing = self.rules.check(&parts, occasion.now)?;
        self.judge(&standing, issuer, occasion)?;
        let identified = self.claims.apply(parts.claims, AuthMethod::Jwt)?;
        Ok(Caller::new(identified))
    }

    /// Everything that costs little comes first: a token that could not be used anyway neither
    /// costs a signature nor makes anybody ask its issuer.
    async fn verify(&self, token: &str, occasion: Occasion<'_>) -> Result<Verified, BearerFault> {
        let parts = Parts::read(token)?;
        let issuer = Arc::clone(self.issuer(&parts)?);
        let standing = self.rules.check(&parts, occasion.now)?;
        self.judge(&standing, &issuer, occasion)?;
        let mut held = issuer.keys.held().await?;
        if let Err(fault) = held.keys.verify(&parts) {
            // The issuer may have changed its keys, even under the names of the old ones.
            held = issuer.keys.newer(&held).await.ok_or(fault)?;
            held.keys.verify(&parts)?;
        }
        let mut identified = self.claims.apply(parts.claims, AuthMethod::Jwt)?;
        identified.token = self.exchanged.then(|| Secret::new(token));
        Ok(Verified {
            caller: Caller::new(identified),
            standing,
            issuer,
            generation: held.generation,
            token_bytes: token.len(),
        })
    }

    fn issuer(&self, parts: &Parts<'_>) -> Result<&Arc<Trusted>, TokenFault> {
        let name = match parts.claims.get("iss") {
            None => return Err(TokenFault::Missing("iss")),
            Some(Value::String(name)) => name,
            Some(_) => return Err(TokenFault::Claim("iss")),
        };
        let issuer = self.issuers.iter().find(|one| one.name == *name);
        let issuer = issuer.ok_or(TokenFault::Issuer)?;
        match issuer.algorithms.contains(&parts.algorithm) {
            true => Ok(issuer),
            false => Err(TokenFault::Algorithm),
        }
    }

    fn judge(
        &self,
        standing: &Standing,
        issuer: &Trusted,
        occasion: Occasion<'_>,
    ) -> Result<(), TokenFault> {
        let ours = |audience: &str| {
            occasion.resource.accepts(audience)
                || issuer.audiences.iter().any(|one| one == audience)
        };
        standing.check(ours, occasion.certificate, occasion.now, self.rules.skew)
    }
}
