//! The gateway as its users meet it: real processes, real HTTP, real servers, a real store.

mod gateway;
mod message;
mod process;
