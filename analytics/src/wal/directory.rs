//! The log's directory: its lock, its epoch, its small files.
//!
//! Two processes never share a directory: the lock is held for as long as the log lives and ends
//! with the process, however that ends.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
    time::{SystemTime, UNIX_EPOCH},
};

use rustix::fs::{FlockOperation, flock};

use super::segment;

const LOCK: &str = "lock";
const EPOCH: &str = "epoch";
/// Ending of files that are not yet what their name will say; left over, they mean nothing.
pub(crate) const UNFINISHED: &str = "tmp";

/// An owned, locked directory.
pub(crate) struct Directory {
    path: PathBuf,
    _lock: File,
}

impl Directory {
    /// Makes the directory if it is missing and locks it. `Ok(None)`: another process has it.
    pub(crate) fn lock(path: &Path) -> io::Result<Option<Self>> {
        fs::create_dir_all(path)?;
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(path.join(LOCK))?;
        match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Some(Self {
                path: path.to_owned(),
                _lock: lock,
            })),
            Err(rustix::io::Errno::WOULDBLOCK) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The next epoch, durable before it is used: newer than every one of this directory and of the
    /// one `beside` it.
    ///
    /// It is at least the present second since the Unix epoch: a gateway whose directory was
    /// lost, as a container's is, must never give an old row's identity, or an old batch's
    /// token, to a new one; ClickHouse would take the new batch for a repetition and drop it.
    pub(crate) fn next_epoch(&self, beside: Option<&Path>) -> io::Result<u32> {
        let newest = newest_epoch(&self.path)?.max(beside.map_or(Ok(0), newest_epoch)?);
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| since.as_secs());
        let now = u32::try_from(now).unwrap_or(u32::MAX);
        let epoch = newest.saturating_add(1).max(now);
        self.replace(EPOCH, epoch.to_string().as_bytes())?;
        Ok(epoch)
    }

    /// The segments' paths, oldest first.
    pub(crate) fn segments(&self) -> io::Result<Vec<PathBuf>> {
        segments_in(&self.path)
    }

    /// Removes what an interrupted write left behind.
    pub(crate) fn sweep(&self) -> io::Result<()> {
        for entry in fs::read_dir(&self.path)? {
            let path = entry?.path();
            if path.extension().is_some_and(|ending| ending == UNFINISHED) {
                fs::remove_file(path)?;
            }
        }
        Ok(())
    }

    /// Replaces a small file whole: after a crash it holds the old bytes or the new, on disk.
    pub(crate) fn replace(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let unfinished = self.path.join(format!("{name}.{UNFINISHED}"));
        let mut file = File::create(&unfinished)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(unfinished, self.path.join(name))?;
        self.sync()
    }

    /// Makes the directory's entries durable.
    pub(crate) fn sync(&self) -> io::Result<()> {
        File::open(&self.path)?.sync_all()
    }
}

/// The newest epoch that a log in `directory` has begun; 0 where there has been none.
fn newest_epoch(directory: &Path) -> io::Result<u32> {
    let absent = |error: &io::Error| error.kind() == io::ErrorKind::NotFound;
    let recorded = match fs::read_to_string(directory.join(EPOCH)) {
        Ok(text) => text.trim().parse().unwrap_or(0),
        Err(error) if absent(&error) => 0,
        Err(error) => return Err(error),
    };
    let segments = match segments_in(directory) {
        Err(error) if absent(&error) => Vec::new(),
        read => read?,
    };
    let on_disk = segments.iter().filter_map(|path| segment::epoch_of(path));
    Ok(on_disk.max().unwrap_or(0).max(recorded))
}

/// The segments' paths in `directory`, oldest first: their names sort by epoch and number.
pub(crate) fn segments_in(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if segment::epoch_of(&path).is_some() {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}
