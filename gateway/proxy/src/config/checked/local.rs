//! Servers that are no MCP servers on the network.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use gantry_openapi::{Api, Options};
use url::Url;

use crate::config::Secret;

/// What stands behind one version of a server.
#[derive(Clone, Debug)]
pub enum Source {
    /// An MCP server on the network, at the version's URLs.
    Network,
    /// A REST API.
    Rest(Arc<Rest>),
    /// A program that speaks over stdio.
    Command(Arc<Command>),
}

/// A REST API that is served as an MCP server.
#[derive(Debug)]
pub struct Rest {
    pub spec: Spec,
    /// Without query and fragment; its path ends in no slash, or is one.
    pub base_url: Url,
    pub options: Options,
    /// Whether names may resolve to addresses of private networks.
    pub private_addresses: bool,
    /// Of an answer as it is read.
    pub answer_bytes_max: usize,
    /// Of an answer as it is passed on.
    pub text_bytes_max: usize,
}

/// Where the description of an API is.
#[derive(Debug)]
pub enum Spec {
    /// A file, which was read and has tools.
    File { path: PathBuf, api: Arc<Api> },
    /// It is yet to be fetched.
    Url(Url),
}

/// A program that is an MCP server over stdio.
#[derive(Debug, Eq, PartialEq)]
pub struct Command {
    /// The program and its arguments; at least the program.
    pub run: Vec<String>,
    pub per: Sharing,
    /// Beside `PATH`.
    pub env: Vec<(String, Secret)>,
    pub cwd: Option<PathBuf>,
    /// Programs at a time.
    pub processes_max: u32,
    /// In bytes, of each process.
    pub memory_max: Option<u64>,
    pub idle: Duration,
    pub lifetime: Option<Duration>,
}

/// Who shares a program.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Sharing {
    Gateway,
    Session,
    Caller,
}
