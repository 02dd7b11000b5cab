//! The client's session at an endpoint of several servers: all of it is in its sealed id.

use gantry_mcp::{frame::Call, revision::Revision};
use http::HeaderValue;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::visit::now_s;
use crate::routing::{Binding, Seals, UnknownSession};

/// What of the client's account of itself is kept within the id of its session.
const KEPT_BYTES_MAX: usize = 480;

/// What a client says of itself that is too long to be kept, or says nothing.
const CAPABILITIES: &str = "{}";
const CLIENT: &str = r#"{"name":"client","version":""}"#;

/// What tells sessions apart: nothing that a client can choose.
pub(super) type Key = [u8; 16];

/// The client's session, as its id describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Opened {
    pub key: Key,
    pub revision: Revision,
    /// The JSON text of the capabilities that the client has declared.
    pub capabilities: String,
    /// The JSON text of the client's account of itself.
    pub client: String,
}

impl Opened {
    /// The session that an `initialize` asks for.
    pub(super) fn begin(call: &Call<'_>, body: &[u8], key: Key) -> Self {
        #[derive(Deserialize)]
        struct Message<'a> {
            #[serde(borrow)]
            params: Option<Params<'a>>,
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Params<'a> {
            #[serde(borrow)]
            capabilities: Option<&'a RawValue>,
            #[serde(borrow)]
            client_info: Option<&'a RawValue>,
        }
        let asked = call.params.protocol_version.as_deref();
        let known = asked
            .and_then(Revision::parse)
            .filter(|one| !one.is_modern());
        let message: Option<Message<'_>> = serde_json::from_slice(body).ok();
        let params = message.and_then(|message| message.params);
        let kept = |raw: Option<&RawValue>, otherwise: &str| {
            let raw = raw.map(RawValue::get);
            let fits = |raw: &&str| raw.len() <= KEPT_BYTES_MAX && raw.starts_with('{');
            raw.filter(fits).unwrap_or(otherwise).to_owned()
        };
        let of = |params: &Option<Params<'_>>| match params {
            Some(params) => (
                kept(params.capabilities, CAPABILITIES),
                kept(params.client_info, CLIENT),
            ),
            None => (CAPABILITIES.to_owned(), CLIENT.to_owned()),
        };
        let (capabilities, client) = of(&params);
        Self {
            key,
            revision: known.unwrap_or(Revision::V2025_11_25),
            capabilities,
            client,
        }
    }

    /// The id that the client gets.
    pub(super) fn seal(
        &self,
        seals: &Seals,
        binding: Binding,
        nonce: [u8; 12],
    ) -> Option<HeaderValue> {
        let length = u16::try_from(self.capabilities.len()).ok()?;
        let content = [
            self.key.as_slice(),
            &length.to_le_bytes(),
            self.capabilities.as_bytes(),
            self.revision.as_str().as_bytes(),
            self.client.as_bytes(),
        ]
        .concat();
        let sealed = seals.close(binding, &content, now_s(), nonce)?;
        HeaderValue::try_from(sealed).ok()
    }

    /// Opens the id that a client presents.
    pub(super) fn open(
        seals: &Seals,
        binding: Binding,
        id: &HeaderValue,
    ) -> Result<Self, UnknownSession> {
        let content = seals.disclose(binding, id.as_bytes(), now_s());
        content
            .and_then(|content| Self::read(&content))
            .ok_or(UnknownSession)
    }

    fn read(content: &[u8]) -> Option<Self> {
        let (key, rest) = content.split_first_chunk()?;
        let (length, rest) = rest.split_first_chunk()?;
        let length = usize::from(u16::from_le_bytes(*length));
        let (capabilities, rest) = rest.split_at_checked(length)?;
        let (revision, client) = rest.split_at_checked(Revision::ASSUMED.as_str().len())?;
        let text = |bytes: &[u8]| Some(std::str::from_utf8(bytes).ok()?.to_owned());
        Some(Self {
            key: *key,
            revision: Revision::parse(&text(revision)?)?,
            capabilities: text(capabilities)?,
            client: text(client)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use gantry_mcp::frame::{self, Bounds};

    use super::*;

    fn begun(params: &str) -> Opened {
        let body = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"initialize","params":{params}}}"#);
        let frame = frame::parse(body.as_bytes(), &Bounds::default()).unwrap();
        Opened::begin(frame.call().unwrap(), body.as_bytes(), [7; 16])
    }

    #[test]
    fn a_session_is_what_its_id_says_to_its_caller_alone() {
        let seals = Seals::new([b"secret".as_slice()], Duration::from_secs(60));
        let own = Binding::new("session *", "ada", None);
        let session = begun(
            r#"{"protocolVersion":"2025-06-18","capabilities":{"elicitation":{}},"clientInfo":{"name":"é","version":"1"}}"#,
        );
        assert_eq!(session.revision, Revision::V2025_06_18);
        let id = session.seal(&seals, own, [1; 12]).unwrap();
        assert!(gantry_mcp::session::is_valid(id.as_bytes()));
        assert_eq!(Opened::open(&seals, own, &id), Ok(session));
        let other = Binding::new("session *", "eve", None);
        assert_eq!(Opened::open(&seals, other, &id), Err(UnknownSession));
    }

    #[test]
    fn what_is_too_long_or_unknown_is_left_out() {
        let long = "x".repeat(KEPT_BYTES_MAX);
        let session = begun(&format!(
            r#"{{"protocolVersion":"1999-01-01","capabilities":{{"x":"{long}"}}}}"#
        ));
        assert_eq!(session.revision, Revision::V2025_11_25);
        assert_eq!(
            (&*session.capabilities, &*session.client),
            (CAPABILITIES, CLIENT)
        );
        let seals = Seals::new([b"secret".as_slice()], Duration::from_secs(60));
        let full = Opened {
            capabilities: format!("{{\"x\":\"{}\"}}", "x".repeat(KEPT_BYTES_MAX - 8)),
            client: format!("{{\"x\":\"{}\"}}", "x".repeat(KEPT_BYTES_MAX - 8)),
            ..session
        };
        let own = Binding::new("session *", "ada", None);
        let id = full.seal(&seals, own, [1; 12]).unwrap();
        assert!(gantry_mcp::session::is_valid(id.as_bytes()));
    }
}
