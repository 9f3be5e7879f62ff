//! The parameters of a request, and the checks that every endpoint makes of them in the same order: mandatory, charset,
//! symbol, interval, and at last what nobody read.

use super::answer::ApiError;
use crate::{market::is_symbol, text};
use candleflow_schema::Micros;
use std::collections::BTreeSet;

const SYMBOL_RANGE: &str = r"^[\w\-._&&[^a-z]]{1,50}$";
const NUMBER_RANGE: &str = "^[0-9]{1,20}$";
const LIST_RANGE: &str = r#"^\[("[\w\-._&&[^a-z]]{1,50}"(,"[\w\-._&&[^a-z]]{1,50}"){0,}){0,1}\]$"#;

/// Parameters in the order in which they were sent.
#[derive(Debug)]
pub(super) struct Params {
    sent: Vec<(String, String)>,
    read: BTreeSet<&'static str>,
}

impl Params {
    pub(super) fn parse(query: &str) -> Result<Self, ApiError> {
        let sent: Vec<(String, String)> = url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        let names: BTreeSet<&str> = sent.iter().map(|(n, _)| n.as_str()).collect();
        if names.len() < sent.len() {
            return Err(ApiError::duplicate());
        }
        Ok(Self { sent, read: BTreeSet::new() })
    }

    fn raw(&mut self, name: &'static str) -> Option<&str> {
        self.read.insert(name);
        self.sent.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }

    /// A parameter that may be absent, but not empty.
    pub(super) fn optional(&mut self, name: &'static str) -> Result<Option<&str>, ApiError> {
        match self.raw(name) {
            Some("") => Err(ApiError::empty(name)),
            value => Ok(value),
        }
    }

    /// A parameter that must be there.
    pub(super) fn mandatory(&mut self, name: &'static str) -> Result<String, ApiError> {
        self.raw(name).filter(|v| !v.is_empty()).map(str::to_owned).ok_or_else(|| ApiError::missing(name))
    }

    /// A whole number without sign.
    pub(super) fn number(&mut self, name: &'static str) -> Result<Option<u64>, ApiError> {
        let Some(value) = self.optional(name)? else { return Ok(None) };
        if value.len() > 20 || !value.bytes().all(|b| b.is_ascii_digit()) {
            return Err(ApiError::illegal(name, NUMBER_RANGE));
        }
        value.parse().map(Some).map_err(|_| ApiError::invalid(name))
    }

    /// A moment, in milliseconds or microseconds.
    pub(super) fn time(&mut self, name: &'static str) -> Result<Option<Micros>, ApiError> {
        Ok(self.number(name)?.map(|v| text::epoch(i64::try_from(v).unwrap_or(i64::MAX))))
    }

    /// `true` or `false`.
    pub(super) fn boolean(&mut self, name: &'static str) -> Result<Option<bool>, ApiError> {
        match self.optional(name)? {
            None => Ok(None),
            Some("true") => Ok(Some(true)),
            Some("false") => Ok(Some(false)),
            Some(_) => Err(ApiError::invalid(name)),
        }
    }

    /// The symbols of `symbols=["A","B"]`, at most `most`.
    pub(super) fn list(&mut self, name: &'static str, most: usize) -> Result<Option<Vec<String>>, ApiError> {
        let Some(value) = self.optional(name)? else { return Ok(None) };
        let illegal = || ApiError::illegal(name, LIST_RANGE);
        // The real exchange takes no spaces inside; JSON alone would.
        if value.contains(char::is_whitespace) {
            return Err(illegal());
        }
        let list: Vec<String> = serde_json::from_str(value).map_err(|_| illegal())?;
        if !list.iter().all(|s| is_symbol(s)) {
            return Err(illegal());
        }
        if list.len() > most {
            return Err(ApiError::too_many_symbols(most, list.len()));
        }
        let distinct: BTreeSet<&String> = list.iter().collect();
        if distinct.len() < list.len() {
            return Err(ApiError::twice());
        }
        Ok(Some(list))
    }

    /// Refuses a request that sent what nobody read.
    pub(super) fn all_read(&self) -> Result<(), ApiError> {
        let read = self.sent.iter().filter(|(n, _)| self.read.contains(n.as_str())).count();
        if read < self.sent.len() { Err(ApiError::unread(read, self.sent.len())) } else { Ok(()) }
    }
}

/// Checks the characters of a symbol.
pub(super) fn charset(name: &str, symbol: &str) -> Result<(), ApiError> {
    if is_symbol(symbol) { Ok(()) } else { Err(ApiError::illegal(name, SYMBOL_RANGE)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code<T: std::fmt::Debug>(result: Result<T, ApiError>) -> i32 {
        result.unwrap_err().code
    }

    proptest::proptest! {
        #[test]
        fn any_query_is_read_or_refused(query in ".{0,80}") {
            if let Ok(mut params) = Params::parse(&query) {
                let _ = (params.time("a"), params.list("b", 3).is_ok(), params.boolean("c"), params.mandatory("d"));
            }
        }
    }

    #[test]
    fn parameters_are_read_once_and_counted() {
        let mut p = Params::parse("symbol=BTCUSDT&limit=5&x=1").unwrap();
        assert_eq!(p.mandatory("symbol").unwrap(), "BTCUSDT");
        assert_eq!(p.number("limit").unwrap(), Some(5));
        assert_eq!(p.number("startTime").unwrap(), None);
        assert_eq!(p.all_read().unwrap_err(), ApiError::unread(2, 3));
        p.optional("x").unwrap();
        assert!(p.all_read().is_ok());
        assert_eq!(code(Params::parse("a=1&a=2")), -1101);
    }

    #[test]
    fn what_cannot_be_read_has_its_code() {
        let parse = |q: &str| Params::parse(q).unwrap();
        assert_eq!(code(parse("symbol=").mandatory("symbol")), -1102);
        assert_eq!(code(parse("limit=").number("limit")), -1105);
        assert_eq!(code(parse("limit=-5").number("limit")), -1100);
        assert_eq!(code(parse("limit=1e3").number("limit")), -1100);
        assert_eq!(code(parse("limit=99999999999999999999").number("limit")), -1130);
        assert_eq!(code(parse("b=yes").boolean("b")), -1130);
        assert_eq!(code(charset("symbol", "btcusdt")), -1100);
        assert_eq!(code(charset("symbol", "BTC/USDT")), -1100);
        assert!(charset("symbol", "１２３").is_ok());
        let list = |json: &str| Params::parse(&format!("symbols={json}")).unwrap().list("symbols", 2);
        assert_eq!(list("[\"A\",\"B\"]").unwrap().unwrap(), ["A", "B"]);
        assert_eq!(list("%5B%22A%22,%22B%22%5D").unwrap().unwrap(), ["A", "B"]);
        assert_eq!(code(list("[\"A\",%20\"B\"]")), -1100);
        assert_eq!(code(list("A,B")), -1100);
        assert_eq!(code(list("[\"a\"]")), -1100);
        assert_eq!(code(list("[\"A\",\"A\"]")), -1151);
        assert_eq!(code(list("[\"A\",\"B\",\"C\"]")), -1101);
    }
}
