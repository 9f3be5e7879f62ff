//! `/control/`: what the real exchange does not have. For tests and for clients that follow the market's clock.
//!
//! | request | does |
//! |---|---|
//! | `GET clock` | `{"now":µs,"speed":60.0}`; `speed` is `null` where subscribers set the pace |
//! | `GET state` | connections, requests, symbols, bars, range of the market |
//! | `GET faults`, `PUT faults` | the faults in place; others, for open connections too |
//! | `POST disconnect` | all connections, with `{"code":1008,"reason":"…"}`, or cut where there is no body |
//! | `POST shutdown-notice` | `serverShutdown` to all connections |
//! | `POST ban` | `{"seconds":120}` of the market's clock, the asking address or `{"address":"127.0.0.1"}` |
//! | `DELETE ban` | forgets all bans and all used weight |
//!
//! Only for this machine: other addresses, and requests that a web page makes (`Origin`), are refused.

use crate::{
    faults::Faults,
    server::{Command, Exchange},
};
use axum::{
    Json, Router,
    body::Bytes,
    extract::{ConnectInfo, Request, State},
    http::{StatusCode, header},
    middleware::{Next, from_fn},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use candleflow_schema::Clock;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::json;
use std::{
    net::{IpAddr, SocketAddr},
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

type Shared = State<Arc<Exchange>>;

/// The routes of control.
pub(crate) fn routes() -> Router<Arc<Exchange>> {
    Router::new()
        .route("/clock", get(clock))
        .route("/state", get(state))
        .route("/faults", get(faults).put(put_faults))
        .route("/disconnect", post(disconnect))
        .route("/shutdown-notice", post(notice))
        .route("/ban", post(ban).delete(pardon))
        .layer(from_fn(guard))
}

async fn guard(ConnectInfo(from): ConnectInfo<SocketAddr>, request: Request, next: Next) -> Response {
    if !from.ip().is_loopback() || request.headers().contains_key(header::ORIGIN) {
        return (StatusCode::FORBIDDEN, "control is for programs on this machine").into_response();
    }
    next.run(request).await
}

async fn clock(State(exchange): Shared) -> Response {
    Json(json!({ "now": exchange.clock.now(), "speed": exchange.clock.speed() })).into_response()
}

async fn state(State(exchange): Shared) -> Response {
    let market = &exchange.market;
    Json(json!({
        "simulated": true,
        "connections": exchange.open.load(Ordering::Relaxed),
        "connections_opened": exchange.opened.load(Ordering::Relaxed),
        "requests": exchange.requests.load(Ordering::Relaxed),
        "symbols": market.symbols().count(),
        "bars": market.bars(),
        "interval": market.interval().name(),
        "start": market.start(),
        "end": market.end(),
    }))
    .into_response()
}

async fn faults(State(exchange): Shared) -> Response {
    let faults = exchange.faults.borrow().clone();
    Json(&*faults).into_response()
}

async fn put_faults(State(exchange): Shared, body: Bytes) -> Response {
    let faults: Faults = match read(&body) {
        Ok(faults) => faults,
        Err(why) => return refuse(&why),
    };
    match faults.validate() {
        Ok(()) => {
            exchange.set_faults(faults);
            StatusCode::NO_CONTENT.into_response()
        }
        Err(error) => refuse(&error.to_string()),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Disconnect {
    code: u16,
    #[serde(default)]
    reason: String,
}

async fn disconnect(State(exchange): Shared, body: Bytes) -> Response {
    let how = if body.is_empty() {
        None
    } else {
        match read::<Disconnect>(&body) {
            Ok(Disconnect { code, reason }) if (1000..5000).contains(&code) && reason.len() <= 120 => {
                Some((code, reason))
            }
            Ok(_) => return refuse("a close code lies between 1000 and 4999 and its reason has at most 120 bytes"),
            Err(why) => return refuse(&why),
        }
    };
    tell(&exchange, Command::Disconnect(how))
}

async fn notice(State(exchange): Shared) -> Response {
    tell(&exchange, Command::Notice)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Ban {
    seconds: u64,
    #[serde(default)]
    address: Option<IpAddr>,
}

async fn ban(State(exchange): Shared, ConnectInfo(from): ConnectInfo<SocketAddr>, body: Bytes) -> Response {
    let ban: Ban = match read(&body) {
        Ok(ban) => ban,
        Err(why) => return refuse(&why),
    };
    let address = ban.address.unwrap_or(from.ip());
    let now = exchange.clock.limits_now();
    let until = exchange.limiter().ban(address, Duration::from_secs(ban.seconds), now);
    Json(json!({ "address": address, "until": until })).into_response()
}

async fn pardon(State(exchange): Shared) -> Response {
    exchange.limiter().pardon();
    StatusCode::NO_CONTENT.into_response()
}

fn tell(exchange: &Exchange, command: Command) -> Response {
    let told = exchange.commands.send(command).unwrap_or(0);
    Json(json!({ "connections": told })).into_response()
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, String> {
    serde_json::from_slice(body).map_err(|error| error.to_string())
}

fn refuse(why: &str) -> Response {
    (StatusCode::BAD_REQUEST, Json(json!({ "error": why }))).into_response()
}
