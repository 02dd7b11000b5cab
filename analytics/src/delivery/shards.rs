//! Which server a batch goes to.
//!
//! A new batch goes to the shard that its token says, or to the next one that answers. Once a byte
//! of it may have left, it stays with that shard; among the shard's replicas, which know the same
//! tokens, every try may take another one.

use std::time::Duration;

use ::clickhouse::Client;
use tokio::time;

use crate::{Store, clickhouse::ConnectError, wal::cursor::Range};

/// Longest wait for a server to say that it is there.
const PROBE_TIMEOUT: Duration = Duration::from_secs(2);

pub(super) struct Shards(Vec<Shard>);

struct Shard {
    replicas: Vec<Client>,
    /// The replica that is asked next.
    at: usize,
    /// Its tables were seen to be as this version needs them.
    is_schema_known: bool,
}

impl Shards {
    pub(super) fn connect(store: &Store) -> Result<Self, ConnectError> {
        let shard = |replicas: Vec<Client>| Shard {
            replicas,
            at: 0,
            is_schema_known: false,
        };
        let shards: Vec<_> = store.connect_shards()?.into_iter().map(shard).collect();
        if shards.iter().any(|shard| shard.replicas.is_empty()) || shards.is_empty() {
            return Err(ConnectError::NoAddress);
        }
        Ok(Self(shards))
    }

    /// The shard for a batch of which nothing has been sent.
    pub(super) async fn choose(&mut self, range: &Range) -> u32 {
        let count = self.0.len() as u32;
        let home = crc32c::crc32c(range.token().as_bytes()) % count;
        if count == 1 {
            return home;
        }
        for step in 0..count {
            let shard = (home + step) % count;
            if self.answers(shard).await {
                return shard;
            }
        }
        home
    }

    async fn answers(&mut self, shard: u32) -> bool {
        let Some(shard) = self.0.get_mut(shard as usize) else {
            return false;
        };
        for _ in 0..shard.replicas.len() {
            let Some(client) = shard.replicas.get(shard.at) else {
                return false;
            };
            let probe = client.query_raw("SELECT 1").fetch_one::<u8>();
            if matches!(time::timeout(PROBE_TIMEOUT, probe).await, Ok(Ok(_))) {
                return true;
            }
            shard.turn();
        }
        false
    }

    /// The client for a batch on its way to `shard`. An index that the configuration no longer
    /// has means its last shard.
    pub(super) fn client(&self, shard: u32) -> Option<&Client> {
        let shard = self.0.get(self.index(shard))?;
        shard.replicas.get(shard.at)
    }

    pub(super) fn is_schema_known(&self, shard: u32) -> bool {
        self.0
            .get(self.index(shard))
            .is_some_and(|shard| shard.is_schema_known)
    }

    pub(super) fn schema_is_known(&mut self, shard: u32) {
        let index = self.index(shard);
        if let Some(shard) = self.0.get_mut(index) {
            shard.is_schema_known = true;
        }
    }

    /// The next try asks the next replica.
    pub(super) fn failed(&mut self, shard: u32) {
        let index = self.index(shard);
        if let Some(shard) = self.0.get_mut(index) {
            shard.turn();
        }
    }

    fn index(&self, shard: u32) -> usize {
        (shard as usize).min(self.0.len().saturating_sub(1))
    }
}

impl Shard {
    fn turn(&mut self) {
        self.at = (self.at + 1) % self.replicas.len().max(1);
    }
}
