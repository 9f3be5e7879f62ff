//! The JSON values of the topic `klines.<interval>`: documented, decimals as strings, times in microseconds.
//!
//! ```json
//! {"type":"bar","symbol":"BTCUSDT","interval":"1m","open_time":1619308800000000,"open":"49944.89","high":"49999",
//!  "low":"49930.02","close":"49990","volume":"33.1","quote_volume":null,"trades":812,"taker_buy_volume":"12.5",
//!  "taker_buy_quote_volume":null,"origin":"stream"}
//! {"type":"complete","symbol":"BTCUSDT","interval":"1m","time":1619308860000000}
//! ```
//! A record of the type `restated` has the fields of a `bar`: it corrects one that the topic has given before.

use crate::{
    bar::{Bar, KlineRecord, Origin},
    decimal::{self, PLACES},
    interval::Interval,
    time::Micros,
};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

#[derive(Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
enum Wire<'a> {
    Bar(#[serde(borrow)] WireBar<'a>),
    Restated(#[serde(borrow)] WireBar<'a>),
    Complete {
        #[serde(borrow)]
        symbol: Cow<'a, str>,
        #[serde(borrow)]
        interval: Cow<'a, str>,
        time: Micros,
    },
}

#[derive(Serialize, Deserialize)]
struct WireBar<'a> {
    #[serde(borrow)]
    symbol: Cow<'a, str>,
    #[serde(borrow)]
    interval: Cow<'a, str>,
    open_time: Micros,
    #[serde(borrow)]
    open: Cow<'a, str>,
    #[serde(borrow)]
    high: Cow<'a, str>,
    #[serde(borrow)]
    low: Cow<'a, str>,
    #[serde(borrow)]
    close: Cow<'a, str>,
    #[serde(borrow)]
    volume: Cow<'a, str>,
    #[serde(borrow)]
    quote_volume: Option<Cow<'a, str>>,
    trades: Option<i64>,
    #[serde(borrow)]
    taker_buy_volume: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    taker_buy_quote_volume: Option<Cow<'a, str>>,
    #[serde(borrow)]
    origin: Cow<'a, str>,
}

/// Why a value of a klines topic cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum JsonError {
    /// Not the documented JSON.
    #[error("not a record of a klines topic: {0}")]
    Json(#[from] serde_json::Error),
    /// A field that cannot be understood.
    #[error("{0}")]
    Field(String),
}

/// The value of a record, as bytes of JSON.
pub fn encode(record: &KlineRecord) -> Vec<u8> {
    let wire = match record {
        KlineRecord::Bar(bar) => Wire::Bar(encode_bar(bar)),
        KlineRecord::Restated(bar) => Wire::Restated(encode_bar(bar)),
        KlineRecord::Complete { symbol, interval, time } => {
            Wire::Complete { symbol: Cow::Borrowed(symbol), interval: Cow::Borrowed(interval.name()), time: *time }
        }
    };
    // Strings, integers and options of them always serialise.
    serde_json::to_vec(&wire).unwrap_or_default()
}

fn encode_bar(bar: &Bar) -> WireBar<'_> {
    let text = |v: i128| Cow::Owned(decimal::to_text(v, PLACES, 0));
    WireBar {
        symbol: Cow::Borrowed(&bar.symbol),
        interval: Cow::Borrowed(bar.interval.name()),
        open_time: bar.open_time,
        open: text(i128::from(bar.open)),
        high: text(i128::from(bar.high)),
        low: text(i128::from(bar.low)),
        close: text(i128::from(bar.close)),
        volume: text(bar.volume),
        quote_volume: bar.quote_volume.map(text),
        trades: bar.trades,
        taker_buy_volume: bar.taker_buy_volume.map(text),
        taker_buy_quote_volume: bar.taker_buy_quote_volume.map(text),
        origin: Cow::Borrowed(bar.origin.name()),
    }
}

/// Reads a value that [`encode`] or any other producer of the documented form wrote.
///
/// # Errors
/// See [`JsonError`].
pub fn decode(bytes: &[u8]) -> Result<KlineRecord, JsonError> {
    // The text is checked once as a whole, which is faster than field by field.
    let text = std::str::from_utf8(bytes).map_err(|e| JsonError::Field(format!("not UTF-8: {e}")))?;
    match serde_json::from_str(text)? {
        Wire::Complete { symbol, interval, time } => {
            Ok(KlineRecord::Complete { symbol: symbol.as_ref().into(), interval: parse_interval(&interval)?, time })
        }
        Wire::Bar(wire) => decode_bar(&wire).map(KlineRecord::Bar),
        Wire::Restated(wire) => decode_bar(&wire).map(KlineRecord::Restated),
    }
}

fn decode_bar(wire: &WireBar<'_>) -> Result<Bar, JsonError> {
    let price =
        |name: &str, text: &str| decimal::parse_price(text).map_err(|e| JsonError::Field(format!("field {name}: {e}")));
    let amount = |name: &str, text: &str| {
        decimal::parse_quantity(text).map_err(|e| JsonError::Field(format!("field {name}: {e}")))
    };
    let maybe = |name: &str, text: &Option<Cow<'_, str>>| text.as_deref().map(|t| amount(name, t)).transpose();
    Ok(Bar {
        symbol: wire.symbol.as_ref().into(),
        interval: parse_interval(&wire.interval)?,
        open_time: wire.open_time,
        open: price("open", &wire.open)?,
        high: price("high", &wire.high)?,
        low: price("low", &wire.low)?,
        close: price("close", &wire.close)?,
        volume: amount("volume", &wire.volume)?,
        quote_volume: maybe("quote_volume", &wire.quote_volume)?,
        trades: wire.trades,
        taker_buy_volume: maybe("taker_buy_volume", &wire.taker_buy_volume)?,
        taker_buy_quote_volume: maybe("taker_buy_quote_volume", &wire.taker_buy_quote_volume)?,
        origin: Origin::parse(&wire.origin)
            .ok_or_else(|| JsonError::Field(format!("field origin: unknown origin '{}'", wire.origin)))?,
    })
}

fn parse_interval(text: &str) -> Result<Interval, JsonError> {
    text.parse().map_err(JsonError::Field)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bar::tests::bar;
    use proptest::prelude::*;

    #[test]
    fn the_documented_forms_are_what_is_written() {
        let record = KlineRecord::Bar(bar(1_619_308_800_000_000, [4_994_489_000_000, 5_000_000_000_000, 1, 2]));
        assert_eq!(
            String::from_utf8(encode(&record)).unwrap(),
            r#"{"type":"bar","symbol":"BTCUSDT","interval":"1m","open_time":1619308800000000,"open":"49944.89","high":"50000","low":"0.00000001","close":"0.00000002","volume":"0.000001","quote_volume":"0.000002","trades":3,"taker_buy_volume":"0.0000005","taker_buy_quote_volume":null,"origin":"rest"}"#
        );
        let complete = KlineRecord::Complete { symbol: "BTCUSDT".into(), interval: Interval::M1, time: 60_000_000 };
        assert_eq!(
            String::from_utf8(encode(&complete)).unwrap(),
            r#"{"type":"complete","symbol":"BTCUSDT","interval":"1m","time":60000000}"#
        );
    }

    #[test]
    fn a_bad_field_is_named() {
        for (text, expected) in [
            (r#"{"type":"complete","symbol":"A","interval":"7m","time":1}"#, "unknown interval '7m'"),
            (r#"{"type":"other"}"#, "unknown variant"),
            ("[]", "not a record of a klines topic"),
        ] {
            let error = decode(text.as_bytes()).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }

    proptest! {
        #[test]
        fn what_is_encoded_is_decoded(open in any::<i64>(), p in 1i64..1_000_000_000_000_000, v in 0i128..10i128.pow(27), n in proptest::option::of(0i64..9)) {
            let bar = Bar { volume: v, quote_volume: n.map(i128::from), trades: n, ..bar(open, [p, p, p, p]) };
            for record in [KlineRecord::Bar(bar.clone()), KlineRecord::Restated(bar)] {
                prop_assert_eq!(decode(&encode(&record)).unwrap(), record);
            }
        }

        #[test]
        fn any_bytes_give_a_record_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = decode(&bytes);
        }
    }
}
