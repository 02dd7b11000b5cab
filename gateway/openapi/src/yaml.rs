//! YAML text into a [`Node`], as far as descriptions of APIs use it.
//!
//! The core schema of YAML 1.2: `null`, booleans, numbers; everything else, dates too, is text. Anchors, aliases and
//! merge keys are followed under a bound on the whole, so that no small file becomes a large one.

use std::collections::HashMap;

use saphyr_parser::{Event, Parser, ScalarStyle, StrInput};
use serde_json::Number;

use crate::Unreadable;
use crate::node::Node;

/// Levels of nesting, as `serde_json` has it for JSON.
const DEPTH_MAX: usize = 128;
/// Values after aliases have been written out.
const NODES_MAX: usize = 5_000_000;

pub(crate) fn read(text: &str) -> Result<Node, Unreadable> {
    let mut reader = Reader {
        parser: Parser::new_from_str(text),
        anchors: HashMap::new(),
        nodes: 0,
    };
    loop {
        match reader.next()? {
            Event::StreamStart | Event::DocumentStart(_) => {}
            Event::StreamEnd | Event::DocumentEnd | Event::Nothing => return Ok(Node::Null),
            event => return reader.node(event, 0),
        }
    }
}

struct Reader<'a> {
    parser: Parser<'a, StrInput<'a>>,
    anchors: HashMap<usize, Node>,
    nodes: usize,
}

impl<'a> Reader<'a> {
    fn next(&mut self) -> Result<Event<'a>, Unreadable> {
        match self.parser.next_event() {
            Some(Ok((event, _))) => Ok(event),
            Some(Err(error)) => Err(Unreadable::Yaml {
                line: error.marker().line(),
                why: error.info().to_owned(),
            }),
            None => Ok(Event::StreamEnd),
        }
    }

    fn count(&mut self, more: usize) -> Result<(), Unreadable> {
        self.nodes += more;
        if self.nodes > NODES_MAX {
            return Err(Unreadable::TooLarge);
        }
        Ok(())
    }

    fn node(&mut self, event: Event<'a>, depth: usize) -> Result<Node, Unreadable> {
        if depth > DEPTH_MAX {
            return Err(Unreadable::TooDeep);
        }
        self.count(1)?;
        let (anchor, node) = match event {
            Event::Scalar(text, style, anchor, tag) => {
                let plain = style == ScalarStyle::Plain && tag.is_none();
                let node = if plain {
                    scalar(&text)
                } else {
                    Node::Text((*text).into())
                };
                (anchor, node)
            }
            Event::SequenceStart(anchor, _) => {
                let mut items = Vec::new();
                loop {
                    match self.next()? {
                        Event::SequenceEnd | Event::StreamEnd => break,
                        event => items.push(self.node(event, depth + 1)?),
                    }
                }
                (anchor, Node::List(items))
            }
            Event::MappingStart(anchor, _) => (anchor, self.map(depth)?),
            Event::Alias(anchor) => {
                let node = self.anchors.get(&anchor).cloned().unwrap_or(Node::Null);
                let (nodes, levels) = extent(&node);
                self.count(nodes)?;
                if depth + levels > DEPTH_MAX {
                    return Err(Unreadable::TooDeep);
                }
                return Ok(node);
            }
            _ => (0, Node::Null),
        };
        if anchor > 0 {
            self.count(extent(&node).0)?;
            self.anchors.insert(anchor, node.clone());
        }
        Ok(node)
    }

    fn map(&mut self, depth: usize) -> Result<Node, Unreadable> {
        let mut entries: Vec<(Box<str>, Node)> = Vec::new();
        let mut merged: Vec<(Box<str>, Node)> = Vec::new();
        loop {
            let key = match self.next()? {
                Event::MappingEnd | Event::StreamEnd => break,
                // Keys such as 200 or true are names in a description, whatever YAML makes of them.
                Event::Scalar(text, ..) => text.into_owned().into_boxed_str(),
                event => self.node(event, depth + 1)?.json().into_boxed_str(),
            };
            let event = self.next()?;
            let value = self.node(event, depth + 1)?;
            match (&*key, value) {
                ("<<", Node::Map(from)) => merged.extend(from),
                ("<<", Node::List(from)) => {
                    for node in from.into_iter().rev() {
                        merged.extend(node.entries().iter().cloned());
                    }
                }
                (_, value) => entries.push((key, value)),
            }
        }
        merged.append(&mut entries);
        Ok(Node::map(merged))
    }
}

/// Values in it, and levels of nesting.
fn extent(node: &Node) -> (usize, usize) {
    let parts: Vec<(usize, usize)> = match node {
        Node::List(items) => items.iter().map(extent).collect(),
        Node::Map(entries) => entries.iter().map(|(_, value)| extent(value)).collect(),
        _ => return (1, 0),
    };
    let nodes = parts.iter().map(|part| part.0).sum::<usize>();
    let levels = parts.iter().map(|part| part.1).max().unwrap_or(0);
    (nodes + 1, levels + 1)
}

/// A plain scalar by the core schema (YAML 1.2.2, section 10.3.2).
fn scalar(text: &str) -> Node {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Node::Null,
        "true" | "True" | "TRUE" => return Node::Bool(true),
        "false" | "False" | "FALSE" => return Node::Bool(false),
        _ => {}
    }
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let numeric = unsigned.starts_with(|first: char| first.is_ascii_digit() || first == '.')
        && unsigned
            .bytes()
            .all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'e' | b'E' | b'-' | b'+'));
    if numeric {
        if let Ok(value) = text.parse::<i64>() {
            return Node::Number(value.into());
        }
        if let Ok(value) = text.parse::<u64>() {
            return Node::Number(value.into());
        }
        if let Some(number) = text.parse::<f64>().ok().and_then(Number::from_f64) {
            return Node::Number(number);
        }
    }
    Node::Text(text.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_descriptions_use() {
        let text = "a: &x {k: 1, l: [yes, 'no', true]}\nb:\n  <<: *x\n  k: 2.5\n200: 2020-01-01\nn:\nt: |\n  two\n  lines\n";
        assert_eq!(
            read(text).unwrap().json(),
            r#"{"a":{"k":1,"l":["yes","no",true]},"b":{"k":2.5,"l":["yes","no",true]},"200":"2020-01-01","n":null,"t":"two\nlines\n"}"#
        );
    }

    #[test]
    fn a_bomb_of_aliases_is_refused() {
        let mut text = String::from("a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n");
        for level in 1..9 {
            let last = level - 1;
            text.push_str(&format!(
                "a{level}: &a{level} [{}]\n",
                vec![format!("*a{last}"); 10].join(",")
            ));
        }
        assert!(matches!(read(&text), Err(Unreadable::TooLarge)));
        assert!(matches!(
            read(&"[".repeat(1000)),
            Err(Unreadable::TooDeep | Unreadable::Yaml { .. })
        ));
    }
}
