//! The pipeline file: YAML to a checked [`Document`] whose every value knows its place.
//!
//! ```text
//!  text ──► node (located tree) ──► read (one pass, all errors) ──► Document
//! ```
//! Knows YAML and the keys, not SQL: expressions stay text with a place, and whoever plans them reports errors through
//! the same [`Diagnostics`]. Reads no file and no environment.

mod canonical;
pub mod diagnostics;
pub mod document;
pub mod grammar;
mod in_force;
mod node;
mod read;
pub mod research;
mod schema;
mod words;

pub use canonical::{canonical, settings};
pub use diagnostics::{Diagnostic, Diagnostics, Place, nearest};
pub use document::Document;
pub use in_force::in_force;
pub use read::{Overrides, read};
pub use schema::{Function, json_schema};

#[cfg(test)]
mod tests;
