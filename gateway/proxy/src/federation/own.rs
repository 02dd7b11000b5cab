//! Answers that the gateway gives itself.

use bytes::Bytes;
use gantry_mcp::{
    answer::{ResultType, Verdict},
    jsonrpc,
};
use http::{HeaderName, HeaderValue, StatusCode};

use crate::pipeline::Ending;

const PARTIAL: HeaderName = HeaderName::from_static("gantry-partial");

/// An answer that the gateway gives itself, as a whole.
#[derive(Debug)]
pub struct Own {
    /// Its status.
    pub status: StatusCode,
    /// Its headers, beside those of its body.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// One JSON-RPC message, or nothing.
    pub body: Bytes,
    verdict: Option<Verdict>,
}

impl Own {
    /// Without a message.
    pub(super) fn empty(status: StatusCode) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: Bytes::new(),
            verdict: None,
        }
    }

    /// A whole message that is a result.
    pub(super) fn message(body: Bytes) -> Self {
        Self {
            body,
            verdict: Some(Verdict::Complete {
                is_error: false,
                result_type: ResultType::Complete,
            }),
            ..Self::empty(StatusCode::OK)
        }
    }

    /// The result with these members, for the request with this id; both are JSON text.
    pub(super) fn result(id: &str, members: &[u8]) -> Self {
        let begins = format!("{{\"jsonrpc\":\"2.0\",\"id\":{id},\"result\":{{");
        Self::message([begins.as_bytes(), members, b"}}"].concat().into())
    }

    /// An error for the request with this id (its JSON text).
    pub(super) fn error(id: Option<&str>, status: StatusCode, code: i64, text: &str) -> Self {
        Self {
            body: jsonrpc::error(id, code, text, None).into(),
            verdict: Some(Verdict::Error { code }),
            ..Self::empty(status)
        }
    }

    /// What a server has answered, as it is.
    pub(super) fn of_server(status: StatusCode, body: Bytes) -> Self {
        Self {
            body,
            ..Self::empty(status)
        }
    }

    /// With the names of the servers whose parts are missing.
    pub(super) fn partial(self, left_out: Vec<(String, &'static str)>) -> Self {
        let names: Vec<String> = left_out.into_iter().map(|(server, _)| server).collect();
        match names.is_empty() {
            true => self,
            false => self.with(PARTIAL, HeaderValue::try_from(names.join(", ")).ok()),
        }
    }

    /// With a header, where it has a value.
    pub(super) fn with(mut self, name: HeaderName, value: Option<HeaderValue>) -> Self {
        self.headers.extend(value.map(|value| (name, value)));
        self
    }

    /// How the request ends that is answered with it.
    pub fn ending(&self) -> Ending {
        Ending::answered(self.status, self.verdict.as_ref(), false)
    }
}
