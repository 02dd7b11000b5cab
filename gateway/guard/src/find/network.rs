//! Addresses of networks and of hardware.

use std::net::Ipv6Addr;

use super::{Found, ahead, at, back, before};

/// What begins with a group of digits before the dot at `place`: an address of version 4, or hardware in Cisco's form.
pub(super) fn dotted(text: &[u8], place: usize) -> Option<Found> {
    let digits = back(text, place, 4, |byte| byte.is_ascii_digit());
    if (1..=3).contains(&digits) {
        return v4(text, place - digits).map(|end| ("IP_ADDRESS", place - digits, end));
    }
    cisco(text, place).map(|(start, end)| ("MAC_ADDRESS", start, end))
}

fn v4(text: &[u8], start: usize) -> Option<usize> {
    let mut end = start;
    let mut octets = [0_u32; 4];
    for (number, octet) in octets.iter_mut().enumerate() {
        if number > 0 {
            if at(text, end) != b'.' {
                return None;
            }
            end += 1;
        }
        let length = ahead(text, end, 4, |byte| byte.is_ascii_digit());
        *octet = text
            .get(end..end + length)?
            .iter()
            .fold(0, |value, byte| value * 10 + u32::from(byte - b'0'));
        if !(1..=3).contains(&length) || *octet > 255 || length > 1 && at(text, end) == b'0' {
            return None;
        }
        end += length;
    }
    let previous = before(text, start);
    let joined = previous.is_ascii_alphanumeric()
        || matches!(previous, b'.' | b'-' | b'_')
        || previous == b'/' && before(text, start - 1).is_ascii_alphanumeric();
    let next = at(text, end);
    let goes_on = next.is_ascii_alphanumeric()
        || matches!(next, b'.' | b'-' | b'_') && at(text, end + 1).is_ascii_alphanumeric();
    let everyday = matches!(octets, [0 | 127 | 255, ..]) || octets == [1, 0, 0, 0];
    (!joined
        && !goes_on
        && !everyday
        && !is_version(text, start)
        && !is_numbering(octets, text, start, end))
    .then_some(end)
}

/// Whether it is numbered as versions and sections are, all low, in a text that says nothing of addresses before it.
fn is_numbering(octets: [u32; 4], text: &[u8], start: usize, end: usize) -> bool {
    const LOW_MAX: u32 = 31;
    const BEFORE_BYTES: usize = 32;
    let [first, second, third, fourth] = octets;
    let is_low = octets.iter().all(|octet| *octet <= LOW_MAX);
    let is_known = first == 10 || first == second && second == third && third == fourth;
    if !is_low || is_known || matches!(at(text, end), b':' | b'/') {
        return false;
    }
    let window = text.get(start.saturating_sub(BEFORE_BYTES)..start);
    let window = window.unwrap_or_default().to_ascii_lowercase();
    let says = |word: &&[u8]| memchr::memmem::find(&window, word).is_some();
    ![
        &b"ip"[..],
        b"addr",
        b"host",
        b"client",
        b"peer",
        b"server",
        b"node",
        b"dns",
        b"forwarded",
    ]
    .iter()
    .any(says)
}

/// Whether a word before the number says that it counts versions or sections.
fn is_version(text: &[u8], start: usize) -> bool {
    const WORDS: [&[u8]; 26] = [
        b"appendix",
        b"annex",
        b"version",
        b"ver",
        b"v",
        b"release",
        b"build",
        b"section",
        b"chapter",
        b"oid",
        b"firmware",
        b"driver",
        b"upgrade",
        b"upgraded",
        b"updated",
        b"plugin",
        b"enzyme",
        b"ec",
        b"package",
        b"patch",
        b"clause",
        b"rev",
        b"revision",
        b"sec",
        b"paragraph",
        b"fig",
    ];
    let window = text
        .get(start.saturating_sub(28)..start)
        .unwrap_or_default()
        .to_ascii_lowercase();
    let mut words = window
        .rsplit(|byte| !byte.is_ascii_alphabetic())
        .filter(|word| !word.is_empty());
    let near: Vec<&[u8]> = words.by_ref().take(3).collect();
    near.iter().any(|word| WORDS.contains(word))
        || window.ends_with(b"\xc2\xa7")
        || window.ends_with(b"\xc2\xa7 ")
}

fn cisco(text: &[u8], place: usize) -> Option<(usize, usize)> {
    let hex = |byte: u8| byte.is_ascii_hexdigit();
    let start = place.checked_sub(4)?;
    let groups = back(text, place, 5, hex) == 4
        && ahead(text, place + 1, 5, hex) == 4
        && at(text, place + 5) == b'.'
        && ahead(text, place + 6, 5, hex) == 4;
    let (previous, next) = (before(text, start), at(text, place + 10));
    let goes_on = next == b'.' && at(text, place + 11).is_ascii_alphanumeric();
    let word = |byte: u8| byte.is_ascii_alphanumeric();
    let alone = !word(previous) && previous != b'.' && !word(next) && !goes_on;
    let digits = text
        .get(start..place + 10)?
        .iter()
        .filter(|byte| byte.is_ascii_digit())
        .count();
    // Twelve digits in threes of four are a number.
    (groups && alone && (1..12).contains(&digits)).then_some((start, place + 10))
}

/// What the first colon of a run of hexadecimal groups belongs to.
pub(super) fn colons(text: &[u8], place: usize) -> Option<Found> {
    let part = |byte: u8| byte.is_ascii_hexdigit() || byte == b':';
    let start = place - back(text, place, 48, part);
    let length = ahead(text, start, 64, |byte| part(byte) || byte == b'.');
    let run = text.get(start..start + length)?;
    let end = start
        + run
            .iter()
            .rposition(|byte| byte.is_ascii_hexdigit())
            .map_or(0, |last| last + 1);
    let double = at(text, end) == b':' && at(text, end + 1) == b':';
    let end = if double { end + 2 } else { end };
    // The colon behind a label is none of the address.
    let label = before(text, start).is_ascii_alphabetic()
        && at(text, start) == b':'
        && at(text, start + 1).is_ascii_hexdigit();
    let start = start + usize::from(label);
    let run = text.get(start..end)?;
    let previous = before(text, start);
    if previous.is_ascii_alphanumeric()
        || matches!(previous, b'_' | b'.')
        || at(text, end).is_ascii_alphanumeric()
    {
        return None;
    }
    if let Some((start, end)) = hardware(text, start + 2, b':') {
        return Some(("MAC_ADDRESS", start, end));
    }
    let groups = run
        .split(|byte| *byte == b':')
        .filter(|group| !group.is_empty());
    let pairs = groups.clone().all(|group| group.len() == 2);
    let digits = run.iter().filter(|byte| byte.is_ascii_digit()).count();
    let address: Ipv6Addr = std::str::from_utf8(run).ok()?.parse().ok()?;
    let some = !address.is_loopback()
        && !address.is_unspecified()
        && digits > 0
        && (groups.clone().count() > 2 || run.len() > 8);
    let pairs_only = pairs && groups.count() > 5;
    (some && !pairs_only).then_some(("IP_ADDRESS", start, end))
}

/// The last colon of a run of hexadecimal groups, of which `place` is one.
pub(super) fn last_colon(text: &[u8], place: usize) -> usize {
    let part = |byte: u8| byte.is_ascii_hexdigit() || byte == b':';
    let length = ahead(text, place, usize::MAX, part);
    let run = text.get(place..place + length).unwrap_or_default();
    place + memchr::memrchr(b':', run).unwrap_or(0)
}

/// Six pairs of hexadecimal digits, the first `separator` at `place`.
pub(super) fn hardware(text: &[u8], place: usize, separator: u8) -> Option<(usize, usize)> {
    let hex = |byte: u8| byte.is_ascii_hexdigit();
    let start = place.checked_sub(2)?;
    let end = start + 17;
    let pairs = text.get(start..end)?.iter().enumerate().all(|(at, byte)| {
        if at % 3 == 2 {
            *byte == separator
        } else {
            hex(*byte)
        }
    });
    let (previous, next) = (before(text, start), at(text, end));
    let longer = previous == separator && hex(before(text, start.saturating_sub(1)))
        || next == separator && hex(at(text, end + 1));
    let blank = text
        .get(start..end)?
        .iter()
        .all(|byte| matches!(byte, b'0' | b'f' | b'F' | b':' | b'-'));
    (pairs
        && !longer
        && !blank
        && !previous.is_ascii_alphanumeric()
        && !next.is_ascii_alphanumeric())
    .then_some((start, end))
}
