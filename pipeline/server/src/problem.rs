//! Every error that leaves this API: `application/problem+json` (RFC 9457).
//!
//! ```json
//! {"type":"urn:candleflow:problem:parameter","title":"Bad Request","status":400,
//!  "detail":"interval: unknown interval '1x'","instance":"/api/klines",
//!  "errors":[{"parameter":"interval","found":"1x","expected":"one of 1s, 1m, 3m"}]}
//! ```

use axum::{
    body::Body,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use candleflow_engine::QueryError;
use candleflow_schema::Fault;
use serde::Serialize;
use utoipa::ToSchema;

/// The media type of an error.
pub(crate) const PROBLEM_JSON: &str = "application/problem+json";
/// What goes before a kind of problem.
const KIND: &str = "urn:candleflow:problem:";

/// An error as its reader sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Problem {
    /// The kind: `urn:candleflow:problem:` and a word that stays the same.
    #[serde(rename = "type")]
    #[schema(example = "urn:candleflow:problem:parameter")]
    pub kind: String,
    /// The status in words.
    #[schema(example = "Bad Request")]
    pub title: &'static str,
    /// The status.
    #[schema(example = 400)]
    pub status: u16,
    /// What happened this time, and what to do.
    pub detail: String,
    /// The path that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instance: Option<Box<str>>,
    /// The limit that was hit: `rows`, `bytes`, `time`, `memory`, ...
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<&'static str>,
    /// Each parameter that cannot be used.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub errors: Box<[BadParameter]>,
}

/// A parameter that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct BadParameter {
    /// Its name.
    pub parameter: String,
    /// What was given, if anything was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub found: Option<String>,
    /// What can be given.
    pub expected: String,
}

impl Problem {
    /// A problem of some kind.
    pub(crate) fn new(status: StatusCode, kind: &str, detail: impl Into<String>) -> Self {
        Self {
            kind: format!("{KIND}{kind}"),
            title: status.canonical_reason().unwrap_or("Error"),
            status: status.as_u16(),
            detail: detail.into(),
            instance: None,
            limit: None,
            errors: Box::default(),
        }
    }

    /// Parameters that cannot be used.
    pub(crate) fn parameters(errors: Vec<BadParameter>) -> Self {
        let said = |e: &BadParameter| match &e.found {
            Some(found) => format!("{} cannot be '{found}', expected {}", e.parameter, e.expected),
            None => format!("{} is missing, expected {}", e.parameter, e.expected),
        };
        let detail = errors.iter().map(said).collect::<Vec<_>>().join("; ");
        Self { errors: errors.into(), ..Self::new(StatusCode::BAD_REQUEST, "parameter", detail) }
    }

    /// Something that is not there.
    pub(crate) fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not-found", detail)
    }

    /// Our own mistake; the reader is told no more than that, the log has the rest.
    pub(crate) fn internal(detail: &str) -> Self {
        tracing::error!(detail, "a request failed by a mistake of this server");
        let told = "this server has made a mistake, its log says which";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", told)
    }

    /// The lake cannot be read; where it is, is not told.
    pub(crate) fn lake(detail: &str) -> Self {
        tracing::error!(detail, "the lake cannot be read");
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "lake", "the lake cannot be read at the moment, try again")
    }

    /// Too much is asked at once.
    pub(crate) fn busy() -> Self {
        let told = "as many queries are running as may run at once, try again";
        Self::new(StatusCode::TOO_MANY_REQUESTS, "busy", told)
    }

    fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn body(&self) -> Body {
        // A struct of texts and numbers always serialises.
        Body::from(serde_json::to_vec(self).unwrap_or_default())
    }
}

impl From<QueryError> for Problem {
    fn from(error: QueryError) -> Self {
        let detail = error.to_string();
        match error {
            QueryError::Refused(_) | QueryError::Outside(_) => Self::new(StatusCode::FORBIDDEN, "read-only", detail),
            QueryError::Limit(limit) => {
                let problem = Self::new(StatusCode::UNPROCESSABLE_ENTITY, "limit", detail);
                Self { limit: Some(limit.name()), ..problem }
            }
            error => match error.fault() {
                Fault::User => Self::new(StatusCode::BAD_REQUEST, "sql", detail),
                Fault::External => Self::lake(&detail),
                Fault::Internal => Self::internal(&detail),
            },
        }
    }
}

impl From<candleflow_lake::Error> for Problem {
    fn from(error: candleflow_lake::Error) -> Self {
        Self::lake(&error.to_string())
    }
}

impl From<datafusion::error::DataFusionError> for Problem {
    fn from(error: datafusion::error::DataFusionError) -> Self {
        QueryError::from(error).into()
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = Response::new(self.body());
        *response.status_mut() = self.status_code();
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
        if self.status == StatusCode::TOO_MANY_REQUESTS.as_u16() {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response.extensions_mut().insert(self);
        response
    }
}

/// An error response with the path that was asked for; one that the framework made becomes a problem, and its headers
/// (`Allow`) stay.
pub(crate) fn dress(mut response: Response, path: &str) -> Response {
    let status = response.status();
    if !status.is_client_error() && !status.is_server_error() {
        return response;
    }
    let problem = response.extensions_mut().remove::<Problem>().unwrap_or_else(|| of_framework(status, path));
    let problem = Problem { instance: Some(path.into()), ..problem };
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
    headers.remove(header::CONTENT_LENGTH);
    *response.body_mut() = problem.body();
    response
}

fn of_framework(status: StatusCode, path: &str) -> Problem {
    match status {
        StatusCode::METHOD_NOT_ALLOWED => {
            Problem::new(status, "method", format!("{path} does not take this method, the header Allow says which"))
        }
        StatusCode::PAYLOAD_TOO_LARGE => Problem::new(status, "too-large", "the body is too large"),
        _ => Problem::new(status, "request", "the request cannot be used"),
    }
}
