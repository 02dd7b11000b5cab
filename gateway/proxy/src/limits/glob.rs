//! Names with `*` in them.

/// A name in which `*` stands for anything, also for nothing and for slashes. Matching takes time
/// in proportion to the text, whatever the pattern.
#[derive(Debug, Clone)]
pub(super) enum Glob {
    Exact(Box<str>),
    /// What stands before the first star, between stars, and after the last.
    Parts {
        prefix: Box<str>,
        middle: Box<[Box<str>]>,
        suffix: Box<str>,
    },
}

impl Glob {
    pub(super) fn new(pattern: &str) -> Self {
        let mut parts: Vec<Box<str>> = pattern.split('*').map(Box::from).collect();
        let Some(suffix) = parts.pop().filter(|_| !parts.is_empty()) else {
            return Self::Exact(pattern.into());
        };
        let prefix = parts.remove(0);
        parts.retain(|part| !part.is_empty());
        Self::Parts {
            prefix,
            middle: parts.into(),
            suffix,
        }
    }

    /// The name, where it is exactly one.
    pub(super) fn exact(&self) -> Option<&str> {
        match self {
            Self::Exact(name) => Some(name),
            Self::Parts { .. } => None,
        }
    }

    pub(super) fn matches(&self, text: &str) -> bool {
        match self {
            Self::Exact(name) => **name == *text,
            Self::Parts {
                prefix,
                middle,
                suffix,
            } => {
                let inner = text
                    .strip_prefix(&**prefix)
                    .and_then(|rest| rest.strip_suffix(&**suffix));
                let Some(mut rest) = inner else {
                    return false;
                };
                // The first place where a part fits leaves the most for those behind it.
                middle.iter().all(|part| {
                    let found = rest.split_once(&**part);
                    found.is_some_and(|(_, after)| {
                        rest = after;
                        true
                    })
                })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(pattern: &str, yes: &[&str], no: &[&str]) {
        let glob = Glob::new(pattern);
        for text in yes {
            assert!(glob.matches(text), "{pattern} should match {text:?}");
        }
        for text in no {
            assert!(!glob.matches(text), "{pattern} should not match {text:?}");
        }
    }

    #[test]
    fn stars_stand_for_anything() {
        check("orders", &["orders"], &["", "order", "orders2", "Orders"]);
        check("*", &["", "a", "a/b"], &[]);
        check("a*", &["a", "ab", "a/b"], &["", "ba"]);
        check("*a", &["a", "ba"], &["", "ab"]);
        check("a*a", &["aa", "aba"], &["a", "ab"]);
        check("a*b*c", &["abc", "axbxc", "abbc"], &["ac", "acb", "ab"]);
        check("**", &["", "x"], &[]);
        check("*ab*ab*", &["abab", "xabyabz"], &["ab", "aab"]);
    }

    /// What a pattern means, said in the plainest way.
    fn plain(pattern: &[u8], text: &[u8]) -> bool {
        match (pattern.split_first(), text.split_first()) {
            (None, None) => true,
            (Some((b'*', rest)), _) => {
                plain(rest, text) || text.split_first().is_some_and(|(_, t)| plain(pattern, t))
            }
            (Some((p, rest)), Some((t, text))) if p == t => plain(rest, text),
            _ => false,
        }
    }

    proptest! {
        #[test]
        fn matches_what_it_means(pattern in "[ab*]{0,8}", text in "[ab]{0,10}") {
            let meant = plain(pattern.as_bytes(), text.as_bytes());
            prop_assert_eq!(Glob::new(&pattern).matches(&text), meant);
        }
    }
}
