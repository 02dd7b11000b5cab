//! The `telemetry` section.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::URL;
use crate::config::{Secret, bounds, quantity::Period};

/// What the gateway says about itself.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct Telemetry {
    /// The log on standard error.
    pub log: Log,
    /// The collector that traces go to. Left out: there are none.
    pub otlp: Option<Otlp>,
}

/// An OpenTelemetry collector.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["url"]))]
pub(in crate::config) struct Otlp {
    /// With `http` the whole address: `http://127.0.0.1:4318/v1/traces`; with `grpc` the server: `http://127.0.0.1:4317`.
    #[schemars(extend("x-form" = URL))]
    pub url: String,
    /// How spans travel.
    pub protocol: OtlpProtocol,
    /// Headers for the collector, such as a key: as `${VARIABLE}` or `file:PATH` rather than in the open. They never
    /// print.
    #[schemars(extend("maxProperties" = bounds::OTLP_HEADERS_MAX))]
    pub headers: BTreeMap<String, Secret>,
    /// For one batch of spans. What takes longer is tried again, and then lost.
    #[schemars(extend("x-min-ms" = bounds::OTLP_MIN.ms, "x-max-ms" = bounds::OTLP_MAX.ms))]
    pub timeout: Period,
    /// How many of a thousand calls are traced, by their trace id. Those that fail always are.
    #[schemars(extend("minimum" = 0, "maximum" = 1000))]
    pub sampled_per_mille: u32,
}

impl Default for Otlp {
    fn default() -> Self {
        Self {
            url: String::new(),
            protocol: OtlpProtocol::default(),
            headers: BTreeMap::new(),
            timeout: Period::from_ms(10_000),
            sampled_per_mille: 100,
        }
    }
}

#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema, Serialize)]
#[serde(rename_all = "lowercase")]
pub(in crate::config) enum OtlpProtocol {
    /// Protocol buffers over HTTP/1.1.
    #[default]
    Http,
    /// gRPC.
    Grpc,
}

/// The log on standard error.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct Log {
    /// The least important events that are written.
    pub level: LogLevel,
    /// How a line looks.
    pub format: LogFormat,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema, Serialize)]
#[serde(rename_all = "lowercase")]
pub(in crate::config) enum LogLevel {
    Error,
    Warn,
    #[default]
    Info,
    Debug,
    Trace,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema, Serialize)]
#[serde(rename_all = "lowercase")]
pub(in crate::config) enum LogFormat {
    /// One JSON object per line.
    #[default]
    Json,
    /// For people.
    Text,
}
