//! How long the oldest undelivered row has been waiting.
//!
//! Keeping a time for each row would cost more than the answer is worth; a mark each second is
//! exact enough and the number of marks is bounded.

use std::{
    collections::VecDeque,
    time::{Duration, SystemTime},
};

use super::Position;

/// Time between two marks.
const MARK_EVERY: Duration = Duration::from_secs(1);
/// Most marks kept: beyond an hour of backlog every second mark goes.
const MARKS_MAX: usize = 3600;

/// Times of writing, for some of the undelivered rows.
#[derive(Debug, Default)]
pub(crate) struct Backlog {
    /// (row, time at which it was written), ascending in both.
    marks: VecDeque<(Position, SystemTime)>,
}

impl Backlog {
    /// Notes that rows from `first` on were written at `at`.
    pub(crate) fn wrote(&mut self, first: Position, at: SystemTime) {
        let is_due = self.marks.back().is_none_or(|(_, last)| {
            at.duration_since(*last)
                .is_ok_and(|since| since >= MARK_EVERY)
        });
        if !is_due {
            return;
        }
        if self.marks.len() >= MARKS_MAX {
            let mut keep = false;
            self.marks.retain(|_| {
                keep = !keep;
                keep
            });
        }
        self.marks.push_back((first, at));
    }

    /// Forgets the marks of which no row is left: everything up to and with `last` is delivered,
    /// `is_all` says that no later row exists.
    pub(crate) fn delivered(&mut self, last: Position, is_all: bool) {
        if is_all {
            self.marks.clear();
            return;
        }
        while self.marks.get(1).is_some_and(|(first, _)| {
            (first.epoch, first.seq) <= (last.epoch, last.seq.saturating_add(1))
        }) {
            self.marks.pop_front();
        }
    }

    /// Age of the oldest undelivered row; zero when there is none.
    pub(crate) fn age(&self, now: SystemTime) -> Duration {
        self.marks.front().map_or(Duration::ZERO, |(_, at)| {
            now.duration_since(*at).unwrap_or_default()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    fn row(seq: u64) -> Position {
        Position { epoch: 1, seq }
    }

    #[test]
    fn age_follows_the_oldest_undelivered_row() {
        let mut backlog = Backlog::default();
        assert_eq!(backlog.age(at(100)), Duration::ZERO);
        backlog.wrote(row(1), at(100));
        backlog.wrote(row(5), at(110));
        backlog.wrote(row(9), at(120));
        assert_eq!(backlog.age(at(130)), Duration::from_secs(30));
        backlog.delivered(row(3), false);
        assert_eq!(backlog.age(at(130)), Duration::from_secs(30));
        backlog.delivered(row(4), false);
        assert_eq!(backlog.age(at(130)), Duration::from_secs(20));
        backlog.delivered(row(9), true);
        assert_eq!(backlog.age(at(130)), Duration::ZERO);
    }

    #[test]
    fn marks_are_bounded() {
        let mut backlog = Backlog::default();
        for second in 0..20_000 {
            backlog.wrote(row(second), at(second));
        }
        assert!(backlog.marks.len() <= MARKS_MAX);
        assert_eq!(backlog.age(at(20_000)), Duration::from_secs(20_000));
    }
}
