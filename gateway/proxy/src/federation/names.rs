//! What a tool or prompt of one server is called where several stand side by side.
//!
//! A name is its server's, the separator, and its own: `orders__get`. It leads back without a table,
//! since no server's name has the character that a separator begins with. What does not fit, because it
//! is too long or has characters that names of tools should not have, is cut and gets a hash of the
//! whole; such a name is found again among those that lists have shown.

use sha2::{Digest, Sha256};

/// The longest name; several models accept no more.
pub(super) const NAME_CHARS_MAX: usize = 64;

/// Of a hash, in a name that was cut: 40 bits.
const HASH_CHARS: usize = 8;

const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

/// What `own` is called behind `prefix`, which ends with the separator.
pub(super) fn exposed(prefix: &str, own: &str) -> String {
    let whole = format!("{prefix}{own}");
    if whole.len() <= NAME_CHARS_MAX && whole.chars().all(is_name_char) && !own.is_empty() {
        return whole;
    }
    let fit = |c: char| if is_name_char(c) { c } else { '_' };
    let kept = NAME_CHARS_MAX - HASH_CHARS - 1;
    let cut: String = whole.chars().map(fit).take(kept).collect();
    format!("{cut}_{}", hash(&whole))
}

/// Whether a name may be one that was cut.
pub(super) fn may_be_cut(name: &str) -> bool {
    let hash = name.rsplit_once('_').map(|(_, hash)| hash.as_bytes());
    hash.is_some_and(|hash| {
        hash.len() == HASH_CHARS && hash.iter().all(|byte| ALPHABET.contains(byte))
    })
}

/// The server and its own name for what is called `name`, where that was not cut.
pub(super) fn split<'a>(name: &'a str, separator: &str) -> Option<(&'a str, &'a str)> {
    name.split_once(separator)
        .filter(|(server, own)| !server.is_empty() && !own.is_empty())
}

fn hash(text: &str) -> String {
    let digest = Sha256::digest(text);
    let bits = digest
        .iter()
        .take(5)
        .fold(0_u64, |bits, byte| bits << 8 | u64::from(*byte));
    let letter = |at: usize| {
        let place = (bits >> (5 * at)) & 31;
        let letter = ALPHABET.get(usize::try_from(place).unwrap_or_default());
        letter.map_or('a', |byte| char::from(*byte))
    };
    (0..HASH_CHARS).rev().map(letter).collect()
}

fn is_name_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-')
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_as_clients_see_them() {
        assert_eq!(exposed("orders__", "get"), "orders__get");
        assert_eq!(exposed("", "get"), "get");
        let long = exposed("orders__", &"x".repeat(80));
        assert_eq!(long.len(), NAME_CHARS_MAX);
        assert!(
            long.starts_with("orders__xxx") && may_be_cut(&long),
            "{long}"
        );
        assert_eq!(long, exposed("orders__", &"x".repeat(80)));
        let odd = exposed("crm__", "look up/é");
        assert!(
            odd.starts_with("crm__look_up___") && may_be_cut(&odd),
            "{odd}"
        );
        assert_ne!(odd, exposed("crm__", "look up_é"));
        assert!(!may_be_cut("orders__get"));
    }

    proptest! {
        /// Names differ where servers or their own names do, fit, and lead back unless they were cut.
        #[test]
        fn names_are_unique_and_lead_back(
            things in prop::collection::hash_set(
                ("[a-z0-9][a-z0-9-]{0,20}", r"[A-Za-z0-9_.\- /é]{1,80}"), 1..40),
            separator in prop::sample::select(vec!["__", "_", ".", "_-", "A"]),
        ) {
            let mut seen = HashMap::new();
            for (server, own) in things {
                let name = exposed(&format!("{server}{separator}"), &own);
                prop_assert!(name.len() <= NAME_CHARS_MAX && name.chars().all(is_name_char));
                if !may_be_cut(&name) {
                    prop_assert_eq!(split(&name, separator), Some((&*server, &*own)));
                }
                let other = seen.insert(name, (server, own));
                prop_assert_eq!(other, None);
            }
        }
    }
}
