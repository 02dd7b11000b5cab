//! Arguments and results of the calls of which the operator wants to have them.
//!
//! What a caller sends is taken once it has been screened, and what its server answers once that has
//! been reviewed. Both wait until the record of the call has its identity and are handed over then;
//! nothing here ever holds a call up, and where there is no room for a text it is not kept.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use gantry_analytics::{
    EventId, Record,
    payload::{self, Direction, Dispatch, Outbox, Payload, Room},
};
use gantry_mcp::{
    answer::Format,
    frame,
    messages::{Messages, Part},
    method::Method,
};
use serde::{Deserialize, de::IgnoredAny};
use serde_json::value::RawValue;

use super::{Gateway, Inspection, usage};
use crate::{
    config::{CAPTURE_BYTES_MAX, Checked, Pattern},
    guardrails::{GuardrailsError, Screened, Storable},
    policy::{Asked, Object},
};

/// The longest text that is held, and so that can be inspected.
const TEXT_BYTES_MAX: usize = CAPTURE_BYTES_MAX as usize;
/// What an event and its message have beside the result.
const AROUND_BYTES_MAX: usize = 64 * 1024;
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Why nothing can be captured.
#[derive(Debug, thiserror::Error)]
pub enum CaptureError {
    /// What may not be stored cannot be found.
    #[error(transparent)]
    Inspection(#[from] GuardrailsError),
    /// There is no way to the store.
    #[error(transparent)]
    Dispatch(#[from] payload::StartError),
}

/// Which calls are captured, what of them, and where it goes.
#[derive(Clone, Debug)]
pub struct Capture {
    tools: Arc<[Pattern]>,
    arguments: bool,
    results: bool,
    outbox: Outbox,
}

impl Capture {
    /// Starts what a configuration asks for, which is mostly nothing.
    ///
    /// # Errors
    /// [`CaptureError`] when it cannot work; a store that is not there is no error.
    pub fn start(config: &Checked) -> Result<Option<(Self, Dispatch)>, CaptureError> {
        let audit = &config.audit;
        let (Some(capture), Some(clickhouse)) = (&audit.capture, &audit.clickhouse) else {
            return Ok(None);
        };
        let settings = payload::Settings {
            bytes_max: usize::try_from(capture.bytes_max).unwrap_or(TEXT_BYTES_MAX),
            keep: DAY * capture.keep_days,
            insert_timeout: clickhouse.timeout,
        };
        let storable = Storable::compile()?;
        let inspect: payload::Inspect = Box::new(move |json| storable.of(json));
        let (outbox, dispatch) = Dispatch::start(&clickhouse.store(), settings, inspect)?;
        let capture = Self {
            tools: capture.tools.clone().into(),
            arguments: capture.arguments,
            results: capture.results,
            outbox,
        };
        Ok(Some((capture, dispatch)))
    }

    /// Where payloads go, for its figures.
    pub fn outbox(&self) -> &Outbox {
        &self.outbox
    }

    fn covers(&self, server: &str, tool: &str) -> bool {
        self.tools.iter().any(|pattern| {
            let named = pattern.named.as_ref();
            pattern.server.matches(server) && named.is_none_or(|(_, name)| name.matches(tool))
        })
    }
}

/// What has been taken of one call.
#[derive(Debug)]
pub(in crate::pipeline) struct Captured {
    outbox: Outbox,
    arguments: Option<Text>,
    result: Reading,
}

/// A text, as far as it could be had.
#[derive(Debug)]
enum Text {
    Held {
        text: Bytes,
        room: Room,
    },
    /// It is longer than what is held.
    TooLong {
        bytes: u64,
    },
    /// There was no room for it.
    Missed,
}

/// How far the result has been read.
#[derive(Debug)]
enum Reading {
    /// It is not wanted, or there is none.
    Nothing,
    /// The form of the answer is not known yet.
    Awaited,
    /// Its message has not been found yet.
    Sought {
        messages: Messages,
        room: Room,
    },
    Found(Text),
}

/// Takes the arguments of a screened message where its call is to be captured.
pub(super) fn begin(
    gateway: &Gateway,
    server: &str,
    asked: &Asked<'_>,
    inspection: Option<&Inspection>,
    screened: &Screened,
) -> Option<Captured> {
    let capture = gateway.capture.as_ref()?;
    let Object::Tool(tool) = &asked.object else {
        return None;
    };
    if asked.method != Method::ToolsCall.as_str() || !capture.covers(server, tool) {
        return None;
    }
    let outbox = capture.outbox.clone();
    let arguments = capture.arguments && asked.arguments.is_some();
    Some(Captured {
        arguments: arguments.then(|| arguments_of(gateway, inspection, screened, &outbox)),
        result: match capture.results {
            true => Reading::Awaited,
            false => Reading::Nothing,
        },
        outbox,
    })
}

fn arguments_of(
    gateway: &Gateway,
    inspection: Option<&Inspection>,
    screened: &Screened,
    outbox: &Outbox,
) -> Text {
    let scope = inspection.map(Inspection::request);
    let message = screened.for_others(&gateway.guardrails, scope.as_ref());
    let arguments = message.as_ref().and_then(|message| {
        let frame = frame::parse(message, &gateway.bounds).ok()?;
        usage::arguments(&frame, message)
    });
    match arguments {
        Some(arguments) => Text::held(&arguments, outbox.room()),
        None => Text::Missed,
    }
}

impl Text {
    /// A copy of its own, since what it is a part of may be much larger.
    fn held(text: &[u8], mut room: Room) -> Self {
        if text.len() > TEXT_BYTES_MAX {
            return Self::TooLong {
                bytes: text.len() as u64,
            };
        }
        match room.resize(text.len()) {
            true => Self::Held {
                text: Bytes::copy_from_slice(text),
                room,
            },
            false => Self::Missed,
        }
    }
}

impl Captured {
    /// The form of the answer is known.
    pub(super) fn answers_in(&mut self, format: Format) {
        if matches!(self.result, Reading::Awaited) {
            self.result = Reading::Sought {
                messages: Messages::new(format, TEXT_BYTES_MAX + AROUND_BYTES_MAX),
                room: self.outbox.room(),
            };
        }
    }

    /// The caller is given these bytes of the answer, of which they may be the last.
    pub(super) fn given(&mut self, bytes: &Bytes, last: bool) {
        match &mut self.result {
            Reading::Sought { messages, room } => {
                if !room.resize(messages.held_bytes() + bytes.len()) {
                    self.result = Reading::Found(Text::Missed);
                    return;
                }
                messages.feed(bytes.clone());
                if last {
                    messages.end();
                }
                self.seek();
            }
            // As much as is known of its length.
            Reading::Found(Text::TooLong { bytes: total }) => *total += bytes.len() as u64,
            Reading::Nothing | Reading::Awaited | Reading::Found(_) => {}
        }
    }

    /// Looks for the result in what has been read.
    fn seek(&mut self) {
        let Reading::Sought { messages, room } = &mut self.result else {
            return;
        };
        let found = loop {
            let held = messages.held_bytes();
            match messages.next_part() {
                Ok(Some(Part::Message(message))) => {
                    if let Some(result) = result_of(&message.json()) {
                        break Text::held(result.get().as_bytes(), self.outbox.room());
                    }
                }
                Ok(Some(Part::Plain(_))) => {}
                Ok(None) => {
                    // Giving room back always works.
                    let _ = room.resize(held);
                    return;
                }
                Err(_) => break Text::TooLong { bytes: held as u64 },
            }
        };
        self.result = Reading::Found(found);
    }

    /// The record of the call is written: hands over what belongs to it. Without an identity it has
    /// nothing to belong to.
    pub(super) fn hand_over(self, record: &Record<'_>, id: Option<&EventId>) {
        let result = match self.result {
            Reading::Found(text) => Some(text),
            Reading::Nothing | Reading::Awaited | Reading::Sought { .. } => None,
        };
        let texts = [
            (Direction::Request, self.arguments),
            (Direction::Response, result),
        ];
        for (direction, text) in texts {
            let (bytes, text, room) = match text {
                None => continue,
                Some(Text::Held { text, room }) => (text.len() as u64, Some(text), room),
                Some(Text::TooLong { bytes }) => (bytes, None, self.outbox.room()),
                Some(Text::Missed) => {
                    self.outbox.dropped();
                    continue;
                }
            };
            let Some(id) = id else {
                self.outbox.dropped();
                continue;
            };
            let payload = Payload {
                id: id.clone(),
                direction,
                ts_us: record.ts_us,
                tenant: record.tenant.to_owned(),
                subject: record.subject,
                server: record.server.to_owned(),
                tool: record.tool.to_owned(),
                bytes,
                text,
            };
            self.outbox.keep(payload, room);
        }
    }
}

/// A response, and not a request or notification of the server's own.
#[derive(Deserialize)]
struct Response<'a> {
    method: Option<IgnoredAny>,
    #[serde(borrow)]
    result: Option<&'a RawValue>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
}

/// What a response says: its result, or its error.
fn result_of(json: &[u8]) -> Option<Box<RawValue>> {
    let response: Response<'_> = serde_json::from_slice(json).ok()?;
    if response.method.is_some() {
        return None;
    }
    response.result.or(response.error).map(ToOwned::to_owned)
}

#[cfg(test)]
mod tests;
