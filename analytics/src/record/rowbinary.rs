//! ClickHouse's RowBinary format: values back to back, little-endian, no names and no padding
//! (<https://clickhouse.com/docs/interfaces/formats/RowBinary>).
//!
//! Only what the record needs; never a reader.

/// A row under construction.
pub(crate) struct RowBuffer {
    bytes: Vec<u8>,
}

impl RowBuffer {
    pub(crate) fn with_capacity(capacity_bytes: usize) -> Self {
        Self {
            bytes: Vec::with_capacity(capacity_bytes),
        }
    }

    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// `UInt*`, `Int*`, `Enum8`, `Decimal`, `DateTime64`, `IPv6`, `FixedString`: the value's bytes.
    pub(crate) fn fixed<const N: usize>(&mut self, value: [u8; N]) {
        self.bytes.extend_from_slice(&value);
    }

    /// `String` and `LowCardinality(String)`: LEB128 length, then at most `bytes_max` bytes of
    /// the text, cut at a character boundary.
    pub(crate) fn text(&mut self, value: &str, bytes_max: usize) {
        let kept = bounded(value, bytes_max);
        self.count(kept.len());
        self.bytes.extend_from_slice(kept.as_bytes());
    }

    /// `String`: LEB128 length, then the bytes.
    pub(crate) fn bytes(&mut self, value: &[u8]) {
        self.count(value.len());
        self.bytes.extend_from_slice(value);
    }

    /// The element count of an `Array` or a `Map`, and the byte count of a `String`: LEB128.
    pub(crate) fn count(&mut self, count: usize) {
        let mut rest = count;
        while rest >= 0x80 {
            self.bytes.push((rest & 0x7f) as u8 | 0x80);
            rest >>= 7;
        }
        self.bytes.push(rest as u8);
    }
}

/// The longest prefix of `value` that has at most `bytes_max` bytes and ends between characters.
pub(crate) fn bounded(value: &str, bytes_max: usize) -> &str {
    if value.len() <= bytes_max {
        return value;
    }
    value
        .get(..value.floor_char_boundary(bytes_max))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_leb128() {
        for (count, bytes) in [
            (0, vec![0x00]),
            (127, vec![0x7f]),
            (128, vec![0x80, 0x01]),
            (16_384, vec![0x80, 0x80, 0x01]),
        ] {
            let mut row = RowBuffer::with_capacity(4);
            row.count(count);
            assert_eq!(row.into_bytes(), bytes, "{count}");
        }
    }

    #[test]
    fn long_text_is_cut_between_characters() {
        assert_eq!(bounded("grün", 4), "grü");
        assert_eq!(bounded("grün", 3), "gr");
        assert_eq!(bounded("grün", 5), "grün");
        assert_eq!(bounded("ü", 1), "");
    }
}
