//! REST: `/api/v3/{ping,time,exchangeInfo,klines,uiKlines,aggTrades,ticker/price}`.
//!
//! An answer is made in this order: path (404), limiter (429, 418), injected faults, time unit (-1194), then what the
//! endpoint checks of its parameters. Every answer carries the weight used and the mark of a simulation.
//!
//! | endpoint | weight |
//! |---|---|
//! | ping, time | 1 |
//! | exchangeInfo | 20 |
//! | klines, uiKlines | 2 |
//! | aggTrades | 4 |
//! | ticker/price | 2 with `symbol`, else 4 |

mod answer;
mod info;
mod klines;
mod params;
mod price;
mod trades;

pub(crate) use answer::{refusal, simulated};

use crate::{
    faults::requests::RestFault,
    limiter::Verdict,
    server::Exchange,
    telemetry,
    text::{TimeUnit, integer},
};
use answer::{Answer, ApiError};
use axum::{
    extract::{ConnectInfo, State},
    http::{HeaderMap, Method, Uri, header},
    response::Response,
};
use candleflow_schema::{Clock, Micros};
use params::Params;
use std::{
    net::SocketAddr,
    sync::{Arc, atomic::Ordering},
};

/// What there is to ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Endpoint {
    Ping,
    Time,
    ExchangeInfo,
    Klines,
    AggTrades,
    TickerPrice,
}

impl Endpoint {
    fn find(path: &str) -> Option<(Self, &'static str)> {
        Some(match path.strip_prefix("/api/v3/")? {
            "ping" => (Endpoint::Ping, "ping"),
            "time" => (Endpoint::Time, "time"),
            "exchangeInfo" => (Endpoint::ExchangeInfo, "exchangeInfo"),
            "klines" => (Endpoint::Klines, "klines"),
            "uiKlines" => (Endpoint::Klines, "uiKlines"),
            "aggTrades" => (Endpoint::AggTrades, "aggTrades"),
            "ticker/price" => (Endpoint::TickerPrice, "ticker/price"),
            _ => return None,
        })
    }

    fn weight(self, query: &str) -> u64 {
        match self {
            Endpoint::Ping | Endpoint::Time => 1,
            Endpoint::ExchangeInfo => 20,
            Endpoint::Klines => 2,
            Endpoint::AggTrades => 4,
            Endpoint::TickerPrice if query.split('&').any(|p| p.starts_with("symbol=")) => 2,
            Endpoint::TickerPrice => 4,
        }
    }
}

/// A request as an endpoint sees it.
struct Request<'a> {
    exchange: &'a Exchange,
    params: Params,
    unit: TimeUnit,
    now: Micros,
}

/// Answers everything that is neither a stream nor control.
pub(crate) async fn answer(
    State(exchange): State<Arc<Exchange>>,
    ConnectInfo(from): ConnectInfo<SocketAddr>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let limits_now = exchange.clock.limits_now();
    let found = Endpoint::find(uri.path()).filter(|_| method == Method::GET || method == Method::HEAD);
    let Some((endpoint, name)) = found else {
        let html = headers.get(header::ACCEPT).and_then(|v| v.to_str().ok()).is_some_and(|v| v.contains("text/html"));
        let used = exchange.limiter().used(from.ip(), limits_now);
        telemetry::answered("unknown", 404);
        return Answer::not_found(html).with_used(used).into_response();
    };
    exchange.requests.fetch_add(1, Ordering::Relaxed);
    let query = uri.query().unwrap_or("");
    let charged = exchange.limiter().request(from.ip(), endpoint.weight(query), limits_now);
    let faults = exchange.faults.borrow().clone();
    let answer = match charged.verdict {
        Verdict::Pass => {
            let fault = exchange.request_faults().next();
            if let Some(fault) = fault {
                telemetry::fault(fault.name());
            }
            match fault.and_then(|fault| faulty(fault, &exchange, limits_now)) {
                Some(answer) => answer,
                None => {
                    let answer = serve(&exchange, endpoint, query, &headers);
                    let answer = answer.unwrap_or_else(|error| Answer::error(&error));
                    match fault {
                        Some(RestFault::Garbage) => answer.halved(),
                        Some(RestFault::HangUp) => answer.hung_up(),
                        _ => answer,
                    }
                }
            }
        }
        refused => refusal(refused, exchange.limits.weight_per_minute),
    };
    telemetry::answered(name, answer.status());
    answer.with_used(charged.used).slowed(faults.rest.slow_body).into_response()
}

/// The answer of a fault that does not look at the request.
fn faulty(fault: RestFault, exchange: &Exchange, now: Micros) -> Option<Answer> {
    const PAUSE: i64 = 5;
    Some(match fault {
        RestFault::TooMany => refusal(Verdict::Weight { retry_after: PAUSE as u64 }, exchange.limits.weight_per_minute),
        RestFault::Banned => {
            let until = now + PAUSE * 1_000_000;
            refusal(Verdict::Banned { until, retry_after: PAUSE as u64 }, exchange.limits.weight_per_minute)
        }
        RestFault::Forbidden => Answer::forbidden(),
        RestFault::Restricted => Answer::error(&ApiError::restricted()),
        RestFault::ServerError => Answer::unavailable(),
        RestFault::Internal => Answer::error(&ApiError::internal()),
        RestFault::Timeout => Answer::error(&ApiError::timeout()),
        RestFault::Garbage | RestFault::HangUp => return None,
    })
}

fn serve(exchange: &Exchange, endpoint: Endpoint, query: &str, headers: &HeaderMap) -> Result<Answer, ApiError> {
    let unit = match headers.get("x-mbx-time-unit") {
        None => TimeUnit::Milli,
        Some(value) => value.to_str().ok().and_then(TimeUnit::parse).ok_or_else(ApiError::time_unit)?,
    };
    let mut request = Request { exchange, params: Params::parse(query)?, unit, now: exchange.clock.now() };
    let body = match endpoint {
        Endpoint::Ping => {
            request.params.all_read()?;
            "{}".to_owned()
        }
        Endpoint::Time => {
            request.params.all_read()?;
            let mut body = "{\"serverTime\":".to_owned();
            integer(&mut body, unit.of(request.now));
            body + "}"
        }
        Endpoint::ExchangeInfo => info::answer(&mut request)?,
        Endpoint::Klines => klines::answer(&mut request)?,
        Endpoint::AggTrades => trades::answer(&mut request)?,
        Endpoint::TickerPrice => price::answer(&mut request)?,
    };
    Ok(Answer::json(body))
}
