//! Finding tools by what they are for.
//!
//! BM25F (Robertson, Zaragoza: "The Probabilistic Relevance Framework", 2009, section 3.6) over three
//! fields of a tool: its name and title, its description, its arguments. Words are stemmed (Snowball,
//! English), and a word also finds what tools commonly call the same thing. Pure: the same tools and
//! the same words give the same order.

use std::{
    cmp::Ordering,
    collections::{BTreeMap, HashMap, HashSet},
};

use rust_stemmers::{Algorithm, Stemmer};

use super::words;

const FIELDS: usize = 3;

/// What a word counts in a field.
const WEIGHTS: [f32; FIELDS] = [2.5, 1.0, 0.3];

/// How much a field's length takes from that: 0 not at all, 1 in full proportion.
const NORMS: [f32; FIELDS] = [0.3, 0.6, 0.7];

/// Where repeating a word stops to matter.
const SATURATION: f32 = 1.2;

/// What another word for the same thing counts.
const ALIKE: f32 = 0.5;

/// How many words of an intent are looked at.
const INTENT_WORDS_MAX: usize = 64;

/// What is searched in.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tool<'a> {
    /// Its name, its title, the name of its server.
    pub(super) names: &'a str,
    /// Its description.
    pub(super) description: &'a str,
    /// The names and descriptions of its arguments.
    pub(super) arguments: &'a str,
}

/// Tools, ready to be searched.
pub(super) struct Index {
    stemmer: Stemmer,
    /// By stem: the tools that have it, and how often in each field.
    postings: HashMap<String, Vec<(usize, [f32; FIELDS])>>,
    lengths: Vec<[f32; FIELDS]>,
    means: [f32; FIELDS],
    alike: HashMap<String, Vec<String>>,
}

impl Index {
    /// Reads the tools in the order in which they are counted.
    pub(super) fn new<'a>(tools: impl IntoIterator<Item = Tool<'a>>) -> Self {
        let stemmer = Stemmer::create(Algorithm::English);
        let mut postings: HashMap<String, Vec<(usize, [f32; FIELDS])>> = HashMap::new();
        let mut lengths = Vec::new();
        for (place, tool) in tools.into_iter().enumerate() {
            let mut length = [0.0; FIELDS];
            let texts = [tool.names, tool.description, tool.arguments];
            for (field, (text, length)) in texts.into_iter().zip(&mut length).enumerate() {
                for stem in stems(&stemmer, text) {
                    *length += 1.0;
                    count(postings.entry(stem).or_default(), place, field);
                }
            }
            lengths.push(length);
        }
        Self {
            means: means(&lengths),
            alike: alike(&stemmer),
            stemmer,
            postings,
            lengths,
        }
    }

    /// The places of the tools that fit an intent, the best first; at most `max`.
    pub(super) fn search(&self, intent: &str, max: usize) -> Vec<usize> {
        let mut scores: BTreeMap<usize, f32> = BTreeMap::new();
        let mut seen = HashSet::new();
        for stem in stems(&self.stemmer, intent).take(INTENT_WORDS_MAX) {
            if !seen.insert(stem.clone()) {
                continue;
            }
            let found = self.find(&stem);
            let rarity = rarity(self.lengths.len(), found.len());
            for (place, score) in found {
                *scores.entry(place).or_default() += rarity * score;
            }
        }
        let mut hits: Vec<(usize, f32)> = scores.into_iter().collect();
        // Stable: tools that fit equally well stay in their order.
        hits.sort_by(|a, b| b.1.partial_cmp(&a.1).unwrap_or(Ordering::Equal));
        hits.truncate(max);
        hits.into_iter().map(|(place, _)| place).collect()
    }

    /// The tools that have a word or one like it, and how well it fits.
    fn find(&self, stem: &str) -> HashMap<usize, f32> {
        let mut found: HashMap<usize, f32> = HashMap::new();
        let alike = self.alike.get(stem).into_iter().flatten();
        let words = std::iter::once((stem, 1.0)).chain(alike.map(|word| (word.as_str(), ALIKE)));
        for (word, factor) in words {
            for (place, counts) in self.postings.get(word).into_iter().flatten() {
                let frequency = self.frequency(*place, counts);
                let score = factor * frequency / (SATURATION + frequency);
                let best = found.entry(*place).or_default();
                *best = best.max(score);
            }
        }
        found
    }

    /// How often a tool has a word, weighted by field.
    fn frequency(&self, place: usize, counts: &[f32; FIELDS]) -> f32 {
        let lengths = self.lengths.get(place).unwrap_or(&self.means);
        let fields = counts
            .iter()
            .zip(lengths)
            .zip(&self.means)
            .zip(WEIGHTS.iter().zip(&NORMS));
        fields
            .map(|(((count, length), mean), (weight, norm))| {
                weight * count / (1.0 - norm + norm * length / mean.max(1.0))
            })
            .sum()
    }
}

fn count(postings: &mut Vec<(usize, [f32; FIELDS])>, place: usize, field: usize) {
    if postings.last().is_none_or(|(last, _)| *last != place) {
        postings.push((place, [0.0; FIELDS]));
    }
    let last = postings.last_mut();
    if let Some(count) = last.and_then(|(_, counts)| counts.get_mut(field)) {
        *count += 1.0;
    }
}

/// What finding a word says about a tool: the fewer have it, the more.
fn rarity(tools: usize, found: usize) -> f32 {
    let (tools, found) = (tools as f32, found as f32);
    ((tools - found + 0.5) / (found + 0.5) + 1.0).ln()
}

fn means(lengths: &[[f32; FIELDS]]) -> [f32; FIELDS] {
    let tools = lengths.len().max(1) as f32;
    let mut means = [0.0; FIELDS];
    for length in lengths {
        for (mean, length) in means.iter_mut().zip(length) {
            *mean += length / tools;
        }
    }
    means
}

fn stems<'a>(stemmer: &'a Stemmer, text: &'a str) -> impl Iterator<Item = String> + 'a {
    let telling = words::split(text).filter(|word| !words::STOP.contains(&word.as_str()));
    telling.map(|word| stemmer.stem(&word).into_owned())
}

/// For each stem, the stems of what is called the same.
fn alike(stemmer: &Stemmer) -> HashMap<String, Vec<String>> {
    let mut alike: HashMap<String, Vec<String>> = HashMap::new();
    for group in words::ALIKE {
        for word in *group {
            let others = group.iter().filter(|other| *other != word);
            let others = others.map(|other| stemmer.stem(other).into_owned());
            alike
                .entry(stemmer.stem(word).into_owned())
                .or_default()
                .extend(others);
        }
    }
    alike
}
