//! The JSON of what streams send and of klines rows, to the byte.
//!
//! ```json
//! {"e":"kline","E":1672515782136,"s":"BNBBTC","k":{"t":1672515780000,"T":1672515839999,"s":"BNBBTC","i":"1m","f":100,
//!  "L":200,"o":"0.00100000","c":"0.00200000","h":"0.00250000","l":"0.00150000","v":"1000.00000000","n":100,"x":false,
//!  "q":"1.00000000","V":"500.00000000","Q":"0.50000000","B":"0"}}
//! ```
//! What a replayed bar does not say (`q n V Q`, and with `n` the ids `f L`) is `null`.

use crate::{
    aggregate::Row,
    feed::Event,
    feed::name::{Kind, StreamName},
    text::{TimeUnit, decimal, integer, maybe, quoted},
};
use candleflow_schema::Micros;

/// How a connection wants its frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Form {
    /// Wrapped into `{"stream":…,"data":…}`.
    pub(crate) combined: bool,
    pub(crate) unit: TimeUnit,
}

/// The frame of an event.
pub(crate) fn event(form: Form, stream: &StreamName, symbol: &str, time: Micros, event: &Event) -> String {
    let mut out = String::with_capacity(420);
    if form.combined {
        out.push_str("{\"stream\":\"");
        out.push_str(&stream.text);
        out.push_str("\",\"data\":");
    }
    match event {
        Event::Kline { row, closed } => kline(&mut out, form.unit, stream, symbol, time, row, *closed),
        Event::AggTrade { part, id, ids } => {
            head(&mut out, "aggTrade", form.unit, time, symbol);
            out.push_str(",\"a\":");
            integer(&mut out, *id);
            out.push_str(",\"p\":\"");
            decimal(&mut out, i128::from(part.price));
            out.push_str("\",\"q\":\"");
            decimal(&mut out, part.quantity);
            out.push_str("\",\"f\":");
            integer(&mut out, ids.0);
            out.push_str(",\"l\":");
            integer(&mut out, ids.1);
            out.push_str(",\"T\":");
            integer(&mut out, form.unit.of(part.time));
            out.push_str(if part.sold { ",\"m\":true,\"M\":true}" } else { ",\"m\":false,\"M\":true}" });
        }
    }
    if form.combined {
        out.push('}');
    }
    out
}

fn head(out: &mut String, name: &str, unit: TimeUnit, time: Micros, symbol: &str) {
    out.push_str("{\"e\":\"");
    out.push_str(name);
    out.push_str("\",\"E\":");
    integer(out, unit.of(time));
    out.push_str(",\"s\":\"");
    out.push_str(symbol);
    out.push('"');
}

fn kline(out: &mut String, unit: TimeUnit, stream: &StreamName, symbol: &str, time: Micros, row: &Row, closed: bool) {
    let Kind::Kline(grid) = stream.kind else { return };
    head(out, "kline", unit, time, symbol);
    out.push_str(",\"k\":{\"t\":");
    integer(out, unit.of(row.open_time));
    out.push_str(",\"T\":");
    integer(out, unit.before(row.close));
    out.push_str(",\"s\":\"");
    out.push_str(symbol);
    out.push_str("\",\"i\":\"");
    out.push_str(grid.interval.name());
    let ids = row.said.trades.map(|_| row.ids);
    out.push_str("\",\"f\":");
    maybe(out, ids.map(|i| i.0));
    out.push_str(",\"L\":");
    maybe(out, ids.map(|i| i.1));
    let p = row.prices;
    for (name, price) in
        [(",\"o\":\"", p.open), ("\",\"c\":\"", p.close), ("\",\"h\":\"", p.high), ("\",\"l\":\"", p.low)]
    {
        out.push_str(name);
        decimal(out, i128::from(price));
    }
    out.push_str("\",\"v\":");
    quoted(out, Some(row.volume));
    out.push_str(",\"n\":");
    maybe(out, row.said.trades);
    out.push_str(if closed { ",\"x\":true,\"q\":" } else { ",\"x\":false,\"q\":" });
    quoted(out, row.said.quote);
    out.push_str(",\"V\":");
    quoted(out, row.said.taker);
    out.push_str(",\"Q\":");
    quoted(out, row.said.taker_quote);
    out.push_str(",\"B\":\"0\"}}");
}

/// The notice that the server is about to close its connections.
pub(crate) fn shutdown(form: Form, time: Micros) -> String {
    let data = format!("{{\"e\":\"serverShutdown\",\"E\":{}}}", form.unit.of(time));
    if form.combined { format!("{{\"stream\":\"!serverShutdown\",\"data\":{data}}}") } else { data }
}

/// The 12-element row of REST.
pub(crate) fn rest_row(out: &mut String, unit: TimeUnit, row: &Row) {
    out.push('[');
    integer(out, unit.of(row.open_time));
    let p = row.prices;
    for price in [p.open, p.high, p.low, p.close] {
        out.push_str(",\"");
        decimal(out, i128::from(price));
        out.push('"');
    }
    out.push(',');
    quoted(out, Some(row.volume));
    out.push(',');
    integer(out, unit.before(row.close));
    out.push(',');
    quoted(out, row.said.quote);
    out.push(',');
    maybe(out, row.said.trades);
    out.push(',');
    quoted(out, row.said.taker);
    out.push(',');
    quoted(out, row.said.taker_quote);
    out.push_str(",\"0\"]");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        aggregate::{Prices, Said},
        grid::{Grid, interval},
        path::Part,
    };

    const MS: Form = Form { combined: false, unit: TimeUnit::Milli };

    fn row(said: Said, ids: (i64, i64)) -> Row {
        let prices = Prices {
            open: 8_750_001_000_000,
            high: 8_751_240_000_000,
            low: 8_749_000_000_000,
            close: 8_750_155_000_000,
        };
        Row { open_time: 1_767_225_600_000_000, close: 1_767_225_660_000_000, prices, volume: 1_234_567_000, said, ids }
    }

    fn full() -> Row {
        let said = Said {
            quote: Some(108_012_345_678_900),
            trades: Some(1543),
            taker: Some(610_000_000),
            taker_quote: Some(53_370_012_000_000),
        };
        row(said, (5_712_345_678, 5_712_347_220))
    }

    fn stream(text: &str, kind: Kind) -> StreamName {
        StreamName { text: text.into(), listing: 0, kind }
    }

    #[test]
    fn a_row_of_rest() {
        let mut out = String::new();
        rest_row(&mut out, TimeUnit::Milli, &full());
        assert_eq!(
            out,
            r#"[1767225600000,"87500.01000000","87512.40000000","87490.00000000","87501.55000000","12.34567000",1767225659999,"1080123.45678900",1543,"6.10000000","533700.12000000","0"]"#
        );
        out.clear();
        rest_row(&mut out, TimeUnit::Micro, &row(Said::default(), (-1, -1)));
        assert_eq!(
            out,
            r#"[1767225600000000,"87500.01000000","87512.40000000","87490.00000000","87501.55000000","12.34567000",1767225659999999,null,null,null,null,"0"]"#
        );
    }

    #[test]
    fn a_kline_event() {
        let s = stream("btcusdt@kline_1m", Kind::Kline(Grid::utc(interval("1m").unwrap())));
        let open = Event::Kline { row: full(), closed: false };
        assert_eq!(
            event(MS, &s, "BTCUSDT", 1_767_225_602_123_000, &open),
            r#"{"e":"kline","E":1767225602123,"s":"BTCUSDT","k":{"t":1767225600000,"T":1767225659999,"s":"BTCUSDT","i":"1m","f":5712345678,"L":5712347220,"o":"87500.01000000","c":"87501.55000000","h":"87512.40000000","l":"87490.00000000","v":"12.34567000","n":1543,"x":false,"q":"1080123.45678900","V":"6.10000000","Q":"533700.12000000","B":"0"}}"#
        );
        let poor = Event::Kline { row: row(Said::default(), (-1, -1)), closed: true };
        assert_eq!(
            event(Form { combined: true, unit: TimeUnit::Micro }, &s, "BTCUSDT", 1_767_225_660_001_000, &poor),
            r#"{"stream":"btcusdt@kline_1m","data":{"e":"kline","E":1767225660001000,"s":"BTCUSDT","k":{"t":1767225600000000,"T":1767225659999999,"s":"BTCUSDT","i":"1m","f":null,"L":null,"o":"87500.01000000","c":"87501.55000000","h":"87512.40000000","l":"87490.00000000","v":"12.34567000","n":null,"x":true,"q":null,"V":null,"Q":null,"B":"0"}}}"#
        );
    }

    #[test]
    fn an_aggregate_trade_and_a_notice() {
        let s = stream("btcusdt@aggTrade", Kind::AggTrade);
        let part =
            Part { time: 1_767_225_600_010_000, price: 8_750_001_000_000, quantity: 300_000, trades: 3, sold: true };
        let trade = Event::AggTrade { part, id: 3_712_345_678, ids: (5_712_345_678, 5_712_345_680) };
        assert_eq!(
            event(MS, &s, "BTCUSDT", 1_767_225_600_011_000, &trade),
            r#"{"e":"aggTrade","E":1767225600011,"s":"BTCUSDT","a":3712345678,"p":"87500.01000000","q":"0.00300000","f":5712345678,"l":5712345680,"T":1767225600010,"m":true,"M":true}"#
        );
        assert_eq!(
            shutdown(Form { combined: true, unit: TimeUnit::Milli }, 1_770_123_456_789_000),
            r#"{"stream":"!serverShutdown","data":{"e":"serverShutdown","E":1770123456789}}"#
        );
        assert_eq!(shutdown(MS, 1_770_123_456_789_000), r#"{"e":"serverShutdown","E":1770123456789}"#);
    }
}
