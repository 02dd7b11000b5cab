//! The request: one function from top to bottom, and what becomes of it.
//!
//! [`run`] holds all branching of the request path; the stages are leaves. [`Trail`] gathers one
//! fact per stage and is closed exactly once, into the record. Nothing here opens a socket.

mod gateway;
mod inspection;
mod refusal;
mod request;
pub mod review;
mod run;
mod settle;
mod trail;

pub use gateway::{CompileError, Gateway};
pub use inspection::Inspection;
pub use refusal::{Answer, Refusal};
pub use request::Request;
pub use review::{Review, Reviewed, Unreviewable};
pub use run::{Reply, run};
pub use settle::{Unsettled, settle};
pub use trail::{Ending, Entry, Lists, Trail};
