//! How an event becomes a line: a JSON object, or words for people.

use std::fmt::{self, Debug};

use tracing::{
    Event, Level, Subscriber,
    field::{Field, Visit},
};
use tracing_log::NormalizeEvent as _;
use tracing_subscriber::{
    fmt::{
        FmtContext, FormatEvent, FormatFields,
        format::Writer,
        time::{FormatTime, SystemTime},
    },
    registry::LookupSpan,
};

use super::escape::write_escaped;
use crate::config::LogFormat;

/// The field that holds an event's sentence.
const MESSAGE: &str = "message";
/// Where the `log` crate's events come from; `target` says it already.
const BRIDGE_PREFIX: &str = "log.";
/// Keys that the line itself writes first. A field of that name would stand there twice.
const RESERVED: [&str; 4] = ["ts", "level", "target", "msg"];

/// Writes events as lines.
pub(super) struct Line {
    format: LogFormat,
}

impl Line {
    pub(super) fn new(format: LogFormat) -> Self {
        Self { format }
    }
}

impl<S, N> FormatEvent<S, N> for Line
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _: &FmtContext<'_, S, N>,
        mut out: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let bridged = event.normalized_metadata();
        let metadata = bridged.as_ref().unwrap_or_else(|| event.metadata());
        let level = level_word(*metadata.level());
        match self.format {
            LogFormat::Json => {
                out.write_str("{\"ts\":\"")?;
                SystemTime.format_time(&mut out)?;
                write!(out, "\",\"level\":\"{level}\",\"target\":\"")?;
                write_escaped(&mut out, metadata.target())?;
                out.write_str("\",\"msg\":\"")?;
            }
            LogFormat::Text => {
                SystemTime.format_time(&mut out)?;
                write!(out, " {:5} ", level.to_ascii_uppercase())?;
            }
        }
        let mut message = Message {
            out: &mut out,
            result: Ok(()),
        };
        event.record(&mut message);
        message.result?;
        if self.format == LogFormat::Json {
            out.write_str("\"")?;
        }
        let mut fields = Fields {
            out: &mut out,
            format: self.format,
            result: Ok(()),
        };
        event.record(&mut fields);
        fields.result?;
        match self.format {
            LogFormat::Json => out.write_str("}\n"),
            LogFormat::Text => out.write_str("\n"),
        }
    }
}

fn level_word(level: Level) -> &'static str {
    match level {
        Level::ERROR => "error",
        Level::WARN => "warn",
        Level::INFO => "info",
        Level::DEBUG => "debug",
        Level::TRACE => "trace",
    }
}

/// Writes the event's sentence and nothing else.
struct Message<'a, 'w> {
    out: &'a mut Writer<'w>,
    result: fmt::Result,
}

impl Visit for Message<'_, '_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == MESSAGE && self.result.is_ok() {
            self.result = write_escaped(self.out, value);
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if field.name() == MESSAGE {
            self.record_str(field, &format!("{value:?}"));
        }
    }
}

/// Writes everything but the sentence, as `,"key":value` or as ` key=value`.
struct Fields<'a, 'w> {
    out: &'a mut Writer<'w>,
    format: LogFormat,
    result: fmt::Result,
}

impl Fields<'_, '_> {
    fn write(&mut self, field: &Field, value: impl FnOnce(&mut Writer<'_>) -> fmt::Result) {
        let name = field.name();
        if name == MESSAGE || name.starts_with(BRIDGE_PREFIX) || self.result.is_err() {
            return;
        }
        self.result = self.key(name).and_then(|()| value(self.out));
    }

    /// Field names are identifiers of the program, except those in quotes, which may be anything.
    fn key(&mut self, name: &str) -> fmt::Result {
        let marker = if RESERVED.contains(&name) { "_" } else { "" };
        match self.format {
            LogFormat::Json => {
                write!(self.out, ",\"{marker}")?;
                write_escaped(self.out, name)?;
                self.out.write_str("\":")
            }
            LogFormat::Text => {
                self.out.write_str(" ")?;
                write_escaped(self.out, name)?;
                self.out.write_str("=")
            }
        }
    }
}

impl Visit for Fields<'_, '_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        let bare = self.format == LogFormat::Text && is_one_word(value);
        self.write(field, |out| {
            let quote = if bare { "" } else { "\"" };
            out.write_str(quote)?;
            write_escaped(out, value)?;
            out.write_str(quote)
        });
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.write(field, |out| write!(out, "{value}"));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.write(field, |out| write!(out, "{value}"));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.write(field, |out| write!(out, "{value}"));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        if value.is_finite() {
            self.write(field, |out| write!(out, "{value}"));
        } else {
            // JSON has no such numbers.
            self.record_str(field, &value.to_string());
        }
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        self.record_str(field, &value.to_string());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.record_str(field, &format!("{value:?}"));
    }
}

/// Whether a value can stand without quotes and still be told from what follows.
fn is_one_word(value: &str) -> bool {
    !value.is_empty()
        && value
            .chars()
            .all(|c| c.is_alphanumeric() || "._-:/".contains(c))
}
