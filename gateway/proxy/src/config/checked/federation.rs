//! One endpoint for several servers.

use std::time::Duration;

use crate::config::pattern::Pattern;

/// How names of several servers stand side by side.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Prefix {
    Always,
    Collision,
    None,
}

/// How clients come to know tools.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Discovery {
    List,
    Search,
}

/// The endpoint of all servers, and what is true of all endpoints of several.
#[derive(Clone, Debug)]
pub struct Federation {
    pub prefix: Prefix,
    pub discovery: Discovery,
    /// Has a character that no server's name has.
    pub separator: String,
    /// Of each server, where several are asked.
    pub deadline: Duration,
    /// Of lists that do not say how long they may be kept.
    pub list_ttl: Duration,
}

/// A chosen set at an endpoint of its own.
#[derive(Clone, Debug)]
pub struct Bundle {
    /// As a server's, and none has it.
    pub name: String,
    /// Of which everything is in it.
    pub servers: Vec<String>,
    /// Each about one server, by its name.
    pub tools: Vec<Pattern>,
    pub prefix: Prefix,
    pub discovery: Discovery,
}

/// How clients see one tool.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ToolView {
    /// The server's own name of it.
    pub own: String,
    pub name: Option<String>,
    pub group: Option<String>,
    pub description: Option<String>,
    pub hidden: bool,
}

impl ToolView {
    /// What clients call it by.
    pub fn shown(&self) -> String {
        let name = self.name.as_deref().unwrap_or(&self.own);
        match &self.group {
            Some(group) => format!("{group}_{name}"),
            None => name.to_owned(),
        }
    }
}
