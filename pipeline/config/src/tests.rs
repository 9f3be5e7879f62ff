//! Whole files: every key, every default, every mistake, the schema and the page of keys.

mod bad;
mod blocks;
mod canon;
mod page;
mod schema;

use crate::{Document, Overrides, read};
use blocks::Settings;

fn document(text: &str) -> Document {
    read("p.yaml", text, &Overrides::default()).unwrap_or_else(|e| panic!("{e}\n{text}"))
}

/// The base file with some settings on top.
fn with(settings: &[(&'static str, &'static str)]) -> Settings {
    let mut all = blocks::base();
    all.extend(settings.iter().copied());
    all
}
