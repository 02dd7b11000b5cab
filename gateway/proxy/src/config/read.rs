//! From YAML text to the tree of places.
//!
//! It reads the part of YAML that configurations need and refuses the rest by name: anchors, aliases, tags, several
//! documents, keys that are not text. It never follows an alias, so that no small file can become a large one.

use saphyr_parser::{Event, Parser, ScalarStyle, Span, StrInput};

use super::bounds::FILE_DEPTH_MAX;
use super::fault::{Findings, Path, Place, Shown};
use super::tree::{Entry, Kind, Node, Reading, Scalar, read};

/// Reads one document and notes what is wrong with it as YAML. The tree is whole wherever it can be.
pub(super) fn tree(text: &str, findings: &mut Findings) -> Node {
    let mut reader = Reader {
        parser: Parser::new_from_str(text),
        findings,
    };
    reader.document().unwrap_or(Node {
        place: Place::START,
        kind: Kind::Broken,
    })
}

/// The text cannot be read any further; the fault has been noted.
struct Stop;

struct Reader<'a, 'f> {
    parser: Parser<'a, StrInput<'a>>,
    findings: &'f mut Findings,
}

impl<'a> Reader<'a, '_> {
    fn document(&mut self) -> Result<Node, Stop> {
        let mut root = None;
        loop {
            let (event, span) = self.next(&Path::default())?;
            match event {
                Event::StreamEnd | Event::Nothing => break,
                Event::StreamStart | Event::DocumentEnd => {}
                Event::DocumentStart(_) if root.is_some() => {
                    self.findings.add(
                        place(span),
                        &Path::default(),
                        "a second document begins here",
                        "one document per file",
                    );
                    break;
                }
                Event::DocumentStart(_) => {}
                event => root = Some(self.node(event, span, &Path::default())?),
            }
        }
        // A file of comments only says nothing, as an empty map does.
        Ok(match root {
            Some(Node {
                place,
                kind: Kind::Scalar(scalar),
            }) if scalar.reading() == Reading::Null => Node {
                place,
                kind: Kind::Map(Vec::new()),
            },
            Some(root) => root,
            None => Node {
                place: Place::START,
                kind: Kind::Map(Vec::new()),
            },
        })
    }

    fn next(&mut self, path: &Path) -> Result<(Event<'a>, Span), Stop> {
        match self.parser.next_event() {
            Some(Ok(event)) => Ok(event),
            Some(Err(error)) => {
                let marker = error.marker();
                let place = Place {
                    line: marker.line().max(1),
                    column: marker.col() + 1,
                };
                let tab = error.info().contains("tab");
                let allowed = if tab {
                    "spaces: YAML does not take tabs for indentation"
                } else {
                    ""
                };
                self.findings.add(
                    place,
                    path,
                    format!("this is not YAML: {}", Shown(error.info())),
                    allowed,
                );
                Err(Stop)
            }
            None => Err(Stop),
        }
    }

    fn node(&mut self, event: Event<'a>, span: Span, path: &Path) -> Result<Node, Stop> {
        let place = place(span);
        if path.steps().len() > FILE_DEPTH_MAX {
            self.findings.add(
                place,
                path,
                "nested too deeply",
                &format!("at most {FILE_DEPTH_MAX} levels"),
            );
            return Err(Stop);
        }
        let kind = match event {
            Event::Scalar(text, style, anchor, tag) => {
                let refused = self.refuse_extras(place, path, anchor, tag.is_some());
                let plain = style == ScalarStyle::Plain;
                let scalar = Scalar {
                    text: text.into_owned(),
                    source: None,
                    plain,
                };
                if refused {
                    Kind::Broken
                } else {
                    Kind::Scalar(scalar)
                }
            }
            Event::SequenceStart(anchor, tag) => {
                self.refuse_extras(place, path, anchor, tag.is_some());
                self.list(path)?
            }
            Event::MappingStart(anchor, tag) => {
                self.refuse_extras(place, path, anchor, tag.is_some());
                self.map(path)?
            }
            Event::Alias(_) => {
                self.findings.add(
                    place,
                    path,
                    "an alias",
                    "values written out: anchors and aliases are not followed",
                );
                Kind::Broken
            }
            _ => Kind::Broken,
        };
        Ok(Node { place, kind })
    }

    fn list(&mut self, path: &Path) -> Result<Kind, Stop> {
        let mut items = Vec::new();
        loop {
            match self.next(path)? {
                (Event::SequenceEnd, _) => return Ok(Kind::List(items)),
                (event, span) => {
                    let path = path.index(items.len());
                    items.push(self.node(event, span, &path)?);
                }
            }
        }
    }

    fn map(&mut self, path: &Path) -> Result<Kind, Stop> {
        let mut entries: Vec<Entry> = Vec::new();
        let mut seen = std::collections::HashMap::new();
        loop {
            let (event, span) = self.next(path)?;
            if event == Event::MappingEnd {
                return Ok(Kind::Map(entries));
            }
            let key = self.node(event, span, path)?;
            let key_text = self.key_text(&key, path);
            let below = key_text
                .as_ref()
                .map_or_else(|| path.clone(), |(text, _)| path.key(text));
            let (event, span) = self.next(&below)?;
            let value = self.node(event, span, &below)?;
            let Some((text, plain)) = key_text else {
                continue;
            };
            if let Some(first) = seen.insert(text.clone(), key.place) {
                let what = format!(
                    "the key stands here a second time; the first is on line {}",
                    first.line
                );
                self.findings.add(key.place, &below, &what, "each key once");
                continue;
            }
            entries.push(Entry {
                key: text,
                place: key.place,
                plain,
                value,
            });
        }
    }

    /// The key's text, or a fault where the key is anything else.
    fn key_text(&mut self, key: &Node, path: &Path) -> Option<(String, bool)> {
        let what = match &key.kind {
            Kind::Scalar(scalar) => match scalar.reading() {
                Reading::Text => return Some((scalar.text.clone(), scalar.plain)),
                Reading::Null => "a key that is empty".to_owned(),
                Reading::Boolean(_) => {
                    format!("the key `{}` is a yes-or-no to YAML", Shown(&scalar.text))
                }
                Reading::Number => format!("the key `{}` is a number to YAML", Shown(&scalar.text)),
            },
            Kind::List(_) | Kind::Map(_) => "a list or map as a key".to_owned(),
            Kind::Broken => return None,
        };
        self.findings.add(
            key.place,
            path,
            &what,
            "text as a key; put it in quotes if it looks like something else",
        );
        None
    }

    fn refuse_extras(&mut self, place: Place, path: &Path, anchor: usize, tagged: bool) -> bool {
        if anchor > 0 {
            self.findings.add(
                place,
                path,
                "an anchor",
                "values written out: anchors and aliases are not followed",
            );
        }
        if tagged {
            self.findings.add(
                place,
                path,
                "a tag",
                "plain values: the key decides the type",
            );
        }
        anchor > 0 || tagged
    }
}

fn place(span: Span) -> Place {
    Place {
        line: span.start.line().max(1),
        column: span.start.col() + 1,
    }
}

/// Words that other YAML readers (1.1, as in many deployment tools) turn into booleans when they stand without quotes.
pub(super) fn is_ambiguous_word(text: &str) -> bool {
    let word = text.to_ascii_lowercase();
    matches!(word.as_str(), "y" | "n" | "yes" | "no" | "on" | "off") || read(text) != Reading::Text
}
