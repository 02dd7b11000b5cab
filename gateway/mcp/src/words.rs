//! Strings are short, mostly: eight bytes at a time finds their end sooner than a vector search.
//!
//! The masks are those of "Bit Twiddling Hacks" (`haszero`, `hasless`): a borrow can set a bit too
//! many, but only above a byte that really matches, so the lowest set bit is exact.

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGHS: u64 = 0x8080_8080_8080_8080;

/// So far from the beginning a string is taken for a short one.
const SHORT_BYTES: usize = 24;

fn equal(word: u64, byte: u8) -> u64 {
    let difference = word ^ (ONES * u64::from(byte));
    difference.wrapping_sub(ONES) & !difference & HIGHS
}

fn control(word: u64) -> u64 {
    word.wrapping_sub(ONES * 0x20) & !word & HIGHS
}

/// The position of the first quote, backslash or control character, or the length.
pub(crate) fn plain_bytes(bytes: &[u8]) -> usize {
    let special = |word| equal(word, b'"') | equal(word, b'\\') | control(word);
    let mut at = 0;
    while let Some(word) = bytes.get(at..).and_then(|rest| rest.first_chunk()) {
        let found = special(u64::from_le_bytes(*word));
        if found != 0 {
            return at + found.trailing_zeros() as usize / 8;
        }
        at += 8;
        if at == SHORT_BYTES {
            at = clean_blocks(bytes, at);
        }
    }
    let rest = bytes.get(at..).unwrap_or_default();
    let special = |byte: &u8| *byte < 0x20 || matches!(byte, b'"' | b'\\');
    at + rest.iter().position(special).unwrap_or(rest.len())
}

/// Goes on from `at` over whole blocks without special bytes. Nothing branches inside a block, so
/// the compiler makes vector code of it.
fn clean_blocks(bytes: &[u8], mut at: usize) -> usize {
    while let Some(block) = bytes.get(at..).and_then(|rest| rest.first_chunk::<32>()) {
        let special = |byte: u8| byte < 0x20 || byte == b'"' || byte == b'\\';
        if block
            .iter()
            .fold(false, |found, byte| found | special(*byte))
        {
            break;
        }
        at += 32;
    }
    at
}

/// The position of the first quote or backslash, or the length.
pub(crate) fn quoted_bytes(bytes: &[u8]) -> usize {
    let mut at = 0;
    while let Some(word) = bytes.get(at..).and_then(|rest| rest.first_chunk()) {
        let word = u64::from_le_bytes(*word);
        let found = equal(word, b'"') | equal(word, b'\\');
        if found != 0 {
            return at + found.trailing_zeros() as usize / 8;
        }
        at += 8;
        if at == SHORT_BYTES {
            break;
        }
    }
    let rest = bytes.get(at..).unwrap_or_default();
    at + memchr::memchr2(b'"', b'\\', rest).unwrap_or(rest.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_at_every_place_is_found_or_passed() {
        for length in 0..70 {
            for place in 0..length {
                for byte in 0..=255_u8 {
                    let mut bytes = vec![b'a'; length];
                    bytes[place] = byte;
                    let special = byte < 0x20 || byte == b'"' || byte == b'\\';
                    assert_eq!(plain_bytes(&bytes), if special { place } else { length });
                    let quoted = byte == b'"' || byte == b'\\';
                    assert_eq!(quoted_bytes(&bytes), if quoted { place } else { length });
                }
            }
        }
    }

    #[test]
    fn neighbours_of_a_match_do_not_hide_it() {
        for [first, second] in [
            [b'"', b'#'],
            [0x1f, 0x20],
            [b'\\', b']'],
            [0, 1],
            [0x9f, 0x1f],
        ] {
            let bytes = [b'a', b'a', second, first, second, first];
            let naive =
                |special: fn(u8) -> bool| bytes.iter().position(|b| special(*b)).unwrap_or(6);
            let bytes = [&bytes[..], b"aaaaaaaaaa"].concat();
            let plain = naive(|b| b < 0x20 || b == b'"' || b == b'\\');
            assert_eq!(plain_bytes(&bytes).min(6), plain);
            assert_eq!(
                quoted_bytes(&bytes).min(6),
                naive(|b| b == b'"' || b == b'\\')
            );
        }
    }
}
