//! Bytes to facts, without I/O: rows of klines, frames of a stream, exchange info, error bodies.
//!
//! Guarantees: never panics, whatever the bytes; a bad row spoils only itself and comes back as [`Quarantined`]; a value
//! that is newer than this program is kept as `Other` and counted.

use crate::{
    messages::{RawError, RawExchangeInfo, RawFilter, RawFrame, RawKline, RawKlineEvent, RawPrice, RawTag, RawTime},
    telemetry,
};
use candleflow_schema::{Bar, Defect, Interval, Micros, Origin, Quarantined, Symbol, time};
use serde_json::value::RawValue;
use std::collections::BTreeMap;

/// The rows of an answer of `klines`.
#[derive(Debug, Default)]
pub struct Rows {
    /// Each with the time from which it is known, in rising order of open time.
    pub rows: Vec<Row>,
    /// What cannot be used.
    pub quarantined: Vec<Quarantined>,
    /// How many rows there were, usable or not.
    pub count: usize,
    /// The open time of the last row, usable or not.
    pub last_open: Option<Micros>,
}

/// One row of `klines`.
#[derive(Debug, Clone)]
pub struct Row {
    /// The bar, final or not.
    pub bar: Bar,
    /// From when it is over: the later of its close time and its nominal end.
    pub over: Micros,
}

/// Reads the body of `klines`.
///
/// # Errors
/// When it is not an array of rows at all; the text says where reading stopped.
pub fn klines(body: &[u8], source: &str, symbol: &Symbol, interval: Interval) -> Result<Rows, String> {
    let text = std::str::from_utf8(body).map_err(|e| e.to_string())?;
    let raw: Vec<&RawValue> = serde_json::from_str(text).map_err(|e| e.to_string())?;
    let mut out = Rows { count: raw.len(), rows: Vec::with_capacity(raw.len()), ..Rows::default() };
    for (i, row) in raw.iter().enumerate() {
        let read = kline_row(row.get(), symbol, interval).and_then(|row| match out.rows.last() {
            Some(last) if row.bar.open_time <= last.bar.open_time => Err(Defect::Order),
            _ => Ok(row),
        });
        match read {
            Ok(row) => {
                out.last_open = out.last_open.max(Some(row.bar.open_time));
                out.rows.push(row);
            }
            Err(defect) => {
                out.last_open = out.last_open.max(open_time_of(row.get()));
                out.quarantined.push(Quarantined::new(source, i as i64 + 1, defect, row.get().as_bytes()));
            }
        }
    }
    Ok(out)
}

/// The open time of a row that cannot be used otherwise, so that paging gets past it.
fn open_time_of(row: &str) -> Option<Micros> {
    let first = row.trim_start_matches(['[', ' ']).split([',', ']']).next()?;
    first.trim().parse().ok().and_then(time::epoch)
}

fn kline_row(text: &str, symbol: &Symbol, interval: Interval) -> Result<Row, Defect> {
    let raw: RawKline<'_> = serde_json::from_str(text).map_err(|e| Defect::Shape(e.to_string()))?;
    let [open, high, low, close, volume] = raw.values;
    let bar = Bar {
        symbol: symbol.clone(),
        interval,
        open_time: epoch(raw.open_time)?,
        open: Defect::price("open", open)?,
        high: Defect::price("high", high)?,
        low: Defect::price("low", low)?,
        close: Defect::price("close", close)?,
        volume: Defect::quantity("volume", volume)?,
        quote_volume: maybe("quote_volume", raw.quote_volume)?,
        trades: raw.trades,
        taker_buy_volume: maybe("taker_buy_volume", raw.taker_buy_volume)?,
        taker_buy_quote_volume: maybe("taker_buy_quote_volume", raw.taker_buy_quote_volume)?,
        origin: Origin::Rest,
    };
    bar.validate()?;
    let over = bar.time().max(epoch(raw.close_time)?);
    Ok(Row { bar, over })
}

fn epoch(value: i64) -> Result<Micros, Defect> {
    time::epoch(value).ok_or_else(|| Defect::Time(format!("{value} is not a time between 1990 and 2100")))
}

fn maybe(column: &'static str, text: Option<&str>) -> Result<Option<i128>, Defect> {
    text.map(|t| Defect::quantity(column, t)).transpose()
}

/// A kline event of the stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KlineUpdate {
    /// The bar as it stands.
    pub bar: Bar,
    /// Whether the exchange says that it is closed.
    pub closed: bool,
    /// The exchange's time when it was sent.
    pub sent: Micros,
}

/// A frame of a stream connection.
#[derive(Debug)]
pub enum Frame {
    /// A bar, as it stands.
    Kline(KlineUpdate),
    /// A kline event that cannot be used.
    Bad(Quarantined),
    /// A control frame was accepted.
    Ack(i64),
    /// A control frame was refused.
    Refused {
        /// Its id, when the exchange says which.
        id: Option<i64>,
        /// The exchange's code.
        code: i64,
        /// The exchange's text.
        msg: String,
    },
    /// The server will go away.
    Shutdown,
    /// Some other event, with its type as far as it has one.
    Other(String),
}

/// Reads a frame, combined or bare.
pub fn frame(text: &str) -> Frame {
    let unreadable = |e: serde_json::Error| Frame::Bad(Quarantined::new("stream", 0, e, text.as_bytes()));
    let raw: RawFrame<'_> = match serde_json::from_str(text) {
        Ok(raw) => raw,
        Err(error) => return unreadable(error),
    };
    if let Some(error) = raw.error {
        return Frame::Refused { id: raw.id, code: error.code, msg: error.msg };
    }
    if let Some(code) = raw.code {
        return Frame::Refused { id: raw.id, code, msg: raw.msg.unwrap_or_default().into_owned() };
    }
    if let (Some(id), None, None) = (raw.id, &raw.stream, &raw.e) {
        return Frame::Ack(id);
    }
    let event = raw.data.map_or(text, RawValue::get);
    let kind = match raw.data {
        Some(data) => match serde_json::from_str::<RawTag<'_>>(data.get()) {
            Ok(tag) => tag.e,
            Err(_) => None,
        },
        None => raw.e,
    };
    match kind.as_deref() {
        Some("kline") => match kline_event(event) {
            Ok(update) => Frame::Kline(update),
            Err(defect) => Frame::Bad(Quarantined::new("stream", 0, defect, text.as_bytes())),
        },
        Some("serverShutdown") => Frame::Shutdown,
        Some(other) => Frame::Other(other.to_owned()),
        None => Frame::Other(raw.stream.map_or_else(String::new, |s| s.into_owned())),
    }
}

fn kline_event(text: &str) -> Result<KlineUpdate, Defect> {
    let raw: RawKlineEvent<'_> = serde_json::from_str(text).map_err(|e| Defect::Shape(e.to_string()))?;
    let k = &raw.kline;
    let bar = Bar {
        symbol: raw.symbol.as_ref().into(),
        interval: k.interval.parse().map_err(Defect::Shape)?,
        open_time: epoch(k.open_time)?,
        open: Defect::price("open", &k.open)?,
        high: Defect::price("high", &k.high)?,
        low: Defect::price("low", &k.low)?,
        close: Defect::price("close", &k.close)?,
        volume: Defect::quantity("volume", &k.volume)?,
        quote_volume: maybe("quote_volume", k.quote_volume.as_deref())?,
        trades: k.trades,
        taker_buy_volume: maybe("taker_buy_volume", k.taker_buy_volume.as_deref())?,
        taker_buy_quote_volume: maybe("taker_buy_quote_volume", k.taker_buy_quote_volume.as_deref())?,
        origin: Origin::Stream,
    };
    bar.validate()?;
    Ok(KlineUpdate { bar, closed: k.closed, sent: epoch(raw.event_time)? })
}

/// Whether an instrument trades.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SymbolStatus {
    /// It does.
    Trading,
    /// It does not, data may come all the same.
    Halt,
    /// It does not, and no data comes; delisted instruments are so for ever.
    Break,
    /// Orders can only be taken back; market data comes, klines do not.
    CancelOnly,
    /// A status that is newer than this program; taken as not trading.
    Other(String),
}

impl SymbolStatus {
    fn read(text: String) -> Self {
        match text.as_str() {
            "TRADING" => Self::Trading,
            "HALT" => Self::Halt,
            "BREAK" => Self::Break,
            "CANCEL_ONLY" => Self::CancelOnly,
            _ => {
                metrics::counter!(telemetry::UNKNOWN, "what" => "status").increment(1);
                Self::Other(text)
            }
        }
    }
}

/// The exchange's rules for orders of one instrument. `None` is a rule that it does not have.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filters {
    /// PRICE_FILTER: least price.
    pub min_price: Option<i64>,
    /// PRICE_FILTER: highest price.
    pub max_price: Option<i64>,
    /// PRICE_FILTER: prices are multiples of it.
    pub tick: Option<i64>,
    /// LOT_SIZE: least quantity.
    pub min_quantity: Option<i128>,
    /// LOT_SIZE: largest quantity.
    pub max_quantity: Option<i128>,
    /// LOT_SIZE: quantities are multiples of it.
    pub step: Option<i128>,
    /// MARKET_LOT_SIZE: least quantity of a market order.
    pub market_min_quantity: Option<i128>,
    /// MARKET_LOT_SIZE: largest quantity of a market order.
    pub market_max_quantity: Option<i128>,
    /// MARKET_LOT_SIZE: quantities of market orders are multiples of it.
    pub market_step: Option<i128>,
    /// NOTIONAL or MIN_NOTIONAL: least value of an order.
    pub min_notional: Option<i128>,
    /// NOTIONAL: largest value of an order.
    pub max_notional: Option<i128>,
    /// Whether the least value holds for market orders.
    pub min_notional_for_market: bool,
    /// Whether the largest value holds for market orders.
    pub max_notional_for_market: bool,
    /// Names of all filters, those that are not read included.
    pub names: Vec<String>,
}

/// An instrument.
#[derive(Debug, Clone)]
pub struct Instrument {
    /// Its name.
    pub symbol: Symbol,
    /// Whether it trades.
    pub status: SymbolStatus,
    /// What is traded.
    pub base: String,
    /// What it is paid with.
    pub quote: String,
    /// The rules for orders.
    pub filters: Filters,
}

impl Instrument {
    /// The row of the table `instruments` that this is from an instant on.
    pub fn stated(&self, valid_from: Micros) -> candleflow_schema::Instrument {
        candleflow_schema::Instrument {
            symbol: self.symbol.clone(),
            valid_from,
            base: self.base.clone(),
            quote: self.quote.clone(),
            tick: self.filters.tick,
            step: self.filters.step,
            min_qty: self.filters.min_quantity,
            min_notional: self.filters.min_notional,
        }
    }
}

/// What the exchange says of itself.
#[derive(Debug, Clone, Default)]
pub struct ExchangeInfo {
    /// When it said so.
    pub server_time: Option<Micros>,
    /// REQUEST_WEIGHT per minute.
    pub weight_limit: Option<u32>,
    /// The instruments by name.
    pub instruments: BTreeMap<Symbol, Instrument>,
}

/// Reads the body of `exchangeInfo`.
///
/// # Errors
/// When it is no such body; a filter that cannot be read is an error too, since an order would break it.
pub fn exchange_info(body: &[u8]) -> Result<ExchangeInfo, String> {
    let raw: RawExchangeInfo = serde_json::from_slice(body).map_err(|e| e.to_string())?;
    let weight = raw.rate_limits.iter().find(|l| l.kind == "REQUEST_WEIGHT" && l.interval == "MINUTE" && l.count == 1);
    let mut info = ExchangeInfo {
        server_time: time::epoch(raw.server_time),
        weight_limit: weight.map(|l| l.limit),
        instruments: BTreeMap::new(),
    };
    for s in raw.symbols {
        let symbol: Symbol = s.symbol.as_str().into();
        let filters = filters(s.filters).map_err(|defect| format!("filters of {}: {defect}", s.symbol))?;
        let status = SymbolStatus::read(s.status);
        info.instruments.insert(symbol.clone(), Instrument { symbol, status, base: s.base, quote: s.quote, filters });
    }
    Ok(info)
}

fn filters(raw: Vec<RawFilter>) -> Result<Filters, Defect> {
    const KNOWN: [&str; 16] = [
        "PERCENT_PRICE",
        "PERCENT_PRICE_BY_SIDE",
        "ICEBERG_PARTS",
        "MAX_NUM_ORDERS",
        "MAX_NUM_ALGO_ORDERS",
        "MAX_NUM_ICEBERG_ORDERS",
        "MAX_NUM_ORDER_LISTS",
        "MAX_NUM_ORDER_AMENDS",
        "MAX_POSITION",
        "TRAILING_DELTA",
        "MAX_ASSET",
        "EXCHANGE_MAX_NUM_ORDERS",
        "EXCHANGE_MAX_NUM_ALGO_ORDERS",
        "EXCHANGE_MAX_NUM_ICEBERG_ORDERS",
        "EXCHANGE_MAX_NUM_ORDER_LISTS",
        "T_PLUS_SELL",
    ];
    let price = |text: Option<String>| text.map(|t| Defect::price("filter", &t)).transpose();
    let amount = |text: Option<String>| text.map(|t| Defect::quantity("filter", &t)).transpose();
    let mut out = Filters::default();
    for f in raw {
        match f.kind.as_str() {
            "PRICE_FILTER" => {
                (out.min_price, out.max_price, out.tick) = (price(f.min_price)?, price(f.max_price)?, price(f.tick)?);
            }
            "LOT_SIZE" => {
                out.min_quantity = amount(f.min_quantity)?;
                out.max_quantity = amount(f.max_quantity)?;
                out.step = amount(f.step)?;
            }
            "MARKET_LOT_SIZE" => {
                out.market_min_quantity = amount(f.min_quantity)?;
                out.market_max_quantity = amount(f.max_quantity)?;
                out.market_step = amount(f.step)?;
            }
            "MIN_NOTIONAL" | "NOTIONAL" => {
                out.min_notional = amount(f.min_notional)?;
                out.max_notional = amount(f.max_notional)?;
                out.min_notional_for_market = f.apply_to_market.or(f.apply_min_to_market).unwrap_or(false);
                out.max_notional_for_market = f.apply_max_to_market.unwrap_or(false);
            }
            other if !KNOWN.contains(&other) => {
                metrics::counter!(telemetry::UNKNOWN, "what" => "filter").increment(1);
            }
            _ => {}
        }
        out.names.push(f.kind);
    }
    Ok(out)
}

/// Reads the body of `time`.
///
/// # Errors
/// When it is no such body.
pub fn server_time(body: &[u8]) -> Result<Micros, String> {
    let raw: RawTime = serde_json::from_slice(body).map_err(|e| e.to_string())?;
    time::epoch(raw.server_time).ok_or_else(|| format!("{} is not a time", raw.server_time))
}

/// Reads the body of `ticker/price`, of one symbol or of many.
///
/// # Errors
/// When it is no such body.
pub fn prices(body: &[u8]) -> Result<BTreeMap<Symbol, i64>, String> {
    let many: Vec<RawPrice> = match body.first() {
        Some(b'{') => vec![serde_json::from_slice(body).map_err(|e| e.to_string())?],
        _ => serde_json::from_slice(body).map_err(|e| e.to_string())?,
    };
    let read = |p: &RawPrice| Defect::price("price", &p.price).map_err(|defect| format!("{}: {defect}", p.symbol));
    many.iter().map(|p| Ok((p.symbol.as_str().into(), read(p)?))).collect()
}

/// The exchange's own error in a body, when there is one.
pub fn error_body(body: &[u8]) -> Option<RawError> {
    serde_json::from_slice(body).ok()
}

/// The end of a ban, from a text such as `IP banned until 1660090423228.`; the text is not stable, so it is only a cross
/// check of `Retry-After`.
pub fn banned_until(msg: &str) -> Option<Micros> {
    let (_, rest) = msg.split_once("until ")?;
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    rest[..digits].parse().ok().and_then(time::epoch)
}

#[cfg(test)]
mod tests;
