//! What the exchange sends, as serde sees it. Every field is renamed by hand (the names differ only in case), nothing
//! denies unknown fields, and a number that replayed markets lack may be `null`.

use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, SeqAccess, Visitor},
};
use serde_json::value::RawValue;
use std::{borrow::Cow, fmt};

/// A row of `GET /api/v3/klines`: 12 elements, of which the last means nothing.
///
/// `[1499040000000,"0.01634790","0.80000000","0.01575800","0.01577100","148976.11427815",1499644799999,
///   "2434.19055334",308,"1756.87402397","28.46694368","0"]`
#[derive(Debug)]
pub struct RawKline<'a> {
    /// Open time.
    pub open_time: i64,
    /// Open, high, low, close, volume.
    pub values: [&'a str; 5],
    /// Close time: the next open less one unit, earlier where a halt cut the bar.
    pub close_time: i64,
    /// Quote volume.
    pub quote_volume: Option<&'a str>,
    /// Number of trades.
    pub trades: Option<i64>,
    /// Taker-buy base volume.
    pub taker_buy_volume: Option<&'a str>,
    /// Taker-buy quote volume.
    pub taker_buy_quote_volume: Option<&'a str>,
}

impl<'de> Deserialize<'de> for RawKline<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(RawKlineVisitor)
    }
}

struct RawKlineVisitor;

impl<'de> Visitor<'de> for RawKlineVisitor {
    type Value = RawKline<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of 12 elements")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<RawKline<'de>, A::Error> {
        fn next<'de, T: Deserialize<'de>, A: SeqAccess<'de>>(seq: &mut A, at: usize) -> Result<T, A::Error> {
            seq.next_element()?.ok_or_else(|| serde::de::Error::invalid_length(at, &"an array of 12 elements"))
        }
        let open_time = next(&mut seq, 0)?;
        let mut values = [""; 5];
        for (i, value) in values.iter_mut().enumerate() {
            *value = next(&mut seq, i + 1)?;
        }
        let row = RawKline {
            open_time,
            values,
            close_time: next(&mut seq, 6)?,
            quote_volume: next(&mut seq, 7)?,
            trades: next(&mut seq, 8)?,
            taker_buy_volume: next(&mut seq, 9)?,
            taker_buy_quote_volume: next(&mut seq, 10)?,
        };
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(row)
    }
}

/// `{"code":-1121,"msg":"Invalid symbol."}`
#[derive(Debug, Deserialize)]
pub struct RawError {
    /// Stable.
    pub code: i64,
    /// Not stable.
    #[serde(default)]
    pub msg: String,
}

/// `{"serverTime":1499827319559}`
#[derive(Debug, Deserialize)]
pub struct RawTime {
    /// Milliseconds, or microseconds on request.
    #[serde(rename = "serverTime")]
    pub server_time: i64,
}

/// `{"symbol":"BTCUSDT","price":"60740.00000000"}`
#[derive(Debug, Deserialize)]
pub struct RawPrice {
    /// Its instrument.
    pub symbol: String,
    /// Price of the last trade.
    pub price: String,
}

/// `GET /api/v3/exchangeInfo`, the parts that are used.
#[derive(Debug, Deserialize)]
pub struct RawExchangeInfo {
    /// Milliseconds.
    #[serde(rename = "serverTime", default)]
    pub server_time: i64,
    /// `{"rateLimitType":"REQUEST_WEIGHT","interval":"MINUTE","intervalNum":1,"limit":6000}`
    #[serde(rename = "rateLimits", default)]
    pub rate_limits: Vec<RawRateLimit>,
    /// The instruments.
    pub symbols: Vec<RawSymbol>,
}

/// One limit of the exchange.
#[derive(Debug, Deserialize)]
pub struct RawRateLimit {
    /// `REQUEST_WEIGHT`, `ORDERS`, `RAW_REQUESTS`, `CONNECTIONS`.
    #[serde(rename = "rateLimitType")]
    pub kind: String,
    /// `SECOND`, `MINUTE`, `HOUR`, `DAY`.
    pub interval: String,
    /// How many of them.
    #[serde(rename = "intervalNum")]
    pub count: u32,
    /// So much in that time.
    pub limit: u32,
}

/// `{"symbol":"BTCUSDT","status":"TRADING","baseAsset":"BTC","quoteAsset":"USDT","filters":[...]}`
#[derive(Debug, Deserialize)]
pub struct RawSymbol {
    /// Its name.
    pub symbol: String,
    /// Whether it trades.
    pub status: String,
    /// What is traded.
    #[serde(rename = "baseAsset")]
    pub base: String,
    /// What it is paid with.
    #[serde(rename = "quoteAsset")]
    pub quote: String,
    /// The rules for orders.
    #[serde(default)]
    pub filters: Vec<RawFilter>,
}

/// Any filter: `{"filterType":"LOT_SIZE","minQty":"0.00010000","maxQty":"100000.00000000","stepSize":"0.00010000"}`
#[derive(Debug, Deserialize)]
pub struct RawFilter {
    /// Which one.
    #[serde(rename = "filterType")]
    pub kind: String,
    #[serde(rename = "minPrice")]
    pub(crate) min_price: Option<String>,
    #[serde(rename = "maxPrice")]
    pub(crate) max_price: Option<String>,
    #[serde(rename = "tickSize")]
    pub(crate) tick: Option<String>,
    #[serde(rename = "minQty")]
    pub(crate) min_quantity: Option<String>,
    #[serde(rename = "maxQty")]
    pub(crate) max_quantity: Option<String>,
    #[serde(rename = "stepSize")]
    pub(crate) step: Option<String>,
    #[serde(rename = "minNotional")]
    pub(crate) min_notional: Option<String>,
    #[serde(rename = "maxNotional")]
    pub(crate) max_notional: Option<String>,
    #[serde(rename = "applyToMarket")]
    pub(crate) apply_to_market: Option<bool>,
    #[serde(rename = "applyMinToMarket")]
    pub(crate) apply_min_to_market: Option<bool>,
    #[serde(rename = "applyMaxToMarket")]
    pub(crate) apply_max_to_market: Option<bool>,
}

/// Any frame of a stream: `{"stream":"btcusdt@kline_1m","data":{...}}`, an acknowledgement `{"result":null,"id":1}`, a
/// refusal `{"error":{"code":2,"msg":"..."},"id":4}` or, as documented but not seen, `{"code":2,"msg":"...","id":4}`.
#[derive(Debug, Deserialize)]
pub struct RawFrame<'a> {
    /// Name of the stream, of combined frames.
    #[serde(borrow)]
    pub stream: Option<Cow<'a, str>>,
    /// The event, of combined frames.
    #[serde(borrow)]
    pub data: Option<&'a RawValue>,
    /// What a control frame was sent with.
    pub id: Option<i64>,
    /// Of a refused control frame.
    pub error: Option<RawError>,
    /// Of a refused control frame, as documented.
    pub code: Option<i64>,
    /// Of a refused control frame, as documented.
    #[serde(borrow)]
    pub msg: Option<Cow<'a, str>>,
    /// Type of a bare event.
    #[serde(borrow)]
    pub e: Option<Cow<'a, str>>,
}

/// What kind of event it is; bookTicker and partial depth do not say.
#[derive(Debug, Deserialize)]
pub struct RawTag<'a> {
    /// `kline`, `aggTrade`, `serverShutdown` and so on.
    #[serde(borrow)]
    pub e: Option<Cow<'a, str>>,
}

/// `{"e":"kline","E":1672515782136,"s":"BNBBTC","k":{...}}`
#[derive(Debug, Deserialize)]
pub struct RawKlineEvent<'a> {
    /// The exchange's time when it was sent.
    #[serde(rename = "E")]
    pub event_time: i64,
    /// Its instrument, upper case.
    #[serde(rename = "s", borrow)]
    pub symbol: Cow<'a, str>,
    /// The bar.
    #[serde(rename = "k", borrow)]
    pub kline: RawStreamKline<'a>,
}

/// `{"t":1672515780000,"T":1672515839999,"s":"BNBBTC","i":"1m","f":100,"L":200,"o":"0.0010","c":"0.0020","h":"0.0025",
///   "l":"0.0015","v":"1000","n":100,"x":false,"q":"1.0000","V":"500","Q":"0.500","B":"123456"}`
#[derive(Debug, Deserialize)]
pub struct RawStreamKline<'a> {
    /// Open time.
    #[serde(rename = "t")]
    pub open_time: i64,
    /// Length.
    #[serde(rename = "i", borrow)]
    pub interval: Cow<'a, str>,
    /// Open.
    #[serde(rename = "o", borrow)]
    pub open: Cow<'a, str>,
    /// High.
    #[serde(rename = "h", borrow)]
    pub high: Cow<'a, str>,
    /// Low.
    #[serde(rename = "l", borrow)]
    pub low: Cow<'a, str>,
    /// Close.
    #[serde(rename = "c", borrow)]
    pub close: Cow<'a, str>,
    /// Volume.
    #[serde(rename = "v", borrow)]
    pub volume: Cow<'a, str>,
    /// Number of trades.
    #[serde(rename = "n")]
    pub trades: Option<i64>,
    /// Whether it is closed.
    #[serde(rename = "x")]
    pub closed: bool,
    /// Quote volume.
    #[serde(rename = "q", borrow)]
    pub quote_volume: Option<Cow<'a, str>>,
    /// Taker-buy base volume.
    #[serde(rename = "V", borrow)]
    pub taker_buy_volume: Option<Cow<'a, str>>,
    /// Taker-buy quote volume.
    #[serde(rename = "Q", borrow)]
    pub taker_buy_quote_volume: Option<Cow<'a, str>>,
}
