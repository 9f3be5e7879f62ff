//! YAML 1.2 as a tree in which every node knows its place.
//!
//! Scalars stay text: numbers are read as decimal text, only `true` and `false` are booleans, and duplicate keys are
//! errors. Aliases are resolved. At most [`LIMIT`] nodes, so that a file of nested aliases cannot fill the memory.

use crate::diagnostics::{Diagnostics, Place};
use granit_parser::{Event, Parser, ScalarStyle};
use std::collections::HashMap;

/// More nodes than any pipeline file has.
const LIMIT: usize = 200_000;
/// Deeper than any pipeline file is.
const DEPTH: usize = 64;

/// A value with its place.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Node {
    pub(crate) place: Place,
    pub(crate) kind: Kind,
}

/// What a node is.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Kind {
    /// A scalar; `plain` when it was not quoted.
    Scalar {
        text: String,
        plain: bool,
    },
    Seq(Vec<Node>),
    /// Keys in the order of the file; no key twice.
    Map(Vec<(Key, Node)>),
}

/// A key of a map with its place.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Key {
    pub(crate) place: Place,
    pub(crate) text: String,
}

impl Node {
    /// The value of a key, where this is a block that has it.
    pub(crate) fn get(&self, key: &str) -> Option<&Node> {
        let Kind::Map(list) = &self.kind else { return None };
        list.iter().find(|(k, _)| k.text == key).map(|(_, node)| node)
    }

    /// What to call it in an error.
    pub(crate) fn describe(&self) -> String {
        match &self.kind {
            Kind::Scalar { text, .. } if text.is_empty() => "nothing".into(),
            Kind::Scalar { text, plain: true } => format!("'{text}'"),
            Kind::Scalar { text, plain: false } => format!("\"{text}\""),
            Kind::Seq(_) => "a list".into(),
            Kind::Map(_) => "a block of keys".into(),
        }
    }
}

/// Parses one YAML document. Syntax errors and duplicate keys go to `errors`; `None` when no tree could be made.
pub(crate) fn parse(text: &str, errors: &mut Diagnostics) -> Option<Node> {
    let mut builder = Builder { anchors: HashMap::new(), stack: Vec::new(), root: None, nodes: 0, errors };
    for next in Parser::new_from_str(text) {
        match next {
            Ok((event, span)) => {
                let place = Place { line: span.start.line(), column: span.start.col() + 1 };
                if !builder.event(event, place) {
                    return None;
                }
            }
            Err(error) => {
                let at = error.marker();
                let place = Place { line: at.line(), column: at.col() + 1 };
                builder.errors.add(place, format!("not valid YAML: {}", error.info()));
                return None;
            }
        }
    }
    if builder.root.is_none() {
        builder
            .errors
            .add(Place { line: 1, column: 1 }, "the file is empty, expected a pipeline: name, source, columns ...");
    }
    builder.root
}

enum Open {
    Seq(Place, usize, Vec<Node>),
    Map(Place, usize, Vec<(Key, Node)>, Option<Key>),
}

struct Builder<'e> {
    anchors: HashMap<usize, Node>,
    stack: Vec<Open>,
    root: Option<Node>,
    nodes: usize,
    errors: &'e mut Diagnostics,
}

impl Builder<'_> {
    /// Takes an event; false when reading must stop.
    fn event(&mut self, event: Event<'_>, place: Place) -> bool {
        match event {
            Event::Scalar(text, style, anchor, _) => {
                let plain = style == ScalarStyle::Plain;
                // YAML's words for nothing.
                let nothing = plain && ["~", "null", "Null", "NULL"].contains(&&*text);
                // Inside quotes, the text begins one column later.
                let shift = usize::from(matches!(style, ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted));
                let place = Place { column: place.column + shift, ..place };
                let text = if nothing { String::new() } else { text.into_owned() };
                let node = Node { place, kind: Kind::Scalar { text, plain } };
                self.finished(node, anchor)
            }
            Event::SequenceStart(_, anchor, _) => self.open(Open::Seq(place, anchor, Vec::new()), place),
            Event::MappingStart(_, anchor, _) => self.open(Open::Map(place, anchor, Vec::new(), None), place),
            Event::SequenceEnd | Event::MappingEnd => match self.stack.pop() {
                Some(Open::Seq(place, anchor, items)) => self.finished(Node { place, kind: Kind::Seq(items) }, anchor),
                Some(Open::Map(place, anchor, entries, _)) => {
                    self.finished(Node { place, kind: Kind::Map(entries) }, anchor)
                }
                None => true,
            },
            Event::Alias(id) => match self.anchors.get(&id).cloned() {
                Some(node) => self.finished(Node { place, ..node }, 0),
                None => {
                    self.errors.add(place, "the alias stands inside the node that it names");
                    false
                }
            },
            Event::DocumentStart(..) if self.root.is_some() => {
                self.errors.add(place, "a second document begins here, expected one pipeline a file");
                false
            }
            _ => true,
        }
    }

    fn open(&mut self, open: Open, place: Place) -> bool {
        self.stack.push(open);
        if self.stack.len() > DEPTH {
            self.errors.add(place, format!("nested more than {DEPTH} levels deep"));
            return false;
        }
        true
    }

    fn finished(&mut self, node: Node, anchor: usize) -> bool {
        self.nodes += count(&node);
        if self.nodes > LIMIT {
            self.errors.add(node.place, format!("more than {LIMIT} values in one file"));
            return false;
        }
        if anchor != 0 {
            self.anchors.insert(anchor, node.clone());
        }
        match self.stack.last_mut() {
            None => self.root = Some(node),
            Some(Open::Seq(_, _, items)) => items.push(node),
            Some(Open::Map(_, _, entries, key @ None)) => {
                let Kind::Scalar { text, .. } = node.kind else {
                    self.errors.add(node.place, format!("a key must be a word, found {}", node.describe()));
                    return false;
                };
                if entries.iter().any(|(k, _)| k.text == text) {
                    self.errors.add(node.place, format!("the key '{text}' stands twice in this block"));
                }
                *key = Some(Key { place: node.place, text });
            }
            Some(Open::Map(_, _, entries, key)) => {
                if let Some(key) = key.take() {
                    entries.push((key, node));
                }
            }
        }
        true
    }
}

fn count(node: &Node) -> usize {
    match &node.kind {
        Kind::Scalar { .. } => 1,
        Kind::Seq(items) => 1 + items.iter().map(count).sum::<usize>(),
        Kind::Map(entries) => 1 + entries.iter().map(|(_, n)| count(n)).sum::<usize>(),
    }
}
