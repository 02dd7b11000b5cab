//! As whom the gateway calls a server: what it shows instead of the caller's credentials, which
//! never get there.
//!
//! Tokens are fetched before those at hand expire, once for all who wait for the same one. A fault
//! tells the operator which server and which OAuth error, and the caller nothing of either.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use http::{HeaderName, HeaderValue, header};
use moka::{Expiry, future::Cache};
use reqwest::Client;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::{
    Caller, FetchError, Fetcher, FetcherError,
    oauth::{self, ClientId},
};
use crate::config::{Checked, Secret, ServerAuth, TokenRequest};

/// How long before its end a token is replaced.
const EARLY: Duration = Duration::from_secs(30);

/// How long a token is used where its issuer does not say.
const UNSAID: Duration = Duration::from_secs(60);

/// The longest that a token is used, whatever its issuer says.
const LONGEST: Duration = Duration::from_secs(60 * 60);

/// Tokens that are kept for one server.
const TOKENS_MAX: u64 = 10_000;

const EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";

/// What the gateway shows to each server of one configuration.
pub struct Credentials {
    by_server: HashMap<String, Outward>,
    fetcher: Arc<Fetcher>,
}

/// What one server is shown; servers that are shown nothing have none.
enum Outward {
    Header(HeaderName, HeaderValue),
    Token(Tokens),
}

struct Tokens {
    client: Client,
    request: Arc<TokenRequest>,
    who: Arc<ClientId>,
    /// Whether each caller's own token is exchanged for one.
    exchanged: bool,
    /// By the digest of the caller's token; of nothing, where there is one for all.
    held: Cache<[u8; 32], Token>,
}

#[derive(Clone)]
struct Token {
    header: HeaderValue,
    good_for: Duration,
}

/// Why there is nothing to show to a server. `Display` is the operator's text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoCredential {
    /// The caller came with something else than a token.
    #[error("server {server}: this caller has no token that could be exchanged")]
    NoToken {
        /// The server's name in the configuration.
        server: String,
    },
    /// The authorization server gives none.
    #[error("server {server}: no token from its authorization server: {source}")]
    Refused {
        /// The server's name in the configuration.
        server: String,
        /// What it says.
        source: FetchError,
    },
}

impl Credentials {
    /// Compiles a checked configuration. Nothing is fetched before it is needed.
    ///
    /// # Errors
    /// [`FetcherError`] when a file that it names has become unusable.
    pub fn compile(config: &Checked, fetcher: &Arc<Fetcher>) -> Result<Self, FetcherError> {
        let mut by_server = HashMap::new();
        for server in &config.servers {
            let outward = match &server.auth {
                ServerAuth::None => continue,
                ServerAuth::Header { name, value } => match secret_value(value.expose()) {
                    Some(value) => Outward::Header(name.clone(), value),
                    None => continue,
                },
                ServerAuth::ClientCredentials(request) => {
                    Outward::Token(Tokens::new(request, false, fetcher)?)
                }
                ServerAuth::TokenExchange(request) => {
                    Outward::Token(Tokens::new(request, true, fetcher)?)
                }
            };
            by_server.insert(server.name.clone(), outward);
        }
        Ok(Self {
            by_server,
            fetcher: Arc::clone(fetcher),
        })
    }

    /// The header that a call of `caller` carries to `server`.
    ///
    /// # Errors
    /// [`NoCredential`] when the server needs one and there is none: the call must not be made.
    pub async fn obtain(
        &self,
        server: &str,
        caller: &Caller,
    ) -> Result<Option<(HeaderName, HeaderValue)>, NoCredential> {
        match self.by_server.get(server) {
            None => Ok(None),
            Some(Outward::Header(name, value)) => Ok(Some((name.clone(), value.clone()))),
            Some(Outward::Token(tokens)) => {
                let token = Box::pin(tokens.obtain(server, caller, &self.fetcher)).await?;
                Ok(Some((header::AUTHORIZATION, token)))
            }
        }
    }

    /// Forgets a token that the server did not accept, so that the next call gets another one.
    pub async fn forget(&self, server: &str, caller: &Caller) {
        if let Some(Outward::Token(tokens)) = self.by_server.get(server) {
            tokens.held.invalidate(&tokens.key(caller)).await;
        }
    }
}

impl Tokens {
    fn new(
        request: &TokenRequest,
        exchanged: bool,
        fetcher: &Arc<Fetcher>,
    ) -> Result<Self, FetcherError> {
        Ok(Self {
            client: fetcher.client(request.ca.as_deref())?,
            who: Arc::new(ClientId {
                id: request.client_id.clone(),
                secret: request.client_secret.clone(),
            }),
            request: Arc::new(request.clone()),
            exchanged,
            held: Cache::builder()
                .max_capacity(TOKENS_MAX)
                .expire_after(UntilEarly)
                .build(),
        })
    }

    /// Where each caller has a token of its own, which one is this caller's.
    fn key(&self, caller: &Caller) -> [u8; 32] {
        let own = caller.token().filter(|_| self.exchanged);
        own.map_or([0; 32], |token| Sha256::digest(token.expose()).into())
    }

    async fn obtain(
        &self,
        server: &str,
        caller: &Caller,
        fetcher: &Fetcher,
    ) -> Result<HeaderValue, NoCredential> {
        let subject = match (self.exchanged, caller.token()) {
            (false, _) => None,
            (true, Some(token)) => Some(token.clone()),
            (true, None) => {
                let server = server.to_owned();
                return Err(NoCredential::NoToken { server });
            }
        };
        let fetched = self.held.try_get_with(self.key(caller), async {
            let (client, who) = (self.client.clone(), Arc::clone(&self.who));
            let request = Arc::clone(&self.request);
            let asked = fetcher.run(async move {
                let form = form(&request, subject.as_ref());
                let answer = oauth::post(&client, request.token_url.clone(), &who, &form).await?;
                read(&answer)
            });
            asked
                .await
                .unwrap_or(Err(FetchError::Exchange("the gateway ends")))
        });
        match fetched.await {
            Ok(token) => Ok(token.header),
            Err(source) => Err(NoCredential::Refused {
                server: server.to_owned(),
                source: FetchError::clone(&source),
            }),
        }
    }
}

/// The request for a token: RFC 6749 section 4.4.2, or RFC 8693 section 2.1.
fn form(request: &TokenRequest, subject: Option<&Secret>) -> Vec<(&'static str, String)> {
    let mut form = Vec::new();
    match subject {
        None => form.push(("grant_type", "client_credentials".to_owned())),
        Some(token) => form.extend([
            ("grant_type", EXCHANGE.to_owned()),
            ("subject_token", token.expose().to_owned()),
            ("subject_token_type", ACCESS_TOKEN.to_owned()),
            ("requested_token_type", ACCESS_TOKEN.to_owned()),
        ]),
    }
    if !request.scopes.is_empty() {
        form.push(("scope", request.scopes.join(" ")));
    }
    let named = [
        ("resource", &request.resource),
        ("audience", &request.audience),
    ];
    form.extend(
        named
            .into_iter()
            .filter_map(|(name, value)| Some((name, value.clone()?))),
    );
    form
}

fn read(answer: &Map<String, Value>) -> Result<Token, FetchError> {
    let text = |name: &str| answer.get(name).and_then(Value::as_str);
    let bearer = text("token_type").is_some_and(|kind| kind.eq_ignore_ascii_case("bearer"));
    let token = text("access_token").filter(|token| bearer && !token.is_empty());
    let header = token.and_then(|token| secret_value(&format!("Bearer {token}")));
    let seconds = answer.get("expires_in").and_then(Value::as_u64);
    let lives = seconds
        .map_or(UNSAID, Duration::from_secs)
        .min(LONGEST + EARLY);
    Ok(Token {
        header: header.ok_or(FetchError::Shape("a bearer token"))?,
        // One that hardly lives is not used up to its last second either.
        good_for: lives.checked_sub(EARLY).unwrap_or(lives / 2).max(lives / 2),
    })
}

fn secret_value(text: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// A token is kept until shortly before its end.
struct UntilEarly;

impl Expiry<[u8; 32], Token> for UntilEarly {
    fn expire_after_create(&self, _: &[u8; 32], token: &Token, _: Instant) -> Option<Duration> {
        Some(token.good_for)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn how_long_a_token_is_used() {
        let check = |expires_in: Value, seconds: u64| {
            let Value::Object(answer) =
                json!({"access_token": "t", "token_type": "bearer", "expires_in": expires_in})
            else {
                panic!("an object")
            };
            let token = read(&answer).unwrap();
            assert_eq!(token.good_for.as_secs(), seconds, "{expires_in}");
        };
        check(json!(300), 270);
        check(json!(40), 20);
        check(json!(10), 5);
        check(json!(null), 30);
        check(json!(1_000_000), 3_600);
    }

    #[test]
    fn what_is_no_bearer_token() {
        for wrong in [
            json!({}),
            json!({"access_token": "t"}),
            json!({"access_token": "t", "token_type": "N_A"}),
            json!({"access_token": "", "token_type": "Bearer"}),
            json!({"access_token": "a\r\nb", "token_type": "Bearer"}),
        ] {
            let Value::Object(answer) = &wrong else {
                panic!("an object")
            };
            assert!(read(answer).is_err(), "{wrong}");
        }
    }
}
