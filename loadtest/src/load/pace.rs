//! When each call is due.
//!
//! With a fixed rate the due times are laid down in advance, and a call's latency counts from its due time, not from
//! when a connection was free to send it: a target that stalls is charged for every call which the stall delayed
//! (the correction of "coordinated omission").

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::Extent;

/// Hands out the calls of a run, each once, to whichever connection is free.
pub(super) struct Schedule {
    extent: Extent,
    /// Nanoseconds from one due time to the next; None for a closed loop.
    interval_ns: Option<f64>,
    /// How long after the last due time calls that are late may still be begun.
    overrun_max: Duration,
    started: OnceLock<Instant>,
    next: AtomicU64,
}

/// One call to make: its number, from 0, and the time from which its latency counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Turn {
    pub(super) number: u64,
    pub(super) due: Instant,
}

impl Schedule {
    pub(super) fn new(extent: Extent, rate: Option<f64>, overrun_max: Duration) -> Self {
        Self {
            extent,
            interval_ns: rate.map(|per_second| 1e9 / per_second),
            overrun_max,
            started: OnceLock::new(),
            next: AtomicU64::new(0),
        }
    }

    /// Starts the clock; the first call is due at `now`.
    pub(super) fn start(&self, now: Instant) -> Instant {
        *self.started.get_or_init(|| now)
    }

    pub(super) fn is_fixed_rate(&self) -> bool {
        self.interval_ns.is_some()
    }

    /// Claims the next call, or None when the run is over.
    pub(super) fn claim(&self, now: Instant) -> Option<Turn> {
        let started = self.start(now);
        if let Some(duration) = self.extent.duration {
            let grace = if self.interval_ns.is_some() {
                self.overrun_max
            } else {
                Duration::ZERO
            };
            if now >= started + duration + grace {
                return None;
            }
        }
        let calls_max = self.calls_max();
        let number = self
            .next
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |next| {
                (next < calls_max).then_some(next + 1)
            })
            .ok()?;
        let due = match self.interval_ns {
            Some(interval_ns) => {
                started + Duration::from_nanos((number as f64 * interval_ns) as u64)
            }
            None => now,
        };
        Some(Turn { number, due })
    }

    /// Calls of a fixed rate that were due but never begun, because the run had to end.
    pub(super) fn skipped(&self) -> u64 {
        match self.interval_ns {
            Some(_) => self
                .calls_max()
                .saturating_sub(self.next.load(Ordering::Relaxed)),
            None => 0,
        }
    }

    fn calls_max(&self) -> u64 {
        let by_number = self.extent.calls_max.unwrap_or(u64::MAX);
        match (self.interval_ns, self.extent.duration) {
            (Some(interval_ns), Some(duration)) => {
                by_number.min((duration.as_nanos() as f64 / interval_ns).ceil() as u64)
            }
            _ => by_number,
        }
    }
}

#[cfg(target_os = "linux")]
pub(super) use alarm::Alarm;

/// Waits for due times more exactly than the runtime's own timers, which step by a millisecond.
#[cfg(target_os = "linux")]
mod alarm {
    use std::fs::File;
    use std::io;
    use std::time::Instant;

    use rustix::time::{
        Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
        timerfd_settime,
    };
    use tokio::io::AsyncReadExt;
    use tokio::net::unix::pipe::Receiver;

    pub(in crate::load) struct Alarm {
        /// Shares its file description with `rings`.
        timer: File,
        /// A timer that rings becomes readable, as a pipe does that was written to.
        rings: Receiver,
    }

    impl Alarm {
        pub(in crate::load) fn new() -> io::Result<Self> {
            let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
            let timer = File::from(timerfd_create(TimerfdClockId::Monotonic, flags)?);
            let rings = Receiver::from_file_unchecked(timer.try_clone()?)?;
            Ok(Self { timer, rings })
        }

        /// Returns at `due`, or at once when that has passed.
        pub(in crate::load) async fn until(&mut self, due: Instant) -> io::Result<()> {
            loop {
                let left = due.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    return Ok(());
                }
                let never = Timespec {
                    tv_sec: 0,
                    tv_nsec: 0,
                };
                let once = Timespec {
                    tv_sec: left.as_secs().cast_signed(),
                    tv_nsec: left.subsec_nanos().into(),
                };
                let setting = Itimerspec {
                    it_interval: never,
                    it_value: once,
                };
                timerfd_settime(&self.timer, TimerfdTimerFlags::empty(), &setting)?;
                self.rings.read_exact(&mut [0; 8]).await?;
            }
        }
    }
}

/// Elsewhere the runtime's own timers must do; the report's `late` figures show what that costs.
#[cfg(not(target_os = "linux"))]
pub(super) struct Alarm;

#[cfg(not(target_os = "linux"))]
impl Alarm {
    pub(super) fn new() -> std::io::Result<Self> {
        Ok(Self)
    }

    pub(super) async fn until(&mut self, due: Instant) -> std::io::Result<()> {
        tokio::time::sleep_until(due.into()).await;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn extent(calls_max: Option<u64>, millis: Option<u64>) -> Extent {
        Extent {
            calls_max,
            duration: millis.map(Duration::from_millis),
        }
    }

    /// Due times in microseconds since the start, claimed at the given times.
    fn dues(schedule: &Schedule, claimed_at_us: &[u64]) -> Vec<Option<u64>> {
        let start = schedule.start(Instant::now());
        let claim = |us: &u64| schedule.claim(start + Duration::from_micros(*us));
        claimed_at_us
            .iter()
            .map(|us| claim(us).map(|turn| (turn.due - start).as_micros() as u64))
            .collect()
    }

    #[test]
    fn a_closed_loop_is_due_when_claimed() {
        let schedule = Schedule::new(extent(Some(3), None), None, Duration::ZERO);
        assert_eq!(
            dues(&schedule, &[0, 70, 500, 501]),
            [Some(0), Some(70), Some(500), None]
        );
        assert_eq!(schedule.skipped(), 0);
    }

    #[test]
    fn a_closed_loop_ends_with_its_duration() {
        let schedule = Schedule::new(extent(None, Some(1)), None, Duration::from_secs(9));
        assert_eq!(
            dues(&schedule, &[0, 999, 1_000]),
            [Some(0), Some(999), None]
        );
    }

    #[test]
    fn a_fixed_rate_keeps_its_due_times_through_a_stall() {
        // 1,000 calls per second; the target stalls until 5 ms. Due times do not move.
        let schedule = Schedule::new(extent(Some(5), None), Some(1_000.0), Duration::ZERO);
        let claims = [0, 5_000, 5_000, 5_000, 5_000, 5_000];
        assert_eq!(
            dues(&schedule, &claims),
            [
                Some(0),
                Some(1_000),
                Some(2_000),
                Some(3_000),
                Some(4_000),
                None
            ]
        );
    }

    #[test]
    fn a_fixed_rate_counts_what_it_had_to_skip() {
        // Ten calls in 10 ms with 1 ms of grace: at 11 ms the run is over and eight were never begun.
        let schedule = Schedule::new(
            extent(None, Some(10)),
            Some(1_000.0),
            Duration::from_millis(1),
        );
        assert_eq!(
            dues(&schedule, &[0, 10_999, 11_000]),
            [Some(0), Some(1_000), None]
        );
        assert_eq!(schedule.skipped(), 8);
    }

    #[tokio::test]
    async fn the_alarm_never_rings_early() {
        let mut alarm = Alarm::new().expect("a timer");
        for micros in [0, 1, 300, 2_000] {
            let due = Instant::now() + Duration::from_micros(micros);
            alarm.until(due).await.expect("the timer rings");
            assert!(Instant::now() >= due);
        }
    }
}
