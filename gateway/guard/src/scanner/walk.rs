//! From bytes to texts: every token with its place, every text in one buffer.

use std::borrow::Cow;

use super::{Limits, Node, Place, Scan, ScanError};
use crate::json::{self, Event, Token, Walk};
use crate::place::{self, Freedom, Zone};
use crate::text::{Excess, Source, Texts};
use crate::views;

struct Level {
    node: usize,
    key: Option<usize>,
    index: usize,
}

struct Walker<'a> {
    message: &'a [u8],
    limits: Limits,
    places: Vec<Place>,
    nodes: Vec<Node>,
    texts: Texts,
    levels: Vec<Level>,
}

pub(super) fn walk<'a>(message: &'a [u8], limits: &Limits) -> Result<Scan<'a>, ScanError> {
    let mut walk = Walk::new(message)?;
    let mut texts = Texts::default();
    // Room for what a message of that length has as a rule.
    let expected = (message.len() / 16).clamp(8, 1024);
    texts.buffer.reserve(message.len());
    texts.segments.reserve(expected);
    let mut walker = Walker {
        message,
        limits: *limits,
        places: Vec::with_capacity(expected),
        nodes: Vec::with_capacity(8),
        texts,
        levels: Vec::with_capacity(8),
    };
    while let Some(event) = walk.step()? {
        walker.take(event)?;
    }
    let Walker {
        places,
        nodes,
        texts,
        ..
    } = walker;
    Ok(Scan {
        message,
        places,
        nodes,
        texts,
        findings: Vec::new(),
        injection: 0.0,
    })
}

impl Walker<'_> {
    fn take(&mut self, event: Event) -> Result<(), ScanError> {
        match event {
            Event::Open(object) => self.open(object),
            Event::Close => {
                self.levels.pop();
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

    fn open(&mut self, object: bool) {
        let (parent, key, index) = self.levels.last().map_or((None, None, 0), |level| {
            (Some(level.node), level.key, level.index)
        });
        let zone = match parent.and_then(|parent| self.nodes.get(parent)) {
            None => Zone::Root,
            Some(parent) => match key {
                Some(key) => {
                    place::zone_under(parent.zone, &name(self.message, self.places.get(key)))
                }
                None => parent.zone,
            },
        };
        self.nodes.push(Node {
            parent,
            key,
            index,
            object,
            zone,
        });
        self.levels.push(Level {
            node: self.nodes.len() - 1,
            key: None,
            index: 0,
        });
    }

    /// A value has ended.
    fn advance(&mut self) {
        if let Some(level) = self.levels.last_mut() {
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
        if self.places.len() >= self.limits.tokens_max {
            return Err(ScanError::Limit("strings"));
        }
        let (node, key, index) = self
            .levels
            .last()
            .map_or((0, None, 0), |level| (level.node, level.key, level.index));
        let (object, zone) = self
            .nodes
            .get(node)
            .map_or((false, Zone::Root), |node| (node.object, node.zone));
        let number = self.places.len();
        let freedom = match token {
            Token::Key if zone == Zone::Protocol => Freedom::Protocol,
            Token::Key if place::keys_are_data(zone) => Freedom::Free,
            Token::Key => Freedom::Name,
            _ => place::freedom(
                zone,
                key.map(|key| name(self.message, self.places.get(key)))
                    .as_deref(),
            ),
        };
        let index = if object { 0 } else { index };
        self.places.push(Place {
            token,
            start,
            end,
            escaped,
            node,
            key,
            index,
            freedom,
            segment: None,
            encoded: None,
        });
        self.text(number)?;
        if token == Token::Key {
            if let Some(level) = self.levels.last_mut() {
                level.key = Some(number);
            }
        } else {
            self.advance();
        }
        Ok(())
    }

    /// Adds the token's text, decoded, unless there is nothing to look at.
    fn text(&mut self, number: usize) -> Result<(), ScanError> {
        let Some(place) = self.places.get_mut(number) else {
            return Ok(());
        };
        let raw = self.message.get(place.start..place.end).unwrap_or_default();
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
        place.segment = Some(self.texts.segments.len());
        let bytes_max = self.limits.text_bytes_max;
        let added = match payload {
            Payload::Skip => {
                place.segment = None;
                Ok(())
            }
            Payload::Decoded { skip, bytes } => {
                place.encoded = Some(skip);
                self.texts.add(number, source, bytes_max, |buffer| {
                    buffer.extend_from_slice(&bytes)
                })
            }
            Payload::Plain if place.escaped => {
                self.texts.add(number, source, bytes_max, |buffer| {
                    json::decode(raw, buffer)
                })
            }
            Payload::Plain => self.texts.add(number, source, bytes_max, |buffer| {
                buffer.extend_from_slice(raw)
            }),
        };
        added.map_err(|excess| {
            ScanError::Limit(match excess {
                Excess::Text => "text",
                Excess::Layers => "layers of encoding",
            })
        })
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
    unslashed(
        message.get(place.start..place.end).unwrap_or_default(),
        place.escaped,
    )
}
