//! Copies of calls to another version, to see whether it answers alike.
//!
//! A copy is nobody's call: the caller neither waits for it nor sees anything of it, it is not charged
//! and not recorded. It is only counted: alike, different, failed, or left out.

use std::{
    sync::{Arc, LazyLock},
    time::Duration,
};

use bytes::Bytes;
use gantry_mcp::{
    answer::Format,
    messages::{Messages, Part},
};
use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest, Sha256};
use tokio::{
    sync::{Semaphore, oneshot},
    time::timeout,
};

use super::Gateway;
use crate::{
    guardrails::Screened,
    routing::Target,
    telemetry::metrics::Metrics,
    upstream::{OwnHeaders, Pools, Upstream},
};

/// Copies that may be under way in the whole process; a call beyond them is not copied.
const COPIES_MAX: usize = 64;
/// The largest answer that is compared.
const ANSWER_BYTES_MAX: usize = 1024 * 1024;
/// How long a copy may take, and how long it may wait for the caller's answer.
const COPY_TIMEOUT: Duration = Duration::from_secs(60);

static COPIES: LazyLock<Arc<Semaphore>> = LazyLock::new(|| Arc::new(Semaphore::new(COPIES_MAX)));

/// What an answer says, for comparison. Metadata and ids may differ.
type Gist = [u8; 32];

/// The caller's side of a comparison: reads along as its answer passes.
#[derive(Debug)]
pub struct Original {
    found: Option<oneshot::Sender<Gist>>,
    messages: Option<Messages>,
}

impl Original {
    /// The answer begins, in this format.
    pub fn begins(&mut self, format: Format) {
        self.messages = Some(Messages::new(format, ANSWER_BYTES_MAX));
    }

    /// Reads the next bytes of the answer.
    pub fn read(&mut self, bytes: &Bytes, last: bool) {
        let Some(messages) = &mut self.messages else {
            return;
        };
        match gist_of(messages, bytes.clone(), last) {
            Ok(None) => {}
            Ok(Some(gist)) => {
                if let Some(found) = self.found.take() {
                    // Nobody may be waiting any more.
                    let _ = found.send(gist);
                }
                self.messages = None;
            }
            Err(()) => self.messages = None,
        }
    }
}

/// Sends a copy on its way, beside the call itself.
pub(super) fn send(
    gateway: &Gateway,
    target: Target,
    screened: Screened,
    own: OwnHeaders,
) -> Original {
    let (found, original) = oneshot::channel();
    let metrics = Arc::clone(&gateway.metrics);
    let server = Arc::clone(target.server().name());
    match Arc::clone(&COPIES).try_acquire_owned() {
        Ok(room) => {
            let (upstream, pools) = (Arc::clone(&gateway.upstream), Arc::clone(&gateway.pools));
            tokio::spawn(async move {
                let _room = room;
                let copy = answer(&upstream, &pools, target, screened, &own);
                let copy = timeout(COPY_TIMEOUT, copy).await.ok().flatten();
                count(&metrics, &server, copy, original).await;
            });
        }
        Err(_) => metrics.traffic().mirrored(&server, "left_out"),
    }
    Original {
        found: Some(found),
        messages: None,
    }
}

async fn answer(
    upstream: &Arc<Upstream>,
    pools: &Pools,
    target: Target,
    screened: Screened,
    own: &OwnHeaders,
) -> Option<Gist> {
    let mut copy = upstream.copy(pools, &target, screened, own).await.ok()?;
    let mut messages = Messages::new(copy.format()?, ANSWER_BYTES_MAX);
    loop {
        let bytes = copy.chunk().await.ok()?;
        let last = bytes.is_none();
        let found = gist_of(&mut messages, bytes.unwrap_or_default(), last).ok()?;
        if found.is_some() || last {
            return found;
        }
    }
}

async fn count(
    metrics: &Metrics,
    server: &str,
    copy: Option<Gist>,
    original: oneshot::Receiver<Gist>,
) {
    let result = match (copy, timeout(COPY_TIMEOUT, original).await) {
        (None, _) => "failed",
        (Some(copy), Ok(Ok(original))) if copy == original => "alike",
        (Some(_), Ok(Ok(_))) => "different",
        // The caller's own call was not answered, or its answer is too large.
        (Some(_), _) => "left_out",
    };
    metrics.traffic().mirrored(server, result);
}

/// The gist of the response, once it is there.
fn gist_of(messages: &mut Messages, bytes: Bytes, last: bool) -> Result<Option<Gist>, ()> {
    messages.feed(bytes);
    if last {
        messages.end();
    }
    while let Some(part) = messages.next_part().map_err(|_| ())? {
        if let Part::Message(message) = part
            && let Some(gist) = gist(&message.json())
        {
            return Ok(Some(gist));
        }
    }
    Ok(None)
}

fn gist(json: &[u8]) -> Option<Gist> {
    #[derive(Deserialize)]
    struct Response {
        result: Option<Answered>,
        error: Option<Value>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Answered {
        content: Option<Value>,
        structured_content: Option<Value>,
        is_error: Option<bool>,
    }
    let response: Response = serde_json::from_slice(json).ok()?;
    let text = match (response.result, response.error) {
        (Some(result), _) => {
            let is_error = result.is_error.unwrap_or_default();
            // Objects of `Value` are sorted by their keys.
            serde_json::to_vec(&(result.content, result.structured_content, is_error))
        }
        (None, Some(error)) => serde_json::to_vec(&error.get("code")),
        (None, None) => return None,
    };
    Some(Sha256::digest(text.ok()?).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_compared_by_what_they_say() {
        let same = [
            r#"{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"a"}],"_meta":{"t":1}}}"#,
            r#"{"id":"x","result":{"isError":false,"content":[{"text":"a","type":"text"}]},"jsonrpc":"2.0"}"#,
        ];
        let [one, other] = same.map(|text| gist(text.as_bytes()).unwrap());
        assert_eq!(one, other);
        for different in [
            r#"{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"b"}]}}"#,
            r#"{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"a"}],"isError":true}}"#,
            r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32602,"message":"no"}}"#,
        ] {
            assert_ne!(gist(different.as_bytes()).unwrap(), one, "{different}");
        }
        let notification = br#"{"jsonrpc":"2.0","method":"notifications/progress","params":{}}"#;
        assert_eq!(gist(notification), None);
    }
}
