//! From bytes to texts: every token with its place, every text in one buffer.

use std::borrow::Cow;

use super::room::Room;
use super::scan::narrow;
use super::{Limits, Node, Place, Scan, ScanError};
use crate::json::{self, Event, Token, Walk};
use crate::place::{self, Freedom, Zone};
use crate::text::Source;
use crate::views;
use crate::work::Work;

/// Steps that whatever the walk meets costs beside its bytes.
const EVENT_STEPS: usize = 16;

/// Where the walk is in a container.
#[derive(Clone, Copy, Debug)]
pub(super) struct Level {
    node: u32,
    zone: Zone,
    object: bool,
    key: Option<u32>,
    index: u32,
    /// Bytes of the names on the way here.
    names: usize,
}

/// What a message that is no container stands in.
const OUTSIDE: Level = Level {
    node: 0,
    zone: Zone::Root,
    object: false,
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
}

pub(super) fn walk(
    scan: &mut Scan<'_>,
    limits: &Limits,
    work: &mut Work<'_>,
) -> Result<(), ScanError> {
    let message = scan.message;
    let mut walk = Walk::new(message)?;
    let mut walker = Walker {
        message,
        limits,
        room: &mut scan.room,
        work,
        counted: 0,
    };
    walker.room.texts.reserve(message.len());
    while let Some(event) = walk.step()? {
        walker.take(event)?;
    }
    Ok(())
}

impl Walker<'_, '_> {
    fn take(&mut self, event: Event) -> Result<(), ScanError> {
        if !self.work.lasts(EVENT_STEPS) {
            return Err(ScanError::Time);
        }
        match event {
            Event::Open(object) => {
                self.count()?;
                self.open(object);
            }
            Event::Close => {
                self.room.levels.pop();
                self.advance();
            }
            Event::Literal => self.advance(),
            Event::Token {
                token,
                start,
                end,
                escaped,
            } => self.token(token, start, end, escaped)?,
        }
        Ok(())
    }

    /// Counts what is kept of the message: tokens and containers.
    fn count(&mut self) -> Result<(), ScanError> {
        self.counted += 1;
        (self.counted <= self.limits.tokens_max)
            .then_some(())
            .ok_or(ScanError::Limit("strings"))
    }

    fn level(&self) -> Level {
        self.room.levels.last().copied().unwrap_or(OUTSIDE)
    }

    fn open(&mut self, object: bool) {
        let level = self.level();
        let key = level.key.and_then(|key| self.room.places.get(key as usize));
        let zone = match key {
            Some(_) => place::zone_under(level.zone, &name(self.message, key)),
            None => level.zone,
        };
        let names = level.names + key.map_or(0, |key| key.raw(self.message).len());
        let node = narrow(self.room.nodes.len());
        self.room.nodes.push(Node {
            object,
            parent: (node > 0).then_some(level.node),
            key: level.key,
            index: level.index,
        });
        self.room.levels.push(Level {
            node,
            zone,
            object,
            key: None,
            index: 0,
            names,
        });
    }

    /// A value has ended.
    fn advance(&mut self) {
        if let Some(level) = self.room.levels.last_mut() {
            level.key = None;
            level.index += 1;
        }
    }

    fn token(
        &mut self,
        token: Token,
        start: usize,
        end: usize,
        escaped: bool,
    ) -> Result<(), ScanError> {
        self.count()?;
        if !self.work.lasts(end - start) {
            return Err(ScanError::Time);
        }
        let level = self.level();
        if token == Token::Key && level.names + (end - start) > self.limits.names_bytes_max {
            return Err(ScanError::Limit("bytes of names"));
        }
        let number = self.room.places.len();
        let freedom = match (token, level.key) {
            (Token::Key, _) if level.zone == Zone::Protocol => Freedom::Protocol,
            (Token::Key, _) if place::keys_are_data(level.zone) => Freedom::Free,
            (Token::Key, _) => Freedom::Name,
            (_, None) => place::freedom(level.zone, None),
            (_, Some(key)) => {
                let key = self.room.places.get(key as usize);
                place::freedom(level.zone, Some(&name(self.message, key)))
            }
        };
        let mut place = Place {
            token,
            escaped,
            freedom,
            start: narrow(start),
            end: narrow(end),
            node: level.node,
            index: if level.object { 0 } else { level.index },
            key: level.key,
            segment: None,
            encoded: None,
        };
        self.text(number, &mut place)?;
        // A value that is not looked at leads nowhere; a name leads to its value.
        if token == Token::Key {
            self.room.places.push(place);
            if let Some(level) = self.room.levels.last_mut() {
                level.key = Some(narrow(number));
            }
        } else {
            if place.segment.is_some() {
                self.room.places.push(place);
            }
            self.advance();
        }
        Ok(())
    }

    /// Adds the token's text, decoded, unless there is nothing to look at.
    fn text(&mut self, number: usize, place: &mut Place) -> Result<(), ScanError> {
        let raw = place.raw(self.message);
        let named = place.token == Token::Key && place.freedom == Freedom::Name;
        if named && !place.escaped && place::is_of_protocol(raw) {
            return Ok(());
        }
        let short_number = place.token == Token::Number && raw.len() < 7;
        if place.freedom == Freedom::Protocol || raw.is_empty() || short_number {
            return Ok(());
        }
        let source = if place.token == Token::Key {
            Source::Key
        } else {
            Source::Value
        };
        let payload = if place.token == Token::String {
            encoded(raw, place.freedom, place.escaped)
        } else {
            Payload::Plain
        };
        let (bytes_max, texts) = (self.limits.text_bytes_max, &mut self.room.texts);
        let segment = texts.segments.len();
        let mut add =
            |write: &dyn Fn(&mut Vec<u8>)| texts.add(number, source, bytes_max, self.work, write);
        let added = match payload {
            Payload::Skip => return Ok(()),
            Payload::Decoded { skip, bytes } => {
                place.encoded = Some(narrow(skip));
                add(&|buffer| buffer.extend_from_slice(&bytes))
            }
            Payload::Plain if place.escaped => add(&|buffer| json::decode(raw, buffer)),
            Payload::Plain => add(&|buffer| buffer.extend_from_slice(raw)),
        };
        place.segment = Some(narrow(segment));
        Ok(added?)
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

/// A key's name, decoded.
pub(super) fn name<'a>(message: &'a [u8], place: Option<&Place>) -> Cow<'a, [u8]> {
    let Some(place) = place else {
        return Cow::Borrowed(&[]);
    };
    unslashed(place.raw(message), place.escaped)
}
