use std::{
    io,
    sync::{Arc, Mutex},
};

use serde_json::Value;

use super::*;
use crate::config::LogFormat;

/// Keeps what was written.
#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<u8>>>);

impl io::Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What is written while `act` runs, through the queue that the gateway uses.
fn written(level: LogLevel, format: LogFormat, act: impl FnOnce()) -> String {
    let kept = Kept::default();
    let (writer, worker) = bounded(kept.clone());
    tracing::subscriber::with_default(subscriber(Log { level, format }, writer), act);
    drop(worker);
    let bytes = kept.0.lock().unwrap().clone();
    String::from_utf8(bytes).unwrap()
}

fn json(text: &str) -> Vec<Value> {
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn an_event_is_one_flat_object() {
    let text = written(LogLevel::Info, LogFormat::Json, || {
        tracing::info!(target: "gantry", server = "orders", duration_us = 42_u64, rpc_code = -32601, ok = true, share = 0.5, error = %"gone", "call");
    });
    let lines = json(&text);
    assert_eq!(lines.len(), 1);
    let line = &lines[0];
    let ts = line["ts"].as_str().unwrap();
    assert_eq!(ts.len(), "2026-01-02T03:04:05.678901Z".len());
    assert!(ts.ends_with('Z') && ts.as_bytes()[10] == b'T' && ts.as_bytes()[19] == b'.');
    assert_eq!(line["level"], "info");
    assert_eq!(line["msg"], "call");
    assert_eq!(line["server"], "orders");
    assert_eq!(line["duration_us"], 42);
    assert_eq!(line["rpc_code"], -32601);
    assert_eq!(line["ok"], true);
    assert_eq!(line["share"], 0.5);
    assert_eq!(line["error"], "gone");
    assert!(text.starts_with("{\"ts\":\""), "{text}");
}

#[test]
fn no_value_forges_a_line() {
    let evil = "x\"}\n{\"level\":\"error\",\"msg\":\"forged\"}\r\u{2028}\u{1b}[2J";
    let act = || {
        tracing::info!(target: "gantry", tool = evil, error = %evil, other = ?evil, "{evil}");
    };
    let text = written(LogLevel::Info, LogFormat::Json, act);
    assert_eq!(text.matches('\n').count(), 1);
    let lines = json(&text);
    assert_eq!(lines[0]["tool"], evil);
    assert_eq!(lines[0]["msg"], evil);
    assert_eq!(lines[0]["level"], "info");
    let text = written(LogLevel::Info, LogFormat::Text, act);
    assert_eq!(text.matches('\n').count(), 1);
    assert!(!text.contains(['\r', '\u{2028}', '\u{1b}']), "{text}");
}

#[test]
fn a_field_never_stands_for_the_lines_own() {
    let text = written(LogLevel::Info, LogFormat::Json, || {
        tracing::info!(target: "gantry", level = "fatal", msg = "mine", ts = 1, "call");
    });
    let lines = json(&text);
    assert_eq!(lines[0]["level"], "info");
    assert_eq!(lines[0]["msg"], "call");
    assert_eq!(lines[0]["_level"], "fatal");
    assert_eq!(lines[0]["_msg"], "mine");
    assert_eq!(text.matches("\"level\"").count(), 1);
}

#[test]
fn text_reads_like_words() {
    let text = written(LogLevel::Info, LogFormat::Text, || {
        tracing::warn!(target: "gantry", server = "orders", url = "http://a:1/mcp", why = "two words", n = 3, "call failed");
    });
    let (_, rest) = text.split_once(' ').unwrap();
    assert_eq!(
        rest,
        "WARN  call failed server=orders url=http://a:1/mcp why=\"two words\" n=3\n"
    );
}

#[test]
fn levels_are_ours_and_others_may_only_warn() {
    for (level, expected) in [
        (LogLevel::Error, vec!["own error"]),
        (
            LogLevel::Info,
            vec!["own error", "own info", "foreign warn"],
        ),
        (
            LogLevel::Debug,
            vec![
                "own error",
                "own info",
                "own debug",
                "foreign warn",
                "foreign info",
            ],
        ),
    ] {
        let text = written(level, LogFormat::Json, || {
            tracing::error!(target: "gantry::server", "own error");
            tracing::info!(target: "gantry_analytics::delivery", "own info");
            tracing::debug!(target: "gantry", "own debug");
            tracing::warn!(target: "pingora_proxy", "foreign warn");
            tracing::info!(target: "pingora_core::server", "foreign info");
            tracing::debug!(target: "hyper", "foreign debug");
        });
        let messages: Vec<String> = json(&text)
            .iter()
            .map(|line| line["msg"].as_str().unwrap().to_owned())
            .collect();
        assert_eq!(messages, expected, "{level:?}");
    }
}

#[test]
fn events_of_the_log_crate_keep_their_target() {
    let text = written(LogLevel::Info, LogFormat::Json, || {
        let record = log::Record::builder()
            .target("pingora_proxy")
            .level(log::Level::Error)
            .module_path(Some("pingora_proxy"))
            .file(Some("lib.rs"))
            .line(Some(7))
            .args(format_args!("upstream\nbroke"))
            .build();
        tracing_log::format_trace(&record).unwrap();
    });
    let lines = json(&text);
    assert_eq!(lines[0]["target"], "pingora_proxy");
    assert_eq!(lines[0]["level"], "error");
    assert_eq!(lines[0]["msg"], "upstream\nbroke");
    assert_eq!(lines[0].as_object().unwrap().len(), 4);
}
