//! What lists of tools say about the tools, for whoever has to know whether a call may be repeated, and
//! whether its result follows a schema.
//!
//! It reads along as a list passes, from a copy of the bytes: it changes nothing and delays nothing,
//! and what it cannot read it leaves. A list that was read before is not read again.

use std::sync::Arc;

use bytes::Bytes;
use gantry_mcp::{
    answer::Format,
    messages::{Messages, Part},
};
use serde::{Deserialize, de::IgnoredAny};

use crate::routing::{Server, Target, Traits};

/// The largest list that is read.
const LIST_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Whose tools a list is about.
#[derive(Debug)]
pub struct Lesson {
    server: Arc<Server>,
    version: Arc<str>,
}

/// A list as it passes.
#[derive(Debug)]
pub struct Listening {
    lesson: Lesson,
    messages: Messages,
}

#[derive(Deserialize)]
struct Message {
    result: Option<List>,
}

#[derive(Deserialize)]
struct List {
    tools: Vec<Tool>,
}

#[derive(Deserialize)]
struct Tool {
    name: String,
    #[serde(default)]
    annotations: Annotations,
    #[serde(rename = "outputSchema")]
    output_schema: Option<IgnoredAny>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Annotations {
    read_only_hint: Option<bool>,
    idempotent_hint: Option<bool>,
}

impl Lesson {
    pub(super) fn about(target: &Target) -> Self {
        Self {
            server: Arc::clone(target.server()),
            version: Arc::clone(target.version().name()),
        }
    }

    /// Begins to read an answer of this format.
    pub fn listen(self, format: Format) -> Listening {
        Listening {
            lesson: self,
            messages: Messages::in_no_hurry(format, LIST_BYTES_MAX),
        }
    }
}

impl Listening {
    /// Reads the next bytes of the answer, of which these may be the last. False once there is
    /// nothing more to learn.
    pub fn read(&mut self, bytes: &Bytes, last: bool) -> bool {
        self.messages.feed(bytes.clone());
        if last {
            self.messages.end();
        }
        loop {
            match self.messages.next_part() {
                Ok(Some(Part::Message(message))) => self.learn(&message.json()),
                Ok(Some(Part::Plain(_))) => {}
                Ok(None) => return !last,
                Err(_) => return false,
            }
        }
    }

    fn learn(&self, json: &[u8]) {
        let Lesson { server, version } = &self.lesson;
        if server.has_learned(version, json) {
            return;
        }
        let Ok(Message {
            result: Some(List { tools }),
        }) = serde_json::from_slice(json)
        else {
            return;
        };
        let tools = tools.iter().map(|tool| {
            let traits = Traits {
                read_only: tool.annotations.read_only_hint == Some(true),
                idempotent: tool.annotations.idempotent_hint == Some(true),
                typed: tool.output_schema.is_some(),
            };
            (&*tool.name, traits)
        });
        server.learn(version, json, tools);
    }
}
