//! A row as one line for a terminal.
//!
//! Names and error texts come from strangers, so control characters are never printed: an
//! escape sequence in a tool's name must not move anybody's cursor.

use std::fmt;

use super::Row;

impl fmt::Display for Row {
    /// Time, outcome, status, duration, size, agent, method, target, identity, then the reason
    /// of a refusal or failure.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}  {:<15} {:>3} {:>9} {:>9}  ",
            Plain(&self.time),
            Plain(&self.outcome).to_string(),
            self.http_status,
            Micros(self.duration_us).to_string(),
            Bytes(self.resp_bytes).to_string(),
        )?;
        let agent = if self.agent.is_empty() {
            "-"
        } else {
            &self.agent
        };
        write!(f, "{} {}", Plain(agent), Plain(&self.method))?;
        if !self.server.is_empty() {
            write!(f, " {}", Plain(&self.server))?;
        }
        if !self.tool.is_empty() {
            write!(f, "/{}", Plain(&self.tool))?;
        }
        if !self.server_version.is_empty() {
            write!(f, "@{}", Plain(&self.server_version))?;
        }
        write!(f, "  {}/{}/{}", Plain(&self.gateway), self.epoch, self.seq)?;
        for reason in [&self.policy, &self.error] {
            if !reason.is_empty() {
                write!(f, "  {}", Plain(reason))?;
            }
        }
        Ok(())
    }
}

/// Text without control characters.
struct Plain<'a>(&'a str);

impl fmt::Display for Plain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for piece in self.0.split_inclusive(char::is_control) {
            let text = piece.trim_end_matches(char::is_control);
            f.write_str(text)?;
            if text.len() < piece.len() {
                f.write_str("\u{fffd}")?;
            }
        }
        Ok(())
    }
}

/// A duration in the unit that gives one to three digits before the point.
struct Micros(u64);

impl fmt::Display for Micros {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            us @ ..1_000 => write!(f, "{us} us"),
            us @ ..1_000_000 => write!(f, "{:.1} ms", us as f64 / 1e3),
            us => write!(f, "{:.1} s", us as f64 / 1e6),
        }
    }
}

/// A size in binary units.
struct Bytes(u64);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            bytes @ ..1_024 => write!(f, "{bytes} B"),
            bytes @ ..1_048_576 => write!(f, "{:.1} KiB", bytes as f64 / 1024.0),
            bytes => write!(f, "{:.1} MiB", bytes as f64 / 1_048_576.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row() -> Row {
        Row {
            time: "2026-11-22 10:51:07.123456".to_owned(),
            ts_us: 0,
            gateway: "gw-1".to_owned(),
            epoch: 7,
            seq: 48_000,
            tenant: String::new(),
            agent: "support-bot".to_owned(),
            method: "tools/call".to_owned(),
            server: "orders".to_owned(),
            server_version: "v2".to_owned(),
            tool: "orders_get".to_owned(),
            outcome: "ok".to_owned(),
            http_status: 200,
            rpc_code: 0,
            error: String::new(),
            policy: String::new(),
            duration_us: 12_345,
            upstream_us: 12_000,
            req_bytes: 120,
            resp_bytes: 2_048,
            trace_id: String::new(),
        }
    }

    #[test]
    fn a_row_is_one_line() {
        assert_eq!(
            row().to_string(),
            "2026-11-22 10:51:07.123456  ok              200   12.3 ms   2.0 KiB  \
             support-bot tools/call orders/orders_get@v2  gw-1/7/48000"
        );
    }

    #[test]
    fn control_characters_are_not_printed() {
        let hostile = Row {
            error: "a\u{1b}[2Jb\n\nc".to_owned(),
            ..row()
        };
        let line = hostile.to_string();
        assert!(line.ends_with("a\u{fffd}[2Jb\u{fffd}\u{fffd}c"), "{line}");
    }
}
