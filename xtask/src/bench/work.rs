//! The rows of the bench: what is called, by how many connections, in which form of the protocol.

/// The row whose throughput counts as a contestant's capacity.
pub(crate) const CAPACITY: &str = "100 B JSON, 16 connections";

const ANSWER_4_KIB: &[&str] = &["--tool", "sized", "--answer-bytes", "4096"];
const ANSWER_256_KIB: &[&str] = &["--tool", "sized", "--answer-bytes", "262144"];
const TEN_EVENTS: &[&str] = &["--tool", "sized", "--answer-bytes", "100", "--events", "10"];
const ECHO: &[&str] = &["--tool", "echo", "--bytes", "100"];
const ECHO_IN_SESSION: &[&str] = &["--tool", "echo", "--bytes", "100", "--session"];
const LIST: &[&str] = &["--list"];

/// One row.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Work {
    pub(crate) name: &'static str,
    pub(crate) connections: usize,
    /// What the load generator is told, beside the URL and the pace.
    pub(crate) arguments: &'static [&'static str],
    pub(crate) pace: Pace,
}

/// When calls are made.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Pace {
    /// Each connection calls again as soon as it is answered.
    Closed,
    /// So many calls per second, whether or not earlier ones are answered.
    Fixed { rate: f64 },
}

impl Work {
    /// Whether the row is there for its latency, which idle cores would blur.
    pub(crate) fn shows_latency(&self) -> bool {
        self.connections == 1 || self.pace.rate().is_some()
    }
}

impl Pace {
    pub(crate) fn rate(self) -> Option<f64> {
        match self {
            Self::Closed => None,
            Self::Fixed { rate } => Some(rate),
        }
    }
}

/// The rows that show capacity.
pub(crate) fn closed_loop() -> Vec<Work> {
    let row = |name, connections, arguments| Work {
        name,
        connections,
        arguments,
        pace: Pace::Closed,
    };
    vec![
        row("100 B JSON, 1 connection", 1, ECHO),
        row(CAPACITY, 16, ECHO),
        row("100 B JSON, 64 connections", 64, ECHO),
        row(
            "100 B JSON in a session, 16 connections",
            16,
            ECHO_IN_SESSION,
        ),
        row("4 KiB JSON, 16 connections", 16, ANSWER_4_KIB),
        row("256 KiB JSON, 16 connections", 16, ANSWER_256_KIB),
        row("ten SSE events, 16 connections", 16, TEN_EVENTS),
        row("list of 200 tools, 16 connections", 16, LIST),
    ]
}

/// The row that shows added latency.
pub(crate) fn fixed_rate(pace: Pace) -> Work {
    Work {
        name: "100 B JSON at a fixed rate, 16 connections",
        connections: 16,
        arguments: ECHO,
        pace,
    }
}
