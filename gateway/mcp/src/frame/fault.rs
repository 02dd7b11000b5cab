//! Why a message was refused, in words that may be sent to anyone.
//!
//! The texts name keys of the protocol and byte offsets; they never repeat what the sender wrote.

use std::fmt;

use crate::{json::Flaw, jsonrpc};

/// A message that is not read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{fault}")]
pub struct Malformed {
    pub fault: Fault,
    /// The raw JSON text of the message's id, when the body is JSON and has exactly one.
    pub id: Option<String>,
}

impl Malformed {
    /// The JSON-RPC error code that answers the message.
    pub fn code(&self) -> i64 {
        match self.fault {
            Fault::Encoding { .. } | Fault::Syntax { .. } => jsonrpc::PARSE_ERROR,
            Fault::Param { .. } => jsonrpc::INVALID_PARAMS,
            _ => jsonrpc::INVALID_REQUEST,
        }
    }
}

/// The objects of a message that are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    Message,
    Params,
    Meta,
    ClientInfo,
    Reference,
    Arguments,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Place::Message => "the message",
            Place::Params => "params",
            Place::Meta => "params._meta",
            Place::ClientInfo => "clientInfo",
            Place::Reference => "params.ref",
            Place::Arguments => "params.arguments",
        })
    }
}

/// What is wrong with a message. `at` is the offset in bytes from the beginning of the body.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    #[error("invalid UTF-8 at byte {at}")]
    Encoding { at: usize },
    #[error("invalid JSON: expected {expected} at byte {at}")]
    Syntax { expected: &'static str, at: usize },
    #[error("nested deeper than {depth_max} levels at byte {at}")]
    TooDeep { depth_max: usize, at: usize },
    #[error("batches are not supported: send one JSON-RPC message per request")]
    Batch,
    #[error("the message is not a JSON object")]
    NotAnObject,
    #[error("a key occurs twice in {place}, at byte {at}")]
    DuplicateKey { place: Place, at: usize },
    #[error("{place} has more than {keys_max} keys")]
    TooManyKeys { place: Place, keys_max: usize },
    #[error("a key in {place} differs from `{key}` only in letter case, at byte {at}")]
    LookalikeKey {
        place: Place,
        key: &'static str,
        at: usize,
    },
    #[error("`jsonrpc` is not \"2.0\"")]
    Version,
    #[error("the message has neither `method` nor `result` nor `error`")]
    Nameless,
    #[error("the message is both a call and a response: `{0}` cannot stand here")]
    Contradiction(&'static str),
    #[error("`method` is not a string of one or more characters without control characters")]
    Method,
    #[error("`id` is not a string or an integer")]
    Id,
    #[error("`params` is not an object")]
    Params,
    #[error("`{key}` in {place} is not {expected}, at byte {at}")]
    Param {
        place: Place,
        key: &'static str,
        expected: &'static str,
        at: usize,
    },
}

impl From<Flaw> for Fault {
    fn from(flaw: Flaw) -> Fault {
        match flaw {
            Flaw::Expected { what, at } => Fault::Syntax { expected: what, at },
            Flaw::TooDeep { depth_max, at } => Fault::TooDeep { depth_max, at },
        }
    }
}
