//! One character as ASCII would have it: compatibility forms, digits of other scripts, look-alikes, and the characters
//! that show nothing.

use std::sync::LazyLock;

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// What a character becomes.
pub(crate) enum Folded {
    /// Itself.
    Same,
    /// Nothing: it cannot be seen.
    Nothing,
    /// Another one.
    Char(char),
    /// Several.
    Text(String),
}

/// Whether a character shows nothing: format characters, joiners, tags, variation selectors.
pub(crate) fn invisible(character: char) -> bool {
    matches!(
        character,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}' | '\u{ffa0}' | '\u{fff9}'..='\u{fffb}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}'
    )
}

/// Characters of the basic plane that fold to themselves, one bit each: most that are met do.
static SAME: LazyLock<Vec<u64>> = LazyLock::new(|| {
    let mut same = vec![0; 1 << 10];
    for character in '\u{80}'..='\u{ffff}' {
        let code = u32::from(character) as usize;
        if let (Folded::Same, Some(bits)) = (folded(character), same.get_mut(code / 64)) {
            *bits |= 1 << (code % 64);
        }
    }
    same
});

/// Makes ready what folding needs: takes some milliseconds.
pub(crate) fn prepare() {
    LazyLock::force(&SAME);
}

/// Whether a character that is not ASCII folds to itself, and so is no invisible one.
pub(crate) fn is_same(character: char) -> bool {
    let code = u32::from(character) as usize;
    SAME.get(code / 64)
        .is_some_and(|bits| bits >> (code % 64) & 1 == 1)
}

/// Folds one character that is not ASCII.
pub(crate) fn fold(character: char) -> Folded {
    match character {
        same if is_same(same) => Folded::Same,
        // The wide forms of ASCII.
        '\u{ff01}'..='\u{ff5e}' => {
            let narrow = u32::from(character) - 0xfee0;
            char::from_u32(narrow).map_or(Folded::Same, Folded::Char)
        }
        other => folded(other),
    }
}

fn folded(character: char) -> Folded {
    if invisible(character) || is_combining_mark(character) && !indic(character) {
        return Folded::Nothing;
    }
    if let Some(ascii) = look_alike(character) {
        return Folded::Char(ascii);
    }
    if let Some(digit) = digit(character) {
        return Folded::Char(digit);
    }
    let mut compatible = std::iter::once(character).nfkc();
    let first = compatible.next();
    match (first, compatible.next()) {
        (Some(one), None) if one == character => Folded::Same,
        (Some(one), None) => Folded::Char(look_alike(one).unwrap_or(one)),
        (Some(one), Some(two)) => Folded::Text([one, two].into_iter().chain(compatible).collect()),
        (None, _) => Folded::Same,
    }
}

/// Vowel signs are letters of their words, not ornaments.
fn indic(character: char) -> bool {
    matches!(character, '\u{900}'..='\u{dff}' | '\u{e31}'..='\u{e4e}')
}

/// Decimal digits of other scripts.
fn digit(character: char) -> Option<char> {
    const ZEROS: [u32; 22] = [
        0x660, 0x6f0, 0x7c0, 0x966, 0x9e6, 0xa66, 0xae6, 0xb66, 0xbe6, 0xc66, 0xce6, 0xd66, 0xe50,
        0xed0, 0xf20, 0x1040, 0x17e0, 0x1810, 0x1946, 0x19d0, 0xff10, 0xa8d0,
    ];
    let code = u32::from(character);
    let zero = ZEROS
        .iter()
        .find(|zero| (**zero..**zero + 10).contains(&code))?;
    char::from_digit(code - zero, 10)
}

/// Letters and signs that look like ASCII.
fn look_alike(character: char) -> Option<char> {
    Some(match character {
        'а' => 'a',
        'е' | 'ё' => 'e',
        'о' | 'ο' | 'օ' => 'o',
        'р' | 'ρ' => 'p',
        'с' | 'ϲ' => 'c',
        'х' | 'χ' => 'x',
        'і' | 'ι' | 'ı' => 'i',
        'ј' => 'j',
        'ѕ' => 's',
        'у' => 'y',
        'ԁ' => 'd',
        'һ' => 'h',
        'ԛ' => 'q',
        'ԝ' => 'w',
        'ɡ' => 'g',
        'ӏ' => 'l',
        'ν' => 'v',
        'к' | 'κ' => 'k',
        'м' => 'm',
        'т' | 'τ' => 't',
        'α' => 'a',
        'υ' => 'u',
        'ո' => 'n',
        'г' => 'r',
        'п' => 'n',
        'в' => 'b',
        'н' => 'h',
        'А' | 'Α' => 'A',
        'В' | 'Β' => 'B',
        'Е' | 'Ε' | 'Ё' => 'E',
        'К' | 'Κ' => 'K',
        'М' | 'Μ' => 'M',
        'Н' | 'Η' => 'H',
        'О' | 'Ο' => 'O',
        'Р' | 'Ρ' => 'P',
        'С' | 'Ϲ' => 'C',
        'Т' | 'Τ' => 'T',
        'Х' | 'Χ' => 'X',
        'У' | 'Υ' => 'Y',
        'Ζ' => 'Z',
        'І' | 'Ι' => 'I',
        'Ј' => 'J',
        'Ѕ' => 'S',
        'Ν' => 'N',
        '\u{a0}' | '\u{1680}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{205f}' | '\u{3000}' => {
            ' '
        }
        '‐' | '‑' | '‒' | '–' | '—' | '―' | '−' | '⁃' | '﹣' | '－' | '﹘' | '・' | '·' | '•'
        | '‧' | '∙' | '⋅' => '-',
        '。' | '｡' | '․' | '．' => '.',
        '⁄' | '∕' => '/',
        '\u{2028}' | '\u{2029}' | '\u{85}' => '\n',
        'ʼ' | '’' | '‘' => '\'',
        _ => return None,
    })
}
