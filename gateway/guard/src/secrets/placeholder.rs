//! What stands where a secret would stand, and is none.

use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, AhoCorasickKind};

use crate::kind::Kind;

/// Parts, in lower case, that only examples and references have.
static PARTS: LazyLock<Parts> = LazyLock::new(|| {
    Parts::new(&[
        "example",
        "xxxx",
        "****",
        "....",
        "....",
        "<",
        "${",
        "{{",
        "$(",
        "%(",
        "%{",
        "process.env",
        "os.environ",
        "getenv",
        "env.",
        "your_",
        "your-",
        "yourapi",
        "changeme",
        "change_me",
        "redacted",
        "placeholder",
        "dummy",
        "not-a-real",
        "notareal",
        "insert_",
        "todo",
        "fixme",
        "foobar",
        "12345678901234567890",
        "abcdefghijklmnop",
        "!ref",
        "vault:",
        "secretref",
    ])
});

/// Longest value that is looked at in full; a longer one is no placeholder.
const BYTES_MAX: usize = 256;

/// Whether `value` is a placeholder, a reference or a mask.
pub(crate) fn is_placeholder(value: &[u8]) -> bool {
    if value.len() > BYTES_MAX {
        return false;
    }
    let uniform = value
        .windows(2)
        .filter(|pair| pair.first() != pair.last())
        .count()
        < 2;
    uniform
        || PARTS.occur_in(value)
        // Our own placeholders: redacting twice changes nothing.
        || value.starts_with(b"[") && value.contains(&b']')
        || has_own(value)
        || matches!(value.first(), Some(b'$' | b'%' | b'!' | b'(' | b'@' | b'*' | b'&'))
            && value.iter().skip(1).all(|byte| byte.is_ascii_alphanumeric() || b"_.{}()$%/*-:".contains(byte))
            && !value.iter().any(u8::is_ascii_digit)
}

/// Short texts that are looked for all at once, in either case.
pub(crate) struct Parts(Option<AhoCorasick>);

impl Parts {
    pub(crate) fn new(parts: &[&str]) -> Self {
        let mut builder = AhoCorasick::builder();
        builder
            .ascii_case_insensitive(true)
            .kind(Some(AhoCorasickKind::DFA));
        Self(builder.build(parts).ok())
    }

    pub(crate) fn occur_in(&self, text: &[u8]) -> bool {
        self.0.as_ref().is_some_and(|parts| parts.is_match(text))
    }
}

/// Whether a placeholder of ours, such as `[EMAIL]`, stands in `value`: what was secret in it has been taken out.
fn has_own(value: &[u8]) -> bool {
    memchr::memchr_iter(b'[', value).any(|open| {
        let rest = value.get(open + 1..).unwrap_or_default();
        let end = rest.iter().position(|byte| matches!(byte, b']' | b':'));
        let name = end.and_then(|end| std::str::from_utf8(rest.get(..end)?).ok());
        name.is_some_and(|name| Kind::named(name).is_some())
    })
}
