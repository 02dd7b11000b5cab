//! The rows of one batch against its seal.

use std::collections::BTreeMap;

use super::{Report, What};
use crate::seal::{Digests, Hash, Kind, Seal, tag_of};

/// What was found of one batch.
#[derive(Default)]
pub(super) struct Found {
    /// Each row's hash, by its number; more than one where it is doubled.
    pub(super) rows: BTreeMap<u64, Vec<Hash>>,
    /// Hashes of rows that were lawfully erased.
    pub(super) erased: BTreeMap<u64, Hash>,
    /// Rows may be gone because their time is over.
    pub(super) may_be_expired: bool,
}

/// Compares; the seal has its tags.
pub(super) fn check(seal: &Seal, found: &Found, report: &mut Report) {
    let event = |seq| format!("{}/{}/{seq}", seal.gateway, seal.epoch);
    if seal.kind == Kind::Dead {
        for seq in found.rows.keys() {
            report.fault(event(*seq), What::RowReturned);
        }
        report.dead += seal.rows;
        return;
    }
    let mut digests = Digests::default();
    let (mut fits, mut whole, mut erased) = (0, true, 0);
    for seq in seal.first_seq..=seal.last_seq {
        let hashes = found.rows.get(&seq).map_or(&[][..], Vec::as_slice);
        let hash = match (hashes, found.erased.get(&seq)) {
            ([], Some(hash)) => {
                erased += 1;
                hash
            }
            ([], None) => {
                whole = false;
                if found.may_be_expired {
                    report.expired += 1;
                } else {
                    report.fault(event(seq), What::RowMissing);
                }
                continue;
            }
            (_, Some(hash)) => {
                report.fault(event(seq), What::RowReturned);
                hash
            }
            ([hash], None) => hash,
            ([hash, ..], None) => {
                report.fault(event(seq), What::RowDoubled);
                let tag = seal.tag(seq);
                let original = hashes.iter().find(|hash| Some(tag_of(hash)) == tag);
                original.unwrap_or(hash)
            }
        };
        digests.add_hash(hash);
        if Some(tag_of(hash)) == seal.tag(seq) {
            fits += 1;
        } else {
            whole = false;
            report.fault(event(seq), What::RowChanged);
        }
    }
    if whole && digests.root() != seal.root {
        report.fault(seal.range(), What::Root);
        return;
    }
    report.rows += fits - erased.min(fits);
    report.erased += erased;
}
