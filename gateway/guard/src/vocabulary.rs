//! Everything that the engine looks for, compiled once for a policy: words that give context, prefixes of secrets,
//! phrases, and an operator's own patterns.

use std::sync::LazyLock;

use crate::database::{Database, DatabaseError, PassError, Pattern};
use crate::injection::PHRASES;
use crate::rules;
use crate::scanner::Wanted;
use crate::secrets::{ANCHORS, Assignment, KEYWORDS, TOKENS};

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

/// Each word once, with the rules that it speaks for, one bit each.
static WORDS: LazyLock<Vec<(String, u128)>> = LazyLock::new(|| words().into_iter().collect());

/// The rules that a match speaks for.
pub(crate) fn rules_of(hit: &Hit) -> u128 {
    match hit.mark {
        Mark::Word(word) => WORDS.get(usize::from(word)).map_or(0, |(_, rules)| *rules),
        _ => 0,
    }
}

/// The database and the meaning of its ids.
#[derive(Debug)]
pub(crate) struct Vocabulary {
    database: Database,
    marks: Vec<Mark>,
}

impl Vocabulary {
    /// `customs`: expressions of the operator, and whether in either case.
    pub(crate) fn compile(
        customs: &[(String, bool)],
        wanted: Wanted,
    ) -> Result<Self, DatabaseError> {
        let mut build = Build::default();
        if wanted.identifiers {
            for ((text, _), number) in WORDS.iter().zip(0..) {
                build.add(word(text), true, false, Mark::Word(number));
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
                build.add(
                    phrase.expression.to_owned(),
                    true,
                    false,
                    Mark::Phrase(number),
                );
            }
        }
        for ((expression, caseless), number) in customs.iter().zip(0..) {
            build.add(expression.clone(), *caseless, true, Mark::Custom(number));
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
            marks: build.marks,
        })
    }

    /// All matches in `buffer`, ends rising.
    pub(crate) fn find(&self, buffer: &[u8], hits: &mut Vec<Hit>) -> Result<(), PassError> {
        hits.clear();
        self.database.pass(buffer, |id, end| {
            if let Some(mark) = self.marks.get(id as usize) {
                hits.push(Hit {
                    end: u32::try_from(end).unwrap_or(u32::MAX),
                    mark: *mark,
                });
            }
            hits.len() < HITS_MAX
        })?;
        // Ends rise by the engine's word, but for patterns that look beyond a match's end.
        if !hits.is_sorted_by_key(|hit| hit.end) {
            hits.sort_by_key(|hit| hit.end);
        }
        Ok(())
    }
}

#[derive(Default)]
struct Build {
    patterns: Vec<Pattern>,
    marks: Vec<Mark>,
}

impl Build {
    fn add(&mut self, expression: String, caseless: bool, utf8: bool, mark: Mark) {
        let id = u32::try_from(self.marks.len()).unwrap_or(u32::MAX);
        self.patterns.push(Pattern {
            id,
            expression,
            caseless,
            utf8,
        });
        self.marks.push(mark);
    }
}

/// Words of other scripts in the cases that they are written in.
fn words() -> std::collections::BTreeMap<String, u128> {
    let mut words = std::collections::BTreeMap::<String, u128>::new();
    for (number, rule) in rules::all().enumerate() {
        for text in rule.words {
            let mut forms = vec![(*text).to_owned()];
            if !text.is_ascii() {
                let upper = text.to_uppercase();
                let mut characters = text.chars();
                let title: String = characters
                    .next()
                    .into_iter()
                    .flat_map(char::to_uppercase)
                    .chain(characters)
                    .collect();
                forms.extend([upper, title]);
            }
            for form in forms {
                *words.entry(form).or_default() |= 1 << number;
            }
        }
    }
    words
}

/// A word's expression: nothing of the same script before it, and after a short one nothing either.
fn word(text: &str) -> String {
    let escaped = regex::escape(text).replace(' ', "[ _.:-]?");
    let spaced = escaped.replace("\\ ", "[ _.:-]?");
    let latin = text.chars().all(|character| u32::from(character) < 0x250);
    match (latin, text.chars().count()) {
        (false, _) => spaced,
        (true, 0..=7) => format!("[^A-Za-z0-9]{spaced}[^A-Za-z]"),
        (true, _) => format!("[^A-Za-z0-9]{spaced}"),
    }
}
