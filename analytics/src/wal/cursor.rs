//! What ClickHouse has acknowledged, and the range that is on its way to it.
//!
//! The range is on disk before its first byte is sent. A restart therefore sends the very same
//! rows under the same token, whatever has been appended since; ClickHouse drops a token that it
//! knows. The cursor is never guessed: one that cannot be read stops the delivery.

use std::{fs, io};

use serde::{Deserialize, Serialize};

use super::{Position, directory::Directory};
use crate::seal::Hash;

const NAME: &str = "cursor.json";

/// Contents of `cursor.json`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Cursor {
    /// Every row up to and with this one is in ClickHouse.
    pub(crate) delivered: Position,
    /// Being sent, and perhaps already there.
    pub(crate) pending: Option<Range>,
    /// The last seal, to which the next one is chained; zeros before the first.
    #[serde(default, with = "hex")]
    pub(crate) seal: Hash,
}

/// Rows of one epoch and one segment, both ends included. A range, once named, is immutable.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Range {
    pub(crate) gateway: String,
    pub(crate) epoch: u32,
    pub(crate) first_seq: u64,
    pub(crate) last_seq: u64,
    /// Where it is being sent: a retry must reach the same shard, for only that one knows the
    /// token.
    #[serde(default)]
    pub(crate) shard: Option<u32>,
}

impl Range {
    /// The name under which ClickHouse knows the batch (`insert_deduplication_token`).
    pub(crate) fn token(&self) -> String {
        format!(
            "{}/{}/{}-{}",
            self.gateway, self.epoch, self.first_seq, self.last_seq
        )
    }

    /// Whether this names rows that begin with the given one.
    pub(crate) fn starts_at(&self, gateway: &str, epoch: u32, seq: u64) -> bool {
        self.gateway == gateway
            && self.epoch == epoch
            && self.first_seq == seq
            && self.last_seq >= seq
    }

    pub(crate) fn last(&self) -> Position {
        Position {
            epoch: self.epoch,
            seq: self.last_seq,
        }
    }
}

impl Cursor {
    /// Reads the cursor; a directory without one has delivered nothing.
    pub(crate) fn load(directory: &Directory) -> io::Result<Self> {
        match fs::read(directory.path().join(NAME)) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(io::Error::from),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(error),
        }
    }

    /// The first undelivered row of a segment that is not wholly delivered.
    pub(crate) fn next_seq(&self, epoch: u32, first_seq: u64) -> u64 {
        if self.delivered.epoch == epoch {
            first_seq.max(self.delivered.seq + 1)
        } else {
            first_seq
        }
    }

    /// Makes the cursor durable.
    pub(crate) fn store(&self, directory: &Directory) -> io::Result<()> {
        directory.replace(NAME, &serde_json::to_vec(self)?)
    }
}

/// A hash as hexadecimal text.
mod hex {
    use ::hex::{FromHex as _, encode};
    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

    use crate::seal::Hash;

    pub(super) fn serialize<S: Serializer>(hash: &Hash, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&encode(hash))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Hash, D::Error> {
        let text = String::deserialize(deserializer)?;
        Hash::from_hex(&text).map_err(|_| D::Error::custom("this is not a hash"))
    }
}
