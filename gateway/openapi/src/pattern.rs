//! Which regular expressions every client can be given.
//!
//! A client compiles the patterns of a schema before it offers the tool; one that does not compile costs it the tool.
//! JSON Schema means ECMA-262 with the `u` flag (JSON Schema Core, section 6.4), authors often mean something else.

/// Bytes of a pattern.
const BYTES_MAX: usize = 300;

/// Whether a pattern is one in the dialects of JavaScript (with `u`), Python and Rust alike.
pub(crate) fn is_portable(pattern: &str) -> bool {
    pattern.len() <= BYTES_MAX
        && pattern.is_ascii()
        && Check {
            rest: pattern.as_bytes(),
        }
        .alternatives(0)
}

struct Check<'p> {
    rest: &'p [u8],
}

impl Check<'_> {
    fn take(&mut self) -> Option<u8> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*first)
    }

    fn skip(&mut self, prefix: &[u8]) -> bool {
        match self.rest.strip_prefix(prefix) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    /// Up to the end of the pattern or of the group.
    fn alternatives(&mut self, depth: usize) -> bool {
        if depth > 20 {
            return false;
        }
        let mut repeatable = false;
        while let Some(byte) = self.take() {
            repeatable = match byte {
                b'\\' => match self.escape(false) {
                    Some(atom) => atom,
                    None => return false,
                },
                b'[' => {
                    if !self.class() {
                        return false;
                    }
                    true
                }
                b'(' => {
                    if self.rest.first() == Some(&b'?') && !self.skip(b"?:") {
                        return false;
                    }
                    if !self.alternatives(depth + 1) {
                        return false;
                    }
                    true
                }
                b')' => return depth > 0,
                b'*' | b'+' | b'?' | b'{' => {
                    if !repeatable || (byte == b'{' && !self.count()) {
                        return false;
                    }
                    self.skip(b"?");
                    false
                }
                b'|' | b'^' | b'$' => false,
                b']' | b'}' => return false,
                _ => true,
            };
        }
        depth == 0
    }

    /// Whether the escape is something that may be repeated; `None` where it is not portable.
    fn escape(&mut self, in_class: bool) -> Option<bool> {
        match self.take()? {
            b'd' | b'D' | b'w' | b'W' | b's' | b'S' | b'n' | b'r' | b't' | b'f' => Some(true),
            b'b' | b'B' if !in_class => Some(false),
            b'^' | b'$' | b'\\' | b'.' | b'*' | b'+' | b'?' | b'(' | b')' | b'[' | b']' | b'{'
            | b'}' | b'|' | b'/' => Some(true),
            b'-' if in_class => Some(true),
            b'x' => self.hex(2),
            b'u' => self.hex(4),
            _ => None,
        }
    }

    fn hex(&mut self, digits: usize) -> Option<bool> {
        (0..digits)
            .all(|_| self.take().is_some_and(|byte| byte.is_ascii_hexdigit()))
            .then_some(true)
    }

    /// After `[`.
    fn class(&mut self) -> bool {
        self.skip(b"^");
        let mut last: Option<u8> = None;
        let mut empty = true;
        while let Some(byte) = self.take() {
            match byte {
                b']' => return !empty,
                b'[' | b'&' | b'~' => return false,
                b'\\' => {
                    if self.escape(true).is_none() {
                        return false;
                    }
                    last = None;
                }
                b'-' if !empty && self.rest.first().is_some_and(|next| *next != b']') => {
                    // A range: plain characters in their order only.
                    let (Some(from), Some(to)) = (last, self.take()) else {
                        return false;
                    };
                    if matches!(to, b'\\' | b'[') || from > to {
                        return false;
                    }
                    last = None;
                }
                byte => last = Some(byte),
            }
            empty = false;
        }
        false
    }

    /// After `{`: `n}`, `n,}` or `n,m}`.
    fn count(&mut self) -> bool {
        let Some(end) = self.rest.iter().position(|byte| *byte == b'}') else {
            return false;
        };
        let inside =
            std::str::from_utf8(self.rest.get(..end).unwrap_or_default()).unwrap_or_default();
        self.rest = self.rest.get(end + 1..).unwrap_or_default();
        let bound = |text: &str| text.parse::<u32>().ok().filter(|count| *count <= 1000);
        match inside.split_once(',') {
            None => bound(inside).is_some(),
            Some((least, "")) => bound(least).is_some(),
            Some((least, most)) => {
                matches!((bound(least), bound(most)), (Some(least), Some(most)) if least <= most)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::is_portable;

    #[test]
    fn portable_and_not() {
        for good in [
            "^[a-z0-9-]{1,63}$",
            r"^\d{3}-\d+$",
            "a|b",
            "(?:x|y)*?",
            r"[\w.+-]+@[^@]+",
            r"^\u0041\/$",
            "",
        ] {
            assert!(is_portable(good), "{good}");
        }
        for bad in [
            r"\p{L}", "(?i)x", "[", "(", "a)", "*a", "a**", r"\A", r"\-", "a{2", "a{3,2}", "[z-a]",
            "[]", "é", "(?=x)y", r"\_", "x{,3}", "]", "{", r"[\d-z]", "^*",
        ] {
            assert!(!is_portable(bad), "{bad}");
        }
    }
}
