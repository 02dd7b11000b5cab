//! A scanned message: what was found, and where that is.

use std::fmt::Write;

use super::What;
use super::room::Lease;
use crate::json::Token;
use crate::place::Freedom;

/// Something found. Offsets are bytes of the token's decoded text.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Finding {
    /// What.
    pub what: What,
    /// The token that it is in.
    pub token: usize,
    /// First byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
    /// How sure, 0 to 1.
    pub score: f64,
}

/// A key, string or number of the message. Small, since a message may have a million: numbers are as wide as those of
/// the engine.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub(crate) token: Token,
    pub(crate) escaped: bool,
    pub(crate) freedom: Freedom,
    pub(crate) start: u32,
    pub(crate) end: u32,
    /// The container that it is in.
    pub(crate) node: u32,
    /// The place in the array, or zero.
    pub(crate) index: u32,
    /// The member's key among the tokens; for elements of an array none.
    pub(crate) key: Option<u32>,
    /// The first of its texts; none where it is not looked at.
    pub(crate) segment: Option<u32>,
    /// Base64: what is scanned is the decoded text after this many bytes.
    pub(crate) encoded: Option<u32>,
}

impl Place {
    /// Its bytes of the message.
    pub(crate) fn raw<'m>(&self, message: &'m [u8]) -> &'m [u8] {
        message
            .get(self.start as usize..self.end as usize)
            .unwrap_or_default()
    }

    /// The member's key among the tokens.
    pub(crate) fn key(&self) -> Option<usize> {
        self.key.map(|key| key as usize)
    }
}

/// An object or array of the message.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Node {
    pub(crate) object: bool,
    pub(crate) parent: Option<u32>,
    pub(crate) key: Option<u32>,
    pub(crate) index: u32,
}

/// A number as places keep it.
pub(super) fn narrow(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// Most pointers have fewer bytes.
const POINTER_BYTES: usize = 64;

/// A scanned message: its findings, and what it takes to say where they are and to take them out.
#[derive(Debug)]
pub struct Scan<'a> {
    pub(crate) message: &'a [u8],
    pub(crate) room: Lease,
    /// What was found, in the order of the message; findings of one token by their start.
    pub findings: Vec<Finding>,
    /// The highest score of an instruction to a model.
    pub injection: f64,
}

impl<'a> Scan<'a> {
    /// Nothing of the message yet.
    pub(super) fn of(message: &'a [u8]) -> Self {
        Self {
            message,
            room: Lease::new(),
            findings: Vec::new(),
            injection: 0.0,
        }
    }

    /// Whether a finding is in a number.
    #[must_use]
    pub fn is_in_number(&self, finding: &Finding) -> bool {
        self.room
            .places
            .get(finding.token)
            .is_some_and(|place| place.token == Token::Number)
    }

    /// Whether a finding is in a member's name.
    #[must_use]
    pub fn is_in_key(&self, finding: &Finding) -> bool {
        self.room
            .places
            .get(finding.token)
            .is_some_and(|place| place.token == Token::Key)
    }

    /// Whether a finding is in something that must not be rewritten.
    #[must_use]
    pub fn is_fixed(&self, finding: &Finding) -> bool {
        self.room
            .places
            .get(finding.token)
            .is_none_or(|place| place.freedom == Freedom::Name)
    }

    /// The text of a token as JSON decodes it.
    #[must_use]
    pub fn text(&self, token: usize) -> &[u8] {
        let segment = self
            .room
            .places
            .get(token)
            .and_then(|place| self.room.texts.segments.get(place.segment? as usize));
        segment
            .and_then(|segment| self.room.texts.buffer.get(segment.start..segment.end))
            .unwrap_or_default()
    }

    /// The message as it was given.
    #[must_use]
    pub fn message(&self) -> &'a [u8] {
        self.message
    }

    /// The found value.
    #[must_use]
    pub fn value(&self, finding: &Finding) -> &[u8] {
        self.text(finding.token)
            .get(finding.start..finding.end)
            .unwrap_or_default()
    }

    /// Counts code points of the decoded texts, forwards.
    #[must_use]
    pub fn code_points(&self) -> CodePoints<'_> {
        CodePoints {
            scan: self,
            token: 0,
            start: 0,
            counted: 0,
        }
    }

    /// The JSON pointer (RFC 6901) of a token; of a key that of its member.
    #[must_use]
    pub fn pointer(&self, token: usize) -> String {
        let mut pointer = String::with_capacity(POINTER_BYTES);
        if let Some(place) = self.room.places.get(token) {
            let own = (place.token == Token::Key).then(|| narrow(token));
            self.push_steps(place.node, own.or(place.key), place.index, &mut pointer);
        }
        pointer
    }

    /// The steps to the member or element of a container; as deep as JSON is read.
    fn push_steps(&self, node: u32, key: Option<u32>, index: u32, pointer: &mut String) {
        let Some(container) = self.room.nodes.get(node as usize) else {
            return;
        };
        if let Some(parent) = container.parent {
            self.push_steps(parent, container.key, container.index, pointer);
        }
        pointer.push('/');
        match key {
            Some(key) => self.push_name(key as usize, pointer),
            None => {
                let _ = write!(pointer, "{index}");
            }
        }
    }

    fn push_name(&self, key: usize, pointer: &mut String) {
        let name = super::walk::name(self.message, self.room.places.get(key));
        // A message is UTF-8, and so are its names.
        let name = std::str::from_utf8(&name).unwrap_or_default();
        let mut kept = 0;
        for (at, byte) in name.bytes().enumerate() {
            if matches!(byte, b'~' | b'/') {
                pointer.push_str(name.get(kept..at).unwrap_or_default());
                pointer.push_str(if byte == b'~' { "~0" } else { "~1" });
                kept = at + 1;
            }
        }
        pointer.push_str(name.get(kept..).unwrap_or_default());
    }
}

/// Where findings are in code points. Quick where they are asked for in their order, whatever the texts.
#[derive(Debug)]
pub struct CodePoints<'a> {
    scan: &'a Scan<'a>,
    token: usize,
    start: usize,
    counted: usize,
}

impl CodePoints<'_> {
    /// A finding's start and end in code points of the decoded text.
    pub fn of(&mut self, finding: &Finding) -> (usize, usize) {
        if (finding.token, finding.start) < (self.token, self.start) || finding.token > self.token {
            (self.token, self.start, self.counted) = (finding.token, 0, 0);
        }
        let text = self.scan.text(finding.token);
        let count = |from: usize, to: usize| {
            let bytes = text.get(from..to).unwrap_or_default().iter();
            bytes.filter(|byte| (**byte as i8) >= -0x40).count()
        };
        self.counted += count(self.start, finding.start);
        self.start = finding.start;
        let end = self.counted + count(finding.start, finding.end);
        (self.counted, end)
    }
}
