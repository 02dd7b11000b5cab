//! Which names several members have, where those alone are prefixed.
//!
//! What something is called must not depend on the page that it is on, nor on who happens to answer: names
//! are compared over whole lists, and those of a member that does not answer are the ones which it had when
//! it last did. What a caller may not see has no part in that, so what is known is known for callers of one
//! authorization.

use std::{
    collections::{HashMap, HashSet},
    fmt,
    sync::Arc,
    time::Duration,
};

use gantry_mcp::listing::List;
use moka::sync::Cache;

/// All names that are remembered, in bytes.
const KNOWN_BYTES_MAX: u64 = 32 * 1024 * 1024;

/// How long the names of a list are remembered that nobody reads.
const KNOWN_IDLE: Duration = Duration::from_secs(3600);

/// What a name takes beside its text.
const NAME_BYTES: usize = 48;

/// Names that several members have.
#[derive(Debug)]
pub(super) enum Shared {
    These(HashSet<String>),
    /// Any may be: it is not known what all of them have.
    Any,
}

impl Default for Shared {
    fn default() -> Self {
        Self::These(HashSet::new())
    }
}

impl Shared {
    pub(super) fn has(&self, name: &str) -> bool {
        match self {
            Self::These(names) => names.contains(name),
            Self::Any => true,
        }
    }

    /// Compares what members have.
    pub(super) fn among(members: impl IntoIterator<Item = Arc<Names>>) -> Self {
        let mut owners: HashMap<String, bool> = HashMap::new();
        for names in members {
            for name in names.iter() {
                let again = owners.contains_key(name);
                owners.insert(name.clone(), again);
            }
        }
        let shared = owners.into_iter().filter(|(_, again)| *again);
        Self::These(shared.map(|(name, _)| name).collect())
    }
}

/// The names of one member's list.
pub(super) type Names = HashSet<String>;

type Key = ([u8; 32], List, Arc<str>);

/// The names that members had when they last answered.
pub(super) struct Known {
    names: Cache<Key, Arc<Names>>,
}

impl Default for Known {
    fn default() -> Self {
        let weigh = |_: &Key, names: &Arc<Names>| {
            let bytes = names.iter().map(|name| name.len() + NAME_BYTES);
            u32::try_from(bytes.sum::<usize>() + 128).unwrap_or(u32::MAX)
        };
        let names = Cache::builder()
            .weigher(weigh)
            .max_capacity(KNOWN_BYTES_MAX)
            .time_to_idle(KNOWN_IDLE)
            .build();
        Self { names }
    }
}

impl fmt::Debug for Known {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the names of {} lists", self.names.entry_count())
    }
}

impl Known {
    /// What a member has, for callers of one authorization: `names`, and where it did not answer to the end,
    /// what it had before.
    pub(super) fn update(&self, key: Key, mut names: Names, answers: bool) -> Arc<Names> {
        if !answers && let Some(known) = self.names.get(&key) {
            names.extend(known.iter().cloned());
        }
        let names = Arc::new(names);
        if answers {
            self.names.insert(key, Arc::clone(&names));
        }
        names
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Names {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn a_member_that_does_not_answer_has_what_it_had() {
        let (known, ada, eve) = (Known::default(), [1; 32], [2; 32]);
        let key = |caller| (caller, List::Tools, Arc::from("crm"));
        known.update(key(ada), names(&["get", "put"]), true);
        let now = known.update(key(ada), names(&[]), false);
        assert_eq!(*now, names(&["get", "put"]));
        assert_eq!(*known.update(key(eve), names(&[]), false), names(&[]));
        // What is not whole is not remembered, and what is replaces what was.
        known.update(key(ada), names(&["new"]), false);
        known.update(key(ada), names(&["get"]), true);
        assert_eq!(*known.update(key(ada), names(&[]), false), names(&["get"]));
        let shared = Shared::among([Arc::new(names(&["get", "new"])), now]);
        assert!(shared.has("get") && !shared.has("put") && !shared.has("new"));
        assert!(Shared::Any.has("put"));
    }
}
