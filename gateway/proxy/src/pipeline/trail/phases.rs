//! How long a request spent in each phase, for its trace and the metrics.

use std::time::Instant;

use crate::telemetry::spans::Part;

/// A phase of a request, in the order in which it goes through them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub enum Phase {
    /// Reading the message and its headers.
    Read = 0,
    Auth = 1,
    Policy = 2,
    RateLimit = 3,
    GuardIn = 4,
    Route = 5,
    /// From the first byte to the server to the end of its answer.
    Upstream = 6,
    /// Writing the record.
    Audit = 7,
}

impl Phase {
    /// Every phase, in order.
    pub const ALL: [Self; 8] = [
        Self::Read,
        Self::Auth,
        Self::Policy,
        Self::RateLimit,
        Self::GuardIn,
        Self::Route,
        Self::Upstream,
        Self::Audit,
    ];

    /// The word in metrics and traces.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Auth => "auth",
            Self::Policy => "policy",
            Self::RateLimit => "ratelimit",
            Self::GuardIn => "guard_in",
            Self::Route => "route",
            Self::Upstream => "upstream",
            Self::Audit => "audit",
        }
    }
}

/// When each phase began and ended, in microseconds since the request's start. A phase begins
/// where the one before it ended.
#[derive(Clone, Debug)]
pub(super) struct Phases {
    started: Instant,
    last_us: u64,
    spans: [Option<(u64, u64)>; Phase::ALL.len()],
}

impl Phases {
    pub(super) fn begin(started: Instant) -> Self {
        Self {
            started,
            last_us: 0,
            spans: [None; Phase::ALL.len()],
        }
    }

    /// The phase ends now.
    pub(super) fn ended(&mut self, phase: Phase) {
        let now_us = u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX);
        if let Some(span) = self.spans.get_mut(phase as usize) {
            *span = Some((self.last_us, now_us));
        }
        self.last_us = now_us;
    }

    /// A moment of the request, in microseconds since its start.
    pub(super) fn since_start(&self, at: Instant) -> u64 {
        let since = at.saturating_duration_since(self.started);
        u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
    }

    /// The phases that the request went through.
    pub(super) fn parts(&self) -> impl Iterator<Item = (Phase, Part)> + '_ {
        Phase::ALL
            .into_iter()
            .zip(&self.spans)
            .filter_map(|(phase, span)| {
                let (start_us, end_us) = (*span)?;
                let name = phase.as_str();
                Some((
                    phase,
                    Part {
                        name,
                        start_us,
                        end_us,
                    },
                ))
            })
    }
}
