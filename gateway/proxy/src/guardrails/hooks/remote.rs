//! A service that is asked over HTTP.

use std::time::Duration;

use url::Url;

use super::{Verdict, direction};
use crate::guardrails::rules::Scope;

/// Longest answer.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// A service.
#[derive(Debug)]
pub(super) struct Remote {
    url: Url,
    client: reqwest::Client,
}

/// Why it gave no verdict.
#[derive(Debug, thiserror::Error)]
pub(super) enum RemoteError {
    #[error(transparent)]
    Http(#[from] reqwest::Error),
    #[error("its answer is too long")]
    Long,
    #[error("its answer is of another form: {0}")]
    Form(#[from] serde_json::Error),
}

impl Remote {
    pub(super) fn new(url: &Url, timeout: Duration) -> Self {
        let client = reqwest::Client::builder()
            .timeout(timeout)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()
            .unwrap_or_default();
        Self {
            url: url.clone(),
            client,
        }
    }

    pub(super) async fn ask(&self, scope: &Scope<'_>, text: &str) -> Result<Verdict, RemoteError> {
        let body = serde_json::json!({"text": text, "direction": direction(scope), "server": scope.server, "tool": scope.subject});
        let request = self
            .client
            .post(self.url.clone())
            .header("content-type", "application/json")
            .body(body.to_string());
        let mut answer = request.send().await?.error_for_status()?;
        let mut bytes = Vec::new();
        while let Some(piece) = answer.chunk().await? {
            bytes.extend_from_slice(&piece);
            if bytes.len() > ANSWER_BYTES_MAX {
                return Err(RemoteError::Long);
            }
        }
        Ok(serde_json::from_slice(&bytes)?)
    }
}
