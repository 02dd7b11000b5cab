//! The resources that clients have subscribed to, so that a server which has forgotten a session can be
//! told again.
//!
//! What does not fit is not remembered: the client is subscribed for as long as the server knows it.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use moka::{ops::compute::Op, sync::Cache};

use super::opened::{Key, Opened};

/// All that is remembered, in bytes.
const BYTES_MAX: u64 = 32 * 1024 * 1024;

/// Of one session at one server.
const URIS_MAX: usize = 256;

/// The longest URI.
const URI_BYTES_MAX: usize = 2 * 1024;

/// What an entry takes beside its URIs.
const ENTRY_BYTES: usize = 128;

type Uris = Arc<BTreeSet<Arc<str>>>;

/// Subscriptions by session and server. Cheap to clone.
#[derive(Clone)]
pub(super) struct Subscribed {
    uris: Cache<(Key, Arc<str>), Uris>,
}

impl Subscribed {
    /// What nobody uses for so long is forgotten.
    pub(super) fn new(idle_max: Duration) -> Self {
        let weigh = |_: &(Key, Arc<str>), uris: &Uris| {
            let bytes = uris.iter().map(|uri| uri.len() + 2 * size_of::<usize>());
            let bytes = ENTRY_BYTES + bytes.sum::<usize>();
            u32::try_from(bytes).unwrap_or(u32::MAX)
        };
        let uris = Cache::builder()
            .weigher(weigh)
            .max_capacity(BYTES_MAX)
            .time_to_idle(idle_max)
            .build();
        Self { uris }
    }

    /// The client has subscribed to this resource of the server.
    pub(super) fn add(&self, session: &Opened, server: &Arc<str>, uri: &str) {
        if uri.len() > URI_BYTES_MAX {
            return;
        }
        let entry = self.uris.entry((session.key, Arc::clone(server)));
        entry.and_compute_with(|known| {
            let mut uris = known.map(|known| known.into_value()).unwrap_or_default();
            if uris.len() >= URIS_MAX || uris.contains(uri) {
                return Op::Nop;
            }
            Arc::make_mut(&mut uris).insert(uri.into());
            Op::Put(uris)
        });
    }

    /// The client has taken that back.
    pub(super) fn remove(&self, session: &Opened, server: &Arc<str>, uri: &str) {
        let entry = self.uris.entry((session.key, Arc::clone(server)));
        entry.and_compute_with(|known| {
            let Some(mut uris) = known.map(|known| known.into_value()) else {
                return Op::Nop;
            };
            Arc::make_mut(&mut uris).remove(uri);
            match uris.is_empty() {
                true => Op::Remove,
                false => Op::Put(uris),
            }
        });
    }

    /// The client has ended its session.
    pub(super) fn forget(&self, session: &Opened, server: &Arc<str>) {
        self.uris.invalidate(&(session.key, Arc::clone(server)));
    }

    /// The session is in use.
    pub(super) fn used(&self, session: &Opened, server: &Arc<str>) {
        let _ = self.uris.get(&(session.key, Arc::clone(server)));
    }

    /// What the client has subscribed to at this server.
    pub(super) fn of(&self, session: &Opened, server: &Arc<str>) -> Vec<Arc<str>> {
        let uris = self.uris.get(&(session.key, Arc::clone(server)));
        uris.into_iter()
            .flat_map(|uris| uris.iter().cloned().collect::<Vec<_>>())
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use gantry_mcp::revision::Revision;

    use super::*;

    #[test]
    fn what_is_remembered_is_bounded_and_each_sessions_own() {
        let subscribed = Subscribed::new(Duration::from_secs(60));
        let session = |key| Opened {
            key: [key; 16],
            revision: Revision::V2025_11_25,
            capabilities: String::new(),
            client: String::new(),
        };
        let (ada, eve, server) = (session(1), session(2), Arc::from("docs"));
        let of = |session: &Opened| subscribed.of(session, &server).join(" ");
        for uri in ["b", "a", "b"] {
            subscribed.add(&ada, &server, uri);
        }
        assert_eq!(of(&ada), "a b");
        assert!(of(&eve).is_empty());
        subscribed.remove(&ada, &server, "a");
        subscribed.remove(&eve, &server, "b");
        assert_eq!(of(&ada), "b");
        subscribed.add(&ada, &server, &"x".repeat(URI_BYTES_MAX + 1));
        for place in 0..2 * URIS_MAX {
            subscribed.add(&ada, &server, &place.to_string());
        }
        assert_eq!(of(&ada).split(' ').count(), URIS_MAX);
        subscribed.forget(&ada, &server);
        assert!(of(&ada).is_empty());
    }
}
