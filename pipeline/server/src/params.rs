//! The query part of a request: every parameter is known, every mistake is named, all of them at once.

use crate::problem::{BadParameter, Problem};
use candleflow_schema::{Interval, Micros, time};
use std::{collections::BTreeMap, ops::RangeInclusive};
use url::form_urlencoded;

/// Parameters on their way to values.
pub(crate) struct Params {
    values: BTreeMap<String, String>,
    errors: Vec<BadParameter>,
}

impl Params {
    /// Reads `a=1&b=2`; a parameter that is not among `known`, or comes twice, is a mistake.
    pub(crate) fn read(query: Option<&str>, known: &[&str]) -> Self {
        let mut params = Self { values: BTreeMap::new(), errors: vec![] };
        for (name, value) in form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
            if !known.contains(&name.as_ref()) {
                let expected = match known {
                    [] => "no parameters here".to_owned(),
                    known => format!("one of the parameters {}", known.join(", ")),
                };
                params.bad(&name, Some(&value), &expected);
            } else if params.values.insert(name.to_string(), value.to_string()).is_some() {
                params.bad(&name, Some(&value), "one value, not several");
            }
        }
        params
    }

    fn bad(&mut self, parameter: &str, found: Option<&str>, expected: &str) {
        let found = found.map(|f| f.chars().take(100).collect());
        self.errors.push(BadParameter { parameter: parameter.to_owned(), found, expected: expected.to_owned() });
    }

    /// A text, if it was given; an empty one was not.
    pub(crate) fn text(&mut self, name: &str) -> Option<String> {
        self.values.remove(name).filter(|v| !v.is_empty())
    }

    /// A text that must be given.
    pub(crate) fn required(&mut self, name: &str, expected: &str) -> String {
        self.text(name).unwrap_or_else(|| {
            self.bad(name, None, expected);
            String::new()
        })
    }

    /// A length of bar that must be given.
    pub(crate) fn interval(&mut self, name: &str) -> Interval {
        let names: Vec<_> = candleflow_schema::interval::ALL.iter().map(|(n, _)| *n).collect();
        let expected = format!("one of {}", names.join(", "));
        let text = self.required(name, &expected);
        match text.parse() {
            Ok(interval) => interval,
            Err(_) if text.is_empty() => Interval::M1,
            Err(_) => {
                self.bad(name, Some(&text), &expected);
                Interval::M1
            }
        }
    }

    /// A time, if it was given.
    pub(crate) fn time(&mut self, name: &str) -> Option<Micros> {
        let text = self.text(name)?;
        let parsed = time::parse(&text);
        if parsed.is_err() {
            self.bad(name, Some(&text), "a UTC time: 2021-04-21, 2021-04-21T10:00:00Z or an epoch in milliseconds");
        }
        parsed.ok()
    }

    /// A whole number within a range.
    pub(crate) fn number(&mut self, name: &str, range: RangeInclusive<usize>, default: usize) -> usize {
        let Some(text) = self.text(name) else { return default };
        match text.parse().ok().filter(|n| range.contains(n)) {
            Some(number) => number,
            None => {
                let expected = format!("a whole number from {} to {}", range.start(), range.end());
                self.bad(name, Some(&text), &expected);
                default
            }
        }
    }

    /// What [`crate::cursor`] made for an earlier page, if it was given.
    pub(crate) fn cursor<T>(&mut self, name: &str, read: impl Fn(&str) -> Option<T>) -> Option<T> {
        let text = self.text(name)?;
        let cursor = read(&text);
        if cursor.is_none() {
            self.bad(name, Some(&text), "the value of 'next' of an earlier page");
        }
        cursor
    }

    /// Ends the reading.
    ///
    /// # Errors
    /// All mistakes.
    pub(crate) fn done(self) -> Result<(), Problem> {
        if self.errors.is_empty() { Ok(()) } else { Err(Problem::parameters(self.errors)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_mistakes_are_told_at_once() {
        let query = "interval=1x&limit=0&from=yesterday&colour=red&limit=5";
        let mut params = Params::read(Some(query), &["symbol", "interval", "from", "limit"]);
        params.required("symbol", "a symbol such as BTCUSDT");
        params.interval("interval");
        params.time("from");
        params.number("limit", 1..=4, 2);
        let problem = params.done().unwrap_err();
        let told: Vec<_> = problem.errors.iter().map(|e| (e.parameter.as_str(), e.found.as_deref())).collect();
        assert_eq!(
            told,
            [
                ("colour", Some("red")),
                ("limit", Some("5")),
                ("symbol", None),
                ("interval", Some("1x")),
                ("from", Some("yesterday")),
                ("limit", Some("5")),
            ]
        );
        assert!(problem.detail.contains("limit cannot be '5', expected a whole number from 1 to 4"), "{problem:?}");
        assert!(problem.errors[3].expected.starts_with("one of 1s, 1m, 3m"));
    }

    #[test]
    fn good_values_come_through() {
        let query = "symbol=BTC%2FUSDT&interval=1h&from=2021-04-21T10%3A00&limit=";
        let mut params = Params::read(Some(query), &["symbol", "interval", "from", "limit"]);
        assert_eq!(params.required("symbol", ""), "BTC/USDT");
        assert_eq!(params.interval("interval").name(), "1h");
        assert_eq!(params.time("from"), Some(1_618_999_200_000_000));
        assert_eq!(params.number("limit", 1..=9, 7), 7);
        assert!(params.done().is_ok());
    }
}
