//! Telephone numbers: with a country code they speak for themselves, national ones need context.

use super::{ahead, at, before};

/// Digits after the country code, least and most, by code: longest code first.
const PLANS: &[(&str, usize, usize)] = &[
    ("212", 9, 9),
    ("213", 8, 9),
    ("216", 8, 8),
    ("218", 8, 10),
    ("220", 7, 7),
    ("221", 9, 9),
    ("225", 8, 10),
    ("233", 9, 9),
    ("234", 7, 10),
    ("237", 8, 9),
    ("254", 9, 10),
    ("255", 9, 9),
    ("256", 9, 9),
    ("351", 9, 9),
    ("352", 6, 11),
    ("353", 7, 10),
    ("354", 7, 9),
    ("355", 8, 9),
    ("356", 8, 8),
    ("357", 8, 8),
    ("358", 6, 11),
    ("359", 7, 9),
    ("370", 8, 8),
    ("371", 8, 8),
    ("372", 7, 8),
    ("373", 8, 8),
    ("374", 8, 8),
    ("375", 9, 9),
    ("376", 6, 9),
    ("377", 8, 9),
    ("378", 6, 10),
    ("380", 9, 9),
    ("381", 8, 10),
    ("382", 8, 8),
    ("383", 8, 8),
    ("385", 8, 9),
    ("386", 8, 8),
    ("387", 8, 9),
    ("389", 8, 8),
    ("420", 9, 9),
    ("421", 9, 9),
    ("423", 7, 9),
    ("502", 8, 8),
    ("503", 8, 8),
    ("504", 8, 8),
    ("505", 8, 8),
    ("506", 8, 8),
    ("507", 7, 8),
    ("509", 8, 8),
    ("590", 9, 9),
    ("591", 8, 8),
    ("592", 7, 7),
    ("593", 8, 9),
    ("595", 9, 9),
    ("598", 8, 8),
    ("852", 8, 8),
    ("853", 8, 8),
    ("855", 8, 9),
    ("856", 8, 10),
    ("880", 8, 10),
    ("886", 8, 9),
    ("960", 7, 7),
    ("961", 7, 8),
    ("962", 8, 9),
    ("963", 9, 9),
    ("964", 10, 10),
    ("965", 8, 8),
    ("966", 9, 9),
    ("967", 9, 9),
    ("968", 8, 8),
    ("970", 9, 9),
    ("971", 8, 9),
    ("972", 8, 9),
    ("973", 8, 8),
    ("974", 8, 8),
    ("976", 8, 8),
    ("977", 8, 10),
    ("992", 9, 9),
    ("993", 8, 8),
    ("994", 9, 9),
    ("995", 9, 9),
    ("996", 9, 9),
    ("998", 9, 9),
    ("20", 8, 10),
    ("27", 9, 9),
    ("30", 10, 10),
    ("31", 9, 9),
    ("32", 8, 9),
    ("33", 9, 9),
    ("34", 9, 9),
    ("36", 8, 9),
    ("39", 6, 11),
    ("40", 9, 9),
    ("41", 9, 9),
    ("43", 7, 12),
    ("44", 9, 10),
    ("45", 8, 8),
    ("46", 7, 10),
    ("47", 8, 8),
    ("48", 9, 9),
    ("49", 6, 12),
    ("51", 8, 9),
    ("52", 10, 11),
    ("53", 6, 8),
    ("54", 10, 11),
    ("55", 10, 11),
    ("56", 9, 9),
    ("57", 8, 10),
    ("58", 10, 10),
    ("60", 7, 10),
    ("61", 9, 9),
    ("62", 8, 12),
    ("63", 8, 10),
    ("64", 8, 10),
    ("65", 8, 8),
    ("66", 8, 9),
    ("81", 9, 10),
    ("82", 8, 11),
    ("84", 9, 10),
    ("86", 10, 11),
    ("90", 10, 10),
    ("91", 10, 10),
    ("92", 9, 10),
    ("93", 9, 9),
    ("94", 9, 9),
    ("95", 7, 10),
    ("98", 10, 10),
    ("1", 10, 10),
    ("7", 10, 10),
    ("2", 9, 10),
    ("5", 7, 10),
    ("6", 6, 9),
    ("9", 8, 10),
];

/// Most digits of a number, country code included (E.164).
const DIGITS_MAX: usize = 15;
/// Most digits of a national number.
const NATIONAL_MAX: usize = 13;

/// The number at a `+`.
pub(super) fn international(text: &[u8], place: usize) -> Option<(usize, usize)> {
    let previous = before(text, place);
    if previous.is_ascii_alphanumeric() || previous == b'+' {
        return None;
    }
    coded(text, place + 1).map(|end| (place, end))
}

/// The number at a `00` that stands for the `+`.
pub(super) fn double_zero(text: &[u8], place: usize) -> Option<(usize, usize)> {
    let previous = before(text, place);
    if at(text, place) != b'0'
        || at(text, place + 1) != b'0'
        || ahead(text, place, 5, |byte| byte.is_ascii_digit()) == 4
        || previous.is_ascii_alphanumeric()
        || matches!(
            previous,
            b'.' | b'-' | b',' | b':' | b'/' | b'_' | b'#' | b'+'
        )
    {
        return None;
    }
    // Ten zeros are no number: the code must begin otherwise.
    if at(text, place + 2) == b'0' {
        return None;
    }
    let end = coded(text, place + 2)?;
    let written = text.get(place + 2..end)?;
    let digits = written.iter().filter(|byte| byte.is_ascii_digit()).count();
    // Without a separator behind the code it may be anybody's number.
    let parted = written
        .iter()
        .take(4)
        .any(|byte| matches!(byte, b' ' | b'-' | b'.' | b'/' | b'('));
    (digits >= 9 && parted).then_some((place, end))
}

/// The number with its area's code in brackets at a `(`, as North America writes it: `(312) 750-5420`.
pub(super) fn area(text: &[u8], place: usize) -> Option<(usize, usize)> {
    let digits = |from: usize, count: usize| {
        ahead(text, from, count + 1, |byte| byte.is_ascii_digit()) == count
    };
    // Neither an area nor an exchange begins with 0 or 1.
    let part = |from: usize| matches!(at(text, from), b'2'..=b'9') && digits(from, 3);
    let exchange = place + 5 + usize::from(at(text, place + 5) == b' ');
    let end = exchange + 8;
    let is_number = part(place + 1)
        && at(text, place + 4) == b')'
        && part(exchange)
        && matches!(at(text, exchange + 3), b'-' | b' ' | b'.')
        && digits(exchange + 4, 4)
        && !before(text, place).is_ascii_alphanumeric()
        && !at(text, end).is_ascii_alphanumeric();
    is_number.then_some((place, end))
}

/// The end of a number with a country code that begins at `from`: the longest that the country's plan has.
fn coded(text: &[u8], from: usize) -> Option<usize> {
    if !at(text, from).is_ascii_digit() && at(text, from) != b'(' {
        return None;
    }
    let run = run(text, from);
    let (code, least, most) = PLANS
        .iter()
        .find(|(code, ..)| run.digits().starts_with(code.as_bytes()))?;
    // A zero in brackets is dialled inside of the country only.
    let beside = code.len() + usize::from(run.trunk);
    let fits = |(count, _): &&(usize, usize)| (*least + beside..=*most + beside).contains(count);
    let (_, end) = run.ends().iter().rev().find(fits)?;
    (at(text, *end) != b'@').then_some(*end)
}

/// Most ends of groups that a run can have: an underscore may be one beside a digit.
const ENDS_MAX: usize = 3 * DIGITS_MAX;

struct Run {
    digits: [u8; DIGITS_MAX],
    length: usize,
    /// After each group: the digits so far, and where it ends.
    ends: [(usize, usize); ENDS_MAX],
    groups: usize,
    trunk: bool,
}

impl Run {
    fn digits(&self) -> &[u8] {
        self.digits.get(..self.length).unwrap_or_default()
    }

    fn ends(&self) -> &[(usize, usize)] {
        self.ends.get(..self.groups).unwrap_or_default()
    }

    /// The digits and the end of a national number: all groups, or as many as it can have where there are more.
    /// Otherwise what is left once the rest has been taken out would be one.
    fn national(&self) -> Option<(usize, usize)> {
        let last = self.ends().last().copied();
        match last {
            Some((count, _)) if count == self.length && count <= NATIONAL_MAX => last,
            Some(_) if self.length > NATIONAL_MAX => {
                let mut ends = self.ends().iter().rev().copied();
                ends.find(|(count, _)| *count <= NATIONAL_MAX)
            }
            _ => None,
        }
    }

    /// Takes one more digit; false where there is no room for it.
    fn push(&mut self, digit: u8) -> bool {
        let place = self.digits.get_mut(self.length);
        let room = place.is_some();
        if let Some(place) = place {
            *place = digit;
            self.length += 1;
        }
        room
    }

    fn end_at(&mut self, place: usize) {
        if let Some(end) = self.ends.get_mut(self.groups) {
            *end = (self.length, place);
            self.groups += 1;
        }
    }
}

/// Digits with the separators that numbers have.
fn run(text: &[u8], from: usize) -> Run {
    let mut run = Run {
        digits: [0; DIGITS_MAX],
        length: 0,
        ends: [(0, 0); ENDS_MAX],
        groups: 0,
        trunk: false,
    };
    let (mut place, mut gap, mut open) = (from, 0, false);
    loop {
        let byte = at(text, place);
        if byte.is_ascii_digit() {
            if !run.push(byte) {
                return run;
            }
            gap = 0;
            place += 1;
            continue;
        }
        if gap == 0 && run.length > 0 && !byte.is_ascii_alphabetic() && byte != b'_' {
            run.end_at(place);
        }
        match byte {
            b'(' if !open => {
                open = true;
                run.trunk |= text.get(place..place + 3) == Some(b"(0)");
            }
            b')' if open => open = false,
            // A dash with spaces around it parts the area's code.
            b' ' if matches!(text.get(place + 1..place + 3), Some(b"- " | b"/ ")) => place += 2,
            b' ' | b'-' | b'.' | b'/' => {}
            // What is split goes on where the next line begins.
            b'\r' if at(text, place + 1) == b'\n' => {}
            b'\n' if at(text, place + 1).is_ascii_digit() => {}
            b'_' if run.length > 0 => run.end_at(place),
            _ => return run,
        }
        gap += 1;
        if gap > 2 {
            return run;
        }
        place += 1;
    }
}

/// Tells `meet` of each run of digits that could be a national number.
pub(crate) fn national(text: &[u8], mut meet: impl FnMut(usize, usize)) {
    let mut place = 0;
    while place < text.len() {
        let byte = at(text, place);
        let starts = byte.is_ascii_digit() || byte == b'(' && at(text, place + 1).is_ascii_digit();
        let previous = before(text, place);
        if !starts
            || previous.is_ascii_alphanumeric()
            || matches!(previous, b'.' | b'-' | b'+' | b'_' | b'$' | b'#')
        {
            place += 1;
            continue;
        }
        let found = run(text, place);
        let written = |end: usize| text.get(place..end).unwrap_or_default();
        let fits = found.national().filter(|(count, end)| {
            let digits = found.digits().get(..*count).unwrap_or_default();
            is_plausible(digits, written(*end))
        });
        match fits {
            Some((_, end)) => {
                meet(place, end);
                place = end;
            }
            None => place += ahead(text, place, 64, |byte| byte.is_ascii_digit()).max(1),
        }
    }
}

fn is_plausible(digits: &[u8], written: &[u8]) -> bool {
    let length = digits.len();
    let different = digits
        .iter()
        .fold(0_u16, |seen, digit| seen | 1 << (digit - b'0'))
        .count_ones();
    // A date in digits, and a decimal number, are no telephone numbers.
    let groups = || {
        written
            .split(|byte| !byte.is_ascii_digit())
            .map(<[u8]>::len)
    };
    let date = length < 10 && (groups().take(3).eq([4, 2, 2]) || groups().eq([2, 2, 4]));
    (7..=NATIONAL_MAX).contains(&length) && different > 2 && !date
}
