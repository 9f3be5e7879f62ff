//! Scalars: words, numbers as decimal text, percentages, expressions.

use super::{Entries, Reader};
use crate::{
    diagnostics::nearest,
    document::{Expr, Located, Number},
    node::{Kind, Node},
};
use candleflow_kernels::money::{Money, Ratio};

/// No count of a pipeline file is larger.
const COUNT: u32 = 1_000_000_000;

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

    /// What one of these words stands for.
    pub(super) fn choice<T: Copy>(&mut self, node: &Node, what: &str, words: &[(&'static str, T)]) -> Option<T> {
        let word = self.word(node, what)?;
        if let Some((_, value)) = words.iter().find(|(w, _)| *w == word.value) {
            return Some(*value);
        }
        let names: Vec<_> = words.iter().map(|(w, _)| *w).collect();
        let mut hint = nearest(&word.value, names.iter().copied());
        if !hint.starts_with(", expected") {
            hint += &format!(" Expected one of {}", names.join(", "));
        }
        self.errors.add(word.place, format!("{what}: unknown value '{}'{hint}", word.value));
        None
    }

    /// The same of a key in a block; the first word is the default.
    pub(super) fn choose<T: Copy, const N: usize>(
        &mut self,
        entries: &Entries<'_>,
        key: &str,
        words: &[(&'static str, T); N],
    ) -> T {
        entries.get(key).and_then(|n| self.choice(n, key, words)).unwrap_or(words[0].1)
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

    /// A percentage.
    pub(super) fn percent(&mut self, node: &Node, what: &str) -> Option<Ratio> {
        let (text, _) = self.scalar(node, what, "a percentage such as 0.1%")?;
        let digits = text.trim().strip_suffix('%').map(str::trim);
        if let Some(digits) = digits.filter(|t| number_of(t).is_some()) {
            return Ratio::percent(digits).map_err(|e| self.errors.add(node.place, format!("{what}: {e}"))).ok();
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

    /// A percentage for which `fine` holds; `expected` says what that means.
    pub(super) fn percent_where(
        &mut self,
        node: &Node,
        what: &str,
        fine: impl Fn(Ratio) -> bool,
        expected: &str,
    ) -> Option<Ratio> {
        let ratio = self.percent(node, what)?;
        if !fine(ratio) {
            self.errors.add(node.place, format!("{what}: expected {expected}, found {}", node.describe()));
            return None;
        }
        Some(ratio)
    }

    /// A share: a percentage or an expression.
    pub(super) fn share(&mut self, node: &Node, what: &str) -> Option<Expr> {
        if matches!(&node.kind, Kind::Scalar { text, .. } if text.trim().ends_with('%')) {
            let value = self.percent(node, what)?.to_string();
            return Some(Located { place: node.place, value });
        }
        self.expression(node, what)
    }

    /// An expression that, where it is a constant, is above zero.
    pub(super) fn amount(&mut self, node: &Node, what: &str) -> Option<Expr> {
        let text = self.expression(node, what)?;
        if number_of(&text.value).is_some_and(|n| n.value <= 0.0) {
            self.errors.add(text.place, format!("{what}: expected more than 0, found {}", text.value));
            return None;
        }
        Some(text)
    }

    /// An amount of money, zero or more.
    pub(super) fn money_or_zero(&mut self, node: &Node, what: &str) -> Option<Money> {
        let number = self.number(node, what)?;
        let money = Money::parse(&number.value.text);
        let money = money.map_err(|e| self.errors.add(node.place, format!("{what}: {e}"))).ok()?;
        if money < Money::ZERO {
            self.errors.add(node.place, format!("{what}: expected 0 or more, found {money}"));
            return None;
        }
        Some(money)
    }

    /// An amount of money above zero.
    pub(super) fn money(&mut self, node: &Node, what: &str) -> Option<Money> {
        let number = self.number(node, what)?;
        let money = Money::parse(&number.value.text);
        let money = money.map_err(|e| self.errors.add(node.place, format!("{what}: {e}"))).ok()?;
        if money <= Money::ZERO {
            self.errors.add(node.place, format!("{what}: expected more than 0, found {money}"));
            return None;
        }
        Some(money)
    }

    /// A whole number above zero.
    pub(super) fn count(&mut self, node: &Node, what: &str) -> Option<u32> {
        let (text, plain) = self.scalar(node, what, "a whole number")?;
        let count = text.parse().ok().filter(|n| plain && (1..=COUNT).contains(n));
        if count.is_none() {
            let limit =
                if text.bytes().all(|b| b.is_ascii_digit()) && text.len() > 9 { " up to 1000000000" } else { "" };
            let found = node.describe();
            self.errors.add(node.place, format!("{what}: expected a whole number above 0{limit}, found {found}"));
        }
        count
    }

    /// `true`, `false`, or a third word, which is `None`.
    pub(super) fn flag(&mut self, node: &Node, what: &str, third: &str) -> Option<Option<bool>> {
        match &node.kind {
            Kind::Scalar { text, .. } if text == third => Some(None),
            Kind::Scalar { text, plain: true } if text == "true" || text == "false" => Some(Some(text == "true")),
            _ => {
                let found = node.describe();
                self.errors.add(node.place, format!("{what}: expected true, false or {third}, found {found}"));
                None
            }
        }
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

fn shortest(value: f64) -> String {
    let rounded = (value * 1e9).round() / 1e9;
    format!("{rounded}")
}
