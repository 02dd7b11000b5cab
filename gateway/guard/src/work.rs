//! Work, counted: what makes the time of a scan one that can be bounded.
//!
//! Whoever loops over what a message holds counts its steps here, each worth a nanosecond or a few. Every so many of
//! them the one who waits is asked whether to go on.

/// Steps between two questions: some hundred microseconds.
const STEPS: usize = 1 << 16;

/// The work of one scan.
pub(crate) struct Work<'a> {
    go_on: &'a dyn Fn() -> bool,
    left: usize,
    over: bool,
}

impl<'a> Work<'a> {
    pub(crate) fn new(go_on: &'a dyn Fn() -> bool) -> Self {
        Self {
            go_on,
            left: STEPS,
            over: false,
        }
    }

    /// Counts `steps` and says whether to go on. Once it is over it stays so.
    pub(crate) fn lasts(&mut self, steps: usize) -> bool {
        match self.left.checked_sub(steps) {
            Some(left) => self.left = left,
            None => {
                self.left = STEPS;
                self.over = self.over || !(self.go_on)();
            }
        }
        !self.over
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    fn is_over_for_good_once_it_is_over() {
        let asked = Cell::new(0);
        let go_on = || {
            asked.set(asked.get() + 1);
            asked.get() != 1
        };
        let mut work = Work::new(&go_on);
        assert!(work.lasts(STEPS) && work.lasts(0));
        assert!(!work.lasts(1) && !work.lasts(STEPS) && !work.lasts(1));
        assert_eq!(asked.get(), 1);
    }
}
