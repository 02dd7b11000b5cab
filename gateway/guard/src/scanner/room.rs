//! Memory of a scan, which the next one on the same thread takes over: a message of some hundred bytes would else
//! spend more on its vectors than on what is in them.

use std::cell::Cell;
use std::ops::{Deref, DerefMut};

use super::context::Known;
use super::heads::Heads;
use super::local::Local;
use super::walk::Level;
use super::{Node, Place};
use crate::text::Texts;
use crate::vocabulary::Hit;

/// What a thread keeps, in bytes of the buffer and in elements of the others. The memory of larger messages is freed.
const KEPT_MAX: usize = 64 << 10;

thread_local! {
    static ROOM: Cell<Option<Box<Room>>> = const { Cell::new(None) };
}

/// All that a scan fills.
#[derive(Debug)]
pub(crate) struct Room {
    pub(crate) places: Vec<Place>,
    pub(crate) nodes: Vec<Node>,
    pub(crate) texts: Texts,
    /// Texts as they are once they were redacted.
    pub(super) edited: Texts,
    /// Whether an array is in an array, as rows are.
    pub(super) rows: bool,
    pub(super) levels: Vec<Level>,
    pub(super) hits: Vec<Hit>,
    pub(super) known: Vec<Known>,
    pub(super) heads: Heads,
    pub(super) phrases: Vec<(usize, usize)>,
    pub(super) local: Local,
}

static EMPTY: Room = Room::new();

/// A room in use; none is an empty one.
#[derive(Debug)]
pub(crate) struct Lease(Option<Box<Room>>);

impl Lease {
    /// An empty room, the thread's own if it is free.
    pub(super) fn new() -> Self {
        Self(ROOM.take())
    }
}

impl Deref for Lease {
    type Target = Room;

    fn deref(&self) -> &Room {
        self.0.as_deref().unwrap_or(&EMPTY)
    }
}

impl DerefMut for Lease {
    fn deref_mut(&mut self) -> &mut Room {
        self.0.get_or_insert_with(|| Box::new(Room::new()))
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some(mut room) = self.0.take()
            && room.clear()
        {
            ROOM.set(Some(room));
        }
    }
}

impl Room {
    const fn new() -> Self {
        Self {
            places: Vec::new(),
            nodes: Vec::new(),
            texts: Texts::new(),
            edited: Texts::new(),
            rows: false,
            levels: Vec::new(),
            hits: Vec::new(),
            known: Vec::new(),
            heads: Heads::new(),
            phrases: Vec::new(),
            local: Local::new(),
        }
    }

    /// Empties it for the next scan; whether it is to be kept.
    fn clear(&mut self) -> bool {
        let largest = [
            self.places.capacity(),
            self.nodes.capacity(),
            self.levels.capacity(),
            self.hits.capacity(),
            self.known.capacity(),
            self.heads.capacity(),
            self.phrases.capacity(),
            self.local.capacity(),
            self.texts.capacity(),
            self.edited.capacity(),
        ];
        if largest.iter().any(|capacity| *capacity > KEPT_MAX) {
            return false;
        }
        self.places.clear();
        self.nodes.clear();
        self.rows = false;
        self.levels.clear();
        self.hits.clear();
        self.known.clear();
        self.heads.clear();
        self.phrases.clear();
        self.local.clear();
        self.texts.clear();
        self.edited.clear();
        true
    }
}
