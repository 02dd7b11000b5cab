//! Calls that have begun and whose record is not written yet: `intents`, beside the segments.
//!
//! Each frame is `length u32 | crc32c u32 | kind u8 | number u64 | rest`, little-endian. The first
//! one names the epoch; the others open an intent with the row that stands for it until its record
//! is there, or say which row of the epoch that record is. The second kind is written before the
//! row it names, so that an intent counts as closed exactly when that row is in the log: whatever
//! is left open when a process ends becomes a row of the next epoch, once.

use std::{
    collections::BTreeMap,
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    mem,
};

use super::{Position, directory::Directory, frame::ROW_BYTES_MAX};

const NAME: &str = "intents";
/// Most bytes of rows that stand for calls under way.
pub(crate) const OPEN_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Size from which on a file of closed intents is begun anew.
const BEGIN_ANEW_BYTES: u64 = 1024 * 1024;
/// Size from which on the file is written anew with what is open.
const REWRITE_BYTES: u64 = 16 * 1024 * 1024;
const HEAD_BYTES: usize = 8;
/// The kind and the number.
const BODY_FIXED_BYTES: usize = 9;

const EPOCH: u8 = 0;
const OPENED: u8 = 1;
const CLOSED: u8 = 2;

/// The file, and what is open in it.
pub(crate) struct Intents {
    file: File,
    epoch: u32,
    bytes: u64,
    is_synced: bool,
    open: BTreeMap<u64, Vec<u8>>,
    open_bytes: usize,
    last: u64,
    /// What the next write brings, of which nothing counts until it has succeeded.
    frames: Vec<u8>,
    opening: Vec<(u64, Vec<u8>)>,
    closing: Vec<u64>,
}

impl Intents {
    /// Begins an epoch's file with the intents that the one before has `left`.
    pub(crate) fn begin(
        directory: &Directory,
        epoch: u32,
        left: Vec<Vec<u8>>,
        is_synced: bool,
    ) -> io::Result<Self> {
        let open: BTreeMap<u64, Vec<u8>> = (1..).zip(left).collect();
        let (file, bytes) = write_whole(directory, epoch, &open)?;
        Ok(Self {
            file,
            epoch,
            bytes,
            is_synced,
            open_bytes: open.values().map(Vec::len).sum(),
            last: open.len() as u64,
            open,
            frames: Vec::new(),
            opening: Vec::new(),
            closing: Vec::new(),
        })
    }

    /// The numbers and rows of what is open.
    pub(crate) fn open(&self) -> Vec<(u64, Vec<u8>)> {
        let open = self.open.iter();
        open.map(|(number, row)| (*number, row.clone())).collect()
    }

    /// Opens an intent with the next write; `None` when there are too many.
    pub(crate) fn begins(&mut self, row: Vec<u8>) -> Option<u64> {
        if self.open_bytes + row.len() > OPEN_BYTES_MAX || row.len() > ROW_BYTES_MAX {
            return None;
        }
        self.last += 1;
        push(&mut self.frames, OPENED, self.last, &row);
        self.open_bytes += row.len();
        self.opening.push((self.last, row));
        Some(self.last)
    }

    /// The row that the next write brings as `seq` is the record of the intent.
    pub(crate) fn ends(&mut self, number: u64, seq: u64) {
        push(&mut self.frames, CLOSED, number, &seq.to_le_bytes());
        self.closing.push(number);
    }

    /// Writes what has begun and what ends. Whether the latter has ended, [`Self::settle`] says
    /// when the rows are written, too.
    pub(crate) fn write(&mut self) -> io::Result<()> {
        if self.frames.is_empty() {
            return Ok(());
        }
        self.file.write_all(&self.frames)?;
        if self.is_synced {
            self.file.sync_data()?;
        }
        self.bytes += self.frames.len() as u64;
        Ok(())
    }

    /// Everything of this write is in its place.
    pub(crate) fn settle(&mut self, directory: &Directory) -> io::Result<()> {
        if self.frames.is_empty() {
            return Ok(());
        }
        self.frames.clear();
        self.open.extend(mem::take(&mut self.opening));
        for number in mem::take(&mut self.closing) {
            let row = self.open.remove(&number);
            self.open_bytes -= row.map_or(0, |row| row.len());
        }
        let is_anew = self.open.is_empty() && self.bytes > BEGIN_ANEW_BYTES;
        if is_anew || self.bytes > REWRITE_BYTES {
            return self.rewrite(directory);
        }
        Ok(())
    }

    /// Nothing of this write is in its place.
    pub(crate) fn abandon(&mut self) {
        self.frames.clear();
        self.closing.clear();
        for (_, row) in mem::take(&mut self.opening) {
            self.open_bytes -= row.len();
        }
    }

    /// Replaces the file with what is open, after which no number in it can name another row.
    pub(crate) fn rewrite(&mut self, directory: &Directory) -> io::Result<()> {
        (self.file, self.bytes) = write_whole(directory, self.epoch, &self.open)?;
        Ok(())
    }
}

/// The rows of intents that an earlier process left open; `is_written` knows the log's rows.
pub(crate) fn left(
    directory: &Directory,
    is_written: impl Fn(Position) -> bool,
) -> io::Result<Vec<Vec<u8>>> {
    let bytes = match fs::read(directory.path().join(NAME)) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut frames = Frames(&bytes);
    let Some((EPOCH, epoch, _)) = frames.next() else {
        // The file is replaced whole, so that this is damage.
        tracing::error!("audit log: the file of calls that had begun is damaged");
        return Ok(Vec::new());
    };
    let epoch = u32::try_from(epoch).unwrap_or(u32::MAX);
    let mut open = BTreeMap::new();
    for (kind, number, rest) in frames {
        let closed_by = rest.try_into().map(u64::from_le_bytes);
        match (kind, closed_by) {
            (OPENED, _) => {
                open.insert(number, rest.to_vec());
            }
            (CLOSED, Ok(seq)) if is_written(Position { epoch, seq }) => {
                open.remove(&number);
            }
            _ => {}
        }
    }
    Ok(open.into_values().collect())
}

fn write_whole(
    directory: &Directory,
    epoch: u32,
    open: &BTreeMap<u64, Vec<u8>>,
) -> io::Result<(File, u64)> {
    let mut frames = Vec::new();
    push(&mut frames, EPOCH, u64::from(epoch), &[]);
    for (number, row) in open {
        push(&mut frames, OPENED, *number, row);
    }
    directory.replace(NAME, &frames)?;
    let path = directory.path().join(NAME);
    let file = OpenOptions::new().append(true).open(path)?;
    Ok((file, frames.len() as u64))
}

fn push(frames: &mut Vec<u8>, kind: u8, number: u64, rest: &[u8]) {
    let mut body = Vec::with_capacity(BODY_FIXED_BYTES + rest.len());
    body.push(kind);
    body.extend_from_slice(&number.to_le_bytes());
    body.extend_from_slice(rest);
    frames.extend_from_slice(&(body.len() as u32).to_le_bytes());
    frames.extend_from_slice(&crc32c::crc32c(&body).to_le_bytes());
    frames.extend_from_slice(&body);
}

/// Kind, number and rest of each frame, up to the first that is not whole.
struct Frames<'a>(&'a [u8]);

impl<'a> Iterator for Frames<'a> {
    type Item = (u8, u64, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let (head, after) = self.0.split_first_chunk::<HEAD_BYTES>()?;
        let (length, checksum) = head.split_first_chunk::<4>()?;
        let body_bytes = u32::from_le_bytes(*length) as usize;
        let checksum = u32::from_le_bytes(checksum.try_into().ok()?);
        let (body, after) = after.split_at_checked(body_bytes)?;
        if crc32c::crc32c(body) != checksum {
            return None;
        }
        self.0 = after;
        let (kind, body) = body.split_first()?;
        let (number, rest) = body.split_first_chunk::<8>()?;
        Some((*kind, u64::from_le_bytes(*number), rest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(directory: &Directory, written: u64) -> Vec<Vec<u8>> {
        left(directory, |place| place.epoch == 7 && place.seq <= written).unwrap()
    }

    #[test]
    fn an_intent_is_closed_when_the_row_that_closes_it_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let directory = Directory::lock(folder.path()).unwrap().unwrap();
        assert!(rows(&directory, 0).is_empty());
        let mut intents = Intents::begin(&directory, 7, vec![b"left".to_vec()], false).unwrap();
        let number = intents.begins(b"begun".to_vec()).unwrap();
        intents.write().unwrap();
        intents.settle(&directory).unwrap();
        assert_eq!(rows(&directory, 0), [b"left".to_vec(), b"begun".to_vec()]);
        intents.ends(number, 5);
        intents.write().unwrap();
        assert_eq!(rows(&directory, 4), [b"left".to_vec(), b"begun".to_vec()]);
        assert_eq!(rows(&directory, 5), [b"left".to_vec()]);
        // The row could not be written, and its number goes to another one.
        intents.abandon();
        intents.rewrite(&directory).unwrap();
        assert_eq!(rows(&directory, 5), [b"left".to_vec(), b"begun".to_vec()]);
    }

    #[test]
    fn a_torn_frame_ends_the_file_and_too_much_is_not_taken() {
        let folder = tempfile::tempdir().unwrap();
        let directory = Directory::lock(folder.path()).unwrap().unwrap();
        let mut intents = Intents::begin(&directory, 7, Vec::new(), true).unwrap();
        intents.begins(b"whole".to_vec()).unwrap();
        intents.begins(b"torn".to_vec()).unwrap();
        intents.write().unwrap();
        let path = folder.path().join(NAME);
        let whole = fs::read(&path).unwrap();
        for cut in 1..HEAD_BYTES + BODY_FIXED_BYTES + 4 {
            fs::write(&path, &whole[..whole.len() - cut]).unwrap();
            assert_eq!(rows(&directory, 0), [b"whole".to_vec()], "{cut}");
        }
        let long = vec![0; ROW_BYTES_MAX];
        let taken = (0..).take_while(|_| intents.begins(long.clone()).is_some());
        assert_eq!(taken.count(), OPEN_BYTES_MAX / ROW_BYTES_MAX - 1);
    }
}
