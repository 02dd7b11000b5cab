//! The refusal of a message whose headers and body do not go together.

use crate::{jsonrpc, revision::Revision};

/// Why headers and body do not go together, ready to be answered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct Mismatch {
    /// The JSON-RPC error code.
    pub code: i64,
    pub http_status: u16,
    /// Public: names headers and keys, and repeats no value.
    pub text: String,
    /// The error's `data`, as raw JSON.
    pub data: Option<String>,
}

impl Mismatch {
    fn new(code: i64, text: impl Into<String>) -> Self {
        Mismatch {
            code,
            http_status: 400,
            text: text.into(),
            data: None,
        }
    }

    /// A header is missing, malformed or says something else.
    pub(super) fn header(text: impl Into<String>) -> Self {
        Self::new(jsonrpc::HEADER_MISMATCH, text)
    }

    /// A required member of `_meta` is missing.
    pub(super) fn params(key: &str) -> Self {
        Self::new(
            jsonrpc::INVALID_PARAMS,
            format!("params._meta lacks \"{key}\""),
        )
    }

    /// The message has no place in its revision.
    pub(super) fn request(text: &str) -> Self {
        Self::new(jsonrpc::INVALID_REQUEST, text)
    }

    /// The version is not spoken here; the data name those that are, and echo the one asked for.
    /// Only stateless revisions are offered, because only they can be chosen per request.
    pub(super) fn version(requested: &str) -> Self {
        let supported: Vec<_> = Revision::SUPPORTED
            .into_iter()
            .filter(|r| r.is_modern())
            .collect();
        let mut data = b"{\"supported\":[".to_vec();
        for (index, revision) in supported.iter().enumerate() {
            if index > 0 {
                data.push(b',');
            }
            jsonrpc::push_string(&mut data, revision.as_str());
        }
        data.extend_from_slice(b"],\"requested\":");
        jsonrpc::push_string(&mut data, requested);
        data.push(b'}');
        Mismatch {
            data: Some(String::from_utf8_lossy(&data).into_owned()),
            ..Self::new(jsonrpc::UNSUPPORTED_VERSION, "unsupported protocol version")
        }
    }
}
