//! Versions of one server, and which of them a caller sees.
//!
//! The choice is a weighted rendezvous: each version scores by a hash of itself and the caller, and
//! the best score wins. Shares follow the weights exactly, every replica chooses alike, and when one
//! weight grows, callers move to that version only.

use std::{
    collections::{HashSet, VecDeque},
    sync::{
        Arc, RwLock,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};

use gantry_analytics::record::Transport;
use gantry_mcp::again::Known;
use sha2::{Digest, Sha256};

/// Tools of one version whose annotations are kept.
const TOOLS_MAX: usize = 4_096;
/// Bytes of one version's lists that are known again.
const LISTS_BYTES_MAX: usize = 4 * 1024 * 1024;

/// One version of a server. What it has learned outlives configurations.
#[derive(Debug)]
pub struct Version {
    name: Arc<str>,
    weight: u32,
    salt: u64,
    transport: Transport,
    withdrawn: Arc<AtomicBool>,
    learned: Arc<RwLock<Learned>>,
}

/// What the annotations of a version's tools say.
#[derive(Debug, Default)]
struct Learned {
    read_only: HashSet<String>,
    idempotent: HashSet<String>,
    untyped: HashSet<String>,
    /// Lists that say nothing beyond this.
    lists: VecDeque<Known>,
}

/// What a tool says about itself.
#[derive(Debug, Clone, Copy, Default)]
pub struct Traits {
    /// It changes nothing.
    pub read_only: bool,
    /// Calling it twice does no more than calling it once.
    pub idempotent: bool,
    /// Its results follow an output schema.
    pub typed: bool,
}

impl Version {
    /// A version that carries on what `previous` knows, if that has the same name.
    pub(super) fn new(name: &str, weight: u32, previous: Option<&Self>) -> Self {
        let withdrawn = previous
            .filter(|previous| previous.weight == weight)
            .map(|previous| Arc::clone(&previous.withdrawn));
        Self {
            name: name.into(),
            weight,
            salt: hash(&[b"version", name.as_bytes()]),
            transport: Transport::StreamableHttp,
            // Another weight is the operator's word, and the watch begins anew.
            withdrawn: withdrawn.unwrap_or_default(),
            learned: previous.map_or_else(Arc::default, |previous| Arc::clone(&previous.learned)),
        }
    }

    /// The same version, reached by another transport.
    pub(super) fn over(self, transport: Transport) -> Self {
        Self { transport, ..self }
    }

    /// By what its calls reach it.
    pub fn transport(&self) -> Transport {
        self.transport
    }

    /// Its name in the configuration; empty for the only version of a server that has no versions.
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// The configured weight.
    pub fn weight(&self) -> u32 {
        self.weight
    }

    /// Whether the watch has set its weight to 0.
    pub fn is_withdrawn(&self) -> bool {
        self.withdrawn.load(Relaxed)
    }

    /// Sets its weight to 0; false if that had been done.
    pub(super) fn withdraw(&self) -> bool {
        !self.withdrawn.swap(true, Relaxed)
    }

    /// Gives it its weight again; false if it has it.
    pub(super) fn reinstate(&self) -> bool {
        self.withdrawn.swap(false, Relaxed)
    }

    /// Keeps what the tools of a list say about themselves; `list` is the message that they stand in.
    pub(super) fn learn<'a>(&self, list: &[u8], tools: impl Iterator<Item = (&'a str, Traits)>) {
        let Ok(mut learned) = self.learned.write() else {
            return;
        };
        let mut news = false;
        for (tool, traits) in tools {
            news |= keep(&mut learned.read_only, tool, traits.read_only);
            news |= keep(&mut learned.idempotent, tool, traits.idempotent);
            news |= keep(&mut learned.untyped, tool, !traits.typed);
        }
        // What was learned from another list may be what has just changed.
        if news {
            learned.lists.clear();
        }
        let known = Known::new(list).filter(|known| known.bytes() <= LISTS_BYTES_MAX);
        learned.lists.extend(known);
        while learned.lists.iter().map(Known::bytes).sum::<usize>() > LISTS_BYTES_MAX {
            learned.lists.pop_front();
        }
    }

    /// Whether nothing can be learned from a list that was not learned before.
    pub(super) fn has_learned(&self, list: &[u8]) -> bool {
        let learned = self.learned.read();
        learned.is_ok_and(|learned| {
            learned
                .lists
                .iter()
                .any(|known| known.is_again(list).is_some())
        })
    }

    /// Whether a tool has said that it changes nothing.
    pub(super) fn reads_only(&self, tool: &str) -> bool {
        let learned = self.learned.read();
        learned.is_ok_and(|learned| learned.read_only.contains(tool))
    }

    /// Whether a tool has said that calling it twice does no more than calling it once.
    pub(super) fn repeats(&self, tool: &str) -> bool {
        let learned = self.learned.read();
        learned.is_ok_and(|learned| {
            learned.read_only.contains(tool) || learned.idempotent.contains(tool)
        })
    }

    /// Whether a tool has been listed without an output schema.
    pub(super) fn is_untyped(&self, tool: &str) -> bool {
        let learned = self.learned.read();
        learned.is_ok_and(|learned| learned.untyped.contains(tool))
    }

    /// The smaller, the better. Its distribution is exponential with the weight as its rate, so that
    /// the smallest of several is this version's as often as its share of the weights.
    fn score(&self, key: u64) -> f64 {
        if self.weight == 0 || self.is_withdrawn() {
            return f64::INFINITY;
        }
        // 53 bits make a number above 0 and below 1.
        let unit = ((mix(key ^ self.salt) >> 11) as f64 + 0.5) / (1_u64 << 53) as f64;
        -unit.ln() / f64::from(self.weight)
    }
}

/// Puts a tool in or takes it out. Whether that changed anything.
fn keep(tools: &mut HashSet<String>, tool: &str, holds: bool) -> bool {
    if !holds {
        return tools.remove(tool);
    }
    !tools.contains(tool) && tools.len() < TOOLS_MAX && tools.insert(tool.to_owned())
}

/// The version that the caller with this key sees. Where no version has a weight left, the first.
pub(super) fn pick(versions: &[Version], key: u64) -> usize {
    let scores = versions.iter().map(|version| version.score(key));
    let best = scores
        .enumerate()
        .min_by(|(_, one), (_, other)| one.total_cmp(other));
    best.map_or(0, |(at, _)| at)
}

/// 64 bits of a hash that every replica computes alike.
pub(super) fn hash(parts: &[&[u8]]) -> u64 {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    let digest = hash.finalize();
    digest
        .first_chunk()
        .map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

/// The finalizer of SplitMix64: every bit of the result depends on every bit of `x`.
fn mix(mut x: u64) -> u64 {
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CALLERS: u64 = 100_000;

    fn versions(weights: &[u32]) -> Vec<Version> {
        let version = |(at, weight): (usize, &u32)| Version::new(&format!("v{at}"), *weight, None);
        weights.iter().enumerate().map(version).collect()
    }

    fn choices(versions: &[Version]) -> Vec<usize> {
        let key = |caller: u64| hash(&[b"orders", &caller.to_le_bytes()]);
        (0..CALLERS)
            .map(|caller| pick(versions, key(caller)))
            .collect()
    }

    fn share(choices: &[usize], version: usize) -> f64 {
        let chosen = choices.iter().filter(|choice| **choice == version).count();
        chosen as f64 / CALLERS as f64
    }

    #[test]
    fn shares_follow_the_weights() {
        let choices = choices(&versions(&[90, 10, 0, 100]));
        for (version, expected) in [(0, 0.45), (1, 0.05), (2, 0.0), (3, 0.5)] {
            // Five standard deviations of a binomial distribution.
            let tolerated = 5.0 * (expected * (1.0 - expected) / CALLERS as f64).sqrt();
            let share = share(&choices, version);
            assert!((share - expected).abs() <= tolerated, "{version}: {share}");
        }
    }

    #[test]
    fn when_a_weight_grows_callers_move_to_that_version_only() {
        let before = choices(&versions(&[90, 10]));
        let after = choices(&versions(&[90, 40]));
        let back = before
            .iter()
            .zip(&after)
            .filter(|(before, after)| **before == 1 && **after == 0);
        assert_eq!(back.count(), 0);
        assert!(share(&after, 1) > share(&before, 1));
    }

    #[test]
    fn a_withdrawn_version_gets_nobody_and_stays_so_while_its_weight_does() {
        let versions = versions(&[1, 1]);
        assert!(versions[1].withdraw());
        assert!(!versions[1].withdraw());
        assert_eq!(share(&choices(&versions), 1), 0.0);
        assert!(Version::new("v1", 1, Some(&versions[1])).is_withdrawn());
        assert!(!Version::new("v1", 2, Some(&versions[1])).is_withdrawn());
        assert!(versions[1].reinstate());
        assert!(share(&choices(&versions), 1) > 0.4);
    }

    #[test]
    fn annotations_are_learned_and_unlearned() {
        let version = Version::new("v1", 1, None);
        let get = Traits {
            read_only: true,
            typed: true,
            ..Traits::default()
        };
        let put = Traits {
            idempotent: true,
            ..Traits::default()
        };
        version.learn(b"", [("get", get), ("put", put)].into_iter());
        assert!(version.is_untyped("put") && !version.is_untyped("get"));
        assert!(!version.is_untyped("never listed"));
        assert!(version.reads_only("get") && version.repeats("get"));
        assert!(!version.reads_only("put") && version.repeats("put"));
        let next = Version::new("v1", 5, Some(&version));
        next.learn(b"", [("get", Traits::default())].into_iter());
        assert!(!version.repeats("get"));
        for tool in 0..2 * TOOLS_MAX {
            version.learn(b"", [(&*tool.to_string(), get)].into_iter());
        }
        assert_eq!(version.learned.read().unwrap().read_only.len(), TOOLS_MAX);
    }

    #[test]
    fn a_list_is_learned_once_until_another_says_otherwise() {
        let version = Version::new("v1", 1, None);
        let reads = |read_only| Traits {
            read_only,
            ..Traits::default()
        };
        let list = |id: u32, page: &str| format!(r#"{{"id":{id},"result":{{"tools":"{page}"}}}}"#);
        let learn = |page: &str, tool, read_only| {
            version.learn(
                list(1, page).as_bytes(),
                [(tool, reads(read_only))].into_iter(),
            );
        };
        let known = |page: &str| version.has_learned(list(2, page).as_bytes());
        assert!(!known("a"));
        learn("a", "get", true);
        assert!(known("a") && !known("b"));
        // A page with another tool may have changed what the first says: it is read once more.
        learn("b", "put", false);
        assert!(!known("a") && known("b"));
        learn("a", "get", true);
        assert!(known("a") && known("b"));
        learn("a2", "get", false);
        assert!(!known("a") && known("a2"));
        let large = "x".repeat(LISTS_BYTES_MAX / 2);
        for page in ["1", "2", "3"] {
            learn(&format!("{page}{large}"), "get", false);
        }
        assert!(!known("a2") && !known(&format!("2{large}")) && known(&format!("3{large}")));
    }
}
