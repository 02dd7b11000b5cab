//! What `gantry audit verify` says.

use std::{
    io::{self, Write},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, bail};
use gantry_analytics::{
    seal::PublicKey,
    verify::{self, Keys, Report},
};

use crate::config::Audit;

/// Checks the files of a spool.
pub(super) fn of_spool(audit: &Audit, spool: &Path, public_keys: &[PathBuf]) -> anyhow::Result<()> {
    let keys = keys(audit, public_keys)?;
    let report = verify::spool(spool, &keys)
        .with_context(|| format!("cannot read the spool {}", spool.display()))?;
    show(&report, &keys, &mut io::stdout().lock())
}

/// The keys that were named, else the one that belongs to the configured seal key.
pub(super) fn keys(audit: &Audit, named: &[PathBuf]) -> anyhow::Result<Keys> {
    let own = audit.seal_key.with_extension("pub");
    let paths = if named.is_empty() && own.exists() {
        std::slice::from_ref(&own)
    } else {
        named
    };
    let keys: Result<_, _> = paths.iter().map(|path| PublicKey::load(path)).collect();
    Ok(Keys(keys?))
}

/// Prints the report; a trail that is not whole is a failure.
pub(super) fn show(report: &Report, keys: &Keys, out: &mut impl Write) -> anyhow::Result<()> {
    for fault in &report.faults {
        writeln!(out, "{fault}")?;
    }
    let signatures = if keys.0.is_empty() {
        "signatures not checked, for want of a key".to_owned()
    } else {
        format!("{} signed", report.signed)
    };
    writeln!(
        out,
        "{} records as they were sealed, {} seals ({signatures}), {} not sealed yet, {} erased, {} put aside, {} expired",
        report.rows, report.seals, report.unsealed, report.erased, report.dead, report.expired
    )?;
    if !report.is_whole() {
        bail!("the trail is not whole: {} faults", report.faults_total);
    }
    writeln!(out, "the trail is whole")?;
    Ok(())
}
