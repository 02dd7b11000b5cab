//! What operators ask of a gateway: its metrics, whether it lives, whether it is ready, and what is
//! in effect.
//!
//! It answers from what it is given and changes nothing; the listener is somebody else's. No answer
//! holds a secret, and only `usage` shows what callers did, to whom the admin credential is known.

pub mod usage;

use std::sync::Arc;

use arc_swap::ArcSwap;
use gantry_analytics::Log;
use http::{Method, StatusCode};
use serde_json::json;
use tokio::sync::Semaphore;

use crate::{
    config::{self, Checked},
    telemetry::metrics::{self, Metrics},
};

const TEXT: &str = "text/plain; charset=utf-8";
const JSON: &str = "application/json";
const YAML: &str = "application/yaml";

/// What the answers are made from.
pub struct State {
    config: ArcSwap<Checked>,
    metrics: Arc<Metrics>,
    log: Log,
    /// Turns at the store for `usage`.
    asking: Semaphore,
}

impl State {
    /// A gateway that runs with `config`, counts in `metrics` and records in `log`.
    pub fn new(config: Checked, metrics: Arc<Metrics>, log: Log) -> Self {
        Self {
            config: ArcSwap::from_pointee(config),
            metrics,
            log,
            asking: Semaphore::new(usage::ASKING_MAX),
        }
    }

    /// The configuration in effect.
    pub fn config(&self) -> Arc<Checked> {
        self.config.load_full()
    }

    /// Another configuration is in effect.
    pub fn replace(&self, config: Checked) {
        self.config.store(Arc::new(config));
    }

    /// Answers a request for something under `/usage`.
    pub async fn usage(&self, asked: &usage::Asked<'_>) -> Answer {
        usage::answer(asked, &self.config(), &self.asking).await
    }
}

/// An answer of the admin listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    pub status: StatusCode,
    pub content_type: &'static str,
    /// Further headers, in lower case.
    pub headers: &'static [(&'static str, &'static str)],
    pub body: Vec<u8>,
}

impl Answer {
    /// Of plain text.
    pub fn text(status: StatusCode, text: impl Into<Vec<u8>>) -> Self {
        Self::new(status, TEXT, text)
    }

    fn new(status: StatusCode, content_type: &'static str, body: impl Into<Vec<u8>>) -> Self {
        Self {
            status,
            content_type,
            headers: &[],
            body: body.into(),
        }
    }
}

/// Answers a request. `path` is without its query.
pub fn answer(method: &Method, path: &str, state: &State) -> Answer {
    let page: fn(&State) -> Answer = match path {
        "/metrics" => metrics_page,
        "/healthz" => |_| Answer::new(StatusCode::OK, TEXT, "ok\n"),
        "/readyz" => ready,
        "/config" => config_page,
        _ => return Answer::new(StatusCode::NOT_FOUND, TEXT, "not found\n"),
    };
    match *method {
        Method::GET => page(state),
        Method::HEAD => Answer {
            body: Vec::new(),
            ..page(state)
        },
        _ => Answer::new(StatusCode::METHOD_NOT_ALLOWED, TEXT, "only GET and HEAD\n"),
    }
}

fn metrics_page(state: &State) -> Answer {
    let page = state.metrics.render(&state.log.stats());
    Answer::new(StatusCode::OK, metrics::CONTENT_TYPE, page)
}

/// Ready is a gateway that can take calls. A configuration is in effect, or there were no state; so
/// what remains is whether a call could be recorded.
fn ready(state: &State) -> Answer {
    let (status, body) = if state.log.accepting() {
        (StatusCode::OK, json!({"ready": true}))
    } else {
        let stats = state.log.stats();
        let reason = "the audit spool takes no more records, so calls are refused";
        let body = json!({
            "ready": false,
            "reason": reason,
            "unsent_records": stats.unsent_rows,
            "wal_bytes": stats.wal_bytes,
        });
        (StatusCode::SERVICE_UNAVAILABLE, body)
    };
    Answer::new(status, JSON, format!("{body}\n"))
}

fn config_page(state: &State) -> Answer {
    Answer::new(StatusCode::OK, YAML, config::effective(&state.config()))
}

#[cfg(test)]
mod tests;
