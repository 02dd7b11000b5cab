//! Seals: what makes a change of the trail visible.
//!
//! A row's hash is the SHA-256 of its RowBinary bytes, which ClickHouse can compute again
//! (`SHA256(formatRow('RowBinary', …))`). A batch's root is the SHA-256 of its rows' hashes in the
//! order of their numbers. A seal binds the root to the batch's identity and to the seal before
//! it, over all epochs of a gateway's log, and is signed. The first four bytes of each row's hash
//! are kept beside it: they name the row that no longer fits, and prove nothing by themselves.
//!
//! Nothing here does I/O or reads a clock.

mod signer;

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

pub use signer::{KeyError, PublicKey, Signer};

use crate::{columns::SCHEMA_VERSION, wal::cursor::Range};

/// A SHA-256.
pub type Hash = [u8; 32];

/// What a seal is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[repr(i8)]
pub enum Kind {
    /// Rows that are in the store.
    Batch = 0,
    /// A row that the store refuses; it is in the gateway's dead-letter directory.
    Dead = 1,
}

impl Kind {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Batch => "batch",
            Self::Dead => "dead",
        }
    }
}

/// The hash of a row's bytes, identity included.
pub(crate) fn row_hash(row: &[u8]) -> Hash {
    Sha256::digest(row).into()
}

/// The first four bytes of a row's hash, as a number.
pub(crate) fn tag_of(hash: &Hash) -> u32 {
    let [a, b, c, d, ..] = *hash;
    u32::from_le_bytes([a, b, c, d])
}

/// The hash of a batch's tags: of their decimal digits with commas between them.
pub(crate) fn tags_hash(tags: &[u32]) -> Hash {
    let mut text = String::with_capacity(tags.len() * 11);
    for tag in tags {
        if !text.is_empty() {
            text.push(',');
        }
        // Writing to a `String` does not fail.
        let _ = write!(text, "{tag}");
    }
    Sha256::digest(text).into()
}

/// The rows of a batch, hashed one after the other.
#[derive(Clone, Default)]
pub(crate) struct Digests {
    root: Sha256,
    tags: Vec<u32>,
    rows: u64,
    newest_us: i64,
}

impl Digests {
    /// Adds the next row, whose time stands after its identity.
    pub(crate) fn add(&mut self, row: &[u8], identity_bytes: usize) {
        let time = row
            .get(identity_bytes..)
            .and_then(|rest| rest.first_chunk::<8>());
        if let Some(time) = time {
            self.newest_us = self.newest_us.max(i64::from_le_bytes(*time));
        }
        self.add_hash(&row_hash(row));
    }

    pub(crate) fn add_hash(&mut self, hash: &Hash) {
        self.root.update(hash);
        self.tags.push(tag_of(hash));
        self.rows += 1;
    }

    pub(crate) fn root(&self) -> Hash {
        self.root.clone().finalize().into()
    }
}

/// One link of a gateway's chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seal {
    pub gateway: String,
    pub epoch: u32,
    pub first_seq: u64,
    pub last_seq: u64,
    pub rows: u64,
    pub kind: Kind,
    /// Start of the newest call of the batch, microseconds since the Unix epoch.
    pub newest_us: i64,
    pub schema_version: u16,
    pub root: Hash,
    /// The seal before; zeros where a log begins.
    pub prev: Hash,
    pub seal: Hash,
    /// Ed25519 over `seal`; empty where the gateway has no key.
    pub signature: Vec<u8>,
    pub key_id: String,
    pub tags_hash: Hash,
    /// Four bytes of each row's hash; empty where they were not read.
    pub tags: Vec<u32>,
}

impl Seal {
    /// Seals a range whose rows gave `digests`, after the seal `prev`.
    pub(crate) fn new(
        range: &Range,
        kind: Kind,
        digests: Digests,
        prev: Hash,
        signer: Option<&Signer>,
    ) -> Self {
        let mut seal = Self {
            gateway: range.gateway.clone(),
            epoch: range.epoch,
            first_seq: range.first_seq,
            last_seq: range.last_seq,
            rows: digests.rows,
            kind,
            newest_us: digests.newest_us,
            schema_version: SCHEMA_VERSION,
            root: digests.root(),
            prev,
            seal: [0; 32],
            signature: Vec::new(),
            key_id: String::new(),
            tags_hash: tags_hash(&digests.tags),
            tags: digests.tags,
        };
        seal.seal = seal.computed();
        if let Some(signer) = signer {
            seal.signature = signer.sign(&seal.seal);
            seal.key_id = signer.public().id().to_owned();
        }
        seal
    }

    /// What `seal` must be, from everything else.
    pub fn computed(&self) -> Hash {
        let mut hash = Sha256::new();
        hash.update(self.prev);
        hash.update(self.root);
        hash.update(self.tags_hash);
        hash.update(self.claim());
        hash.finalize().into()
    }

    /// What the seal says in words: `gateway/epoch/first-last/rows/kind/newest/version`.
    fn claim(&self) -> String {
        format!(
            "{}/{}/{}-{}/{}/{}/{}/{}",
            self.gateway,
            self.epoch,
            self.first_seq,
            self.last_seq,
            self.rows,
            self.kind.as_str(),
            self.newest_us,
            self.schema_version
        )
    }

    /// The tag of the row `seq`, where the batch has one.
    pub(crate) fn tag(&self, seq: u64) -> Option<u32> {
        let at = usize::try_from(seq.checked_sub(self.first_seq)?).ok()?;
        self.tags.get(at).copied()
    }

    /// The batch in words: `gateway/epoch/first-last`.
    pub fn range(&self) -> String {
        format!(
            "{}/{}/{}-{}",
            self.gateway, self.epoch, self.first_seq, self.last_seq
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range() -> Range {
        Range {
            gateway: "gw".to_owned(),
            epoch: 7,
            first_seq: 10,
            last_seq: 11,
            shard: None,
        }
    }

    fn sealed() -> Seal {
        let mut digests = Digests::default();
        digests.add(b"gwrow-one", 2);
        digests.add(b"gwrow-two", 2);
        Seal::new(&range(), Kind::Batch, digests, [9; 32], None)
    }

    #[test]
    fn every_field_is_sealed() {
        let seal = sealed();
        assert_eq!(seal.computed(), seal.seal);
        let changes: [fn(&mut Seal); 11] = [
            |seal| seal.gateway.push('x'),
            |seal| seal.epoch += 1,
            |seal| seal.first_seq += 1,
            |seal| seal.last_seq += 1,
            |seal| seal.rows += 1,
            |seal| seal.kind = Kind::Dead,
            |seal| seal.newest_us += 1,
            |seal| seal.schema_version += 1,
            |seal| seal.root[0] ^= 1,
            |seal| seal.prev[31] ^= 1,
            |seal| seal.tags_hash[5] ^= 1,
        ];
        for (at, change) in changes.into_iter().enumerate() {
            let mut changed = seal.clone();
            change(&mut changed);
            assert_ne!(changed.computed(), seal.seal, "change {at}");
        }
    }

    #[test]
    fn tags_name_rows() {
        let seal = sealed();
        assert_eq!(seal.tag(11), Some(tag_of(&row_hash(b"gwrow-two"))));
        assert_eq!((seal.tag(9), seal.tag(12)), (None, None));
    }
}
