//! The control protocol of a connection: a request in, what is to be done and the reply out. Pure.
//!
//! ```json
//! {"method":"SUBSCRIBE","params":["btcusdt@kline_1m"],"id":1}   →  {"result":null,"id":1}
//! {"method":"LIST_SUBSCRIPTIONS","id":3}                        →  {"result":["btcusdt@kline_1m"],"id":3}
//! {"method":"PLEASE","id":4}   →  {"error":{"code":2,"msg":"Invalid request: unknown variant `PLEASE`, …"},"id":4}
//! ```
//! Errors are wrapped as the real server sends them, not as its documentation has them. A stream that does not exist is
//! subscribed like any other.

use serde::Deserialize;
use serde_json::{Value, json};

/// What a connection has subscribed, in order, and how it wants its frames.
#[derive(Debug, Default)]
pub(super) struct Subscriptions {
    pub(super) names: Vec<String>,
    pub(super) combined: bool,
    pub(super) most: usize,
}

/// What changes.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Change {
    Nothing,
    Subscribe(Vec<String>),
    Unsubscribe(Vec<String>),
}

#[derive(Deserialize)]
struct Request {
    method: Method,
    #[serde(default)]
    params: Option<Value>,
    #[serde(default)]
    id: Value,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum Method {
    Subscribe,
    Unsubscribe,
    ListSubscriptions,
    SetProperty,
    GetProperty,
}

/// Code and text of an error.
type Refusal = (u8, String);

fn invalid(text: &str) -> Refusal {
    (2, format!("Invalid request: {text}"))
}

impl Subscriptions {
    /// Answers a request, and says what changes.
    pub(super) fn answer(&mut self, text: &str) -> (String, Change) {
        let value: Value = match serde_json::from_str(text) {
            Ok(value) => value,
            Err(error) => {
                return (
                    json!({"error": {"code": 3, "msg": format!("Invalid JSON: {error}")}}).to_string(),
                    Change::Nothing,
                );
            }
        };
        let id = value.get("id").cloned().unwrap_or(Value::Null);
        let result = match serde_json::from_str::<Request>(text) {
            Err(error) => Err(invalid(&error.to_string())),
            Ok(request) if !is_id(&request.id) => Err(invalid("request ID must be an unsigned integer")),
            Ok(request) => self.handle(request.method, request.params.unwrap_or(Value::Null)),
        };
        // The real server writes `result` first, and sorted keys would not.
        let id = if is_id(&id) { id } else { Value::Null };
        match result {
            Ok((result, change)) => (format!("{{\"result\":{result},\"id\":{id}}}"), change),
            Err((code, text)) => {
                let text = Value::from(text);
                (format!("{{\"error\":{{\"code\":{code},\"msg\":{text}}},\"id\":{id}}}"), Change::Nothing)
            }
        }
    }

    fn handle(&mut self, method: Method, params: Value) -> Result<(Value, Change), Refusal> {
        match method {
            Method::Subscribe => {
                let wanted = names(params)?;
                let mut fresh: Vec<String> = vec![];
                for name in wanted {
                    if !self.names.contains(&name) && !fresh.contains(&name) {
                        fresh.push(name);
                    }
                }
                self.add(fresh).map(|fresh| (Value::Null, Change::Subscribe(fresh)))
            }
            Method::Unsubscribe => {
                let gone = names(params)?;
                self.names.retain(|name| !gone.contains(name));
                Ok((Value::Null, Change::Unsubscribe(gone)))
            }
            Method::ListSubscriptions => Ok((Value::from(self.names.clone()), Change::Nothing)),
            Method::SetProperty => {
                let params = property(params, 2)?;
                let value = params.get(1).ok_or_else(|| invalid("missing property value"))?;
                self.combined =
                    value.as_bool().ok_or_else(|| (1, "Invalid value type: expected Boolean".to_owned()))?;
                Ok((Value::Null, Change::Nothing))
            }
            Method::GetProperty => {
                property(params, 1)?;
                Ok((Value::Bool(self.combined), Change::Nothing))
            }
        }
    }

    /// Adds streams, all or none.
    pub(super) fn add(&mut self, fresh: Vec<String>) -> Result<Vec<String>, Refusal> {
        if self.names.len() + fresh.len() > self.most {
            return Err((4, "Too many subscriptions".to_owned()));
        }
        self.names.extend(fresh.iter().cloned());
        Ok(fresh)
    }
}

/// A signed 64-bit number, 1 to 36 letters and digits, or nothing.
fn is_id(id: &Value) -> bool {
    match id {
        Value::Null => true,
        Value::Number(n) => n.is_i64(),
        Value::String(s) => (1..=36).contains(&s.len()) && s.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-'),
        _ => false,
    }
}

fn names(params: Value) -> Result<Vec<String>, Refusal> {
    serde_json::from_value(params).map_err(|error| invalid(&error.to_string()))
}

/// The parameters of a request about a property, of which there is one: `combined`.
fn property(params: Value, most: usize) -> Result<Vec<Value>, Refusal> {
    let Value::Array(params) = params else { return Err(invalid("property name must be a string")) };
    match params.first() {
        Some(Value::String(name)) if name == "combined" => {}
        Some(Value::String(_)) => return Err((0, "Unknown property".to_owned())),
        _ => return Err(invalid("property name must be a string")),
    }
    if params.len() > most { Err(invalid("too many parameters")) } else { Ok(params) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(subscriptions: &mut Subscriptions, text: &str) -> String {
        subscriptions.answer(text).0
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_answered(text in ".{0,80}", method in "[A-Z_]{0,20}", params in ".{0,20}") {
            let mut s = Subscriptions { most: 3, ..Default::default() };
            for text in [text, format!("{{\"method\":\"{method}\",\"params\":{params},\"id\":1}}")] {
                let (reply, _) = s.answer(&text);
                proptest::prop_assert!(serde_json::from_str::<Value>(&reply).is_ok(), "{}", reply);
            }
        }
    }

    #[test]
    fn the_documented_dialogue() {
        let mut s = Subscriptions { most: 3, ..Default::default() };
        let (reply, change) =
            s.answer(r#"{"method":"SUBSCRIBE","params":["btcusdt@aggTrade","btcusdt@depth"],"id":1}"#);
        assert_eq!(reply, r#"{"result":null,"id":1}"#);
        assert_eq!(change, Change::Subscribe(vec!["btcusdt@aggTrade".into(), "btcusdt@depth".into()]));
        let (reply, change) = s.answer(r#"{"method":"SUBSCRIBE","params":["btcusdt@depth","a","a"],"id":null}"#);
        assert_eq!((reply.as_str(), change), (r#"{"result":null,"id":null}"#, Change::Subscribe(vec!["a".into()])));
        let (reply, change) = s.answer(r#"{"method":"UNSUBSCRIBE","params":["btcusdt@depth"],"id":"312"}"#);
        assert_eq!(
            (reply.as_str(), change),
            (r#"{"result":null,"id":"312"}"#, Change::Unsubscribe(vec!["btcusdt@depth".into()]))
        );
        assert_eq!(
            ask(&mut s, r#"{"method":"LIST_SUBSCRIPTIONS","id":3}"#),
            r#"{"result":["btcusdt@aggTrade","a"],"id":3}"#
        );
        assert_eq!(
            ask(&mut s, r#"{"method":"GET_PROPERTY","params":["combined"],"id":2}"#),
            r#"{"result":false,"id":2}"#
        );
        assert_eq!(
            ask(&mut s, r#"{"method":"SET_PROPERTY","params":["combined",true],"id":-5}"#),
            r#"{"result":null,"id":-5}"#
        );
        assert_eq!(ask(&mut s, r#"{"method":"GET_PROPERTY","params":["combined"]}"#), r#"{"result":true,"id":null}"#);
        assert_eq!(
            ask(&mut s, r#"{"method":"SUBSCRIBE","params":["b","c"],"id":19}"#),
            r#"{"error":{"code":4,"msg":"Too many subscriptions"},"id":19}"#
        );
        assert_eq!(s.names.len(), 2, "all or none");
    }

    #[test]
    fn errors_have_the_codes_and_texts_of_the_real_server() {
        let mut s = Subscriptions { most: 3, ..Default::default() };
        for (text, code, message, id) in [
            (r#"{"method":"GET_PROPERTY","params":["nope"],"id":1}"#, 0, "Unknown property", "1"),
            (
                r#"{"method":"SET_PROPERTY","params":["combined",1],"id":1}"#,
                1,
                "Invalid value type: expected Boolean",
                "1",
            ),
            (
                r#"{"method":"SET_PROPERTY","params":[1,true],"id":1}"#,
                2,
                "Invalid request: property name must be a string",
                "1",
            ),
            (
                r#"{"method":"GET_PROPERTY","params":["combined",1],"id":1}"#,
                2,
                "Invalid request: too many parameters",
                "1",
            ),
            (
                r#"{"method":"LIST_SUBSCRIPTIONS","id":1.5}"#,
                2,
                "Invalid request: request ID must be an unsigned integer",
                "null",
            ),
            (
                r#"{"method":"PLEASE","id":4}"#,
                2,
                "Invalid request: unknown variant `PLEASE`, expected one of `SUBSCRIBE`, `UNSUBSCRIBE`, `LIST_SUBSCRIPTIONS`, `SET_PROPERTY`, `GET_PROPERTY` at line 1 column 18",
                "4",
            ),
            (r#"{"params":[],"id":4}"#, 2, "Invalid request: missing field `method` at line 1 column 20", "4"),
        ] {
            let expected = format!("{{\"error\":{{\"code\":{code},\"msg\":{}}},\"id\":{id}}}", Value::from(message));
            assert_eq!(ask(&mut s, text), expected);
        }
        assert_eq!(
            ask(&mut s, "hello"),
            r#"{"error":{"code":3,"msg":"Invalid JSON: expected value at line 1 column 1"}}"#
        );
        assert!(ask(&mut s, r#"{"method":"SUBSCRIBE","params":"x","id":4}"#).contains("\"code\":2"));
        assert!(ask(&mut s, r#"{"method":"SUBSCRIBE","id":4}"#).contains("\"code\":2"));
        assert!(ask(&mut s, "[]").contains("\"code\":2"));
    }
}
