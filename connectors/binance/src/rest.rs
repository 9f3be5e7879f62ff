//! The REST client: one request at a time through the budget, the wire, and the classification of what came back.
//!
//! ```text
//! get(path) ─► reserve weight ─► send ─► 200: body
//!               ▲ wait            │
//!               │                 ├─ 429, 418, 403, code -1003: block the address, wait, again
//!               └── backoff ◄─────┴─ transport, timeout, 5xx, busy: again, at most `attempts` times
//! ```
//!
//! Clones share budget, time and connections. Only reads are sent, so every request may be repeated.

use crate::{
    backoff::{Backoff, Jitter},
    config::RestConfig,
    error::BinanceError,
    limits::{Reservation, Wait, WeightBudget},
    parse::{self, ExchangeInfo},
    server_time::ServerTime,
    telemetry,
};
use candleflow_schema::{Clock, Micros, Symbol, time::SECOND};
use reqwest::{Response, StatusCode, header::RETRY_AFTER, redirect};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio_util::sync::CancellationToken;
use url::Url;

/// Longest body that is read; the full exchangeInfo has some ten megabytes.
const BODY_LIMIT: usize = 64 << 20;
/// How often a request waits for a block that ends soon before the caller is told.
const BLOCKS: u32 = 10;
/// On a clock that runs faster than the wall, a failure is still only called one after this long on the wall.
pub(crate) const LEAST_WALL: Duration = Duration::from_secs(2);
/// Most symbols that are named in one URL.
const NAMED: usize = 100;

/// The REST client.
#[derive(Clone)]
pub struct RestClient {
    pub(crate) config: Arc<RestConfig>,
    http: reqwest::Client,
    budget: Arc<WeightBudget>,
    time: ServerTime,
    jitter: Arc<Mutex<Jitter>>,
    cancel: CancellationToken,
}

impl RestClient {
    /// A client of the endpoint that `config` names; `cancel` ends every call with [`BinanceError::Cancelled`].
    ///
    /// # Errors
    /// [`BinanceError::Url`], or when TLS cannot be set up.
    pub fn new(config: RestConfig, clock: Arc<dyn Clock>, cancel: CancellationToken) -> Result<Self, BinanceError> {
        if config.url.cannot_be_a_base() || !matches!(config.url.scheme(), "http" | "https") {
            return Err(BinanceError::Url { url: config.url.to_string(), cause: "it is not an http address".into() });
        }
        let (http, paced) = (http_client()?, config.paced);
        let budget = WeightBudget::shared(&config.url);
        let jitter = Arc::new(Mutex::new(Jitter::new(config.seed)));
        Ok(Self { config: Arc::new(config), http, budget, time: ServerTime::new(clock, paced), jitter, cancel })
    }

    /// The exchange's time, as last synchronised.
    pub fn time(&self) -> &ServerTime {
        &self.time
    }

    /// The weight budget that this client shares.
    pub fn budget(&self) -> &WeightBudget {
        &self.budget
    }

    /// Takes five samples of the exchange's clock and keeps the best.
    ///
    /// # Errors
    /// When none could be had.
    pub async fn sync_time(&self) -> Result<(), BinanceError> {
        if self.config.paced {
            return Ok(());
        }
        let mut samples = Vec::new();
        let mut failure = None;
        for _ in 0..5 {
            let sent = self.time.clock().now();
            match self.get("time", &[], 1, parse::server_time).await {
                Ok((server, _)) => samples.push((sent, self.time.clock().now(), server)),
                Err(error) => failure = Some(error),
            }
        }
        self.time.sync(&samples);
        match failure {
            Some(error) if samples.is_empty() => Err(error),
            _ => Ok(()),
        }
    }

    /// What the exchange says of `symbols`, or of all when there are none or more than a URL holds. Learns the weight
    /// limit by the way.
    ///
    /// # Errors
    /// See [`BinanceError`]; a name that the exchange does not know is code -1121.
    pub async fn exchange_info(&self, symbols: &[Symbol]) -> Result<ExchangeInfo, BinanceError> {
        let mut query = vec![("showPermissionSets", "false".to_owned())];
        if !symbols.is_empty() && symbols.len() <= NAMED {
            let names: Vec<_> = symbols.iter().map(|s| format!("\"{s}\"")).collect();
            query.push(("symbols", format!("[{}]", names.join(","))));
        }
        let (info, _) = self.get("exchangeInfo", &query, 20, parse::exchange_info).await?;
        if let Some(limit) = info.weight_limit {
            self.budget.state().learn(limit);
        }
        Ok(info)
    }

    /// The price of the last trade of `symbol`, or of every symbol.
    ///
    /// # Errors
    /// See [`BinanceError`].
    pub async fn prices(&self, symbol: Option<&Symbol>) -> Result<BTreeMap<Symbol, i64>, BinanceError> {
        let query: Vec<_> = symbol.iter().map(|s| ("symbol", s.to_string())).collect();
        let weight = if symbol.is_some() { 2 } else { 4 };
        Ok(self.get("ticker/price", &query, weight, parse::prices).await?.0)
    }

    /// What `read` makes of the answer to `GET /api/v3/{path}`, and the exchange's time just before the request that it
    /// answers was sent. An answer that cannot be read (cut on its way, say) is asked for again.
    pub(crate) async fn get<T>(
        &self,
        path: &'static str,
        query: &[(&str, String)],
        weight: u32,
        read: impl Fn(&[u8]) -> Result<T, String>,
    ) -> Result<(T, Micros), BinanceError> {
        let mut backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(4), self.seed());
        let (mut failures, mut blocks) = (0, 0);
        loop {
            let reservation = self.reserve(weight).await?;
            let asked_at = self.time.surely();
            let body = self.send(path, query, reservation).await;
            let error = match body.and_then(|body| read(&body).map_err(|cause| self.unreadable(path, cause))) {
                Ok(value) => return Ok((value, asked_at)),
                Err(error) if !error.retry() => return Err(error),
                Err(error) => error,
            };
            let limited = matches!(error, BinanceError::Limited { .. });
            if limited {
                blocks += 1
            } else {
                failures += 1
            }
            if failures >= self.config.attempts || blocks >= BLOCKS {
                return Err(error);
            }
            metrics::counter!(telemetry::RETRIES, "path" => path).increment(1);
            tracing::debug!(path, %error, failures, blocks, "will be asked again");
            if !limited {
                self.sleep(backoff.added()).await?;
            }
        }
    }

    /// Waits until `weight` may be sent.
    async fn reserve(&self, weight: u32) -> Result<Reservation, BinanceError> {
        loop {
            if self.cancel.is_cancelled() {
                return Err(BinanceError::Cancelled);
            }
            let now = self.time.steady();
            let until = match Reservation::take(&self.budget, now, weight, self.config.share) {
                Ok(reservation) => return Ok(reservation),
                Err(Wait::Blocked(until, banned)) if until - now > self.config.longest_wait.as_micros() as Micros => {
                    return Err(BinanceError::Limited { until, banned });
                }
                Err(Wait::Spent(until) | Wait::Blocked(until, _)) => until,
            };
            let span = Duration::from_micros((until - now).max(0) as u64);
            let jitter = self.jitter().between(Duration::from_millis(50), Duration::from_millis(250));
            self.sleep(span + jitter).await?;
        }
    }

    async fn send(
        &self,
        path: &'static str,
        query: &[(&str, String)],
        reservation: Reservation,
    ) -> Result<Vec<u8>, BinanceError> {
        let url = self.url(path, query);
        let request = format!("GET {url}");
        let limit = self.time.clock().wall(self.config.timeout).max(LEAST_WALL);
        let exchange = async {
            let response = self.http.get(url).send().await.map_err(|e| transport(&request, &e))?;
            let answer = Head::of(&response);
            reservation.answered(self.time.steady(), answer.used);
            metrics::gauge!(telemetry::WEIGHT_USED).set(f64::from(self.budget.state().used()));
            metrics::counter!(telemetry::REQUESTS, "path" => path, "status" => answer.status.as_u16().to_string())
                .increment(1);
            let body = read(response, &request).await;
            match answer.status.is_success() {
                true => body,
                // An error answer whose body is cut short is still that error.
                false => Err(self.refusal(&request, &answer, &body.unwrap_or_default())),
            }
        };
        tokio::select! {
            () = self.cancel.cancelled() => Err(BinanceError::Cancelled),
            done = tokio::time::timeout(limit, exchange) => match done {
                Ok(done) => done,
                Err(_) => Err(BinanceError::Timeout { request: request.clone(), seconds: self.config.timeout.as_secs() }),
            },
        }
    }

    /// Classifies by status first, then by code; blocks the address when the exchange says so.
    fn refusal(&self, request: &str, answer: &Head, body: &[u8]) -> BinanceError {
        let status = answer.status.as_u16();
        let error = parse::error_body(body);
        let limited = error.as_ref().is_some_and(|e| e.code == -1003) || matches!(status, 429 | 418);
        let firewall = status == 403 && error.is_none();
        if limited || firewall {
            let banned = status == 418;
            let default = if firewall { 300 } else { 60 } * if banned { 2 } else { 1 };
            let now = self.time.steady();
            let after = now + answer.retry_after.unwrap_or(default).saturating_mul(SECOND);
            let stated = error.as_ref().and_then(|e| parse::banned_until(&e.msg)).filter(|_| banned);
            let until = stated.map_or(after, |s| s.max(after));
            self.budget.state().block(until, banned);
            metrics::counter!(telemetry::BLOCKED, "status" => status.to_string()).increment(1);
            if banned {
                tracing::error!(status, until, "the exchange has banned this address");
            } else {
                tracing::warn!(status, until, "the exchange wants no requests for a while");
            }
            return BinanceError::Limited { until, banned };
        }
        let request = request.to_owned();
        match error {
            _ if status == 451 => BinanceError::Location { request },
            Some(error) => BinanceError::Api { request, status, code: error.code, msg: error.msg },
            None => {
                let text = String::from_utf8_lossy(&body[..body.len().min(200)]).into_owned();
                BinanceError::Http { request, status, text }
            }
        }
    }

    fn url(&self, path: &str, query: &[(&str, String)]) -> Url {
        let mut url = self.config.url.clone();
        url.set_path(&format!("{}/api/v3/{path}", self.config.url.path().trim_end_matches('/')));
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        url
    }

    pub(crate) fn unreadable(&self, path: &str, cause: String) -> BinanceError {
        BinanceError::Body { request: format!("GET {}", self.url(path, &[])), cause }
    }

    /// Sleeps on the clock, or is cancelled.
    pub(crate) async fn sleep(&self, span: Duration) -> Result<(), BinanceError> {
        tokio::select! {
            () = self.cancel.cancelled() => Err(BinanceError::Cancelled),
            () = tokio::time::sleep(self.time.clock().wall(span)) => Ok(()),
        }
    }

    fn jitter(&self) -> std::sync::MutexGuard<'_, Jitter> {
        self.jitter.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn seed(&self) -> u64 {
        (self.jitter().unit() * 9e15) as u64
    }
}

/// What the head of an answer says.
struct Head {
    status: StatusCode,
    used: Option<u32>,
    retry_after: Option<i64>,
}

impl Head {
    fn of(response: &Response) -> Self {
        let number = |name: &str| response.headers().get(name)?.to_str().ok()?.trim().parse::<i64>().ok();
        let used = number("x-mbx-used-weight-1m").and_then(|n| u32::try_from(n).ok());
        // A Retry-After that is a date or negative counts as absent.
        let retry_after = number(RETRY_AFTER.as_str()).filter(|n| (0..=10 * 86_400).contains(n));
        Self { status: response.status(), used, retry_after }
    }
}

/// The HTTP client of this crate: no redirects (a redirect from an API host is never right), named, gzip.
pub(crate) fn http_client() -> Result<reqwest::Client, BinanceError> {
    reqwest::Client::builder()
        .redirect(redirect::Policy::none())
        .user_agent(concat!("candleflow/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(Duration::from_secs(10))
        .build()
        .map_err(|e| BinanceError::Internal(format!("the HTTP client cannot be set up: {e}")))
}

async fn read(mut response: Response, request: &str) -> Result<Vec<u8>, BinanceError> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|e| transport(request, &e))? {
        if body.len() + chunk.len() > BODY_LIMIT {
            let cause = format!("it is longer than {BODY_LIMIT} bytes");
            return Err(BinanceError::Body { request: request.to_owned(), cause });
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

pub(crate) fn transport(request: &str, error: &reqwest::Error) -> BinanceError {
    // reqwest says what happened only in the causes.
    let mut cause = String::new();
    let mut next: Option<&dyn std::error::Error> = std::error::Error::source(error);
    while let Some(error) = next {
        if !cause.is_empty() {
            cause.push_str(": ");
        }
        cause.push_str(&error.to_string());
        next = error.source();
    }
    if cause.is_empty() {
        cause = error.to_string();
    }
    BinanceError::Transport { request: request.to_owned(), cause }
}
