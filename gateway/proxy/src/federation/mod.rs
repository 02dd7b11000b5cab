//! Several servers behind one endpoint.
//!
//! The room turns one request into what its members are asked, each through the pipeline as if the caller
//! had asked that member, and puts together what they answer. It decides nothing about a call, and
//! names are all that it changes: those of tools, prompts, resources, tasks and requests, in their places.
//! A member that is slow or dead is left out, and the answer says so.

mod ask;
mod cursor;
mod discovery;
mod front;
mod learned;
mod listen;
mod lists;
mod member;
mod merge;
mod names;
mod opened;
mod own;
mod places;
mod resolve;
mod run;
mod send;
mod sessions;
mod shared;
mod stream;
mod subscribed;
mod tasks;
mod translate;
mod visit;
mod welcome;

pub use front::{Front, Fronts};
pub use own::Own;
pub use run::{Outcome, Place, run};
pub use stream::Stream;
