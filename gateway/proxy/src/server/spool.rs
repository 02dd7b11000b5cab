//! The folder of the audit spool, which two processes share while one takes over from the other.
//!
//! A spool belongs to one process. One that takes over writes into a folder of its own within it, and
//! delivers what the other has left as soon as that has ended; so does the next one with what is
//! left there.

use std::{
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use gantry_analytics::{
    Delivery, Log, Store, delivery,
    log::{self, OpenError},
    subject::{KeyError, Pseudonyms},
};

use crate::config::Audit;

/// Where a process writes that takes over.
const SECOND: &str = "second";

/// How often it is looked whether the other process has ended, or its records are delivered.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How long the delivery of the last batch may take.
const FLUSH_DEADLINE: Duration = Duration::from_secs(5);

/// Why there is no spool.
#[derive(Debug, thiserror::Error)]
pub enum SpoolError {
    /// The log itself.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The key of the trail's pseudonyms cannot be used.
    #[error(transparent)]
    Key(#[from] KeyError),
}

/// The two folders, as one process sees them.
#[derive(Debug, Clone)]
pub(super) struct Folders {
    /// Where it writes.
    own: PathBuf,
    /// Where the one before may still write, or has left rows.
    other: PathBuf,
}

/// Opens the spool; when `takes_over`, beside a process that still has it.
///
/// # Errors
/// [`SpoolError`] when neither folder can be had.
pub(super) fn open(audit: &Audit, takes_over: bool) -> Result<(Log, Folders), SpoolError> {
    let first = audit.spool.dir.clone();
    let second = first.join(SECOND);
    match open_at(audit, &first, &second) {
        Err(SpoolError::Open(OpenError::Locked { .. })) if takes_over => {
            let log = open_at(audit, &second, &first)?;
            let folders = Folders {
                own: second,
                other: first,
            };
            Ok((log, folders))
        }
        opened => Ok((
            opened?,
            Folders {
                own: first,
                other: second,
            },
        )),
    }
}

/// Opens one of the two folders. Both hold rows of the same gateway, which their epochs keep apart.
fn open_at(audit: &Audit, folder: &Path, other: &Path) -> Result<Log, SpoolError> {
    let mut settings = log::Settings::new(folder, &audit.gateway);
    settings.beside = Some(other.to_owned());
    settings.bytes_max = audit.spool.bytes_max;
    settings.ack = audit.ack;
    settings.on_full = audit.on_full;
    settings.pseudonyms = Some(Pseudonyms::load_or_make(&audit.pseudonym_key)?);
    Ok(Log::open(settings)?)
}

/// Delivers what is left in the other folder, beside everything else, once nobody has it.
pub(super) fn deliver_leftovers(
    audit: &Audit,
    store: Store,
    settings: delivery::Settings,
    folders: Folders,
) {
    let Folders { own, other } = folders;
    if !other.join("lock").exists() {
        return;
    }
    let audit = audit.clone();
    let delivering = move || {
        let log = loop {
            match open_at(&audit, &other, &own) {
                Ok(log) => break log,
                Err(SpoolError::Open(OpenError::Locked { .. })) => thread::sleep(LOOK_EVERY),
                Err(error) => {
                    return tracing::error!(%error, "what an earlier process left is not delivered");
                }
            }
        };
        match Delivery::start(&log, store, settings) {
            Ok(delivery) => {
                let rows = log.stats().unsent_rows;
                while log.stats().unsent_rows > 0 {
                    thread::sleep(LOOK_EVERY);
                }
                delivery.stop(FLUSH_DEADLINE);
                tracing::info!(rows, "what an earlier process left is delivered");
            }
            Err(error) => tracing::error!(%error, "what an earlier process left is not delivered"),
        }
        log.close(FLUSH_DEADLINE);
    };
    let started = thread::Builder::new()
        .name("audit-leftovers".to_owned())
        .spawn(delivering);
    if let Err(error) = started {
        tracing::error!(%error, "what an earlier process left is not delivered");
    }
}
