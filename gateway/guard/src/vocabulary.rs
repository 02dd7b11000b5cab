//! Everything that the engine looks for, compiled once for a policy: words that give context, prefixes of secrets,
//! phrases, and an operator's own patterns.

mod forms;
mod words;

use crate::database::{Database, DatabaseError, Match, PassError, Pattern};
use crate::injection::PHRASES;
use crate::scanner::{Custom, ScanError, Wanted};
use crate::secrets::{ANCHORS, Assignment, KEYWORDS, OwnNames, TOKENS};
use crate::work::Work;
use words::{Borders, RULES, WORDS};

/// What a match stands for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Mark {
    /// A word that names identifiers, by its number; [`rules_of`] says which.
    Word(u16),
    /// A prefix of `TOKENS`.
    Token(u16),
    /// One of `ANCHORS`.
    Anchor(u16),
    /// A name whose value is a secret.
    Keyword(Assignment),
    /// One of `PHRASES`.
    Phrase(u16),
    /// One of the operator's patterns.
    Custom(u16),
}

/// A match: what, and where it ends in the buffer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hit {
    pub(crate) end: u32,
    pub(crate) mark: Mark,
}

/// Most matches of one pass; beyond it the message is refused.
pub(crate) const HITS_MAX: usize = 4_000_000;

/// Steps that a match costs.
const MATCH_STEPS: usize = 32;

/// The rules that a match speaks for.
pub(crate) fn rules_of(hit: &Hit) -> u128 {
    match hit.mark {
        Mark::Word(word) => RULES.get(usize::from(word)).copied().unwrap_or(0),
        _ => 0,
    }
}

/// The database and the meaning of its ids.
#[derive(Debug)]
pub(crate) struct Vocabulary {
    database: Database,
    /// By id.
    meanings: Vec<Meaning>,
    /// Of the operator's patterns.
    pub(crate) names: OwnNames,
}

impl Vocabulary {
    /// `customs`: the operator's patterns.
    pub(crate) fn compile(customs: &[Custom], wanted: Wanted) -> Result<Self, DatabaseError> {
        let mut build = Build::default();
        if wanted.identifiers {
            for (word, number) in WORDS.iter().zip(0..) {
                for (literal, borders) in word.literals() {
                    build.word(&literal, borders, number);
                }
            }
        }
        if wanted.secrets {
            for (token, number) in TOKENS.iter().zip(0..) {
                build.add(
                    regex::escape(token.prefix),
                    false,
                    false,
                    Mark::Token(number),
                );
            }
            for ((text, caseless), number) in ANCHORS.iter().zip(0..) {
                build.add(regex::escape(text), *caseless, false, Mark::Anchor(number));
            }
            for (text, what) in KEYWORDS {
                build.add(regex::escape(text), true, false, Mark::Keyword(*what));
            }
        }
        if wanted.injection {
            for (phrase, number) in PHRASES.iter().zip(0..) {
                build.add(phrase.within_text(), true, false, Mark::Phrase(number));
            }
        }
        for (custom, number) in customs.iter().zip(0..) {
            build.add(
                custom.expression.clone(),
                custom.caseless,
                true,
                Mark::Custom(number),
            );
        }
        if build.patterns.is_empty() {
            // The engine takes no empty set; this one is never met in JSON.
            build.add(
                "\\x01\\x02\\x03\\x04".to_owned(),
                false,
                false,
                Mark::Word(u16::MAX),
            );
        }
        let database = Database::compile(&build.patterns)?;
        Ok(Self {
            database,
            meanings: build.meanings,
            names: OwnNames::new(customs.iter().map(|custom| custom.name.clone())),
        })
    }

    /// All matches in `buffer`, ends rising.
    pub(crate) fn find(
        &self,
        buffer: &[u8],
        hits: &mut Vec<Hit>,
        work: &mut Work<'_>,
    ) -> Result<(), ScanError> {
        hits.clear();
        if !work.lasts(buffer.len()) {
            return Err(ScanError::Time);
        }
        let passed = self.database.pass(buffer, |matches| {
            let meant = matches.iter().filter_map(|found| self.hit(buffer, found));
            hits.extend(meant);
            hits.len() < HITS_MAX && work.lasts(MATCH_STEPS * matches.len())
        });
        passed.map_err(|error| match error {
            PassError::Stopped if hits.len() >= HITS_MAX => ScanError::Limit("matches"),
            PassError::Stopped => ScanError::Time,
            PassError::Length => ScanError::Limit("bytes"),
            PassError::Engine(_) => ScanError::Engine,
        })?;
        // The engine's ends rise; a word may end behind its core.
        if !hits.is_sorted_by_key(|hit| hit.end) {
            hits.sort_by_key(|hit| hit.end);
        }
        Ok(())
    }

    /// What a match stands for, unless a word is part of something else.
    fn hit(&self, buffer: &[u8], found: &Match) -> Option<Hit> {
        let meaning = self.meanings.get(found.id as usize)?;
        let mut end = found.end as usize;
        if let Mark::Word(word) = meaning.mark {
            let word = || WORDS.get(usize::from(word));
            end = meaning.borders.end(buffer, end, word)?;
            if !self.names.is_empty() && self.names.cover(buffer, end, end) {
                return None;
            }
        }
        Some(Hit {
            end: u32::try_from(end).unwrap_or(u32::MAX),
            mark: meaning.mark,
        })
    }
}

/// What a pattern's match stands for.
#[derive(Clone, Copy, Debug)]
struct Meaning {
    mark: Mark,
    /// Of a word.
    borders: Borders,
}

#[derive(Default)]
struct Build {
    patterns: Vec<Pattern>,
    meanings: Vec<Meaning>,
}

impl Build {
    fn add(&mut self, expression: String, caseless: bool, utf8: bool, mark: Mark) {
        let id = u32::try_from(self.meanings.len()).unwrap_or(u32::MAX);
        self.patterns.push(Pattern {
            id,
            expression,
            caseless,
            utf8,
        });
        let borders = Borders::default();
        self.meanings.push(Meaning { mark, borders });
    }

    fn word(&mut self, literal: &str, borders: Borders, number: u16) {
        self.add(regex::escape(literal), true, false, Mark::Word(number));
        if let Some(meaning) = self.meanings.last_mut() {
            meaning.borders = borders;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::place::Zone;

    /// The scanner leaves the protocol's own names out.
    #[test]
    fn no_name_of_the_protocol_is_a_word() {
        let vocabulary = Vocabulary::compile(&[], Wanted::default()).unwrap();
        for name in "id jsonrpc method params result error resultType content contents structuredContent isError type text \
            _meta name arguments uri mimeType annotations description inputSchema outputSchema properties required tools \
            title role messages resource".split_whitespace()
        {
            assert!(Zone::Root.member(name.as_bytes()).is_of_protocol, "{name}");
            let mut hits = Vec::new();
            let go_on = || true;
            let mut work = Work::new(&go_on);
            vocabulary.find(format!("\0{name}\0").as_bytes(), &mut hits, &mut work).unwrap();
            assert!(hits.is_empty(), "{name}");
        }
    }
}
