//! The request: one function from top to bottom, and what becomes of it.
//!
//! [`run`] holds all branching of the request path; the stages are leaves. [`Trail`] gathers one
//! fact per stage and is closed exactly once, into the record. Nothing here opens a socket.

mod canary;
mod capture;
mod decline;
mod gateway;
mod inspection;
mod lesson;
mod mirror;
mod refusal;
mod request;
pub mod review;
mod run;
mod settle;
mod tasks;
mod trail;
mod usage;

pub use capture::{Capture, CaptureError};
pub use gateway::{CompileError, EVERY, Gateway, Lasting};
pub use inspection::Inspection;
pub use lesson::{Lesson, Listening};
pub use mirror::Original;
pub use refusal::{Answer, Refusal};
pub use request::Request;
pub use review::{Review, Reviewed, Translation, Unreviewable};
pub use run::{Reply, era_of, identify, run};
pub use settle::{Unsettled, settle};
pub use trail::{Ending, Entry, Lists, Phase, Trail};
pub use usage::tenant;
