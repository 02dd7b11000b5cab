//! Arguments that headers mirror (SEP-2243), by tool.
//!
//! A program sees no headers, so whoever speaks HTTP for it compares them with the message. Which arguments of which
//! tools are mirrored is learned as the program's lists pass. Of a tool that none has shown nothing is known, and
//! nothing is compared: no decision of the gateway goes by these headers.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
};

use gantry_mcp::{
    frame::Call,
    method::Method,
    mirrors::{self, Mirror},
};
use http::HeaderMap;
use serde_json::Value;

/// The largest list that is read.
const LIST_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Tools with mirrored arguments.
const TOOLS_MAX: usize = 4_096;

/// Mirrored arguments by tool.
#[derive(Debug, Default)]
pub(super) struct Mirrored {
    tools: RwLock<HashMap<Box<str>, Arc<[Mirror]>>>,
}

impl Mirrored {
    /// Learns from the answer to `tools/list`.
    pub(super) fn learn(&self, answer: &[u8]) {
        let may_tell = || !self.is_empty() || mirrors::may_be_in(answer);
        if answer.len() > LIST_BYTES_MAX || !may_tell() {
            return;
        }
        let listed = mirrors::of_answer(answer);
        // A panic elsewhere cannot leave the table half changed.
        let mut known = self.tools.write().unwrap_or_else(PoisonError::into_inner);
        for (tool, mirrors) in listed {
            if mirrors.is_empty() {
                known.remove(&tool);
            } else if known.len() < TOOLS_MAX || known.contains_key(&tool) {
                known.insert(tool, mirrors.into());
            }
        }
    }

    fn is_empty(&self) -> bool {
        let known = self.tools.read().unwrap_or_else(PoisonError::into_inner);
        known.is_empty()
    }

    /// What the headers of a call say otherwise than it does, in words; nothing where they say the same.
    pub(super) fn difference(&self, call: &Call<'_>, headers: &HeaderMap) -> Option<String> {
        if call.known() != Some(Method::ToolsCall) {
            return None;
        }
        let mirrors = {
            let known = self.tools.read().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(known.get(call.params.name.as_deref()?)?)
        };
        let arguments = call.params.arguments.as_ref();
        let arguments: Value = arguments
            .and_then(|raw| serde_json::from_str(raw.get()).ok())
            .unwrap_or_default();
        let mut mirrors = mirrors.iter();
        mirrors.find_map(|mirror| {
            let given = headers.get_all(mirror.header()).iter();
            mirror.difference(&arguments, given.map(|value| value.as_bytes()))
        })
    }
}
