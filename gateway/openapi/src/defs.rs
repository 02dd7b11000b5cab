//! The definitions of a document: each named once, each written once, whatever refers to it.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use crate::document::{Document, Version};
use crate::node::Node;
use crate::schema::{Around, Detail, Side, Writer, Written};

pub(crate) struct Defs<'a> {
    pub(crate) document: &'a Document<'a>,
    inner: RefCell<Inner<'a>>,
}

#[derive(Default)]
struct Inner<'a> {
    ids: HashMap<*const Node, u32>,
    nodes: Vec<(&'a Node, Rc<str>)>,
    names: HashSet<Rc<str>>,
    written: HashMap<(u32, Side, Detail), Rc<Written>>,
}

impl<'a> Defs<'a> {
    pub(crate) fn new(document: &'a Document<'a>) -> Defs<'a> {
        Defs {
            document,
            inner: RefCell::default(),
        }
    }

    pub(crate) fn version(&self) -> Version {
        self.document.version
    }

    /// The definition that a reference leads to, if it leads anywhere in this document.
    pub(crate) fn id(&self, reference: &'a str) -> Option<u32> {
        let node = self.document.follow(reference)?;
        let mut inner = self.inner.borrow_mut();
        if let Some(id) = inner.ids.get(&std::ptr::from_ref(node)) {
            return Some(*id);
        }
        let id = u32::try_from(inner.nodes.len()).ok()?;
        let wanted: String = reference
            .rsplit('/')
            .next()
            .unwrap_or_default()
            .chars()
            .map(|c| {
                if c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-') {
                    c
                } else {
                    '_'
                }
            })
            .take(100)
            .collect();
        let mut name: Rc<str> = wanted.as_str().into();
        if wanted.is_empty() || inner.names.contains(&name) {
            name = format!("{wanted}_{id}").into();
        }
        inner.names.insert(name.clone());
        inner.nodes.push((node, name));
        inner.ids.insert(node, id);
        Some(id)
    }

    pub(crate) fn name(&self, id: u32) -> Rc<str> {
        let inner = self.inner.borrow();
        let found = inner.nodes.get(id as usize).map(|(_, name)| name.clone());
        found.unwrap_or_else(|| "".into())
    }

    pub(crate) fn node(&self, id: u32) -> Option<&'a Node> {
        self.inner
            .borrow()
            .nodes
            .get(id as usize)
            .map(|(node, _)| *node)
    }

    pub(crate) fn written(&self, id: u32, side: Side, detail: Detail) -> Rc<Written> {
        if let Some(written) = self.inner.borrow().written.get(&(id, side, detail)) {
            return written.clone();
        }
        let mut writer = Writer::new(self, side, detail);
        match self.node(id) {
            Some(node) => writer.schema(node, Around::default(), 0),
            None => writer.written.text.push_str("{}"),
        }
        let mut written = writer.written;
        written.text.shrink_to_fit();
        let written = Rc::new(written);
        self.inner
            .borrow_mut()
            .written
            .insert((id, side, detail), written.clone());
        written
    }
}
