//! Whether the trail is whole: no row missing, doubled or changed since it was sealed.
//!
//! [`store`] asks ClickHouse alone, [`spool`] reads a log's own files. Both walk each gateway's
//! chain of seals in order, hash the rows again and name the first that do not fit. The same checks
//! as plain SQL are in `verify/*.sql`; signatures can only be checked here.

mod chain;
mod pages;
mod rows;
mod spool;
mod store;

use std::fmt;

pub use spool::spool;
pub use store::store;

use crate::seal::PublicKey;

/// Most faults that are named; the rest is counted.
pub const FAULTS_MAX: usize = 100;

/// What a check came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Rows that are as they were sealed.
    pub rows: u64,
    pub seals: u64,
    /// Seals whose signature was checked.
    pub signed: u64,
    /// Rows that wait for their seal, at the end of a chain.
    pub unsealed: u64,
    /// Rows that were lawfully erased, or put aside because ClickHouse refuses them.
    pub erased: u64,
    pub dead: u64,
    /// Rows that are gone because their time was over.
    pub expired: u64,
    /// The first faults, in the order of the chain, and how many there are.
    pub faults: Vec<Fault>,
    pub faults_total: u64,
}

impl Report {
    /// Whether the trail is whole.
    pub fn is_whole(&self) -> bool {
        self.faults_total == 0
    }

    fn fault(&mut self, at: String, what: What) {
        self.faults_total += 1;
        if self.faults.len() < FAULTS_MAX {
            self.faults.push(Fault { at, what });
        }
    }
}

/// Something that is not as it was sealed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// A row (`gateway/epoch/seq`) or a batch (`gateway/epoch/first-last`).
    pub at: String,
    pub what: What,
}

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    RowChanged,
    RowMissing,
    RowDoubled,
    /// No seal covers the row.
    RowUnsealed,
    /// A row that was put aside, or erased, is there all the same.
    RowReturned,
    /// A tombstone without a trusted signature.
    ErasureUnsigned,
    /// The rows fit one by one, and not together.
    Root,
    /// The seal does not fit what it says.
    SealChanged,
    /// The seal does not follow the one before it.
    SealUnchained,
    /// No trusted key has signed the seal.
    SealUnsigned,
    /// The store lacks a seal that the gateway made.
    SealMissing,
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::RowChanged => "the row is not as it was sealed",
            Self::RowMissing => "the row is missing",
            Self::RowDoubled => "the row is there more than once",
            Self::RowUnsealed => "the row is covered by no seal",
            Self::RowReturned => "the row was put aside or erased, and is there",
            Self::ErasureUnsigned => "the row was erased, and no trusted key says so",
            Self::Root => "the rows do not fit their seal",
            Self::SealChanged => "the seal does not fit its own contents",
            Self::SealUnchained => "the seal does not follow the one before it",
            Self::SealUnsigned => "no trusted key has signed the seal",
            Self::SealMissing => "the gateway's own seal is not there",
        })
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.at, self.what)
    }
}

/// The keys that may have signed. Without any, signatures are not looked at.
#[derive(Clone, Debug, Default)]
pub struct Keys(pub Vec<PublicKey>);

impl Keys {
    /// `None` where signatures do not matter.
    fn trust(&self, id: &str, text: &[u8], signature: &[u8]) -> Option<bool> {
        if self.0.is_empty() {
            return None;
        }
        let signed = |key: &PublicKey| key.id() == id && key.verifies(text, signature);
        Some(self.0.iter().any(signed))
    }
}
