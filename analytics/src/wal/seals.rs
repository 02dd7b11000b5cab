//! The newest seals, beside the log: `seals.jsonl`, one JSON object a line, and the file before it
//! as `seals.1.jsonl`. They let the log's own files be checked, and show when the store has lost
//! the end of its chain.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write as _},
    path::Path,
};

use super::directory::Directory;
use crate::seal::Seal;

const NAME: &str = "seals.jsonl";
const BEFORE: &str = "seals.1.jsonl";
/// Size at which a new file is begun; two are kept.
const FILE_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// Adds a seal, durably. One that is added again after a crash is read once.
pub(crate) fn append(directory: &Directory, seal: &Seal) -> io::Result<()> {
    let path = directory.path().join(NAME);
    let is_full = fs::metadata(&path).is_ok_and(|file| file.len() >= FILE_BYTES_MAX);
    if is_full {
        fs::rename(&path, directory.path().join(BEFORE))?;
    }
    // The newline comes first, so that a torn line does not swallow the next one.
    let mut line = vec![b'\n'];
    serde_json::to_writer(&mut line, seal)?;
    let mut file = OpenOptions::new().create(true).append(true).open(&path)?;
    file.write_all(&line)?;
    file.sync_data()
}

/// Every seal that is still there, oldest first. A torn last line, as a crash leaves it, is not
/// read.
pub(crate) fn read(directory: &Path) -> io::Result<Vec<Seal>> {
    let mut seals: Vec<Seal> = Vec::new();
    for name in [BEFORE, NAME] {
        let text = match fs::read(directory.join(name)) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        for line in text.split(|byte| *byte == b'\n') {
            let Ok(seal) = serde_json::from_slice::<Seal>(line) else {
                continue;
            };
            if seals.last() != Some(&seal) {
                seals.push(seal);
            }
        }
    }
    Ok(seals)
}
