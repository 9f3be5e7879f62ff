//! Scalars: words, numbers as decimal text, percentages, expressions.

use super::Reader;
use crate::{
    diagnostics::nearest,
    document::{Expr, Located, Number},
    node::{Kind, Node},
};

/// A decimal number as text and double; no infinities, no hexadecimal, no NaN.
pub(super) fn number_of(text: &str) -> Option<Number> {
    let shape = text.bytes().all(|b| b.is_ascii_digit() || b"+-.eE".contains(&b));
    let value: f64 = text.parse().ok().filter(|v: &f64| shape && v.is_finite())?;
    Some(Number { text: text.to_owned(), value })
}

impl Reader {
    /// A scalar that is not empty.
    fn scalar<'n>(&mut self, node: &'n Node, what: &str, expected: &str) -> Option<(&'n str, bool)> {
        match &node.kind {
            Kind::Scalar { text, plain } if !text.trim().is_empty() => Some((text, *plain)),
            _ => {
                self.errors.add(node.place, format!("{what}: expected {expected}, found {}", node.describe()));
                None
            }
        }
    }

    pub(super) fn word(&mut self, node: &Node, what: &str) -> Option<Located<String>> {
        let (text, _) = self.scalar(node, what, "a word")?;
        Some(Located { place: node.place, value: text.to_owned() })
    }

    pub(super) fn words(&mut self, node: &Node, what: &str) -> Option<Vec<Located<String>>> {
        match &node.kind {
            Kind::Seq(items) if !items.is_empty() => Some(items.iter().filter_map(|n| self.word(n, what)).collect()),
            _ => {
                let found = node.describe();
                self.errors
                    .add(node.place, format!("{what}: expected a list such as [BTCUSDT, ETHUSDT], found {found}"));
                None
            }
        }
    }

    pub(super) fn one_of(&mut self, node: &Node, what: &str, words: &[&'static str]) -> Option<Located<&'static str>> {
        let word = self.word(node, what)?;
        if let Some(value) = words.iter().find(|w| **w == word.value) {
            return Some(Located { place: word.place, value });
        }
        let mut hint = nearest(&word.value, words.iter().copied());
        if !hint.starts_with(", expected") {
            hint += &format!(" Expected one of {}", words.join(", "));
        }
        self.errors.add(word.place, format!("{what}: unknown value '{}'{hint}", word.value));
        None
    }

    pub(super) fn boolean(&mut self, node: &Node, what: &str) -> Option<bool> {
        match &node.kind {
            Kind::Scalar { text, plain: true } if text == "true" || text == "false" => Some(text == "true"),
            _ => {
                self.errors.add(node.place, format!("{what}: expected true or false, found {}", node.describe()));
                None
            }
        }
    }

    pub(super) fn number(&mut self, node: &Node, what: &str) -> Option<Located<Number>> {
        let (text, plain) = self.scalar(node, what, "a number")?;
        match number_of(text).filter(|_| plain) {
            Some(value) => Some(Located { place: node.place, value }),
            None => {
                let hint = if text.ends_with('%') { " (a plain one, not a percentage)" } else { "" };
                self.errors.add(node.place, format!("{what}: expected a number{hint}, found {}", node.describe()));
                None
            }
        }
    }

    /// A percentage, as its fraction.
    pub(super) fn percent(&mut self, node: &Node, what: &str) -> Option<Located<Number>> {
        let (text, _) = self.scalar(node, what, "a percentage such as 0.1%")?;
        if let Some(percent) = text.trim().strip_suffix('%').and_then(|t| number_of(t.trim())) {
            return Some(Located { place: node.place, value: fraction(&percent) });
        }
        let message = match number_of(text) {
            Some(n) => format!(
                "{what}: expected a percentage, found the number {text}: write {text}% or {}%",
                shortest(n.value * 100.0)
            ),
            None => format!("{what}: expected a percentage such as 0.1%, found {}", node.describe()),
        };
        self.errors.add(node.place, message);
        None
    }

    pub(super) fn expression(&mut self, node: &Node, what: &str) -> Option<Expr> {
        let (text, _) = self.scalar(node, what, "an expression")?;
        if text.trim().ends_with('%') && number_of(text.trim().trim_end_matches('%')).is_some() {
            self.errors.add(node.place, format!("{what}: expected an expression, found the percentage {text}"));
            return None;
        }
        Some(Located { place: node.place, value: text.to_owned() })
    }
}

/// The fraction of a percentage, exact in its text: `0.1` becomes `0.001`.
fn fraction(percent: &Number) -> Number {
    let text = format!("{}e-2", percent.text);
    let text = if percent.text.contains(['e', 'E']) { format!("{}", percent.value / 100.0) } else { text };
    let value = text.parse().unwrap_or(f64::NAN);
    Number { text, value }
}

fn shortest(value: f64) -> String {
    let rounded = (value * 1e9).round() / 1e9;
    format!("{rounded}")
}
