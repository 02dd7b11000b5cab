//! What the gateway says about itself.

use std::time::Duration;

use url::Url;

use crate::config::Secret;

/// What the gateway says about itself.
#[derive(Clone, Debug)]
pub struct Telemetry {
    pub log: Log,
    /// Without it there are no traces.
    pub otlp: Option<Otlp>,
}

/// Where traces go.
#[derive(Clone, Debug)]
pub struct Otlp {
    pub url: Url,
    pub protocol: OtlpProtocol,
    /// Names are valid; values are shown to nobody but the collector.
    pub headers: Vec<(String, Secret)>,
    pub timeout: Duration,
    /// Of a thousand calls; those that fail are traced besides.
    pub sampled_per_mille: u32,
}

/// How spans travel.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum OtlpProtocol {
    Http,
    Grpc,
}

/// The log on standard error.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Log {
    pub level: LogLevel,
    pub format: LogFormat,
}

/// The least important events that are written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum LogLevel {
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

/// How a log line looks.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum LogFormat {
    Json,
    Text,
}
