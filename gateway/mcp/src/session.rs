//! Session ids of the legacy revisions, as syntax only: whether one is known is the server's to say.

/// The longest session id that is passed on.
pub const SESSION_ID_BYTES_MAX: usize = 2048;

/// Whether a raw `Mcp-Session-Id` value may be passed on: visible ASCII, 0x21 to 0x7E (2025-11-25,
/// Streamable HTTP, "Session Management"), not empty, at most [`SESSION_ID_BYTES_MAX`].
pub fn is_valid(id: &[u8]) -> bool {
    !id.is_empty()
        && id.len() <= SESSION_ID_BYTES_MAX
        && id.iter().all(|byte| (0x21..=0x7e).contains(byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn visible_ascii_within_the_limit() {
        for good in [
            &b"a"[..],
            b"!~",
            b"6f1c-\"x\"=",
            &[b'a'; SESSION_ID_BYTES_MAX],
        ] {
            assert!(is_valid(good));
        }
        for bad in [&b""[..], b" ", b"a b", b"a\t", b"\x7f", b"\xc3\xa9", b"a\0"] {
            assert!(!is_valid(bad), "{bad:?}");
        }
        assert!(!is_valid(&[b'a'; SESSION_ID_BYTES_MAX + 1]));
    }
}
