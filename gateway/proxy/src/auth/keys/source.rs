//! The keys of one issuer at hand: fetched ahead of need, kept while the issuer is away.

use std::{
    future::Future,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use arc_swap::ArcSwapOption;
use http::{HeaderMap, header};
use reqwest::Client;
use sha2::{Digest, Sha256};
use tokio::{
    sync::{Notify, watch},
    time::timeout,
};
use url::Url;

use super::{
    KeySet,
    schedule::{Ask, STALE_MAX, Schedule},
};
use crate::{
    auth::{
        fetcher::{FetchError, fetch},
        metadata::{self, Metadata},
    },
    config::{Issuer, KeyPlace},
};

/// The longest that a token waits for keys that are being fetched.
const WAIT_MAX: Duration = Duration::from_secs(6);

/// The keys of one issuer.
pub(in crate::auth) struct KeySource {
    issuer: Issuer,
    client: Client,
    made: Instant,
    held: ArcSwapOption<Held>,
    metadata: ArcSwapOption<Metadata>,
    /// Whether the metadata is to be asked for again: the last fetch failed.
    doubtful: AtomicBool,
    schedule: Mutex<Schedule>,
    wake: Arc<Notify>,
    /// Counts the fetches that have ended, well or badly.
    fetches: watch::Sender<u64>,
}

/// Keys that were fetched.
pub(in crate::auth) struct Held {
    pub keys: KeySet,
    /// Another number for other keys; from 1.
    pub generation: u64,
    digest: [u8; 32],
    since: Instant,
}

/// An issuer does not answer, so that nobody can say whether its tokens are good.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("issuer {issuer} cannot be asked")]
pub struct Unavailable {
    /// As configured.
    pub issuer: String,
}

impl KeySource {
    /// The keys of `issuer`, and the task that keeps them up to date until they are dropped.
    pub(in crate::auth) fn new(
        issuer: Issuer,
        client: Client,
    ) -> (Arc<Self>, impl Future<Output = ()> + Send + 'static) {
        let wake = Arc::new(Notify::new());
        let source = Arc::new(Self {
            issuer,
            client,
            made: Instant::now(),
            held: ArcSwapOption::empty(),
            metadata: ArcSwapOption::empty(),
            doubtful: AtomicBool::new(false),
            schedule: Mutex::default(),
            wake: Arc::clone(&wake),
            fetches: watch::Sender::new(0),
        });
        let upkeep = keep(Arc::downgrade(&source), wake);
        (source, upkeep)
    }

    /// Whether these are the keys of an issuer that is configured in this way.
    pub(in crate::auth) fn is_of(&self, issuer: &Issuer) -> bool {
        self.issuer.issuer == issuer.issuer
            && self.issuer.keys == issuer.keys
            && self.issuer.ca == issuer.ca
            && self.issuer.introspection.is_some() == issuer.introspection.is_some()
    }

    /// How long ago the issuer last gave its keys; where it never has, since when it is asked.
    pub(in crate::auth) fn age(&self) -> Duration {
        let held = self.held.load();
        let since = held.as_ref().map_or(self.made, |held| held.since);
        since.elapsed()
    }

    /// The number of the keys in use; 0 while there are none that can be trusted.
    pub(in crate::auth) fn generation(&self) -> u64 {
        let held = self.held.load();
        let good = held
            .as_ref()
            .filter(|held| held.since.elapsed() < STALE_MAX);
        good.map_or(0, |held| held.generation)
    }

    /// The keys at hand. Waits only where none have been fetched yet.
    ///
    /// # Errors
    /// [`Unavailable`] when the issuer has not been reached, or not for a day.
    pub(in crate::auth) async fn held(&self) -> Result<Arc<Held>, Unavailable> {
        if self.held.load().is_none() {
            self.wait_for(1).await;
        }
        let held = self.held.load_full();
        held.filter(|held| held.since.elapsed() < STALE_MAX)
            .ok_or_else(|| Unavailable {
                issuer: self.issuer.issuer.clone(),
            })
    }

    /// Other keys than `seen`, where the issuer has some by now. It is asked at most once in a
    /// while, and once for all who wait.
    pub(in crate::auth) async fn newer(&self, seen: &Held) -> Option<Arc<Held>> {
        let newer = || {
            let held = self.held.load_full();
            held.filter(|held| held.generation != seen.generation)
        };
        if let Some(held) = newer() {
            return Some(held);
        }
        let ask = self.lock().ask(Instant::now());
        match ask {
            Ask::Begin(fetch) => {
                self.wake.notify_one();
                self.wait_for(fetch).await;
            }
            Ask::Join(fetch) => self.wait_for(fetch).await,
            Ask::TooSoon => {}
        }
        newer()
    }

    /// What the issuer says about itself, as of the last fetch of its keys.
    pub(in crate::auth) async fn metadata(&self) -> Option<Arc<Metadata>> {
        if self.metadata.load().is_none() {
            self.wait_for(1).await;
        }
        self.metadata.load_full()
    }

    async fn wait_for(&self, fetch: u64) {
        let mut fetches = self.fetches.subscribe();
        // Without an answer in time, what is at hand decides.
        let _ = timeout(WAIT_MAX, fetches.wait_for(|ended| *ended >= fetch)).await;
    }

    /// Fetches the keys once; returns the time until the next time.
    async fn renew(&self) -> Duration {
        self.lock().begin();
        let fetched = self.fetch().await;
        let wait = match &fetched {
            Ok(max_age) => self.lock().succeeded(*max_age),
            Err(error) => {
                tracing::warn!(issuer = self.issuer.issuer, %error, "cannot fetch an issuer's keys");
                self.doubtful.store(true, Ordering::Relaxed);
                self.lock().failed()
            }
        };
        let ended = self.lock().ended();
        self.fetches.send_replace(ended);
        wait
    }

    async fn fetch(&self) -> Result<Option<Duration>, FetchError> {
        let url = match &self.issuer.keys {
            KeyPlace::Url(url) => Some(url.clone()),
            KeyPlace::Metadata => self.discover().await?,
            KeyPlace::File(path) => {
                let text = std::fs::read(path).map_err(|error| FetchError::File(error.kind()))?;
                // Whoever replaces the file expects that it is noticed.
                return self.hold(&text).map(|()| Some(Duration::ZERO));
            }
        };
        if self.issuer.introspection.is_some() && self.metadata.load().is_none() {
            self.discover().await?;
        }
        let Some(url) = url else {
            // All its tokens are opaque.
            return self.hold(br#"{"keys":[]}"#).map(|()| None);
        };
        let answer = fetch(self.client.get(url)).await?;
        if !answer.status.is_success() {
            return Err(FetchError::Status(answer.status.as_u16()));
        }
        self.hold(&answer.body)?;
        Ok(max_age(&answer.headers))
    }

    async fn discover(&self) -> Result<Option<Url>, FetchError> {
        let known = self.metadata.load_full();
        if let Some(known) = known.filter(|_| !self.doubtful.load(Ordering::Relaxed)) {
            return Ok(known.jwks.clone());
        }
        let found = metadata::discover(&self.client, &self.issuer.issuer).await?;
        let jwks = found.jwks.clone();
        if jwks.is_none() && self.issuer.introspection.is_none() {
            return Err(FetchError::Shape("metadata with a `jwks_uri`"));
        }
        self.metadata.store(Some(Arc::new(found)));
        self.doubtful.store(false, Ordering::Relaxed);
        Ok(jwks)
    }

    fn hold(&self, text: &[u8]) -> Result<(), FetchError> {
        let keys = KeySet::read(text).ok_or(FetchError::Shape("a JSON Web Key Set"))?;
        let digest = <[u8; 32]>::from(Sha256::digest(text));
        let generation = match self.held.load().as_deref() {
            Some(held) if held.digest == digest => held.generation,
            Some(held) => held.generation + 1,
            None => 1,
        };
        tracing::debug!(
            issuer = self.issuer.issuer,
            keys = keys.len(),
            generation,
            "keys at hand"
        );
        self.held.store(Some(Arc::new(Held {
            keys,
            generation,
            digest,
            since: Instant::now(),
        })));
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Schedule> {
        self.schedule.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for KeySource {
    fn drop(&mut self) {
        self.wake.notify_one();
    }
}

/// Keeps keys up to date until nobody holds them any more.
async fn keep(source: Weak<KeySource>, wake: Arc<Notify>) {
    loop {
        let Some(held) = source.upgrade() else { return };
        let wait = held.renew().await;
        drop(held);
        let _ = timeout(wait, wake.notified()).await;
    }
}

/// How long the issuer allows its answer to be kept (RFC 9111 section 5.2.2.1).
fn max_age(headers: &HeaderMap) -> Option<Duration> {
    let control = headers.get(header::CACHE_CONTROL)?.to_str().ok()?;
    let mut directives = control.split(',').map(str::trim);
    let seconds = directives.find_map(|one| one.strip_prefix("max-age="))?;
    seconds.parse().ok().map(Duration::from_secs)
}
