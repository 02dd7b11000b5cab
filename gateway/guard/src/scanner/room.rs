//! Memory of a scan, which the next one on the same thread takes over: a message of some hundred bytes would else
//! spend more on its vectors than on what is in them.

use std::cell::Cell;
use std::ops::{Deref, DerefMut};

use super::context::Known;
use super::local::Local;
use super::walk::Level;
use super::{Node, Place};
use crate::text::Texts;
use crate::vocabulary::Hit;

/// What a thread keeps, in bytes of the buffer and in elements of the others. The memory of larger messages is freed.
const KEPT_MAX: usize = 64 << 10;

thread_local! {
    static ROOM: Cell<Room> = Cell::default();
}

/// All that a scan fills.
#[derive(Debug, Default)]
pub(crate) struct Room {
    pub(crate) places: Vec<Place>,
    pub(crate) nodes: Vec<Node>,
    pub(crate) texts: Texts,
    pub(super) levels: Vec<Level>,
    pub(super) hits: Vec<Hit>,
    pub(super) known: Vec<Known>,
    pub(super) phrases: Vec<(usize, usize)>,
    pub(super) local: Local,
}

/// A room in use.
#[derive(Debug)]
pub(crate) struct Lease(Room);

impl Lease {
    /// An empty room, the thread's own if it is free.
    pub(super) fn new() -> Self {
        Self(ROOM.take())
    }
}

impl Deref for Lease {
    type Target = Room;

    fn deref(&self) -> &Room {
        &self.0
    }
}

impl DerefMut for Lease {
    fn deref_mut(&mut self) -> &mut Room {
        &mut self.0
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        std::mem::take(&mut self.0).give_back();
    }
}

impl Room {
    /// Empties it for the next scan.
    fn give_back(mut self) {
        let largest = [
            self.places.capacity(),
            self.nodes.capacity(),
            self.levels.capacity(),
            self.hits.capacity(),
            self.known.capacity(),
            self.phrases.capacity(),
            self.local.capacity(),
            self.texts.capacity(),
        ];
        if largest.iter().any(|capacity| *capacity > KEPT_MAX) {
            return;
        }
        self.places.clear();
        self.nodes.clear();
        self.levels.clear();
        self.hits.clear();
        self.known.clear();
        self.phrases.clear();
        self.local.clear();
        self.texts.clear();
        ROOM.set(self);
    }
}
