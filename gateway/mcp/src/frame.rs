//! One message sent by a client, read from the body's bytes without copying them.
//!
//! Policy decides on what is read here, so no other reader downstream may read the message
//! differently: what is ambiguous is refused, never guessed. That is, at every level that is read,
//! a key that occurs twice, a key that another reader could take for one of ours because it folds
//! case, a value of another type than the method asks for. Everything else is left as it is,
//! whatever it means; this module never changes a message and never judges whether it may pass.

mod fault;
mod keys;
mod message;
mod params;

use std::borrow::Cow;

pub use crate::json::Raw;
use crate::method::{Method, Subject};
pub use fault::{Fault, Malformed, Place};
pub use keys::folds_to;
pub use params::{ClientInfo, Meta, Params, Reference};

/// How far a message may go.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// The deepest nesting of objects and arrays; the message itself is one. At most 1024.
    pub depth_max: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Bounds { depth_max: 128 }
    }
}

/// Reads one JSON-RPC 2.0 message (specification sections 4 and 5; MCP, basic protocol).
///
/// # Errors
/// [`Malformed`] when the body is not JSON, not one message, or could be read in two ways.
pub fn parse<'a>(body: &'a [u8], bounds: &Bounds) -> Result<Frame<'a>, Malformed> {
    message::read(body, bounds.depth_max)
}

/// The JSON text of the id of a message whose beginning is `prefix`, where the id stands in it. It
/// is for the refusal of a message that is too large to be read, and decides nothing.
pub fn peek_id<'a>(prefix: &'a [u8], bounds: &Bounds) -> Option<&'a str> {
    message::peek_id(prefix, bounds.depth_max)
}

/// A message that a client may send.
#[derive(Clone, Debug, PartialEq)]
pub enum Frame<'a> {
    Request(Call<'a>),
    Notification(Call<'a>),
    /// A legacy client's answer to a request of the server.
    Response(Reply<'a>),
}

impl<'a> Frame<'a> {
    /// The message's id: always for a request, never for a notification.
    pub fn id(&self) -> Option<&Id<'a>> {
        match self {
            Frame::Request(call) | Frame::Notification(call) => call.id.as_ref(),
            Frame::Response(reply) => reply.id.as_ref(),
        }
    }

    /// What is called, for a request or a notification.
    pub fn call(&self) -> Option<&Call<'a>> {
        match self {
            Frame::Request(call) | Frame::Notification(call) => Some(call),
            Frame::Response(_) => None,
        }
    }
}

/// A request or a notification.
#[derive(Clone, Debug, PartialEq)]
pub struct Call<'a> {
    /// Present exactly for a request.
    pub id: Option<Id<'a>>,
    /// Not empty, without control characters.
    pub method: Cow<'a, str>,
    pub params: Params<'a>,
}

impl Call<'_> {
    /// The method, when MCP defines it.
    pub fn known(&self) -> Option<Method> {
        Method::parse(&self.method)
    }

    /// What the call is about, by the rule of its method: the tool's or prompt's name, the
    /// resource's URI, the task's id. None when the method has no subject or the message omits it.
    pub fn subject(&self) -> Option<&str> {
        self.params.subject(self.known()?.subject()?)
    }
}

impl Params<'_> {
    /// The member that holds this kind of subject.
    pub fn subject(&self, subject: Subject) -> Option<&str> {
        match subject {
            Subject::Name => self.name.as_deref(),
            Subject::Uri => self.uri.as_deref(),
            Subject::TaskId => self.task_id.as_deref(),
        }
    }
}

/// A response of the client.
#[derive(Clone, Debug, PartialEq)]
pub struct Reply<'a> {
    /// Absent only in an error that could not name its request.
    pub id: Option<Id<'a>>,
    /// Whether the message carries `error` in place of `result`.
    pub is_error: bool,
    /// The value of `result` or `error`.
    pub body: Raw<'a>,
}

/// An id: a string, or an integer of any size. Never null, never a fraction.
#[derive(Clone, Copy, Debug)]
pub struct Id<'a>(Raw<'a>);

impl<'a> Id<'a> {
    /// Takes a JSON value as an id if it may be one.
    pub(crate) fn from_raw(raw: Raw<'a>) -> Option<Id<'a>> {
        let text = raw.get();
        let integer = text.strip_prefix('-').unwrap_or(text);
        let is_integer = !integer.is_empty() && integer.bytes().all(|byte| byte.is_ascii_digit());
        (is_integer || text.starts_with('"')).then_some(Id(raw))
    }

    /// The JSON text as it was sent, quotes and escapes included.
    pub fn as_raw(&self) -> &'a str {
        self.0.get()
    }

    /// The value of a string id; none for an integer.
    pub fn as_text(&self) -> Option<Cow<'a, str>> {
        self.0.as_text()
    }
}

/// Two ids are equal when they denote the same value, however it was escaped. A string is never
/// equal to a number.
impl PartialEq for Id<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.as_raw() == other.as_raw()
            || matches!((self.as_text(), other.as_text()), (Some(a), Some(b)) if a == b)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(prefix: &[u8], id: Option<&str>) {
        assert_eq!(peek_id(prefix, &Bounds::default()), id);
    }

    #[test]
    fn the_id_of_a_message_that_breaks_off() {
        check(br#"{"jsonrpc":"2.0","id":7,"params":{"x":"aaa"#, Some("7"));
        check(br#"{"id":"a\"b","params":{"x":"#, Some(r#""a\"b""#));
        check(b"{\"id\":7,\"x\":\"\xc3", Some("7"));
        check(br#"{"params":{"id":7},"x":"#, None);
        check(br#"{"id":1,"id":2,"x":"#, None);
        check(br#"{"id":12"#, None);
    }
}
