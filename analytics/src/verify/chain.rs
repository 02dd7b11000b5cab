//! Seals in their order: each must fit its own contents and follow the one before it.

use super::{Keys, Report, What};
use crate::seal::{Hash, Seal};

/// What begins a log has nothing before it.
const NOTHING: Hash = [0; 32];

/// The chain of one gateway, as far as it was walked.
pub(super) struct Chain {
    before: Option<Link>,
    /// The first seal that is looked at may follow one that is not.
    begins_anywhere: bool,
}

struct Link {
    epoch: u32,
    last_seq: u64,
    seal: Hash,
}

impl Chain {
    pub(super) fn new(begins_anywhere: bool) -> Self {
        Self {
            before: None,
            begins_anywhere,
        }
    }

    /// Takes the next seal in the order of epoch and number.
    pub(super) fn add(&mut self, seal: &Seal, keys: &Keys, report: &mut Report) {
        report.seals += 1;
        if seal.computed() != seal.seal {
            report.fault(seal.range(), What::SealChanged);
        }
        if !self.follows(seal) {
            report.fault(seal.range(), What::SealUnchained);
        }
        match keys.trust(&seal.key_id, &seal.seal, &seal.signature) {
            Some(true) => report.signed += 1,
            Some(false) => report.fault(seal.range(), What::SealUnsigned),
            None => {}
        }
        self.before = Some(Link {
            epoch: seal.epoch,
            last_seq: seal.last_seq,
            seal: seal.seal,
        });
    }

    fn follows(&self, seal: &Seal) -> bool {
        let begins = seal.first_seq == 1;
        let Some(before) = &self.before else {
            return self.begins_anywhere || (begins && seal.prev == NOTHING);
        };
        let is_next = if seal.epoch == before.epoch {
            seal.first_seq == before.last_seq + 1
        } else {
            begins
        };
        // A log whose directory was lost begins anew.
        let is_new_log = begins && seal.epoch != before.epoch && seal.prev == NOTHING;
        is_next && (seal.prev == before.seal || is_new_log)
    }
}
