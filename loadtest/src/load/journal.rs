//! A file with one line per call, to be compared afterwards with what others recorded of the same calls.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use super::Fault;

/// What is known of a call at its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// A result or an error with the call's id came back: the call was made once.
    Answered,
    /// The request was written whole, but no answer came: the call was made once or never.
    Sent,
    /// The request was never written whole: the call was not made.
    Failed,
}

pub(super) struct Journal {
    path: PathBuf,
    file: Mutex<Lines>,
}

struct Lines {
    out: BufWriter<File>,
    /// The first write that failed. Later lines would have a gap before them, so none is written.
    fault: Option<std::io::Error>,
}

impl Journal {
    /// Appends to `path`, so that several runs can share one journal.
    pub(super) fn create(path: &Path) -> Result<Self, Fault> {
        let opened = File::options().create(true).append(true).open(path);
        let file = opened.map_err(|source| Fault::Journal {
            path: path.display().to_string(),
            source,
        })?;
        let lines = Lines {
            out: BufWriter::new(file),
            fault: None,
        };
        Ok(Self {
            path: path.to_owned(),
            file: Mutex::new(lines),
        })
    }

    /// Notes the end of the call with the JSON id `id`. A fault is reported by [`Journal::flush`].
    pub(super) fn append(&self, id: &str, state: State, why: Option<&str>) {
        let state = match state {
            State::Answered => "answered",
            State::Sent => "sent",
            State::Failed => "failed",
        };
        let mut lines = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.fault.is_none() {
            let written = writeln!(
                lines.out,
                "{}\t{state}\t{}",
                id.trim_matches('"'),
                why.unwrap_or("ok")
            );
            lines.fault = written.err();
        }
    }

    pub(super) fn flush(&self) -> Result<(), Fault> {
        let mut lines = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let flushed = match lines.fault.take() {
            Some(fault) => Err(fault),
            None => lines.out.flush(),
        };
        flushed.map_err(|source| Fault::Journal {
            path: self.path.display().to_string(),
            source,
        })
    }
}
