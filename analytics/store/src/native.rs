//! ClickHouse's native compression frames, as `compress=1` and `decompress=1` put them on HTTP.
//!
//! A frame is a CityHash128 (v1.0.2, halves swapped, 16 bytes) of what follows; a method byte
//! (0x82 LZ4, 0x02 none); the frame's size without the checksum and the size of its data (u32,
//! little-endian); then the payload. Source: `src/Compression/CompressedReadBufferBase.cpp` of
//! ClickHouse. Nothing is decompressed before its checksum was verified.

use std::io::{self, Read};

const CHECKSUM_BYTES: usize = 16;
const HEADER_BYTES: usize = 9;
const METHOD_NONE: u8 = 0x02;
const METHOD_LZ4: u8 = 0x82;
/// The largest frame accepted, either way: what a client compresses at once is about 1 MiB.
const FRAME_BYTES_MAX: usize = 128 << 20;
/// Data per frame that we write.
const CHUNK_BYTES: usize = 1 << 20;

fn checksum(frame: &[u8]) -> [u8; CHECKSUM_BYTES] {
    cityhash_rs::cityhash_102_128(frame)
        .rotate_right(64)
        .to_le_bytes()
}

fn broken(message: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, message)
}

/// Reads the data out of a stream of frames.
pub(crate) struct Frames<R> {
    source: R,
    data: io::Cursor<Vec<u8>>,
}

impl<R: Read> Frames<R> {
    pub(crate) fn new(source: R) -> Self {
        Self {
            source,
            data: io::Cursor::new(Vec::new()),
        }
    }

    /// Reads and checks one frame. `false` at a clean end of the stream.
    fn advance(&mut self) -> io::Result<bool> {
        let mut expected = [0; CHECKSUM_BYTES];
        match self.source.read(&mut expected)? {
            0 => return Ok(false),
            had => self
                .source
                .read_exact(expected.get_mut(had..).unwrap_or_default())?,
        }
        let mut frame = vec![0; HEADER_BYTES];
        self.source.read_exact(&mut frame)?;
        let &[method, s0, s1, s2, s3, d0, d1, d2, d3] = frame.as_slice() else {
            return Err(broken("a compressed frame has no header"));
        };
        let frame_bytes = u32::from_le_bytes([s0, s1, s2, s3]) as usize;
        let data_bytes = u32::from_le_bytes([d0, d1, d2, d3]) as usize;
        if !(HEADER_BYTES..=FRAME_BYTES_MAX).contains(&frame_bytes) || data_bytes > FRAME_BYTES_MAX
        {
            return Err(broken("a compressed frame names an impossible size"));
        }
        // Grown by what really arrives, never by what the header merely claims.
        let payload_bytes = frame_bytes - HEADER_BYTES;
        if (&mut self.source)
            .take(payload_bytes as u64)
            .read_to_end(&mut frame)?
            != payload_bytes
        {
            return Err(broken("a compressed frame is cut short"));
        }
        if checksum(&frame) != expected {
            return Err(broken("a compressed frame's checksum does not match"));
        }
        let payload = frame.get(HEADER_BYTES..).unwrap_or_default();
        let data = match method {
            METHOD_LZ4 => lz4_flex::block::decompress(payload, data_bytes)
                .map_err(|_| broken("a compressed frame's LZ4 data is broken"))?,
            METHOD_NONE => payload.to_vec(),
            _ => return Err(broken("a compressed frame uses another method than LZ4")),
        };
        if data.len() != data_bytes {
            return Err(broken(
                "a compressed frame holds another size than it names",
            ));
        }
        self.data = io::Cursor::new(data);
        Ok(true)
    }
}

impl<R: Read> Read for Frames<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.data.read(into)? {
                0 if !into.is_empty() => {
                    if !self.advance()? {
                        return Ok(0);
                    }
                }
                count => return Ok(count),
            }
        }
    }
}

/// Wraps data into LZ4 frames, one after another.
pub(crate) fn compress(data: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(data.len() / 2 + CHECKSUM_BYTES + HEADER_BYTES);
    for chunk in data.chunks(CHUNK_BYTES) {
        let payload = lz4_flex::block::compress(chunk);
        let mut frame = Vec::with_capacity(HEADER_BYTES + payload.len());
        frame.push(METHOD_LZ4);
        // A chunk is 1 MiB at most, so both sizes fit.
        frame.extend_from_slice(&((HEADER_BYTES + payload.len()) as u32).to_le_bytes());
        frame.extend_from_slice(&(chunk.len() as u32).to_le_bytes());
        frame.extend_from_slice(&payload);
        out.extend_from_slice(&checksum(&frame));
        out.extend_from_slice(&frame);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(frames: &[u8]) -> io::Result<Vec<u8>> {
        let mut data = Vec::new();
        Frames::new(frames).read_to_end(&mut data).map(|_| data)
    }

    #[test]
    fn what_was_framed_reads_back() {
        for bytes in [0, 1, 15, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES - 7] {
            let data: Vec<u8> = (0..bytes).map(|i| (i / 3 % 251) as u8).collect();
            assert_eq!(read(&compress(&data)).unwrap(), data, "{bytes} bytes");
        }
    }

    /// A frame as a ClickHouse 26.7 server writes it for `SELECT 1 FORMAT TSV` with `compress=1`
    /// has method 0x82, frame size 0x0c, data size 2, and the literal-only LZ4 token 0x20.
    #[test]
    fn the_layout_is_the_servers() {
        let frame = compress(b"1\n");
        assert_eq!(
            frame.get(CHECKSUM_BYTES..).unwrap(),
            [0x82, 0x0c, 0, 0, 0, 2, 0, 0, 0, 0x20, b'1', b'\n']
        );
    }

    #[test]
    fn every_damaged_byte_is_noticed() {
        let frame = compress(b"some rows, some more rows, and some more");
        for at in 0..frame.len() {
            let mut damaged = frame.clone();
            damaged[at] ^= 0x10;
            assert!(read(&damaged).is_err(), "byte {at}");
        }
        for length in 1..frame.len() {
            assert!(read(&frame[..length]).is_err(), "cut to {length}");
        }
    }

    #[test]
    fn a_claimed_size_costs_no_memory() {
        let mut frame = compress(b"x");
        frame[CHECKSUM_BYTES + 1..CHECKSUM_BYTES + 5].copy_from_slice(&u32::MAX.to_le_bytes());
        assert_eq!(
            read(&frame).unwrap_err().to_string(),
            "a compressed frame names an impossible size"
        );
    }
}
