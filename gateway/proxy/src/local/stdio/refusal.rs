//! What a client is told whose request no program gets.

use gantry_mcp::jsonrpc::{self, INTERNAL_ERROR};
use http::{HeaderValue, StatusCode, header};

use super::{
    super::message::{self, Answer, Asking},
    Stdio,
    process::Unasked,
    shared::Unstarted,
};

/// What a client is told to wait while there is no room, in seconds.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("1");

impl Stdio {
    pub(super) fn unasked(&self, asking: &Asking<'_>, fault: Unasked) -> Answer {
        tracing::warn!(server = &*self.server, %fault, "a local server was not asked");
        match fault {
            Unasked::Ended => asking.error(
                StatusCode::BAD_GATEWAY,
                INTERNAL_ERROR,
                "the server has ended",
            ),
            Unasked::Full => busy(asking, "the server has too much to do"),
        }
    }

    pub(super) fn unstarted(&self, asking: &Asking<'_>, fault: &Unstarted) -> Answer {
        tracing::warn!(server = &*self.server, %fault, "a local server did not start");
        match fault {
            Unstarted::Full => busy(
                asking,
                "there are as many programs of this server as there may be",
            ),
            Unstarted::Waits => busy(asking, "the server is started again in a while"),
            Unstarted::System(_) | Unstarted::Silent => asking.error(
                StatusCode::BAD_GATEWAY,
                INTERNAL_ERROR,
                "the server did not start",
            ),
        }
    }
}

fn busy(asking: &Asking<'_>, text: &str) -> Answer {
    let error = jsonrpc::error(Some(asking.id), INTERNAL_ERROR, text, None);
    let mut answer = message::json(StatusCode::SERVICE_UNAVAILABLE, error);
    answer
        .headers_mut()
        .insert(header::RETRY_AFTER, RETRY_AFTER);
    answer
}
