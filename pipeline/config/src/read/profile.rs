//! `profile`: keys that the file does not say are put into its tree, so that they are read like any other.

use crate::{
    diagnostics::{Diagnostics, Place},
    document::Located,
    node::{self, Key, Kind, Node},
};
use candleflow_kernels::strategy::Profile;

/// The file's tree with the profile's keys where it has none. `strategy` and `account` are never made up.
pub(super) fn applied(root: &Node, profile: &Located<Profile>) -> Node {
    let mut root = root.clone();
    for (path, value) in profile.value.settings() {
        let (top, rest) = path.split_once('.').unwrap_or((path, ""));
        if top == "fills" || root.get(top).is_some() {
            put(&mut root, top, rest, value, profile.place);
        }
    }
    root
}

/// Puts `value` at `first.rest` unless something stands there.
fn put(node: &mut Node, first: &str, rest: &str, value: &str, place: Place) {
    let Kind::Map(list) = &mut node.kind else { return };
    let at = list.iter().position(|(key, _)| key.text == first);
    let key = || Key { place, text: first.to_owned() };
    match (at, rest.is_empty()) {
        (Some(_), true) => {}
        (None, true) => list.push((key(), parsed(value, place))),
        (Some(at), false) => descend(&mut list[at].1, rest, value, place),
        (None, false) => {
            let mut inner = Node { place, kind: Kind::Map(Vec::new()) };
            descend(&mut inner, rest, value, place);
            list.push((key(), inner));
        }
    }
}

fn descend(node: &mut Node, path: &str, value: &str, place: Place) {
    let (first, rest) = path.split_once('.').unwrap_or((path, ""));
    put(node, first, rest, value, place);
}

/// A value of the profile, every part of it at the place where the profile is named.
fn parsed(text: &str, place: Place) -> Node {
    let mut node = node::parse(text, &mut Diagnostics::new("profile"))
        .unwrap_or(Node { place, kind: Kind::Scalar { text: text.to_owned(), plain: true } });
    move_to(&mut node, place);
    node
}

fn move_to(node: &mut Node, place: Place) {
    node.place = place;
    match &mut node.kind {
        Kind::Scalar { .. } => {}
        Kind::Seq(items) => items.iter_mut().for_each(|n| move_to(n, place)),
        Kind::Map(list) => list.iter_mut().for_each(|(key, n)| {
            key.place = place;
            move_to(n, place);
        }),
    }
}
