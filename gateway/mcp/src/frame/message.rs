//! The outermost level of a message: what JSON-RPC itself asks for.

use super::{
    Call, Fault, Frame, Id, Malformed, Place, Reply,
    keys::Members,
    params::{self, Params},
};
use crate::json::{Flaw, Raw, Scanner};

const KEYS: &[&str] = &["jsonrpc", "id", "method", "params", "result", "error"];

/// The members of the message, before it is known what they make together.
#[derive(Default)]
struct Parts<'a> {
    jsonrpc: Option<Raw<'a>>,
    id: Option<Raw<'a>>,
    method: Option<Raw<'a>>,
    has_params: bool,
    params: Params<'a>,
    result: Option<Raw<'a>>,
    error: Option<Raw<'a>>,
    mistyped: Option<Fault>,
}

pub(super) fn read(body: &[u8], depth_max: usize) -> Result<Frame<'_>, Malformed> {
    let text = std::str::from_utf8(body).map_err(|error| Malformed {
        fault: Fault::Encoding {
            at: error.valid_up_to(),
        },
        id: None,
    })?;
    let mut scan = Scanner::new(text, depth_max);
    read_text(&mut scan).map_err(|fault| {
        let id = match fault {
            Fault::Syntax { .. } | Fault::Batch | Fault::NotAnObject => None,
            _ => find_id(&mut Scanner::new(text, depth_max)).map(|id| id.as_raw().to_owned()),
        };
        Malformed { fault, id }
    })
}

fn read_text<'a>(scan: &mut Scanner<'a>) -> Result<Frame<'a>, Fault> {
    let first = scan.peek();
    if first != Some(b'{') {
        scan.value()?;
        scan.end()?;
        return Err(if first == Some(b'[') {
            Fault::Batch
        } else {
            Fault::NotAnObject
        });
    }
    let mut parts = Parts::default();
    let mut members = Members::new(Place::Message, KEYS);
    while let Some(key) = members.next(scan)? {
        match key {
            "jsonrpc" => parts.jsonrpc = Some(scan.value()?),
            "id" => parts.id = Some(scan.value()?),
            "method" => parts.method = Some(scan.value()?),
            "params" => {
                parts.has_params = true;
                params::read(scan, &mut parts.params, &mut parts.mistyped)?;
            }
            "result" => parts.result = Some(scan.value()?),
            "error" => parts.error = Some(scan.value()?),
            _ => drop(scan.value()?),
        }
    }
    scan.end()?;
    parts.assemble()
}

impl<'a> Parts<'a> {
    fn assemble(self) -> Result<Frame<'a>, Fault> {
        if self.jsonrpc.and_then(|raw| raw.as_text()).as_deref() != Some("2.0") {
            return Err(Fault::Version);
        }
        if self.method.is_some() {
            self.into_call()
        } else {
            self.into_reply()
        }
    }

    fn into_call(self) -> Result<Frame<'a>, Fault> {
        if self.result.is_some() {
            return Err(Fault::Contradiction("result"));
        }
        if self.error.is_some() {
            return Err(Fault::Contradiction("error"));
        }
        let method = self
            .method
            .and_then(|raw| raw.as_text())
            .ok_or(Fault::Method)?;
        if method.is_empty() || method.chars().any(char::is_control) {
            return Err(Fault::Method);
        }
        let is_request = self.id.is_some();
        let id = self
            .id
            .map(|raw| Id::from_raw(raw).ok_or(Fault::Id))
            .transpose()?;
        let call = Call {
            id,
            method,
            params: self.params,
        };
        // The parameters of a method that MCP does not define may be of any type.
        match self.mistyped {
            Some(fault) if call.known().is_some() => Err(fault),
            _ if is_request => Ok(Frame::Request(call)),
            _ => Ok(Frame::Notification(call)),
        }
    }

    fn into_reply(self) -> Result<Frame<'a>, Fault> {
        let (is_error, body) = match (self.result, self.error) {
            (Some(result), None) => (false, result),
            (None, Some(error)) => (true, error),
            (Some(_), Some(_)) => return Err(Fault::Contradiction("error")),
            (None, None) => return Err(Fault::Nameless),
        };
        if self.has_params {
            return Err(Fault::Contradiction("params"));
        }
        let id = match self.id {
            Some(raw) if is_error && raw.is_null() => None,
            Some(raw) => Some(Id::from_raw(raw).ok_or(Fault::Id)?),
            None if is_error => None,
            None => return Err(Fault::Id),
        };
        Ok(Frame::Response(Reply { id, is_error, body }))
    }
}

/// The id of a message of which only the beginning is there.
pub(super) fn peek_id(prefix: &[u8], depth_max: usize) -> Option<&str> {
    let valid = match std::str::from_utf8(prefix) {
        Ok(text) => text,
        // A character may be cut in two at the end.
        Err(error) => std::str::from_utf8(prefix.get(..error.valid_up_to())?).ok()?,
    };
    let id = find_id(&mut Scanner::new(valid, depth_max))?;
    // A number at the very end may go on behind it.
    (id.0.span().end < valid.len()).then_some(id.as_raw())
}

/// The id of a message that was refused, so that the answer can name it: the only one, and a valid
/// one. What stands behind a fault in depth is not looked at.
fn find_id<'a>(scan: &mut Scanner<'a>) -> Option<Id<'a>> {
    let mut found = None;
    let mut first = true;
    let mut step = || -> Result<bool, Flaw> {
        if first {
            scan.enter_object()?;
        }
        let Some((key, _)) = scan.next_key(first)? else {
            return Ok(false);
        };
        first = false;
        let value = scan.value()?;
        if key == "id" && found.replace(Id::from_raw(value)).is_some() {
            found = Some(None);
            return Ok(false);
        }
        Ok(true)
    };
    while step().unwrap_or(false) {}
    found.flatten()
}
