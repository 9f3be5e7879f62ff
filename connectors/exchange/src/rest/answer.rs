//! Answers and errors, as the real exchange words them. Codes are stable, texts are not: clients match on codes.

use crate::{config::Limits, faults::SlowBody, limiter::Verdict};
use axum::{
    body::Body,
    http::{HeaderValue, Response, StatusCode, header},
};
use bytes::Bytes;
use futures::stream;
use std::{io, time::Duration};

const JSON: &str = "application/json;charset=UTF-8";
const HTML: &str = "text/html";
const FIREWALL: &str = "<HTML><HEAD><TITLE>ERROR: The request could not be satisfied</TITLE></HEAD><BODY><H1>403 ERROR</H1><H2>The request could not be satisfied.</H2>Request blocked.</BODY></HTML>";
const UNAVAILABLE: &str = "<html><head><title>503 Service Temporarily Unavailable</title></head><body><center><h1>503 Service Temporarily Unavailable</h1></center></body></html>";
const NOT_FOUND: &str =
    "<html><head><title>404 Not Found</title></head><body><center><h1>404 Not Found</h1></center></body></html>";

/// An error with its status and code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ApiError {
    pub(crate) status: u16,
    pub(crate) code: i32,
    pub(crate) text: String,
}

impl ApiError {
    fn bad(code: i32, text: impl Into<String>) -> Self {
        Self { status: 400, code, text: text.into() }
    }

    pub(crate) fn missing(name: &str) -> Self {
        Self::bad(-1102, format!("Mandatory parameter '{name}' was not sent, was empty/null, or malformed."))
    }

    pub(crate) fn illegal(name: &str, range: &str) -> Self {
        Self::bad(-1100, format!("Illegal characters found in parameter '{name}'; legal range is '{range}'."))
    }

    pub(crate) fn empty(name: &str) -> Self {
        Self::bad(-1105, format!("Parameter '{name}' was empty."))
    }

    pub(crate) fn duplicate() -> Self {
        Self::bad(-1101, "Duplicate values for a parameter detected.")
    }

    pub(crate) fn too_many_symbols(most: usize, sent: usize) -> Self {
        Self::bad(-1101, format!("Too many parameters; expected '{most}' and received '{sent}'."))
    }

    pub(crate) fn unread(read: usize, sent: usize) -> Self {
        let text = format!("Not all sent parameters were read; read '{read}' parameter(s) but was sent '{sent}'.");
        Self::bad(-1104, text)
    }

    pub(crate) fn symbol() -> Self {
        Self::bad(-1121, "Invalid symbol.")
    }

    pub(crate) fn interval() -> Self {
        Self::bad(-1120, "Invalid interval.")
    }

    pub(crate) fn symbol_status() -> Self {
        Self::bad(-1122, "Invalid symbolStatus.")
    }

    pub(crate) fn other_status() -> Self {
        Self::bad(-1220, "The symbol's status does not match the requested symbolStatus.")
    }

    pub(crate) fn combination() -> Self {
        Self::bad(-1128, "Combination of optional parameters invalid.")
    }

    pub(crate) fn invalid(name: &str) -> Self {
        Self::bad(-1130, format!("Data sent for parameter '{name}' is not valid."))
    }

    pub(crate) fn twice() -> Self {
        Self::bad(-1151, "Symbol is present multiple times in the list.")
    }

    pub(crate) fn time_unit() -> Self {
        Self::bad(-1194, "Invalid value for time unit; expected either MICROSECOND or MILLISECOND.")
    }

    pub(super) fn restricted() -> Self {
        let text = "Service unavailable from a restricted location (simulated).";
        Self { status: 451, code: 0, text: text.into() }
    }

    pub(super) fn internal() -> Self {
        let text = "Internal error; unable to process your request. Please try again.";
        Self { status: 500, code: -1001, text: text.into() }
    }

    pub(super) fn timeout() -> Self {
        let text = "Timeout waiting for response from backend server. Send status unknown; execution status unknown.";
        Self { status: 504, code: -1007, text: text.into() }
    }
}

/// An answer before its headers.
#[derive(Debug)]
pub(crate) struct Answer {
    status: StatusCode,
    kind: &'static str,
    body: String,
    retry_after: Option<u64>,
    used: u64,
    slow: Option<SlowBody>,
    hung_up: bool,
}

impl Answer {
    fn new(status: u16, kind: &'static str, body: impl Into<String>) -> Self {
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Self { status, kind, body: body.into(), retry_after: None, used: 0, slow: None, hung_up: false }
    }

    pub(super) fn json(body: String) -> Self {
        Self::new(200, JSON, body)
    }

    pub(super) fn error(error: &ApiError) -> Self {
        // A JSON text of a string always exists.
        let text = serde_json::to_string(&error.text).unwrap_or_default();
        Self::new(error.status, JSON, format!("{{\"code\":{},\"msg\":{text}}}", error.code))
    }

    pub(super) fn not_found(html: bool) -> Self {
        if html { Self::new(404, HTML, NOT_FOUND) } else { Self::new(404, JSON, "") }
    }

    pub(super) fn forbidden() -> Self {
        Self::new(403, HTML, FIREWALL)
    }

    pub(super) fn unavailable() -> Self {
        Self::new(503, HTML, UNAVAILABLE)
    }

    pub(crate) fn with_used(self, used: u64) -> Self {
        Self { used, ..self }
    }

    pub(super) fn slowed(self, slow: Option<SlowBody>) -> Self {
        Self { slow, ..self }
    }

    /// The first half of the body, under a length that says it is whole.
    pub(super) fn halved(mut self) -> Self {
        self.body.truncate(self.body.floor_char_boundary(self.body.len() / 2));
        self
    }

    /// The first half of the body, then the end of the connection.
    pub(super) fn hung_up(self) -> Self {
        Self { hung_up: true, ..self }
    }

    pub(super) fn status(&self) -> u16 {
        self.status.as_u16()
    }

    pub(crate) fn into_response(self) -> Response<Body> {
        let (length, slow, hung_up) = (self.body.len(), self.slow, self.hung_up);
        let body = match (hung_up, slow) {
            (true, _) => broken(self.body),
            (false, Some(slow)) if length > 0 => trickle(self.body, slow),
            _ => Body::from(self.body),
        };
        let mut response = Response::new(body);
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(self.kind));
        headers.insert("x-mbx-used-weight", self.used.into());
        headers.insert("x-mbx-used-weight-1m", self.used.into());
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        if hung_up {
            headers.insert(header::CONTENT_LENGTH, length.into());
        }
        response
    }
}

/// Marks a response as what it is.
pub(crate) fn simulated(mut response: Response<Body>) -> Response<Body> {
    response.headers_mut().insert("x-candleflow-simulated", HeaderValue::from_static("true"));
    response
}

/// The answer of the limiter to a request that it does not let through.
pub(crate) fn refusal(verdict: Verdict, weight_per_minute: u64) -> Answer {
    let (status, text, seconds) = match verdict {
        Verdict::Banned { until, retry_after } => {
            let until = until.div_euclid(1_000);
            let text = format!(
                "Way too much request weight used; IP banned until {until}. Please use WebSocket Streams for live updates to avoid bans."
            );
            (418, text, retry_after)
        }
        Verdict::Count { what, limit, retry_after } => {
            (429, format!("Too many requests; current limit is {limit} {what}s per 5 MINUTE."), retry_after)
        }
        Verdict::Weight { retry_after } => (429, weight_text(weight_per_minute), retry_after),
        Verdict::Pass => (429, weight_text(weight_per_minute), 1),
    };
    let mut answer = Answer::error(&ApiError { status, code: -1003, text });
    answer.retry_after = Some(seconds);
    answer
}

fn weight_text(limit: u64) -> String {
    format!(
        "Too much request weight used; current limit is {limit} request weight per 1 MINUTE. Please use WebSocket Streams for live updates to avoid polling the API."
    )
}

/// A body that comes in pieces.
fn trickle(text: String, slow: SlowBody) -> Body {
    let pause = Duration::from_millis(slow.pause_ms);
    let chunk = slow.chunk.max(1);
    Body::from_stream(stream::unfold(Bytes::from(text), move |mut rest| async move {
        if rest.is_empty() {
            return None;
        }
        tokio::time::sleep(pause).await;
        let piece = rest.split_to(chunk.min(rest.len()));
        Some((Ok::<_, io::Error>(piece), rest))
    }))
}

/// Half a body, then an error that makes the server close the connection; the half is sent before.
fn broken(text: String) -> Body {
    const PAUSE: Duration = Duration::from_millis(10);
    let mut half = Bytes::from(text);
    half.truncate(half.len() / 2);
    let error = || io::Error::new(io::ErrorKind::ConnectionAborted, "injected fault: the server hangs up");
    Body::from_stream(stream::unfold(Some(half), move |half| async move {
        match half {
            Some(half) => Some((Ok(half), None)),
            None => {
                tokio::time::sleep(PAUSE).await;
                Some((Err(error()), None))
            }
        }
    }))
}

/// The entries of `exchangeInfo.rateLimits`.
pub(super) fn rate_limits(limits: &Limits) -> String {
    format!(
        "[{{\"rateLimitType\":\"REQUEST_WEIGHT\",\"interval\":\"MINUTE\",\"intervalNum\":1,\"limit\":{}}},{{\"rateLimitType\":\"RAW_REQUESTS\",\"interval\":\"MINUTE\",\"intervalNum\":5,\"limit\":{}}}]",
        limits.weight_per_minute, limits.requests_per_5_minutes
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_written_as_documented() {
        assert_eq!(Answer::error(&ApiError::symbol()).body, r#"{"code":-1121,"msg":"Invalid symbol."}"#);
        assert_eq!(
            Answer::error(&ApiError::illegal("symbol", r"^[\w\-._&&[^a-z]]{1,50}$")).body,
            r#"{"code":-1100,"msg":"Illegal characters found in parameter 'symbol'; legal range is '^[\\w\\-._&&[^a-z]]{1,50}$'."}"#
        );
        let banned = refusal(Verdict::Banned { until: 1_767_225_721_000_000, retry_after: 120 }, 6_000);
        assert_eq!(
            banned.body,
            r#"{"code":-1003,"msg":"Way too much request weight used; IP banned until 1767225721000. Please use WebSocket Streams for live updates to avoid bans."}"#
        );
        assert_eq!(
            refusal(Verdict::Weight { retry_after: 1 }, 6_000).body,
            r#"{"code":-1003,"msg":"Too much request weight used; current limit is 6000 request weight per 1 MINUTE. Please use WebSocket Streams for live updates to avoid polling the API."}"#
        );
    }

    #[test]
    fn every_response_says_what_was_used_and_that_it_is_simulated() {
        let response = simulated(refusal(Verdict::Weight { retry_after: 35 }, 10).with_used(12).into_response());
        assert_eq!(response.status(), 429);
        for (name, value) in [
            ("x-mbx-used-weight", "12"),
            ("x-mbx-used-weight-1m", "12"),
            ("retry-after", "35"),
            ("x-candleflow-simulated", "true"),
        ] {
            assert_eq!(response.headers()[name], value, "{name}");
        }
    }

    #[test]
    fn half_a_body_ends_between_characters() {
        assert_eq!(Answer::json("ab".into()).halved().body, "a");
        assert_eq!(Answer::json("币币".into()).halved().body, "币");
        assert_eq!(Answer::json("a币".into()).halved().body, "a");
    }
}
