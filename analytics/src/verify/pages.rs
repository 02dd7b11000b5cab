//! A gateway's seals in order, page by page, from one server or merged from several.

use std::collections::VecDeque;

use ::clickhouse::{Client, Row, error::Error};
use serde::Deserialize;

use crate::seal::{Hash, Kind, Seal};

/// Seals fetched at a time; without their tags, which are large.
const PAGE_SEALS: usize = 1_000;

#[derive(Row, Deserialize)]
struct SealRow {
    epoch: u32,
    first_seq: u64,
    last_seq: u64,
    rows: u32,
    kind: i8,
    newest_us: i64,
    schema_version: u16,
    root: Hash,
    prev: Hash,
    seal: Hash,
    #[serde(with = "serde_bytes_text")]
    signature: Vec<u8>,
    key_id: String,
    tags_hash: Hash,
}

const COLUMNS: &str = "epoch, first_seq, last_seq, rows, CAST(kind, 'Int8') AS kind, \
    toUnixTimestamp64Micro(newest) AS newest_us, schema_version, root, prev, seal, hex(signature) AS signature, \
    toString(key_id) AS key_id, SHA256(arrayStringConcat(tags, ',')) AS tags_hash";

/// The signature travels as hexadecimal text.
mod serde_bytes_text {
    use hex::FromHex as _;
    use serde::{Deserialize as _, Deserializer};

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<u8>, D::Error> {
        let text = String::deserialize(deserializer)?;
        Ok(<[u8; 64]>::from_hex(text).map_or_else(|_| Vec::new(), |signature| signature.to_vec()))
    }
}

/// The merged chain of one gateway.
pub(super) struct Pages {
    gateway: String,
    sources: Vec<Source>,
}

struct Source {
    client: Client,
    page: VecDeque<Seal>,
    /// The last seal fetched.
    after: (u32, u64),
    is_done: bool,
}

impl Pages {
    pub(super) fn new(gateway: String, clients: &[Client]) -> Self {
        let source = |client: &Client| Source {
            client: client.clone(),
            page: VecDeque::new(),
            after: (0, 0),
            is_done: false,
        };
        Self {
            gateway,
            sources: clients.iter().map(source).collect(),
        }
    }

    pub(super) async fn next(&mut self) -> Result<Option<Seal>, Error> {
        for source in &mut self.sources {
            source.fill(&self.gateway).await?;
        }
        let place = |source: &&mut Source| {
            let seal = source.page.front();
            seal.map(|seal| (seal.epoch, seal.first_seq))
        };
        let next = self
            .sources
            .iter_mut()
            .filter(|source| !source.page.is_empty())
            .min_by_key(place);
        Ok(next.and_then(|source| source.page.pop_front()))
    }
}

impl Source {
    async fn fill(&mut self, gateway: &str) -> Result<(), Error> {
        if self.is_done || !self.page.is_empty() {
            return Ok(());
        }
        let sql = format!(
            "SELECT {COLUMNS} FROM audit_seal WHERE gateway = ? AND (epoch, first_seq) > (?, ?) \
             ORDER BY epoch, first_seq LIMIT {PAGE_SEALS}"
        );
        let (epoch, first_seq) = self.after;
        let rows: Vec<SealRow> = self
            .client
            .query(&sql)
            .bind(gateway)
            .bind(epoch)
            .bind(first_seq)
            .fetch_all()
            .await?;
        self.is_done = rows.len() < PAGE_SEALS;
        self.page = rows.into_iter().map(|row| row.seal(gateway)).collect();
        if let Some(last) = self.page.back() {
            self.after = (last.epoch, last.first_seq);
        }
        Ok(())
    }
}

impl SealRow {
    fn seal(self, gateway: &str) -> Seal {
        Seal {
            gateway: gateway.to_owned(),
            epoch: self.epoch,
            first_seq: self.first_seq,
            last_seq: self.last_seq,
            rows: u64::from(self.rows),
            kind: if self.kind == Kind::Dead as i8 {
                Kind::Dead
            } else {
                Kind::Batch
            },
            newest_us: self.newest_us,
            schema_version: self.schema_version,
            root: self.root,
            prev: self.prev,
            seal: self.seal,
            signature: self.signature,
            key_id: self.key_id,
            tags_hash: self.tags_hash,
            tags: Vec::new(),
        }
    }
}
