//! Findings of one text, in its own bytes.

use super::What;

/// What, its start and end, and how sure.
type Found = (What, usize, usize, f64);

/// Takes no more than a message may have, and one: what goes beyond it is refused with the message.
#[derive(Debug, Default)]
pub(super) struct Local {
    found: Vec<Found>,
    most: usize,
}

impl Local {
    pub(super) const fn new() -> Self {
        Self {
            found: Vec::new(),
            most: 0,
        }
    }

    pub(super) fn set_most(&mut self, most: usize) {
        self.most = most;
    }

    pub(super) fn push(&mut self, found: Found) {
        if self.found.len() <= self.most {
            self.found.push(found);
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Found> {
        self.found.iter()
    }

    pub(super) fn drain(&mut self) -> impl Iterator<Item = Found> {
        self.found.drain(..)
    }

    pub(super) fn clear(&mut self) {
        self.found.clear();
    }

    pub(super) fn capacity(&self) -> usize {
        self.found.capacity()
    }
}
