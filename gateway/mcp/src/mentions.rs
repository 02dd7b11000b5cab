//! Where a message names something: tools, prompts, resources, tasks, requests, tokens.
//!
//! It is for whoever lets several servers appear as one and has to write other names in the place of
//! these, so it says where their bytes are and changes none. Every occurrence is found, also where a
//! key occurs twice: whichever of them a reader takes, it takes the other name. What is not listed
//! here is opaque: arguments, schemas, structured content.

use std::{borrow::Cow, ops::Range};

use crate::{
    frame::Id,
    json::{DEPTH_CEILING, Flaw, Raw, Scanner},
    listing::{List, Unclear},
};

/// What is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum What {
    /// The id of the message itself.
    Id,
    /// The method of the message.
    Method,
    /// A tool or a prompt.
    Name,
    /// The prompt that a completion is for.
    RefName,
    /// A resource.
    Uri,
    /// The resource or template that a completion is for.
    RefUri,
    /// A task.
    Task,
    /// Where a list goes on.
    Cursor,
    /// The token by which progress is told, where a request gives it.
    Token,
    /// The token that a progress notification names.
    ToldToken,
    /// The request that a cancellation is about.
    RequestId,
    /// A whole element of a list.
    Element(List),
    /// What an element of a list is called by.
    ElementName(List),
    /// How an element of a list describes itself.
    Description(List),
    /// The whole result.
    Result,
    /// The whole error.
    Error,
    /// How long a result may be kept, in milliseconds.
    Ttl,
    /// For whom a result may be kept.
    Scope,
    /// The version that `_meta` claims.
    Version,
    /// The filter of a subscription.
    Filter,
    /// One resource of such a filter.
    FilterUri,
    /// One task of such a filter.
    FilterTask,
}

/// One place at which a message names something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mention<'a> {
    pub what: What,
    raw: Raw<'a>,
}

impl<'a> Mention<'a> {
    /// The JSON text.
    pub fn raw(&self) -> &'a str {
        self.raw.get()
    }

    /// Where it lies in the message.
    pub fn span(&self) -> Range<usize> {
        self.raw.span()
    }

    /// The value, where it is a string.
    pub fn text(&self) -> Option<Cow<'a, str>> {
        self.raw.as_text()
    }

    /// Whether the value may be an id of JSON-RPC.
    pub fn is_id(&self) -> bool {
        Id::from_raw(self.raw).is_some()
    }
}

/// Which members of a value are of interest.
enum Shape {
    /// The value itself.
    Take(What),
    /// The value itself, and what is of interest within.
    Whole(What, &'static Shape),
    /// Members of an object.
    Object(&'static [(&'static str, &'static Shape)]),
    /// The items of an array, or the one value that stands in its place.
    Each(&'static Shape),
}

use Shape::{Each, Object, Take, Whole};

static NAME: Shape = Take(What::Name);
static URI: Shape = Take(What::Uri);
static TASK: Shape = Take(What::Task);
static OF_URI: Shape = Object(&[("uri", &URI)]);
static OF_TASK: Shape = Object(&[("taskId", &TASK)]);
static CURSOR: Shape = Take(What::Cursor);

/// Resource links and embedded resources; the results of tools within the messages of a sampling.
static CONTENT: Shape = Object(&[("uri", &URI), ("resource", &OF_URI), ("content", &CONTENTS)]);
static CONTENTS: Shape = Each(&CONTENT);
static MESSAGES: Shape = Each(&Object(&[("content", &CONTENTS)]));

static META: Shape = Object(&[
    ("progressToken", &Take(What::Token)),
    ("io.modelcontextprotocol/related-task", &OF_TASK),
    (
        "io.modelcontextprotocol/protocolVersion",
        &Take(What::Version),
    ),
]);

static FILTER: Shape = Whole(
    What::Filter,
    &Object(&[
        ("resourceSubscriptions", &Each(&Take(What::FilterUri))),
        ("taskIds", &Each(&Take(What::FilterTask))),
    ]),
);

static TOOLS: Shape = Each(&Whole(
    What::Element(List::Tools),
    &Object(&[
        ("name", &Take(What::ElementName(List::Tools))),
        ("description", &Take(What::Description(List::Tools))),
    ]),
));
static PROMPTS: Shape = Each(&Whole(
    What::Element(List::Prompts),
    &Object(&[("name", &Take(What::ElementName(List::Prompts)))]),
));
static RESOURCES: Shape = Each(&Whole(
    What::Element(List::Resources),
    &Object(&[("uri", &Take(What::ElementName(List::Resources)))]),
));
static TEMPLATES: Shape = Each(&Whole(
    What::Element(List::Templates),
    &Object(&[("uriTemplate", &Take(What::ElementName(List::Templates)))]),
));

static RESULT: Shape = Whole(
    What::Result,
    &Object(&[
        ("tools", &TOOLS),
        ("prompts", &PROMPTS),
        ("resources", &RESOURCES),
        ("resourceTemplates", &TEMPLATES),
        ("nextCursor", &CURSOR),
        ("ttlMs", &Take(What::Ttl)),
        ("cacheScope", &Take(What::Scope)),
        ("contents", &Each(&OF_URI)),
        ("content", &CONTENTS),
        ("messages", &MESSAGES),
        ("task", &OF_TASK),
        ("tasks", &Each(&OF_TASK)),
        ("taskId", &TASK),
        // What a task has come to.
        ("result", &Object(&[("content", &CONTENTS)])),
        ("_meta", &META),
    ]),
);

/// A message of a server.
static OF_SERVER: Shape = Object(&[
    ("id", &Take(What::Id)),
    ("method", &Take(What::Method)),
    (
        "params",
        &Object(&[
            ("uri", &URI),
            ("taskId", &TASK),
            ("requestId", &Take(What::RequestId)),
            ("messages", &MESSAGES),
            ("notifications", &FILTER),
            ("_meta", &META),
        ]),
    ),
    ("result", &RESULT),
    ("error", &Whole(What::Error, &Object(&[("data", &OF_URI)]))),
]);

/// A message of a client.
static OF_CLIENT: Shape = Object(&[
    ("id", &Take(What::Id)),
    ("method", &Take(What::Method)),
    (
        "params",
        &Object(&[
            ("name", &NAME),
            ("uri", &URI),
            ("taskId", &TASK),
            ("cursor", &CURSOR),
            ("requestId", &Take(What::RequestId)),
            ("progressToken", &Take(What::ToldToken)),
            (
                "ref",
                &Object(&[("name", &Take(What::RefName)), ("uri", &Take(What::RefUri))]),
            ),
            ("notifications", &FILTER),
            ("_meta", &META),
        ]),
    ),
    ("result", &Object(&[("_meta", &META)])),
]);

/// What a server's message names, in the order of the text; a whole stands before its parts.
///
/// # Errors
/// [`Unclear`] when the message is not JSON.
pub fn of_server(message: &[u8]) -> Result<Vec<Mention<'_>>, Unclear> {
    read(message, &OF_SERVER)
}

/// What a client's message names, in the order of the text; a whole stands before its parts.
///
/// # Errors
/// [`Unclear`] when the message is not JSON.
pub fn of_client(message: &[u8]) -> Result<Vec<Mention<'_>>, Unclear> {
    read(message, &OF_CLIENT)
}

fn read<'a>(message: &'a [u8], shape: &'static Shape) -> Result<Vec<Mention<'a>>, Unclear> {
    let text = std::str::from_utf8(message).map_err(|error| Unclear::Encoding {
        at: error.valid_up_to(),
    })?;
    let mut scan = Scanner::new(text, DEPTH_CEILING);
    let mut found = Vec::new();
    walk(&mut scan, shape, &mut found)?;
    scan.end()?;
    Ok(found)
}

fn walk<'a>(
    scan: &mut Scanner<'a>,
    shape: &'static Shape,
    found: &mut Vec<Mention<'a>>,
) -> Result<(), Flaw> {
    match shape {
        Take(what) => found.push(Mention {
            what: *what,
            raw: scan.value()?,
        }),
        Whole(what, inner) => {
            scan.peek();
            let (start, place) = (scan.at(), found.len());
            let raw = scan.since(start);
            found.push(Mention { what: *what, raw });
            walk(scan, inner, found)?;
            if let Some(whole) = found.get_mut(place) {
                whole.raw = scan.since(start);
            }
        }
        Object(members) if scan.peek() == Some(b'{') => {
            scan.enter_object()?;
            let mut first = true;
            while let Some((key, _)) = scan.next_key(first)? {
                first = false;
                match members.iter().find(|(name, _)| *name == key) {
                    Some((_, inner)) => walk(scan, inner, found)?,
                    None => drop(scan.value()?),
                }
            }
        }
        Object(_) => drop(scan.value()?),
        Each(inner) if scan.peek() == Some(b'[') => {
            scan.enter_array()?;
            let mut first = true;
            while scan.next_item(first)? {
                first = false;
                walk(scan, inner, found)?;
            }
        }
        Each(inner) => walk(scan, inner, found)?,
    }
    Ok(())
}

/// The message with other texts in the place of some spans, which must not overlap; every other byte
/// stays. What lies outside of the message is left out.
pub fn splice(message: &[u8], mut edits: Vec<(Range<usize>, String)>) -> Vec<u8> {
    edits.sort_by_key(|(span, _)| span.start);
    let mut changed = Vec::with_capacity(message.len() + edits.len() * 32);
    let mut at = 0;
    for (span, text) in edits {
        if span.start < at || span.end > message.len() {
            continue;
        }
        changed.extend_from_slice(message.get(at..span.start).unwrap_or_default());
        changed.extend_from_slice(text.as_bytes());
        at = span.end;
    }
    changed.extend_from_slice(message.get(at..).unwrap_or_default());
    changed
}
