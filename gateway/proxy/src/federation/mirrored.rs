//! Arguments that headers mirror (SEP-2243), of tools that are called by `call_tool`.
//!
//! The client of such a call sees `call_tool` alone and mirrors nothing, so it is for the gateway to say in headers what
//! the tool's definition asks for. Which arguments those are is learned as lists are put together.

use std::{
    collections::HashMap,
    sync::{
        PoisonError, RwLock,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};

use gantry_mcp::mirrors::{self, Mirror};
use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;

/// Tools with mirrored arguments.
const TOOLS_MAX: usize = 4_096;

/// Mirrored arguments by the names that clients see.
#[derive(Debug, Default)]
pub(super) struct Mirrored {
    tools: RwLock<HashMap<Box<str>, Vec<Mirror>>>,
    is_read: AtomicBool,
}

impl Mirrored {
    /// Whether lists have been put together at all.
    pub(super) fn is_read(&self) -> bool {
        self.is_read.load(Relaxed)
    }

    pub(super) fn read(&self) {
        self.is_read.store(true, Relaxed);
    }

    /// Learns from the definition of a tool.
    pub(super) fn learn(&self, name: &str, definition: &[u8]) {
        if !mirrors::may_be_in(definition) {
            return;
        }
        let mirrors = mirrors::of_definition(definition);
        // A panic elsewhere cannot leave the table half changed.
        let mut tools = self.tools.write().unwrap_or_else(PoisonError::into_inner);
        if mirrors.is_empty() {
            tools.remove(name);
        } else if tools.len() < TOOLS_MAX || tools.contains_key(name) {
            tools.insert(name.into(), mirrors);
        }
    }

    /// Says in `headers` what these arguments of a tool ask for.
    pub(super) fn mirror(&self, name: &str, arguments: &str, headers: &mut HeaderMap) {
        let tools = self.tools.read().unwrap_or_else(PoisonError::into_inner);
        let Some(mirrors) = tools.get(name) else {
            return;
        };
        let arguments: Value = serde_json::from_str(arguments).unwrap_or_default();
        for mirror in mirrors {
            let header = HeaderName::try_from(mirror.header());
            let value = mirror.value(&arguments).map(HeaderValue::try_from);
            if let (Ok(header), Some(Ok(value))) = (header, value) {
                headers.insert(header, value);
            }
        }
    }
}
