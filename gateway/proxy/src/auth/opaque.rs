//! Opaque tokens: their issuer is asked about them (RFC 7662).
//!
//! An answer is remembered for a short time, good and bad ones apart, so that made-up tokens cannot
//! push out the real ones. Where the issuer cannot be asked, nobody is let in.

use std::{sync::Arc, time::Duration};

use gantry_analytics::record::AuthMethod;
use moka::sync::Cache;
use reqwest::Client;
use serde_json::{Map, Value};
use tokio::{sync::Semaphore, time::timeout};
use url::Url;

use super::{
    bearer::{BearerFault, Trusted, Verified},
    caller::Caller,
    fetcher::{FetchError, Fetcher},
    keys::Unavailable,
    mapping::ClaimMap,
    oauth::{self, ClientId},
    token::{Rules, TOKEN_BYTES_MAX, TokenFault},
};
use crate::config::{Introspection, Secret};

/// How long an answer is believed. A token that is revoked may be used for so long.
const ACTIVE: Duration = Duration::from_secs(30);
const INACTIVE: Duration = Duration::from_secs(5);

/// How many answers are remembered.
const ACTIVE_MAX: u64 = 10_000;
const INACTIVE_MAX: u64 = 10_000;

/// Questions under way at once.
const QUESTIONS_MAX: usize = 64;

/// The longest that a call waits for an answer.
const TIMEOUT: Duration = Duration::from_secs(2);

/// The issuer that is asked about opaque tokens.
pub(super) struct Opaque {
    issuer: Arc<Trusted>,
    endpoint: Option<Url>,
    who: Arc<ClientId>,
    client: Client,
    fetcher: Arc<Fetcher>,
    claims: Arc<ClaimMap>,
    rules: Rules,
    active: Cache<[u8; 32], Arc<Verified>>,
    inactive: Cache<[u8; 32], ()>,
    questions: Semaphore,
}

impl Opaque {
    pub(super) fn new(
        introspection: &Introspection,
        issuer: Arc<Trusted>,
        claims: Arc<ClaimMap>,
        rules: Rules,
        client: Client,
        fetcher: &Arc<Fetcher>,
    ) -> Self {
        Self {
            issuer,
            endpoint: introspection.url.clone(),
            who: Arc::new(ClientId {
                id: introspection.client_id.clone(),
                secret: introspection.client_secret.clone(),
            }),
            client,
            fetcher: Arc::clone(fetcher),
            claims,
            rules,
            active: Cache::builder()
                .max_capacity(ACTIVE_MAX)
                .time_to_live(ACTIVE)
                .build(),
            inactive: Cache::builder()
                .max_capacity(INACTIVE_MAX)
                .time_to_live(INACTIVE)
                .build(),
            questions: Semaphore::new(QUESTIONS_MAX),
        }
    }

    /// What the issuer says about a token, by its digest.
    pub(super) async fn ask(
        &self,
        token: &str,
        digest: [u8; 32],
        exchanged: bool,
        now: u64,
    ) -> Result<Arc<Verified>, BearerFault> {
        if token.len() > TOKEN_BYTES_MAX {
            return Err(TokenFault::TooLong.into());
        }
        if let Some(known) = self.active.get(&digest) {
            return Ok(known);
        }
        if self.inactive.contains_key(&digest) {
            return Err(TokenFault::Inactive.into());
        }
        let answer = match timeout(TIMEOUT, self.introspect(token)).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) => return Err(self.unavailable(&error)),
            Err(_) => return Err(self.unavailable(&FetchError::Exchange("no answer in time"))),
        };
        match self.understand(answer, token, exchanged, now) {
            Ok(verified) => {
                let verified = Arc::new(verified);
                self.active.insert(digest, Arc::clone(&verified));
                Ok(verified)
            }
            Err(fault) => {
                self.inactive.insert(digest, ());
                Err(fault.into())
            }
        }
    }

    async fn introspect(&self, token: &str) -> Result<Map<String, Value>, FetchError> {
        let endpoint = match &self.endpoint {
            Some(url) => Some(url.clone()),
            None => {
                let metadata = self.issuer.keys.metadata().await;
                metadata.and_then(|metadata| metadata.introspection.clone())
            }
        };
        let endpoint =
            endpoint.ok_or(FetchError::Shape("metadata with an introspection endpoint"))?;
        let closed = |_| FetchError::Exchange("the gateway ends");
        let _slot = self.questions.acquire().await.map_err(closed)?;
        let (client, who) = (self.client.clone(), Arc::clone(&self.who));
        let token = Secret::new(token);
        let asked = self.fetcher.run(async move {
            let form = [
                ("token", token.expose()),
                ("token_type_hint", "access_token"),
            ];
            oauth::post(&client, endpoint, &who, &form).await
        });
        asked
            .await
            .unwrap_or(Err(FetchError::Exchange("the gateway ends")))
    }

    fn understand(
        &self,
        mut claims: Map<String, Value>,
        token: &str,
        exchanged: bool,
        now: u64,
    ) -> Result<Verified, TokenFault> {
        if claims.remove("active") != Some(Value::Bool(true)) {
            return Err(TokenFault::Inactive);
        }
        let issuer = claims.get("iss");
        if issuer.is_some_and(|issuer| issuer.as_str() != Some(&self.issuer.name)) {
            return Err(TokenFault::Issuer);
        }
        // The issuer answers for now; what it says nothing about is not believed for longer.
        let until = || Value::from(now.saturating_add(ACTIVE.as_secs()));
        claims.entry("exp").or_insert_with(until);
        let standing = self.rules.check_claims(&claims, now)?;
        let mut identified = self.claims.apply(claims, AuthMethod::Oidc)?;
        identified.token = exchanged.then(|| Secret::new(token));
        Ok(Verified {
            caller: Caller::new(identified),
            standing,
            issuer: Arc::clone(&self.issuer),
            generation: 0,
            token_bytes: token.len(),
        })
    }

    fn unavailable(&self, error: &FetchError) -> BearerFault {
        let issuer = self.issuer.name.clone();
        tracing::warn!(issuer, %error, "cannot ask an issuer about a token");
        Unavailable { issuer }.into()
    }
}
