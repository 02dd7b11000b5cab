//! The key that seals session ids where the configuration names none.
//!
//! It is drawn at random once and kept beside the audit spool, readable for the gateway's user only,
//! so that sessions outlive the process.

use std::{
    fs::{File, OpenOptions},
    io::{self, Read as _, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
};

const FILE: &str = "session.key";

/// Reads the key that is kept in `folder`, or draws and keeps one.
///
/// # Errors
/// What the file system says; a file of another length is refused.
pub(super) fn keep(folder: &Path) -> io::Result<[u8; 32]> {
    let path = folder.join(FILE);
    match File::open(&path) {
        Ok(file) => read(file),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let key: [u8; 32] = rand::random();
            let mut file = OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(&path)?;
            file.write_all(&key)?;
            file.sync_all()?;
            Ok(key)
        }
        Err(error) => Err(error),
    }
}

fn read(file: File) -> io::Result<[u8; 32]> {
    let mut bytes = Vec::new();
    file.take(33).read_to_end(&mut bytes)?;
    let wrong = |_| io::Error::new(io::ErrorKind::InvalidData, "session.key is not a key");
    bytes.try_into().map_err(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_stays_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let key = keep(folder.path()).unwrap();
        assert_eq!(keep(folder.path()).unwrap(), key);
        std::fs::write(folder.path().join(FILE), "short").unwrap();
        assert!(keep(folder.path()).is_err());
    }
}
