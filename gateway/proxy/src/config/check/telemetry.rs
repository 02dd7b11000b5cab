//! What the gateway says about itself.

use http::{HeaderName, HeaderValue};

use super::Checker;
use crate::config::checked::{Log, LogFormat, LogLevel, Otlp, OtlpProtocol, Telemetry};
use crate::config::fault::Path;
use crate::config::raw;

impl Checker<'_> {
    pub(super) fn telemetry(&mut self, raw: &raw::Telemetry) -> Option<Telemetry> {
        let level = match raw.log.level {
            raw::LogLevel::Error => LogLevel::Error,
            raw::LogLevel::Warn => LogLevel::Warn,
            raw::LogLevel::Info => LogLevel::Info,
            raw::LogLevel::Debug => LogLevel::Debug,
            raw::LogLevel::Trace => LogLevel::Trace,
        };
        let format = match raw.log.format {
            raw::LogFormat::Json => LogFormat::Json,
            raw::LogFormat::Text => LogFormat::Text,
        };
        let otlp = match &raw.otlp {
            None => None,
            Some(raw) => Some(self.otlp(raw, &Path::of("telemetry").key("otlp"))?),
        };
        Some(Telemetry {
            log: Log { level, format },
            otlp,
        })
    }

    fn otlp(&mut self, raw: &raw::Otlp, path: &Path) -> Option<Otlp> {
        let at = path.key("url");
        let url = if self.is_absent(&at) {
            None
        } else {
            self.url(&raw.url, &at)
        };
        let mut headers = Vec::new();
        for (name, value) in &raw.headers {
            let at = path.key("headers").key(name);
            if HeaderName::from_bytes(name.as_bytes()).is_err() {
                self.fault(
                    &at,
                    "this cannot name a header",
                    "a name such as `x-api-key`",
                );
                continue;
            }
            let Some(value) = self.secret(value, &at) else {
                continue;
            };
            if HeaderValue::from_str(value.expose()).is_err() {
                self.fault(
                    &at,
                    "this cannot be a header's value",
                    "visible ASCII characters",
                );
            }
            headers.push((name.clone(), value));
        }
        Some(Otlp {
            url: url?,
            protocol: match raw.protocol {
                raw::OtlpProtocol::Http => OtlpProtocol::Http,
                raw::OtlpProtocol::Grpc => OtlpProtocol::Grpc,
            },
            headers,
            timeout: raw.timeout.into(),
            sampled_per_mille: raw.sampled_per_mille,
        })
    }
}
