//! Seals in their order: each must fit its own contents and follow the one before it.
//!
//! A process that takes over from another has a log of its own for a while, so that the epochs of
//! two logs can lie between each other. Each log's chain goes on where that log ended.

use std::collections::HashSet;

use super::{Keys, Report, What};
use crate::seal::{Hash, Seal};

/// What begins a log has nothing before it.
const NOTHING: Hash = [0; 32];

/// The chain of one gateway, as far as it was walked.
pub(super) struct Chain {
    before: Option<Link>,
    /// The last seals of the epochs before.
    ends: HashSet<Hash>,
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
            ends: HashSet::new(),
            begins_anywhere,
        }
    }

    /// Takes the next seal in the order of epoch and number.
    pub(super) fn add(&mut self, seal: &Seal, keys: &Keys, report: &mut Report) {
        report.seals += 1;
        if let Some(before) = &self.before
            && before.epoch != seal.epoch
        {
            self.ends.insert(before.seal);
        }
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
        if seal.epoch == before.epoch {
            return seal.first_seq == before.last_seq + 1 && seal.prev == before.seal;
        }
        // A log whose directory was lost begins anew.
        begins && (seal.prev == NOTHING || self.ends.contains(&seal.prev))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        seal::{Digests, Kind},
        wal::cursor::Range,
    };

    fn seal(epoch: u32, first_seq: u64, prev: Hash) -> Seal {
        let range = Range {
            gateway: "gw".to_owned(),
            epoch,
            first_seq,
            last_seq: first_seq,
            shard: None,
        };
        let mut digests = Digests::default();
        digests.add(b"row", 0);
        Seal::new(&range, Kind::Batch, digests, prev, None)
    }

    fn faults(seals: &[&Seal]) -> u64 {
        let (mut chain, mut report) = (Chain::new(false), Report::default());
        for seal in seals {
            chain.add(seal, &Keys::default(), &mut report);
        }
        report.faults_total
    }

    #[test]
    fn the_epochs_of_two_logs_may_lie_between_each_other() {
        let one = seal(1, 1, NOTHING);
        let taking_over = seal(2, 1, NOTHING);
        let three = seal(3, 1, one.seal);
        let more = seal(3, 2, three.seal);
        assert_eq!(faults(&[&one, &taking_over, &three, &more]), 0);
        assert_eq!(faults(&[&taking_over, &three, &more]), 1);
        assert_eq!(faults(&[&one, &taking_over, &more]), 1);
    }
}
