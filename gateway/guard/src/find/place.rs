//! Geographic coordinates: two decimal numbers, precise to ten metres.

use std::sync::LazyLock;

use super::{ahead, at, before};
use crate::secrets::Parts;

/// Decimals that a coordinate has at least: four are eleven metres.
const DECIMALS_MIN: usize = 4;

struct Decimal {
    start: usize,
    end: usize,
    whole: u32,
}

/// Tells `meet` of each pair of latitude and longitude.
pub(crate) fn coordinates(text: &[u8], mut meet: impl FnMut(usize, usize)) {
    let mut place = 0;
    while let Some(first) = next(text, place) {
        let gap = ahead(text, first.end, 8, |byte| {
            matches!(byte, b' ' | b',' | b';' | b'/' | b'N' | b'S' | 0xc2 | 0xb0)
        });
        match decimal(text, first.end + gap) {
            Some(second) if gap > 0 && first.whole <= 90 && second.whole <= 180 => {
                meet(first.start, second.end);
                place = second.end;
            }
            _ => place = first.end,
        }
    }
}

/// What a text about places has, beside `lat`.
static PLACES: LazyLock<Parts> = LazyLock::new(|| {
    Parts::new(&[
        "longitude",
        "latitude",
        "lng",
        "latlon",
        "lon\"",
        "lon'",
        "lon:",
        "lon=",
        "lon,",
        "_lon",
        "gps",
        "geo",
        "coord",
        "location",
        "position",
    ])
});

pub(super) fn prepare() {
    LazyLock::force(&PLACES);
}

/// Tells `meet` of each number that is as precise as a coordinate, in a text that has anything of places but `lat`:
/// that is also short for how long something took.
pub(crate) fn decimals(text: &[u8], mut meet: impl FnMut(usize, usize)) {
    let is_latency = memchr::memmem::find(text, b"lat").is_some() && !PLACES.occur_in(text);
    if is_latency {
        return;
    }
    let mut place = 0;
    while let Some(found) = next(text, place) {
        if found.whole <= 180 {
            meet(found.start, found.end);
        }
        place = found.end;
    }
}

fn next(text: &[u8], from: usize) -> Option<Decimal> {
    let mut place = from;
    while place < text.len() {
        let byte = at(text, place);
        if (byte.is_ascii_digit() || byte == b'-')
            && !matches!(before(text, place), b'0'..=b'9' | b'.' | b'A'..=b'Z' | b'a'..=b'z')
        {
            if let Some(found) = decimal(text, place) {
                return Some(found);
            }
            place += ahead(text, place + 1, 64, |byte| byte.is_ascii_digit());
        }
        place += 1;
    }
    None
}

fn decimal(text: &[u8], start: usize) -> Option<Decimal> {
    let digits = start + usize::from(matches!(at(text, start), b'-' | b'+'));
    let whole = ahead(text, digits, 4, |byte| byte.is_ascii_digit());
    let point = digits + whole;
    let decimals = ahead(text, point + 1, 24, |byte| byte.is_ascii_digit());
    let end = point + 1 + decimals;
    let is = (1..=3).contains(&whole)
        && at(text, point) == b'.'
        && (DECIMALS_MIN..=15).contains(&decimals)
        && !at(text, end).is_ascii_alphanumeric();
    let value = text
        .get(digits..point)?
        .iter()
        .fold(0, |value, digit| value * 10 + u32::from(digit - b'0'));
    is.then_some(Decimal {
        start,
        end,
        whole: value,
    })
}
