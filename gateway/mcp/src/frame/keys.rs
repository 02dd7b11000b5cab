//! The keys of one object: none twice, none that another reader could take for one of ours.

use std::borrow::Cow;

use super::{Fault, fault::Place};
use crate::json::Scanner;

/// So many keys are compared pairwise, without allocating; more are sorted.
const KEYS_COMPARED_MAX: usize = 16;

/// Walks the members of one object and refuses keys that could be read in two ways.
pub(super) struct Members<'a> {
    place: Place,
    ours: &'static [&'static str],
    few: [Cow<'a, str>; KEYS_COMPARED_MAX],
    many: Vec<Cow<'a, str>>,
    count: usize,
}

impl<'a> Members<'a> {
    /// Enters the object that is next in `scan`. `ours` are the keys that are read there.
    pub(super) fn enter(
        scan: &mut Scanner<'a>,
        place: Place,
        ours: &'static [&'static str],
    ) -> Result<Self, Fault> {
        scan.enter_object()?;
        let few = [const { Cow::Borrowed("") }; KEYS_COMPARED_MAX];
        Ok(Members {
            place,
            ours,
            few,
            many: Vec::new(),
            count: 0,
        })
    }

    /// Moves to the next member, whose value must then be consumed. Returns its key: one of ours,
    /// or "" for any other. None at the end of the object.
    pub(super) fn next(&mut self, scan: &mut Scanner<'a>) -> Result<Option<&'static str>, Fault> {
        let Some((key, at)) = scan.next_key(self.count == 0)? else {
            return self.refuse_repeats(scan.at()).map(|()| None);
        };
        let known = self.recognise(&key, at)?;
        if self.few.iter().take(self.count).any(|seen| *seen == key) {
            return Err(Fault::DuplicateKey {
                place: self.place,
                at,
            });
        }
        match self.few.get_mut(self.count) {
            Some(free) => *free = key,
            None => self.many.push(key),
        }
        self.count += 1;
        Ok(Some(known))
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

    /// Compares the keys beyond the first few, once all are known.
    fn refuse_repeats(&mut self, at: usize) -> Result<(), Fault> {
        self.many.sort_unstable();
        let repeated = self.many.array_windows().any(|[a, b]| a == b);
        if repeated {
            Err(Fault::DuplicateKey {
                place: self.place,
                at,
            })
        } else {
            Ok(())
        }
    }
}

/// Whether a reader that folds case takes `key` for `ours`. Go's `encoding/json` folds the long s
/// and the Kelvin sign to ASCII; Java and .NET know the Turkish i's too. `ours` is ASCII.
fn folds_to(key: &str, ours: &str) -> bool {
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
