//! Sixteen bytes at a time: what a loop over single bytes would ask of each, answered by one bit of a number.
//!
//! Texts are short, and a loop ends after a number of bytes that a processor cannot foresee: each such end costs more
//! than all the bytes before it.

use wide::u8x16;

/// Bytes of a block.
pub(crate) const BLOCK_BYTES: usize = 16;

/// Some bytes; the first is the lowest bit of what is said of them.
#[derive(Clone, Copy)]
pub(crate) struct Block(u8x16);

impl Block {
    pub(crate) fn new(bytes: [u8; BLOCK_BYTES]) -> Self {
        Self(u8x16::new(bytes))
    }

    /// What begins at `start`, with NUL behind the text's end.
    pub(crate) fn at(text: &[u8], start: usize) -> Self {
        let rest = text.get(start..).unwrap_or_default();
        rest.first_chunk().map_or_else(
            || {
                let mut bytes = [0; BLOCK_BYTES];
                for (byte, of) in bytes.iter_mut().zip(rest) {
                    *byte = *of;
                }
                Self::new(bytes)
            },
            |bytes| Self::new(*bytes),
        )
    }

    /// What ends at `end`, with NUL before the text's beginning.
    pub(crate) fn before(text: &[u8], end: usize) -> Self {
        let head = text.get(..end).unwrap_or_default();
        head.last_chunk().map_or_else(
            || {
                let mut bytes = [0; BLOCK_BYTES];
                for (byte, of) in bytes.iter_mut().rev().zip(head.iter().rev()) {
                    *byte = *of;
                }
                Self::new(bytes)
            },
            |bytes| Self::new(*bytes),
        )
    }

    pub(crate) fn is(self, byte: u8) -> Of {
        Of(self.0.simd_eq(u8x16::splat(byte)))
    }

    /// From `first` to `last`.
    pub(crate) fn within(self, first: u8, last: u8) -> Of {
        let place = self.0 - u8x16::splat(first);
        Of(place.min(u8x16::splat(last - first)).simd_eq(place))
    }

    pub(crate) fn digits(self) -> Of {
        self.within(b'0', b'9')
    }

    /// Of ASCII.
    pub(crate) fn letters(self) -> Of {
        Self(self.0 | u8x16::splat(0x20)).within(b'a', b'z')
    }

    /// Beyond ASCII.
    pub(crate) fn high(self) -> Of {
        Of(self.0)
    }
}

/// Some of the bytes of a block.
#[derive(Clone, Copy)]
pub(crate) struct Of(u8x16);

impl Of {
    pub(crate) const NONE: Self = Self(u8x16::ZERO);

    /// One bit each.
    pub(crate) fn bits(self) -> u16 {
        u16::try_from(self.0.to_bitmask()).unwrap_or(u16::MAX)
    }

    pub(crate) fn any(self) -> bool {
        self.0.any()
    }
}

impl std::ops::BitOr for Of {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_is_what_it_is() {
        for byte in 0..=u8::MAX {
            let block = Block::at(&[b' ', byte], 0);
            let is = |of: Of, expected: bool| {
                assert_eq!(of.bits() >> 1 & 1 == 1, expected, "{byte}");
            };
            is(block.digits(), byte.is_ascii_digit());
            is(block.letters(), byte.is_ascii_alphabetic());
            is(block.high(), !byte.is_ascii());
            is(block.within(3, 7), (3..=7).contains(&byte));
            is(block.is(b'@'), byte == b'@');
        }
    }

    #[test]
    fn beyond_a_text_is_nul() {
        let text = b"0123456789abcdefghij";
        for place in 0..=text.len() {
            let is = Block::at(text, place).is(0).bits();
            assert_eq!(
                is.leading_ones() as usize,
                BLOCK_BYTES.saturating_sub(text.len() - place)
            );
            let is = Block::before(text, place).is(0).bits();
            assert_eq!(
                is.trailing_ones() as usize,
                BLOCK_BYTES.saturating_sub(place)
            );
        }
    }
}
