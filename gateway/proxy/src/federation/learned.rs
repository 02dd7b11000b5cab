//! Names that lead nowhere by themselves: those that were cut, and those without their server's name.
//!
//! They are learned as lists pass. What is learned opens nothing: a call by such a name is decided like
//! any other, by the server's own name of the tool.

use std::{
    collections::HashMap,
    sync::{PoisonError, RwLock},
    time::Duration,
};

use gantry_mcp::listing::List;
use moka::sync::Cache;

/// Names that are kept for one endpoint. Beyond that they are learned anew.
const NAMES_MAX: usize = 65_536;

/// Members that may have the same name.
const SAME_MAX: usize = 64;

/// How often lists are read for one caller that asks for names which they do not have.
const SEARCH_EVERY: Duration = Duration::from_secs(5);

/// Callers of whom is known when they last made lists be read.
const SEARCHES_MAX: u64 = 10_000;

type Key = (List, Box<str>);
type Found = Vec<(usize, Box<str>)>;

/// The names of one endpoint, each with the members that have it and their own names for it.
#[derive(Debug)]
pub(super) struct Learned {
    names: RwLock<HashMap<Key, Found>>,
    searched: Cache<[u8; 32], ()>,
}

impl Default for Learned {
    fn default() -> Self {
        let searched = Cache::builder().max_capacity(SEARCHES_MAX);
        Self {
            names: RwLock::default(),
            searched: searched.time_to_live(SEARCH_EVERY).build(),
        }
    }
}

impl Learned {
    pub(super) fn learn(&self, list: List, name: &str, member: usize, own: &str) {
        if self.find(list, name).contains(&(member, own.into())) {
            return;
        }
        // A panic elsewhere cannot leave the table half changed.
        let mut names = self.names.write().unwrap_or_else(PoisonError::into_inner);
        if names.len() >= NAMES_MAX {
            names.clear();
        }
        let found = names.entry((list, name.into())).or_default();
        found.retain(|(other, _)| *other != member);
        if found.len() < SAME_MAX {
            found.push((member, own.into()));
            found.sort();
        }
    }

    /// Whether lists may be read to find a name for a caller of this authorization.
    pub(super) fn may_search(&self, authorization: [u8; 32]) -> bool {
        self.searched.entry(authorization).or_insert(()).is_fresh()
    }

    /// What goes by this name, in the order of the members.
    pub(super) fn find(&self, list: List, name: &str) -> Found {
        let names = self.names.read().unwrap_or_else(PoisonError::into_inner);
        let found = names.get(&(list, name.into()));
        found.cloned().unwrap_or_default()
    }
}
