//! The parameters of a call: the members that a gateway decides on, records or routes by.

use std::borrow::Cow;

use super::{Fault, Id, Place, keys::Members};
use crate::json::{Raw, Scanner};

/// What is read of `params`. A member that is absent or null is `None`; so is one of the wrong type
/// in a method that MCP does not define.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Params<'a> {
    /// The tool or prompt, without control characters.
    pub name: Option<Cow<'a, str>>,
    /// The resource, without control characters.
    pub uri: Option<Cow<'a, str>>,
    /// The task, without control characters.
    pub task_id: Option<Cow<'a, str>>,
    /// The object that asks for a task in place of a result (2025-11-25).
    pub task: Option<Raw<'a>>,
    /// Where a list goes on; opaque, may be empty.
    pub cursor: Option<Cow<'a, str>>,
    /// The object of arguments; no key of it occurs twice.
    pub arguments: Option<Raw<'a>>,
    /// What a completion is for.
    pub reference: Option<Reference<'a>>,
    /// The object of answers to the server's questions (2026-07-28).
    pub input_responses: Option<Raw<'a>>,
    /// The server's state that comes back with the answers (2026-07-28); opaque.
    pub request_state: Option<Cow<'a, str>>,
    /// The request that a cancellation names.
    pub request_id: Option<Id<'a>>,
    /// The object of what a `subscriptions/listen` wants to be told (2026-07-28).
    pub notifications: Option<Raw<'a>>,
    /// The revision that an `initialize` asks for.
    pub protocol_version: Option<Cow<'a, str>>,
    /// Who sends an `initialize`, by its own account.
    pub client_info: Option<ClientInfo<'a>>,
    pub meta: Meta<'a>,
}

/// What is read of `params._meta` (2026-07-28, basic protocol; SEP-414 for the trace context).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Meta<'a> {
    /// Whether there is a `_meta` object at all.
    pub present: bool,
    pub protocol_version: Option<Cow<'a, str>>,
    /// An object.
    pub client_capabilities: Option<Raw<'a>>,
    pub client_info: Option<ClientInfo<'a>>,
    pub log_level: Option<Cow<'a, str>>,
    pub progress_token: Option<Id<'a>>,
    pub traceparent: Option<Cow<'a, str>>,
    pub tracestate: Option<Cow<'a, str>>,
    pub baggage: Option<Cow<'a, str>>,
}

/// A client's account of itself: a label, never an identity.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ClientInfo<'a> {
    pub name: Option<Cow<'a, str>>,
    pub version: Option<Cow<'a, str>>,
}

/// The prompt or resource template that a `completion/complete` asks about.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reference<'a> {
    /// `ref/prompt` or `ref/resource`.
    pub kind: Option<Cow<'a, str>>,
    pub name: Option<Cow<'a, str>>,
    pub uri: Option<Cow<'a, str>>,
}

const KEYS: &[&str] = &[
    "name",
    "arguments",
    "_meta",
    "uri",
    "taskId",
    "task",
    "cursor",
    "ref",
    "inputResponses",
    "requestState",
    "requestId",
    "notifications",
    "protocolVersion",
    "clientInfo",
    "capabilities",
];

const META_KEYS: &[&str] = &[
    "io.modelcontextprotocol/protocolVersion",
    "io.modelcontextprotocol/clientCapabilities",
    "io.modelcontextprotocol/clientInfo",
    "io.modelcontextprotocol/logLevel",
    "progressToken",
    "traceparent",
    "tracestate",
    "baggage",
];

/// The first member that has the wrong type; whether it matters depends on the method, which may
/// stand behind `params`.
type Mistyped = Option<Fault>;

/// Reads the object that is next into `params`; null reads as no members.
pub(super) fn read<'a>(
    scan: &mut Scanner<'a>,
    params: &mut Params<'a>,
    mistyped: &mut Mistyped,
) -> Result<(), Fault> {
    if scan.peek() != Some(b'{') {
        return if scan.value()?.is_null() {
            Ok(())
        } else {
            Err(Fault::Params)
        };
    }
    let mut read = Reader {
        scan,
        place: Place::Params,
        mistyped,
    };
    let mut members = Members::new(Place::Params, KEYS);
    while let Some(key) = members.next(read.scan)? {
        match key {
            "name" => params.name = read.label(key)?,
            "uri" => params.uri = read.label(key)?,
            "taskId" => params.task_id = read.label(key)?,
            "task" => params.task = read.object(key)?,
            "cursor" => params.cursor = read.text(key)?,
            "arguments" => params.arguments = read.arguments(key)?,
            "ref" => params.reference = read.reference(key)?,
            "inputResponses" => params.input_responses = read.object(key)?,
            "requestState" => params.request_state = read.text(key)?,
            "requestId" => params.request_id = read.id(key)?,
            "notifications" => params.notifications = read.object(key)?,
            "protocolVersion" => params.protocol_version = read.text(key)?,
            "clientInfo" => params.client_info = read.client_info(key)?,
            "_meta" => read.meta(key, &mut params.meta)?,
            _ => drop(read.scan.value()?),
        }
    }
    Ok(())
}

/// Reads single members by the type that they should have.
struct Reader<'s, 'a, 'm> {
    scan: &'s mut Scanner<'a>,
    place: Place,
    mistyped: &'m mut Mistyped,
}

impl<'a> Reader<'_, 'a, '_> {
    /// Notes that the value of `key` has the wrong type, unless it is null, and takes it as absent.
    fn absent<T>(&mut self, raw: Raw<'a>, key: &'static str, expected: &'static str) -> Option<T> {
        if !raw.is_null() && self.mistyped.is_none() {
            let at = raw.span().start;
            *self.mistyped = Some(Fault::Param {
                place: self.place,
                key,
                expected,
                at,
            });
        }
        None
    }

    fn text(&mut self, key: &'static str) -> Result<Option<Cow<'a, str>>, Fault> {
        let raw = self.scan.value()?;
        Ok(raw.as_text().or_else(|| self.absent(raw, key, "a string")))
    }

    /// A string that is shown, compared and recorded, so that control characters have no place.
    fn label(&mut self, key: &'static str) -> Result<Option<Cow<'a, str>>, Fault> {
        let raw = self.scan.value()?;
        let label = raw
            .as_text()
            .filter(|text| !text.chars().any(char::is_control));
        Ok(label.or_else(|| self.absent(raw, key, "a string without control characters")))
    }

    fn id(&mut self, key: &'static str) -> Result<Option<Id<'a>>, Fault> {
        let raw = self.scan.value()?;
        Ok(Id::from_raw(raw).or_else(|| self.absent(raw, key, "a string or an integer")))
    }

    fn object(&mut self, key: &'static str) -> Result<Option<Raw<'a>>, Fault> {
        let raw = self.scan.value()?;
        Ok(Some(raw)
            .filter(Raw::is_object)
            .or_else(|| self.absent(raw, key, "an object")))
    }

    /// Whether an object is next; passes over anything else.
    fn enters(&mut self, key: &'static str) -> Result<bool, Fault> {
        if self.scan.peek() == Some(b'{') {
            return Ok(true);
        }
        let raw = self.scan.value()?;
        self.absent::<()>(raw, key, "an object");
        Ok(false)
    }

    fn arguments(&mut self, key: &'static str) -> Result<Option<Raw<'a>>, Fault> {
        if !self.enters(key)? {
            return Ok(None);
        }
        let start = self.scan.at();
        let mut members = Members::new(Place::Arguments, &[]);
        while members.next(self.scan)?.is_some() {
            self.scan.value()?;
        }
        Ok(Some(self.scan.since(start)))
    }

    fn reference(&mut self, key: &'static str) -> Result<Option<Reference<'a>>, Fault> {
        if !self.enters(key)? {
            return Ok(None);
        }
        let mut read = self.within(Place::Reference);
        let mut reference = Reference::default();
        let mut members = Members::new(read.place, &["type", "name", "uri"]);
        while let Some(key) = members.next(read.scan)? {
            match key {
                "type" => reference.kind = read.label(key)?,
                "name" => reference.name = read.label(key)?,
                "uri" => reference.uri = read.label(key)?,
                _ => drop(read.scan.value()?),
            }
        }
        Ok(Some(reference))
    }

    fn client_info(&mut self, key: &'static str) -> Result<Option<ClientInfo<'a>>, Fault> {
        if !self.enters(key)? {
            return Ok(None);
        }
        let mut read = self.within(Place::ClientInfo);
        let mut info = ClientInfo::default();
        let mut members = Members::new(read.place, &["name", "version"]);
        while let Some(key) = members.next(read.scan)? {
            match key {
                "name" => info.name = read.text(key)?,
                "version" => info.version = read.text(key)?,
                _ => drop(read.scan.value()?),
            }
        }
        Ok(Some(info))
    }

    fn meta(&mut self, key: &'static str, meta: &mut Meta<'a>) -> Result<(), Fault> {
        if !self.enters(key)? {
            return Ok(());
        }
        let mut read = self.within(Place::Meta);
        meta.present = true;
        let mut members = Members::new(read.place, META_KEYS);
        while let Some(key) = members.next(read.scan)? {
            match key {
                "io.modelcontextprotocol/protocolVersion" => {
                    meta.protocol_version = read.text(key)?
                }
                "io.modelcontextprotocol/clientCapabilities" => {
                    meta.client_capabilities = read.object(key)?;
                }
                "io.modelcontextprotocol/clientInfo" => meta.client_info = read.client_info(key)?,
                "io.modelcontextprotocol/logLevel" => meta.log_level = read.text(key)?,
                "progressToken" => meta.progress_token = read.id(key)?,
                "traceparent" => meta.traceparent = read.text(key)?,
                "tracestate" => meta.tracestate = read.text(key)?,
                "baggage" => meta.baggage = read.text(key)?,
                _ => drop(read.scan.value()?),
            }
        }
        Ok(())
    }

    fn within(&mut self, place: Place) -> Reader<'_, 'a, '_> {
        Reader {
            scan: self.scan,
            place,
            mistyped: self.mistyped,
        }
    }
}
