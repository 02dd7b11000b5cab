//! The headers that mirror a message, cross-checked with it (2026-07-28, Streamable HTTP, "Request
//! Headers"; SEP-2243).
//!
//! The body decides which era a message belongs to and what it asks for; a header can only agree
//! or be refused. Nothing here trusts a header by itself.

mod mismatch;
mod value;

use crate::{
    frame::{Call, Frame},
    method::Method,
    revision::Revision,
};
pub use mismatch::Mismatch;
pub use value::{BadValue, VALUE_BYTES_MAX, decode_value, encode_value};

/// Header names, in lower case.
pub const PROTOCOL_VERSION: &str = "mcp-protocol-version";
pub const METHOD: &str = "mcp-method";
pub const NAME: &str = "mcp-name";

/// The mirroring headers of one request, as raw values; an empty value is present.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Head<'a> {
    pub protocol_version: Option<&'a [u8]>,
    pub method: Option<&'a [u8]>,
    pub name: Option<&'a [u8]>,
}

impl<'a> Head<'a> {
    /// Picks the mirroring headers out of all headers, whose names may be in any letter case.
    ///
    /// # Errors
    /// When one of them occurs twice: two readers could take different ones.
    pub fn read(headers: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> Result<Self, Mismatch> {
        let mut head = Head::default();
        for (name, value) in headers {
            let (slot, name) = if name.eq_ignore_ascii_case(PROTOCOL_VERSION) {
                (&mut head.protocol_version, "MCP-Protocol-Version")
            } else if name.eq_ignore_ascii_case(METHOD) {
                (&mut head.method, "Mcp-Method")
            } else if name.eq_ignore_ascii_case(NAME) {
                (&mut head.name, "Mcp-Name")
            } else {
                continue;
            };
            if slot.replace(value).is_some() {
                return Err(Mismatch::header(format!("{name} occurs twice")));
            }
        }
        Ok(head)
    }
}

/// How a message is to be treated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Era {
    /// Stateless; version and capabilities are in the message.
    Modern(Revision),
    /// Session-bound. Without a version header none is known here: the session's, else
    /// [`Revision::ASSUMED`].
    Legacy(Option<Revision>),
}

/// Finds a message's era and refuses headers that do not agree with it.
///
/// In this order: a version claimed in `_meta` decides; `initialize` and messages without a claim
/// are legacy, except that a notification goes by its header.
///
/// # Errors
/// [`Mismatch`] with the code and text of the answer; the HTTP status is always 400.
pub fn classify(frame: &Frame<'_>, head: &Head<'_>) -> Result<Era, Mismatch> {
    let named = head
        .protocol_version
        .map(|raw| plain(raw, "MCP-Protocol-Version"))
        .transpose()?;
    let Some(call) = frame.call() else {
        return response(head, named);
    };
    let era = match &call.params.meta.protocol_version {
        Some(claim) => claimed(call, claim, named)?,
        None if call.known() == Some(Method::Initialize) => initialize(call),
        None => unclaimed(frame, named)?,
    };
    mirror(
        call,
        head,
        matches!((era, frame), (Era::Modern(_), Frame::Request(_))),
    )?;
    Ok(era)
}

/// The era of a client's response, which only legacy revisions know and no header describes.
fn response(head: &Head<'_>, named: Option<&str>) -> Result<Era, Mismatch> {
    if head.method.is_some() || head.name.is_some() {
        return Err(Mismatch::header(
            "Mcp-Method and Mcp-Name do not go with a response",
        ));
    }
    match era_of(named)? {
        Era::Modern(_) => Err(Mismatch::request(
            "a client sends no responses in this revision",
        )),
        era => Ok(era),
    }
}

/// The era of a request without a message, which only sessions have.
///
/// # Errors
/// [`Mismatch`] when the version header names a revision that is not spoken here.
pub fn session_era(head: &Head<'_>) -> Result<Option<Era>, Mismatch> {
    let named = head
        .protocol_version
        .map(|raw| plain(raw, "MCP-Protocol-Version"))
        .transpose()?;
    named.map(|named| era_of(Some(named))).transpose()
}

/// The era of a message that claims a version in `_meta`.
fn claimed(call: &Call<'_>, claim: &str, named: Option<&str>) -> Result<Era, Mismatch> {
    match named {
        None => return Err(Mismatch::header("MCP-Protocol-Version is missing")),
        Some(named) if named != claim => {
            return Err(Mismatch::header(
                "MCP-Protocol-Version differs from the version in _meta",
            ));
        }
        Some(_) => {}
    }
    let revision = Revision::parse(claim).ok_or_else(|| Mismatch::version(claim))?;
    if !revision.is_modern() {
        return Ok(Era::Legacy(Some(revision)));
    }
    if call.id.is_some() && call.params.meta.client_capabilities.is_none() {
        return Err(Mismatch::params(
            "io.modelcontextprotocol/clientCapabilities",
        ));
    }
    Ok(Era::Modern(revision))
}

/// The era of a message that claims no version.
fn unclaimed(frame: &Frame<'_>, named: Option<&str>) -> Result<Era, Mismatch> {
    match era_of(named)? {
        Era::Modern(_) if matches!(frame, Frame::Request(_)) => {
            Err(Mismatch::params("io.modelcontextprotocol/protocolVersion"))
        }
        era => Ok(era),
    }
}

/// The handshake exists in legacy revisions only, whatever version it asks for.
fn initialize(call: &Call<'_>) -> Era {
    let asked = call
        .params
        .protocol_version
        .as_deref()
        .and_then(Revision::parse);
    Era::Legacy(asked.filter(|revision| !revision.is_modern()))
}

/// The era that the version header alone stands for.
fn era_of(named: Option<&str>) -> Result<Era, Mismatch> {
    let Some(named) = named else {
        return Ok(Era::Legacy(None));
    };
    let revision = Revision::parse(named).ok_or_else(|| Mismatch::version(named))?;
    Ok(if revision.is_modern() {
        Era::Modern(revision)
    } else {
        Era::Legacy(Some(revision))
    })
}

/// Compares `Mcp-Method` and `Mcp-Name` with the message. They must agree wherever they are
/// present, so that nothing behind the gateway that goes by headers can be misled; they must be
/// present where `required`. A name beside a method that has none to mirror says nothing about the
/// message and is left alone, as is `Mcp-Param-*`: only the tool's schema tells what it mirrors.
fn mirror(call: &Call<'_>, head: &Head<'_>, required: bool) -> Result<(), Mismatch> {
    match head
        .method
        .map(|raw| plain(raw, "Mcp-Method"))
        .transpose()?
    {
        Some(method) if method == call.method => {}
        Some(_) => {
            return Err(Mismatch::header(
                "Mcp-Method differs from the method in the body",
            ));
        }
        None if required => return Err(Mismatch::header("Mcp-Method is missing")),
        None => {}
    }
    let Some(subject) = call.known().and_then(Method::mirrored) else {
        return Ok(());
    };
    let key = subject.key();
    let name = head.name.map(decode_value).transpose();
    let name = name.map_err(|fault| Mismatch::header(format!("Mcp-Name {fault}")))?;
    match (name, call.params.subject(subject)) {
        (Some(name), Some(value)) if name == value => Ok(()),
        (Some(_), _) => Err(Mismatch::header(format!(
            "Mcp-Name differs from params.{key}"
        ))),
        (None, Some(_)) if required => Err(Mismatch::header("Mcp-Name is missing")),
        (None, _) => Ok(()),
    }
}

/// A header that is never encoded, without surrounding white space.
fn plain<'a>(raw: &'a [u8], header: &str) -> Result<&'a str, Mismatch> {
    value::checked(raw).map_err(|fault| Mismatch::header(format!("{header} {fault}")))
}
