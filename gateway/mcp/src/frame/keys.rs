//! The keys of one object: none twice, none that another reader could take for one of ours.

use std::borrow::Cow;

use super::{Fault, fault::Place};
use crate::json::Scanner;

/// So many keys are compared pairwise as they come; any further are sorted at the end.
const KEYS_COMPARED_MAX: usize = 16;

/// So many keys an object that is read may have, each of which may cost memory until its end.
const KEYS_MAX: usize = 4096;

/// Walks the members of one object and refuses keys that could be read in two ways.
pub(super) struct Members<'a> {
    place: Place,
    ours: &'static [&'static str],
    few: [&'a str; KEYS_COMPARED_MAX],
    few_count: usize,
    /// Keys beyond the first few, and keys with escapes.
    more: Vec<Cow<'a, str>>,
}

impl<'a> Members<'a> {
    /// For the object that is next. `ours` are the keys that are read there.
    pub(super) fn new(place: Place, ours: &'static [&'static str]) -> Self {
        Members {
            place,
            ours,
            few: [""; KEYS_COMPARED_MAX],
            few_count: 0,
            more: Vec::new(),
        }
    }

    /// Moves to the next member, whose value must then be consumed. Returns its key: one of ours,
    /// or "" for any other. None at the end of the object.
    pub(super) fn next(&mut self, scan: &mut Scanner<'a>) -> Result<Option<&'static str>, Fault> {
        let first = self.few_count == 0 && self.more.is_empty();
        if first {
            scan.enter_object()?;
        }
        let Some((key, at)) = scan.next_key(first)? else {
            return self.refuse_repeats(scan.at()).map(|()| None);
        };
        let known = self.recognise(&key, at)?;
        match (key, self.few.get_mut(self.few_count)) {
            (Cow::Borrowed(key), Some(free)) => {
                *free = key;
                if self
                    .few
                    .iter()
                    .take(self.few_count)
                    .any(|seen| *seen == key)
                {
                    return Err(Fault::DuplicateKey {
                        place: self.place,
                        at,
                    });
                }
                self.few_count += 1;
            }
            _ if self.few_count + self.more.len() == KEYS_MAX => {
                return Err(Fault::TooManyKeys {
                    place: self.place,
                    keys_max: KEYS_MAX,
                });
            }
            (key, _) => self.more.push(key),
        }
        Ok(Some(known))
    }

    /// Compares the keys that were not compared as they came with all others.
    fn refuse_repeats(&mut self, at: usize) -> Result<(), Fault> {
        if self.more.is_empty() {
            return Ok(());
        }
        self.more.extend(
            self.few
                .iter()
                .take(self.few_count)
                .copied()
                .map(Cow::Borrowed),
        );
        self.more.sort_unstable();
        let repeated = self.more.array_windows().any(|[a, b]| a == b);
        if repeated {
            Err(Fault::DuplicateKey {
                place: self.place,
                at,
            })
        } else {
            Ok(())
        }
    }

    fn recognise(&self, key: &str, at: usize) -> Result<&'static str, Fault> {
        for ours in self.ours {
            if *ours == key {
                return Ok(ours);
            }
        }
        match self.ours.iter().find(|ours| folds_to(key, ours)) {
            Some(ours) => Err(Fault::LookalikeKey {
                place: self.place,
                key: ours,
                at,
            }),
            None => Ok(""),
        }
    }
}

/// Whether a reader that folds case takes `key` for `ours`. Go's `encoding/json` folds the long s
/// and the Kelvin sign to ASCII; Java and .NET know the Turkish i's too. `ours` is ASCII.
pub fn folds_to(key: &str, ours: &str) -> bool {
    if key.is_ascii() {
        return key.eq_ignore_ascii_case(ours);
    }
    let fold = |character: char| match character {
        '\u{17f}' => 's',
        '\u{212a}' => 'k',
        '\u{130}' | '\u{131}' => 'i',
        other => other.to_ascii_lowercase(),
    };
    key.chars().map(fold).eq(ours.chars().map(fold))
}
