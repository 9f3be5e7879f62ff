//! Streams over WebSocket: `/ws`, `/ws/<stream>`, `/stream`, `/stream?streams=<a>/<b>`, with `timeUnit`.
//!
//! Who may connect is decided before the upgrade (429, 418, 503); everything after it is one task per connection
//! ([`connection`]).

mod connection;
mod controls;
mod heartbeat;
mod outbox;

use crate::{frames::Form, limiter::Verdict, rest::refusal, server::Exchange, telemetry, text::TimeUnit};
use axum::{
    Router,
    extract::{ConnectInfo, Path, RawQuery, State, WebSocketUpgrade, ws::rejection::WebSocketUpgradeRejection},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::get,
};
use std::{
    net::SocketAddr,
    sync::{Arc, atomic::Ordering},
};

/// The longest message taken from a client.
const MOST_BYTES: usize = 1 << 20;

type Upgrade = Result<WebSocketUpgrade, WebSocketUpgradeRejection>;

/// The routes of streams.
pub(crate) fn routes() -> Router<Arc<Exchange>> {
    Router::new()
        .route("/ws", get(bare))
        .route("/ws/", get(bare))
        .route("/ws/{*streams}", get(raw))
        .route("/stream", get(combined))
}

async fn bare(
    exchange: State<Arc<Exchange>>,
    from: ConnectInfo<SocketAddr>,
    query: RawQuery,
    upgrade: Upgrade,
) -> Response {
    open(exchange.0, from.0, query.0, upgrade, Some(String::new()))
}

async fn raw(
    exchange: State<Arc<Exchange>>,
    from: ConnectInfo<SocketAddr>,
    query: RawQuery,
    Path(streams): Path<String>,
    upgrade: Upgrade,
) -> Response {
    open(exchange.0, from.0, query.0, upgrade, Some(streams))
}

async fn combined(
    exchange: State<Arc<Exchange>>,
    from: ConnectInfo<SocketAddr>,
    query: RawQuery,
    upgrade: Upgrade,
) -> Response {
    open(exchange.0, from.0, query.0, upgrade, None)
}

/// Upgrades, if the client may: `streams` is the path of a raw connection, a combined one names them in its query.
fn open(
    exchange: Arc<Exchange>,
    from: SocketAddr,
    query: Option<String>,
    upgrade: Upgrade,
    streams: Option<String>,
) -> Response {
    let upgrade = match upgrade {
        Ok(upgrade) => upgrade,
        Err(rejection) => return rejection.into_response(),
    };
    let charged = exchange.limiter().connection(from.ip(), exchange.clock.limits_now());
    if charged.verdict != Verdict::Pass {
        telemetry::disconnected("refused");
        return refusal(charged.verdict, exchange.limits.weight_per_minute).with_used(charged.used).into_response();
    }
    if exchange.request_faults().refuses_upgrade() {
        telemetry::fault("refuse_upgrade");
        return (StatusCode::SERVICE_UNAVAILABLE, "injected fault: no upgrade").into_response();
    }
    let combined = streams.is_none();
    let mut names = streams.unwrap_or_default();
    let mut unit = TimeUnit::Milli;
    for (name, value) in url::form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
        match name.as_ref() {
            "streams" if combined => names = value.into_owned(),
            // The real exchange ignores a unit that it does not know.
            "timeUnit" => unit = TimeUnit::parse(&value).unwrap_or_default(),
            _ => {}
        }
    }
    let streams = names.split('/').filter(|s| !s.is_empty()).map(str::to_owned).collect();
    let open = exchange.open.fetch_add(1, Ordering::Relaxed) + 1;
    telemetry::connections(open);
    let guard = Open(exchange.clone());
    if open > exchange.limits.open_connections {
        telemetry::disconnected("full");
        return (StatusCode::SERVICE_UNAVAILABLE, "too many open connections").into_response();
    }
    let tracked = exchange.tasks.token();
    let form = Form { combined, unit };
    upgrade.max_message_size(MOST_BYTES).on_upgrade(move |socket| async move {
        connection::run(&guard.0, socket, form, streams).await;
        drop((guard, tracked));
    })
}

/// A connection that counts as open while this lives.
struct Open(Arc<Exchange>);

impl Drop for Open {
    fn drop(&mut self) {
        telemetry::connections(self.0.open.fetch_sub(1, Ordering::Relaxed) - 1);
    }
}
