//! The forms that a word is met in.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// Fewest letters of a word that is also met without its accents: fewer are too likely to be something else.
const UNACCENTED_LETTERS_MIN: usize = 6;

/// A word as tables have it, words of other scripts in each case, and names as fields have them: `fechaNacimiento`
/// for `fecha de nacimiento`, `numeroNational` for `numéro national`.
pub(super) fn forms(text: &str) -> Vec<String> {
    let mut forms = vec![text.to_owned()];
    forms.extend(without_particles(text));
    let unaccented = forms.iter().filter_map(|form| unaccented(form));
    forms.extend(unaccented.collect::<Vec<_>>());
    for form in forms.clone() {
        if !form.is_ascii() {
            let mut characters = form.chars();
            let first = characters.next().into_iter().flat_map(char::to_uppercase);
            forms.extend([form.to_uppercase(), first.chain(characters).collect()]);
        }
    }
    forms
}

/// Words that names of fields leave out.
const PARTICLES: [&str; 9] = ["of", "de", "del", "da", "do", "di", "du", "des", "la"];

/// A phrase without its particles, where at least two other parts are left.
fn without_particles(text: &str) -> Option<String> {
    let parts = text.split(' ');
    let parts = parts.map(|part| part.strip_prefix("d'").unwrap_or(part));
    let kept: Vec<&str> = parts.filter(|part| !PARTICLES.contains(part)).collect();
    let form = kept.join(" ");
    (kept.len() > 1 && form != text).then_some(form)
}

/// A word of Latin letters without their accents.
fn unaccented(text: &str) -> Option<String> {
    let plain: String = text
        .nfd()
        .filter(|character| !is_combining_mark(*character))
        .map(|letter| match letter {
            'ø' => 'o',
            'ł' => 'l',
            'đ' => 'd',
            'ı' => 'i',
            other => other,
        })
        .collect();
    let is_new = plain.is_ascii() && plain != text;
    (is_new && plain.len() >= UNACCENTED_LETTERS_MIN).then_some(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_met_as_fields_have_it() {
        for (text, expected) in [
            (
                "fecha de nacimiento",
                &["fecha de nacimiento", "fecha nacimiento"][..],
            ),
            (
                "rodné číslo",
                &["rodné číslo", "rodne cislo", "RODNÉ ČÍSLO", "Rodné číslo"],
            ),
            ("né le", &["né le", "NÉ LE", "Né le"]),
            (
                "fødselsnummer",
                &[
                    "fødselsnummer",
                    "fodselsnummer",
                    "FØDSELSNUMMER",
                    "Fødselsnummer",
                ],
            ),
            ("of birth", &["of birth"]),
        ] {
            assert_eq!(forms(text), expected);
        }
    }
}
