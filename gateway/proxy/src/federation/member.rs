//! One server behind an endpoint of several: what of it is there, and what its tools are called.

use std::{collections::HashMap, sync::Arc};

use gantry_mcp::listing::List;

use crate::config::{Checked, Glob, Kind, Server, ToolView};

/// One server behind a front.
#[derive(Debug)]
pub(super) struct Member {
    pub server: Arc<str>,
    /// The server's name and the separator.
    pub lead: String,
    /// What of it is here; `None`: everything.
    chosen: Option<Vec<(Kind, Glob)>>,
    views: HashMap<String, ToolView>,
    /// What tools of the server are called here, by their own names.
    shown: HashMap<String, String>,
    /// The other way round.
    renamed: HashMap<String, String>,
}

impl Member {
    pub(super) fn new(
        server: &Server,
        config: &Checked,
        chosen: Option<Vec<(Kind, Glob)>>,
    ) -> Self {
        let views = server.tools.iter();
        let shown = views.clone().filter(|view| !view.hidden);
        Self {
            server: server.name.as_str().into(),
            lead: format!("{}{}", server.name, config.federation.separator),
            chosen,
            shown: shown
                .clone()
                .map(|view| (view.own.clone(), view.shown()))
                .collect(),
            renamed: shown.map(|view| (view.shown(), view.own.clone())).collect(),
            views: views.map(|view| (view.own.clone(), view.clone())).collect(),
        }
    }

    /// Whether something of the server, by its own name, is here.
    pub(super) fn has(&self, kind: Kind, own: &str) -> bool {
        let hidden = || self.views.get(own).is_some_and(|view| view.hidden);
        if kind == Kind::Tool && hidden() {
            return false;
        }
        self.chosen.as_ref().is_none_or(|chosen| {
            let mut chosen = chosen.iter();
            chosen.any(|(of, glob)| *of == kind && glob.matches(own))
        })
    }

    /// Whether lists have to be filtered.
    pub(super) fn is_partial(&self) -> bool {
        self.chosen.is_some() || self.views.values().any(|view| view.hidden)
    }

    /// What a tool is said to do here.
    pub(super) fn description(&self, list: List, own: &str) -> Option<&str> {
        let view = self.views.get(own).filter(|_| list == List::Tools)?;
        view.description.as_deref()
    }

    /// Whether tools are called or described otherwise here.
    pub(super) fn has_views(&self) -> bool {
        !self.views.is_empty()
    }

    /// What a tool of the server is called here.
    pub(super) fn seen<'a>(&'a self, list: List, own: &'a str) -> &'a str {
        let shown = self.shown.get(own).filter(|_| list == List::Tools);
        shown.map_or(own, String::as_str)
    }

    /// The server's own name for what is called `seen`; none where nothing is called that here.
    pub(super) fn own<'a>(&'a self, list: List, seen: &'a str) -> Option<&'a str> {
        if list != List::Tools {
            return Some(seen);
        }
        match self.renamed.get(seen) {
            Some(own) => Some(own),
            // What is called otherwise is not called this any more.
            None if self.views.contains_key(seen) => None,
            None => Some(seen),
        }
    }
}

/// The kind of what a list holds, as rules name it.
pub(super) fn kind_of(list: List) -> Kind {
    match list {
        List::Tools => Kind::Tool,
        List::Prompts => Kind::Prompt,
        List::Resources | List::Templates => Kind::Resource,
    }
}
