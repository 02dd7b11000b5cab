//! Text that reads like an instruction to a model, and text that cannot be seen.
//!
//! A score with its evidence, not a verdict: whatever decides on it decides elsewhere. Scores of different phrases add
//! up as independent witnesses would: `1 - (1 - a)(1 - b)`.

mod phrases;

pub(crate) use phrases::PHRASES;

use crate::views::{fold_invisible, folds_to_itself};
use phrases::Family;

/// Score from which a text counts as an instruction, unless a rule says otherwise.
pub(crate) const SCORE_MIN: f64 = 0.5;

/// The sum of what the phrases of one text say.
pub(crate) fn score(phrases: impl Iterator<Item = usize>) -> f64 {
    let mut best: Vec<(Family, f64)> = Vec::new();
    for phrase in phrases.filter_map(|number| PHRASES.get(number)) {
        match best.iter_mut().find(|(family, _)| *family == phrase.family) {
            Some((_, weight)) => *weight = weight.max(phrase.weight),
            None => best.push((phrase.family, phrase.weight)),
        }
    }
    1.0 - best.iter().map(|(_, weight)| 1.0 - weight).product::<f64>()
}

/// Tells `meet` of each run of characters that cannot be seen and serve no script: `start..end`.
pub(crate) fn hidden(text: &[u8], mut meet: impl FnMut(usize, usize)) {
    let Ok(whole) = std::str::from_utf8(text) else {
        return;
    };
    let mut run: Option<usize> = None;
    let mut previous = '\0';
    for (at, character) in whole.char_indices() {
        // Nearly all of a text can be seen and says nothing about what precedes it.
        if run.is_none()
            && (matches!(character, ' '..='~')
                || character > '\u{7f}' && folds_to_itself(character))
        {
            previous = character;
            continue;
        }
        // A joiner inside of a script or an emoji shapes what is seen, as do selectors and the flags of nations.
        let shapes = matches!(character, '\u{200c}' | '\u{200d}' | '\u{fe00}'..='\u{fe0f}')
            && !previous.is_ascii_alphanumeric()
            || matches!(character, '\u{e0000}'..='\u{e007f}')
                && run.is_none()
                && previous == '\u{1f3f4}'
            || at == 0 && character == '\u{feff}';
        let escape = character == '\u{1b}';
        if (fold_invisible(character) || escape) && !shapes {
            run.get_or_insert(at);
        } else if !(shapes && character >= '\u{e0000}') {
            if let Some(start) = run.take() {
                meet(start, at);
            }
            previous = character;
        }
    }
    if let Some(start) = run {
        meet(start, whole.len());
    }
}
