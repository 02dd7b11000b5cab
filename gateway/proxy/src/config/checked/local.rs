//! Servers that are no MCP servers on the network.

use std::path::PathBuf;
use std::sync::Arc;

use gantry_openapi::{Api, Options};
use url::Url;

/// What stands behind one version of a server.
#[derive(Clone, Debug)]
pub enum Source {
    /// An MCP server on the network, at the version's URLs.
    Network,
    /// A REST API.
    Rest(Arc<Rest>),
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
