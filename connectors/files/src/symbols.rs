//! The symbols of a file, each under a small number, so that a row costs no allocation and no hash.

use candleflow_schema::Symbol;
use std::collections::HashMap;

/// The most symbols that a file may hold.
pub(crate) const SYMBOLS: usize = 10_000;

/// Symbols in the order in which they were first seen.
#[derive(Debug, Default, Clone)]
pub(crate) struct Symbols {
    list: Vec<Symbol>,
    by_text: HashMap<String, usize>,
    last: Option<(String, usize)>,
}

impl Symbols {
    /// The number of a symbol as it is written in a cell; `BTC/USDT` is `BTCUSDT`. `None` beyond [`SYMBOLS`].
    pub(crate) fn number(&mut self, text: &str) -> Option<usize> {
        if let Some((last, number)) = &self.last
            && last == text
        {
            return Some(*number);
        }
        let number = match self.by_text.get(text) {
            Some(number) => *number,
            None => self.add(text)?,
        };
        self.last = Some((text.to_owned(), number));
        Some(number)
    }

    fn add(&mut self, text: &str) -> Option<usize> {
        let joined: String = text.chars().filter(|c| *c != '/').collect();
        let number = self.list.iter().position(|s| s.as_ref() == joined).unwrap_or(self.list.len());
        if self.by_text.len() >= SYMBOLS {
            return None;
        }
        if number == self.list.len() {
            self.list.push(joined.into());
        }
        self.by_text.insert(text.to_owned(), number);
        Some(number)
    }

    /// The symbol of a number.
    pub(crate) fn get(&self, number: usize) -> &Symbol {
        &self.list[number]
    }

    /// All of them.
    pub(crate) fn all(&self) -> &[Symbol] {
        &self.list
    }
}
