//! What a run shall do, checked before anything is opened.

use std::path::PathBuf;
use std::time::Duration;

use super::{Fault, Target};

/// More connections than this need other limits of the machine raised first.
pub const CONNECTIONS_MAX: usize = 20_000;
/// A prefix of ids travels in every call.
const PREFIX_BYTES_MAX: usize = 64;
/// A text argument is built in memory once.
const TEXT_BYTES_MAX: usize = 64 * 1024 * 1024;

/// The shape of the calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Era {
    /// 2026-07-28: no session; version, method and name in headers and in `_meta`.
    Stateless,
    /// 2025-11-25: one `initialize` per connection, then `Mcp-Session-Id` on every call.
    Session,
}

/// What is asked in every call.
#[derive(Clone, Debug)]
pub enum Work {
    /// `tools/call` of `tool` with `arguments`, which is the text of a JSON object. Each string `"{id}"` in it becomes
    /// the call's id. With `progress` the call asks for progress notifications.
    Call {
        tool: String,
        arguments: String,
        progress: bool,
    },
    /// `tools/list`.
    List,
}

impl Work {
    /// The tool `echo` (under whatever name it is published) with a text of `bytes`.
    pub fn echo(tool: &str, bytes: usize) -> Result<Self, Fault> {
        if bytes > TEXT_BYTES_MAX {
            return Err(Fault::Option("bytes", format!("at most {TEXT_BYTES_MAX}")));
        }
        let arguments = format!("{{\"text\":\"{}\"}}", prose(bytes));
        Ok(Self::Call {
            tool: tool.to_owned(),
            arguments,
            progress: false,
        })
    }

    /// The tool `sized`: an answer of `answer_bytes` after `events` notifications, each (or the answer) after a delay.
    pub fn sized(tool: &str, answer_bytes: usize, events: u32, delay_ms: u64) -> Self {
        let arguments =
            format!("{{\"bytes\":{answer_bytes},\"events\":{events},\"delay_ms\":{delay_ms}}}");
        Self::Call {
            tool: tool.to_owned(),
            arguments,
            progress: events > 0,
        }
    }
}

/// When a run is over. With both given, the earlier one ends it.
#[derive(Clone, Copy, Debug)]
pub struct Extent {
    pub calls_max: Option<u64>,
    pub duration: Option<Duration>,
}

/// Everything that one run needs to know.
#[derive(Clone, Debug)]
pub struct Options {
    pub target: Target,
    pub connections: usize,
    pub extent: Extent,
    /// Calls per second over all connections, begun at fixed times whether or not earlier ones were answered.
    /// None: each connection calls again as soon as it was answered.
    pub rate: Option<f64>,
    pub era: Era,
    pub work: Work,
    /// Ids are strings `PREFIX-1`, `PREFIX-2`, …; without a prefix they are the numbers alone.
    pub ids: Option<String>,
    /// The file that receives one line per call: `id<TAB>answered|sent|failed<TAB>why`.
    pub journal: Option<PathBuf>,
    /// The longest that one call may take, connecting included.
    pub timeout: Duration,
    /// Further request headers, as `(name, value)`.
    pub headers: Vec<(String, String)>,
}

impl Options {
    /// One stateless connection, `echo` with 100 bytes, for five seconds.
    pub fn new(url: &str) -> Result<Self, Fault> {
        Ok(Self {
            target: url.parse()?,
            connections: 1,
            extent: Extent {
                calls_max: None,
                duration: Some(Duration::from_secs(5)),
            },
            rate: None,
            era: Era::Stateless,
            work: Work::echo("echo", 100)?,
            ids: None,
            journal: None,
            timeout: Duration::from_secs(30),
            headers: Vec::new(),
        })
    }

    /// The same, ended by a number of calls.
    pub fn calls(url: &str, calls_max: u64) -> Result<Self, Fault> {
        let extent = Extent {
            calls_max: Some(calls_max),
            duration: None,
        };
        Ok(Self {
            extent,
            ..Self::new(url)?
        })
    }

    pub(super) fn check(&self) -> Result<(), Fault> {
        let wrong = |option, why: &str| Err(Fault::Option(option, why.to_owned()));
        if self.connections == 0 || self.connections > CONNECTIONS_MAX {
            return Err(Fault::Option(
                "connections",
                format!("from 1 to {CONNECTIONS_MAX}"),
            ));
        }
        if self.extent.calls_max.is_none() && self.extent.duration.is_none() {
            return wrong("calls", "give a number of calls or a duration");
        }
        if self
            .rate
            .is_some_and(|rate| !(0.001..=10_000_000.0).contains(&rate))
        {
            return wrong("rate", "from 0.001 to 10 million calls per second");
        }
        if let Some(prefix) = &self.ids {
            let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b':');
            if prefix.is_empty() || prefix.len() > PREFIX_BYTES_MAX || !prefix.bytes().all(plain) {
                return wrong("ids", "1 to 64 letters, digits and -_.:");
            }
        }
        if let Work::Call {
            tool, arguments, ..
        } = &self.work
        {
            if tool.is_empty()
                || !tool
                    .bytes()
                    .all(|b| b.is_ascii_graphic() && b != b'"' && b != b'\\')
            {
                return wrong(
                    "tool",
                    "printable ASCII without spaces, quotes and backslashes",
                );
            }
            if serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(arguments)
                .is_err()
            {
                return wrong("arguments", "must be a JSON object");
            }
        }
        let unprintable = |text: &String| text.bytes().any(|b| b.is_ascii_control());
        if self
            .headers
            .iter()
            .any(|(name, value)| name.is_empty() || unprintable(name) || unprintable(value))
        {
            return wrong("header", "`Name: value` without control characters");
        }
        Ok(())
    }
}

/// Plain words, `bytes` long, that need no escaping in JSON.
fn prose(bytes: usize) -> String {
    "the quick brown fox jumps over the lazy dog and runs on "
        .chars()
        .cycle()
        .take(bytes)
        .collect()
}

/// Reads a duration such as `250ms`, `5s` or `2m`.
pub fn duration(text: &str) -> Result<Duration, String> {
    let digits = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let number: u32 = number
        .parse()
        .map_err(|_| format!("`{text}`: write a number and ms, s or m"))?;
    match unit {
        "ms" => Ok(Duration::from_millis(number.into())),
        "s" => Ok(Duration::from_secs(number.into())),
        "m" => Ok(Duration::from_secs(u64::from(number) * 60)),
        _ => Err(format!("`{text}`: the unit must be ms, s or m")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        let table = [
            ("250ms", Some(250)),
            ("5s", Some(5_000)),
            ("2m", Some(120_000)),
            ("5", None),
            ("s", None),
            ("-5s", None),
            ("1h", None),
        ];
        for (text, millis) in table {
            assert_eq!(duration(text).ok().map(|d| d.as_millis()), millis, "{text}");
        }
    }

    #[test]
    fn options_out_of_bounds_are_named() {
        let good = || Options::new("http://127.0.0.1:1/mcp").expect("a good url");
        type Spoil = fn(&mut Options);
        let table: [(Spoil, &str); 7] = [
            (|o| o.connections = 0, "connections"),
            (|o| o.extent.duration = None, "calls"),
            (|o| o.rate = Some(0.0), "rate"),
            (|o| o.ids = Some("a b".into()), "ids"),
            (
                |o| {
                    o.work = Work::Call {
                        tool: "a\"b".into(),
                        arguments: "{}".into(),
                        progress: false,
                    }
                },
                "tool",
            ),
            (
                |o| {
                    o.work = Work::Call {
                        tool: "a".into(),
                        arguments: "[]".into(),
                        progress: false,
                    }
                },
                "arguments",
            ),
            (
                |o| o.headers = vec![("A".into(), "b\r\nC: d".into())],
                "header",
            ),
        ];
        assert!(good().check().is_ok());
        for (spoil, named) in table {
            let mut options = good();
            spoil(&mut options);
            let fault = options.check().expect_err(named);
            assert!(
                matches!(fault, Fault::Option(option, _) if option == named),
                "{named}: {fault}"
            );
        }
    }
}
