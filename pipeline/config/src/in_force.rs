//! The settings in force, for people: what the file says, what its profile sets, and every default.

use crate::{canonical::settings, document::Document};
use serde_json::Value;
use std::fmt::Write as _;

/// Lines such as `  fills.path: pessimistic`; empty without a strategy.
pub fn in_force(document: &Document) -> String {
    let mut text = String::new();
    for (block, value) in settings(document) {
        let Value::Object(keys) = value else { continue };
        for (key, value) in keys {
            match value {
                Value::Object(inner) if ["long", "short"].contains(&key.as_str()) => {
                    inner.iter().for_each(|(inner, value)| {
                        let _ = writeln!(text, "  {block}.{key}.{inner}: {}", flow(value));
                    });
                }
                Value::Object(inner) if inner.is_empty() => {}
                value => {
                    let _ = writeln!(text, "  {block}.{key}: {}", flow(&value));
                }
            }
        }
    }
    text
}

/// A value as YAML on one line; texts without quotes, for reading only.
fn flow(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => {
            let items: Vec<_> = items.iter().map(flow).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Object(map) => {
            let pairs: Vec<_> = map.iter().map(|(key, value)| format!("{key}: {}", flow(value))).collect();
            format!("{{ {} }}", pairs.join(", "))
        }
        other => other.to_string(),
    }
}
