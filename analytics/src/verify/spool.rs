//! Checking a log's own files: the rows that are still in it, against the seals beside it.

use std::{collections::BTreeMap, io, path::Path};

use super::{
    Keys, Report, What,
    chain::Chain,
    rows::{self, Found},
};
use crate::{
    seal::{Kind, Seal, row_hash},
    wal::{dead, directory, frame::Frames, seals, segment::Segment},
};

/// Checks the chain of the seals in `log`, and every batch of which the log still has the rows.
/// Nothing is changed: it may be a copy, or the log of a running gateway.
///
/// # Errors
/// A file could not be read.
pub fn spool(log: &Path, keys: &Keys) -> io::Result<Report> {
    let mut report = Report::default();
    let mut chain = Chain::new(true);
    let mut seals_by_place = BTreeMap::new();
    for seal in seals::read(log)? {
        chain.add(&seal, keys, &mut report);
        seals_by_place.insert((seal.epoch, seal.first_seq), seal);
    }
    let paths = directory::segments_in(log)?;
    let mut before: Option<(u32, u64)> = None;
    for path in &paths {
        let Some((segment, rows)) = read(path)? else {
            report.fault(path.display().to_string(), What::RowMissing);
            continue;
        };
        if let Some((epoch, next)) = before
            && epoch == segment.epoch
            && next != segment.first_seq
        {
            let gap = format!("{}/{epoch}/{next}", segment.gateway);
            report.fault(gap, What::RowMissing);
        }
        before = Some((segment.epoch, segment.first_seq + rows.len() as u64));
        report.unsealed += check(&segment, rows, &seals_by_place, &mut report);
    }
    check_dead(log, &seals_by_place, &mut report)?;
    Ok(report)
}

type Rows = Vec<(u64, crate::seal::Hash)>;

fn read(path: &Path) -> io::Result<Option<(Segment, Rows)>> {
    let Some((segment, source)) = Segment::open(path)? else {
        return Ok(None);
    };
    let mut frames = Frames::new(source, &segment.gateway, segment.epoch, segment.first_seq);
    let mut rows = Vec::new();
    while let Some((seq, row)) = frames.next()? {
        rows.push((seq, row_hash(row)));
    }
    Ok(Some((segment, rows)))
}

/// Checks the batches that lie within a segment; returns how many of its rows have no seal yet.
fn check(
    segment: &Segment,
    rows: Rows,
    seals: &BTreeMap<(u32, u64), Seal>,
    report: &mut Report,
) -> u64 {
    let mut rows: BTreeMap<u64, Vec<_>> = rows
        .into_iter()
        .map(|(seq, hash)| (seq, vec![hash]))
        .collect();
    let last = rows.keys().next_back().copied().unwrap_or(0);
    let places = (segment.epoch, segment.first_seq)..=(segment.epoch, last.max(segment.first_seq));
    for seal in seals.range(places).map(|(_, seal)| seal) {
        let mut mine = rows.split_off(&seal.first_seq);
        let mut rest = mine.split_off(&(seal.last_seq + 1));
        rows.append(&mut rest);
        if seal.kind == Kind::Batch {
            let found = Found {
                rows: mine,
                ..Found::default()
            };
            rows::check(seal, &found, report);
        }
    }
    rows.len() as u64
}

/// Each row that was put aside must be as it was sealed.
fn check_dead(
    log: &Path,
    seals: &BTreeMap<(u32, u64), Seal>,
    report: &mut Report,
) -> io::Result<()> {
    let folder = log.join(dead::DIRECTORY);
    if !folder.exists() {
        return Ok(());
    }
    for path in directory::segments_in(&folder)? {
        let Some((segment, rows)) = read(&path)? else {
            report.fault(path.display().to_string(), What::RowMissing);
            continue;
        };
        let Some(seal) = seals.get(&(segment.epoch, segment.first_seq)) else {
            continue;
        };
        let mut digests = crate::seal::Digests::default();
        for (_, hash) in &rows {
            digests.add_hash(hash);
        }
        report.dead += rows.len() as u64;
        if digests.root() != seal.root {
            report.fault(seal.range(), What::RowChanged);
        }
    }
    Ok(())
}
