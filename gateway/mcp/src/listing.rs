//! What a server's message lists: where each tool, prompt, resource and template stands in it, and
//! which resource a notification is about.
//!
//! It is for whoever takes elements out of a list, so it says where the bytes are and changes none.
//! A message that two readers could understand differently is refused, as a client's is: a list
//! that one reader skips is a list that another one shows.

use std::{borrow::Cow, ops::Range};

use crate::{
    frame::folds_to,
    json::{DEPTH_CEILING, Flaw, Raw, Scanner},
};

/// A list that a result may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum List {
    Tools,
    Prompts,
    Resources,
    Templates,
}

impl List {
    pub const ALL: [List; 4] = [List::Tools, List::Prompts, List::Resources, List::Templates];

    /// The member of the result that holds it.
    pub const fn key(self) -> &'static str {
        match self {
            List::Tools => "tools",
            List::Prompts => "prompts",
            List::Resources => "resources",
            List::Templates => "resourceTemplates",
        }
    }

    /// The member of an element that says what it is called by.
    pub const fn name_key(self) -> &'static str {
        match self {
            List::Tools | List::Prompts => "name",
            List::Resources => "uri",
            List::Templates => "uriTemplate",
        }
    }
}

/// One element of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Element<'a> {
    /// What it is called by; none where it is not an object or does not say so exactly once.
    pub name: Option<Cow<'a, str>>,
    /// Where its text lies in the message.
    pub span: Range<usize>,
}

/// What one message lists.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing<'a> {
    /// The lists of the result, with their elements in order.
    pub lists: Vec<(List, Vec<Element<'a>>)>,
    /// The value of the result's `cacheScope` (2026-07-28, "Caching").
    pub cache_scope: Option<Raw<'a>>,
    /// The resource that a `notifications/resources/updated` is about.
    pub updated: Option<Cow<'a, str>>,
}

/// A message whose lists cannot be read for certain. `at` is the offset in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unclear {
    #[error("invalid UTF-8 at byte {at}")]
    Encoding { at: usize },
    #[error("invalid JSON: expected {expected} at byte {at}")]
    Syntax { expected: &'static str, at: usize },
    #[error("nested deeper than {depth_max} levels at byte {at}")]
    TooDeep { depth_max: usize, at: usize },
    #[error("`{key}` occurs twice, or beside a key that differs only in letter case, at byte {at}")]
    Repeated { key: &'static str, at: usize },
    #[error("`{key}` is no list, at byte {at}")]
    NotAList { key: &'static str, at: usize },
}

impl From<Flaw> for Unclear {
    fn from(flaw: Flaw) -> Self {
        match flaw {
            Flaw::Expected { what, at } => Unclear::Syntax { expected: what, at },
            Flaw::TooDeep { depth_max, at } => Unclear::TooDeep { depth_max, at },
        }
    }
}

const RESULT: &str = "result";
const METHOD: &str = "method";
const PARAMS: &str = "params";
const URI: &str = "uri";
const CACHE_SCOPE: &str = "cacheScope";
const UPDATED: &str = "notifications/resources/updated";
const OF_MESSAGE: [&str; 3] = [RESULT, METHOD, PARAMS];
const OF_RESULT: [&str; 5] = [
    "tools",
    "prompts",
    "resources",
    "resourceTemplates",
    CACHE_SCOPE,
];

/// Reads one message of a server.
///
/// # Errors
/// [`Unclear`] when the message is not JSON, or its lists could be read in two ways.
pub fn read(message: &[u8]) -> Result<Listing<'_>, Unclear> {
    let text = std::str::from_utf8(message).map_err(|error| Unclear::Encoding {
        at: error.valid_up_to(),
    })?;
    let mut scan = Scanner::new(text, DEPTH_CEILING);
    let mut listing = Listing::default();
    if scan.peek() != Some(b'{') {
        scan.value()?;
        scan.end()?;
        return Ok(listing);
    }
    let (mut uri, mut is_update) = (None, false);
    let mut members = Members::new(&OF_MESSAGE);
    while let Some(key) = members.next(&mut scan)? {
        match key {
            RESULT if scan.peek() == Some(b'{') => read_result(&mut scan, &mut listing)?,
            METHOD => is_update = scan.value()?.as_text().as_deref() == Some(UPDATED),
            PARAMS if scan.peek() == Some(b'{') => uri = read_uri(&mut scan)?,
            _ => drop(scan.value()?),
        }
    }
    scan.end()?;
    if is_update {
        listing.updated = Some(uri.unwrap_or_default());
    }
    Ok(listing)
}

fn read_result<'a>(scan: &mut Scanner<'a>, listing: &mut Listing<'a>) -> Result<(), Unclear> {
    let mut members = Members::new(&OF_RESULT);
    while let Some(key) = members.next(scan)? {
        match List::ALL.into_iter().find(|list| list.key() == key) {
            Some(list) => listing.lists.push((list, read_list(scan, list)?)),
            None if key == CACHE_SCOPE => listing.cache_scope = Some(scan.value()?),
            None => drop(scan.value()?),
        }
    }
    Ok(())
}

fn read_list<'a>(scan: &mut Scanner<'a>, list: List) -> Result<Vec<Element<'a>>, Unclear> {
    if scan.peek() != Some(b'[') {
        let value = scan.value()?;
        let (key, at) = (list.key(), value.span().start);
        let absent = value.is_null();
        return if absent {
            Ok(Vec::new())
        } else {
            Err(Unclear::NotAList { key, at })
        };
    }
    scan.enter_array()?;
    let mut elements = Vec::new();
    while scan.next_item(elements.is_empty())? {
        let start = scan.at();
        let name = if scan.peek() == Some(b'{') {
            read_name(scan, list.name_key())?
        } else {
            scan.value()?;
            None
        };
        elements.push(Element {
            name,
            span: start..scan.at(),
        });
    }
    Ok(elements)
}

/// The value of `key` in the object that is next, if it is a string and the only one.
fn read_name<'a>(scan: &mut Scanner<'a>, key: &str) -> Result<Option<Cow<'a, str>>, Unclear> {
    let (mut name, mut seen, mut first) = (None, 0, true);
    scan.enter_object()?;
    while let Some((found, _)) = scan.next_key(first)? {
        first = false;
        let value = scan.value()?;
        if *found == *key {
            name = value.as_text();
            seen += 1;
        } else if folds_to(&found, key) {
            seen += 1;
        }
    }
    Ok(name.filter(|_| seen == 1))
}

fn read_uri<'a>(scan: &mut Scanner<'a>) -> Result<Option<Cow<'a, str>>, Unclear> {
    let mut uri = None;
    let mut members = Members::new(&[URI]);
    while let Some(key) = members.next(scan)? {
        let value = scan.value()?;
        if key == URI {
            uri = value.as_text();
        }
    }
    Ok(uri)
}

/// Walks the members of one object and refuses to see one of `ours` twice.
struct Members {
    ours: &'static [&'static str],
    seen: u8,
    first: bool,
}

impl Members {
    fn new(ours: &'static [&'static str]) -> Self {
        Members {
            ours,
            seen: 0,
            first: true,
        }
    }

    /// Moves to the next member, whose value must then be consumed. Returns its key: one of ours,
    /// or "" for any other. None at the end of the object.
    fn next(&mut self, scan: &mut Scanner<'_>) -> Result<Option<&'static str>, Unclear> {
        if self.first {
            scan.enter_object()?;
        }
        let Some((key, at)) = scan.next_key(self.first)? else {
            return Ok(None);
        };
        self.first = false;
        let Some(place) = self.ours.iter().position(|ours| folds_to(&key, ours)) else {
            return Ok(Some(""));
        };
        let ours = self.ours.get(place).copied().unwrap_or_default();
        if *key != *ours || self.seen >> place & 1 == 1 {
            return Err(Unclear::Repeated { key: ours, at });
        }
        self.seen |= 1 << place;
        Ok(Some(ours))
    }
}
