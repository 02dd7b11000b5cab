//! From bytes to texts: every token with its place, every text in one buffer.

use std::borrow::Cow;

use super::room::Room;
use super::scan::narrow;
use super::{Limits, Node, Place, Scan, ScanError};
use crate::json::{self, Span, Token, Visit};
use crate::place::{Freedom, Member, Zone};
use crate::text::Source;
use crate::views;
use crate::work::Work;

/// Steps that whatever the walk meets costs beside its bytes.
const EVENT_STEPS: usize = 16;

/// Fewest characters of a number that could be anything.
const NUMBER_BYTES_MIN: usize = 7;

/// Where the walk is in a container.
#[derive(Clone, Copy, Debug)]
pub(super) struct Level {
    node: u32,
    zone: Zone,
    object: bool,
    /// The value that is due, and the token of its name.
    due: Member,
    key: Option<u32>,
    index: u32,
    /// Bytes of the names on the way here.
    names: u32,
}

/// What a message stands in.
const OUTSIDE: Level = Level {
    node: 0,
    zone: Zone::Root,
    object: false,
    due: Zone::Root.element(),
    key: None,
    index: 0,
    names: 0,
};

struct Walker<'a, 'w> {
    message: &'a [u8],
    limits: &'a Limits,
    room: &'a mut Room,
    work: &'a mut Work<'w>,
    counted: usize,
    /// The innermost container; those around it are the room's.
    level: Level,
}

pub(super) fn walk(
    scan: &mut Scan<'_>,
    limits: &Limits,
    work: &mut Work<'_>,
) -> Result<(), ScanError> {
    let message = scan.message;
    let mut walker = Walker {
        message,
        limits,
        room: &mut scan.room,
        work,
        counted: 0,
        level: OUTSIDE,
    };
    walker.room.texts.reserve(message.len());
    json::walk(message, &mut walker)
}

impl Visit for Walker<'_, '_> {
    type Error = ScanError;

    fn open(&mut self, object: bool) -> Result<(), ScanError> {
        self.count(0)?;
        let level = self.level;
        let key = level.key.and_then(|key| self.room.places.get(key as usize));
        let names = level.names + key.map_or(0, |key| key.end - key.start);
        let node = narrow(self.room.nodes.len());
        self.room.nodes.push(Node {
            object,
            parent: (node > 0).then_some(level.node),
            key: level.key,
            index: level.index,
        });
        self.room.rows |= node > 0 && !object && !level.object;
        self.room.levels.push(level);
        let zone = level.due.under;
        self.level = Level {
            node,
            zone,
            object,
            due: zone.element(),
            key: None,
            index: 0,
            names,
        };
        Ok(())
    }

    fn close(&mut self) -> Result<(), ScanError> {
        self.lasts(EVENT_STEPS)?;
        self.level = self.room.levels.pop().unwrap_or(OUTSIDE);
        self.advance();
        Ok(())
    }

    fn key(&mut self, span: Span) -> Result<(), ScanError> {
        let length = span.length();
        self.count(length)?;
        let level = self.level;
        if level.names as usize + length > self.limits.names_bytes_max {
            return Err(ScanError::Limit("bytes of names"));
        }
        let number = self.room.places.len();
        let raw = span.of(self.message);
        self.level.due = level.zone.member(&unslashed(raw, span.escaped));
        self.level.key = Some(narrow(number));
        let freedom = match level.zone {
            Zone::Protocol => Freedom::Protocol,
            zone if zone.has_data_for_keys() => Freedom::Free,
            _ => Freedom::Name,
        };
        let mut place = self.place(Token::Key, span, freedom);
        place.key = None;
        let is_data = match freedom {
            Freedom::Protocol => false,
            Freedom::Name => !self.level.due.is_of_protocol,
            _ => true,
        };
        if is_data && length > 0 {
            self.text(number, &mut place, Source::Key)?;
        }
        self.room.places.push(place);
        Ok(())
    }

    fn scalar(&mut self, token: Token, span: Span) -> Result<(), ScanError> {
        let length = span.length();
        self.count(length)?;
        let freedom = self.level.due.freedom;
        let length_min = match token {
            Token::Number => NUMBER_BYTES_MIN,
            _ => 1,
        };
        if freedom != Freedom::Protocol && length >= length_min {
            let number = self.room.places.len();
            let mut place = self.place(token, span, freedom);
            self.text(number, &mut place, Source::Value)?;
            // A value that is not looked at leads nowhere.
            if place.segment.is_some() {
                self.room.places.push(place);
            }
        }
        self.advance();
        Ok(())
    }

    fn literal(&mut self) -> Result<(), ScanError> {
        self.lasts(EVENT_STEPS)?;
        self.advance();
        Ok(())
    }
}

impl Walker<'_, '_> {
    /// Counts what is kept of the message: tokens and containers.
    fn count(&mut self, bytes: usize) -> Result<(), ScanError> {
        self.lasts(EVENT_STEPS + bytes)?;
        self.counted += 1;
        (self.counted <= self.limits.tokens_max)
            .then_some(())
            .ok_or(ScanError::Limit("strings"))
    }

    fn lasts(&mut self, steps: usize) -> Result<(), ScanError> {
        self.work.lasts(steps).then_some(()).ok_or(ScanError::Time)
    }

    /// A value has ended. What is due then is another element, or the next name says it.
    fn advance(&mut self) {
        self.level.index += 1;
    }

    /// Where a token is, before its text is known.
    fn place(&self, token: Token, span: Span, freedom: Freedom) -> Place {
        let level = &self.level;
        Place {
            token,
            escaped: span.escaped,
            freedom,
            start: span.start,
            end: span.end,
            node: level.node,
            index: if level.object { 0 } else { level.index },
            key: level.key,
            segment: None,
            encoded: None,
        }
    }

    /// Adds the token's text, decoded, unless there is nothing to look at.
    fn text(&mut self, number: usize, place: &mut Place, source: Source) -> Result<(), ScanError> {
        let raw = place.raw(self.message);
        let payload = if place.token == Token::String {
            encoded(raw, place.freedom, place.escaped)
        } else {
            Payload::Plain
        };
        let texts = &mut self.room.texts;
        let start = texts.begin();
        match payload {
            Payload::Skip => return Ok(()),
            Payload::Decoded { skip, bytes } => {
                place.encoded = Some(narrow(skip));
                texts.buffer.extend_from_slice(&bytes);
            }
            Payload::Plain if place.escaped => json::decode(raw, &mut texts.buffer),
            Payload::Plain => {
                let span = place.start as usize..place.end as usize;
                texts.copy(self.message, span);
            }
        }
        place.segment = Some(narrow(texts.segments.len()));
        texts.end(start, number, source, self.limits.text_bytes_max, self.work)?;
        Ok(())
    }
}

enum Payload {
    Plain,
    Skip,
    Decoded { skip: usize, bytes: Vec<u8> },
}

/// What a string that may be base64 as a whole is scanned as.
fn encoded(raw: &[u8], freedom: Freedom, escaped: bool) -> Payload {
    // Most strings are neither, and need not be decoded to see it.
    let may_be_data =
        raw.starts_with(b"data:") || escaped && matches!(raw.first(), Some(b'd' | b'\\'));
    if !matches!(freedom, Freedom::Opaque | Freedom::Blob) && !may_be_data {
        return Payload::Plain;
    }
    let text = |bytes: &Vec<u8>| std::str::from_utf8(bytes).is_ok_and(|text| !text.contains('\0'));
    let unescaped = unslashed(raw, escaped);
    match freedom {
        Freedom::Opaque | Freedom::Blob => match views::base64_bytes(&unescaped) {
            // Pictures and sounds pass unchanged; so does what only looks like base64 and is not.
            Some(bytes) if freedom == Freedom::Blob && text(&bytes) => {
                Payload::Decoded { skip: 0, bytes }
            }
            Some(_) => Payload::Skip,
            None => Payload::Plain,
        },
        _ => match views::data_uri(&unescaped) {
            Some((kind, skip)) if !kind.starts_with(b"image/") && !kind.starts_with(b"audio/") => {
                let decoded = unescaped
                    .get(skip..)
                    .and_then(views::base64_bytes)
                    .filter(text);
                decoded.map_or(Payload::Plain, |bytes| Payload::Decoded { skip, bytes })
            }
            Some(_) if !raw.contains(&b' ') => Payload::Skip,
            _ => Payload::Plain,
        },
    }
}

/// Base64 has a slash, which some escape; other escapes it has not.
fn unslashed(raw: &[u8], escaped: bool) -> Cow<'_, [u8]> {
    if !escaped {
        return Cow::Borrowed(raw);
    }
    let mut text = Vec::with_capacity(raw.len());
    json::decode(raw, &mut text);
    Cow::Owned(text)
}

/// A name, or another string, decoded.
pub(super) fn name<'a>(message: &'a [u8], place: Option<&Place>) -> Cow<'a, [u8]> {
    let Some(place) = place else {
        return Cow::Borrowed(&[]);
    };
    unslashed(place.raw(message), place.escaped)
}
