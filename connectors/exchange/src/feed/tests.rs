use super::*;
use crate::{
    grid::{Grid, interval},
    market::tests::minutes,
    view::Range,
};
use candleflow_schema::Bar;
use proptest::prelude::*;

const MINUTE: Micros = 60_000_000;

fn events(market: &Market, streams: &[&str], after: Micros, empty: EmptyBars) -> Vec<(String, Micros, Event)> {
    let mut feed = Feed::default();
    for stream in streams {
        feed.subscribe(market, stream, after, empty);
    }
    let mut out = vec![];
    while let Some(due) = feed.due() {
        feed.pop(market, |stream, time, event| {
            assert_eq!(time, due);
            out.push((stream.text.clone(), time, event.clone()));
        });
    }
    out
}

fn klines(events: &[(String, Micros, Event)]) -> Vec<(Micros, i64, bool)> {
    let row = |(_, time, event): &(String, Micros, Event)| match event {
        Event::Kline { row, closed } => Some((*time, row.open_time / MINUTE, *closed)),
        Event::AggTrade { .. } => None,
    };
    events.iter().filter_map(row).collect()
}

#[test]
fn a_minute_is_pushed_when_it_changed_and_closed_once() {
    let market = Market::replay(minutes("AUSDT", [0, 2])).unwrap();
    let got = klines(&events(&market, &["ausdt@kline_1m"], -1, EmptyBars::default()));
    let s = 1_000_000;
    let minute = |m: i64| {
        let at = m * MINUTE;
        [(2, false), (22, false), (38, false), (54, false)]
            .map(|(x, closed)| (at + x * s, m, closed))
            .into_iter()
            .chain([(at + MINUTE + CLOSING, m, true)])
    };
    assert_eq!(got, minute(0).chain(minute(2)).collect::<Vec<_>>());
}

#[test]
fn a_longer_stream_closes_where_its_bucket_closes_even_in_a_hole() {
    let market = Market::replay(minutes("AUSDT", [0, 1, 2, 11])).unwrap();
    let got = klines(&events(&market, &["ausdt@kline_5m"], -1, EmptyBars::default()));
    let closed: Vec<_> = got.iter().filter(|(_, _, closed)| *closed).collect();
    assert_eq!(closed, [&(5 * MINUTE + CLOSING, 0, true), &(15 * MINUTE + CLOSING, 10, true)]);
    assert_eq!(got.len(), 4 * 4 + 2);
}

#[test]
fn a_bar_without_trades_is_closed_as_the_policy_says() {
    let mut bars = minutes("AUSDT", 0..3);
    bars[1] = Bar { open: 1, high: 1, low: 1, close: 1, volume: 0, ..bars[1].clone() };
    let market = Market::replay(bars).unwrap();
    let closed = |empty| {
        let got = klines(&events(&market, &["ausdt@kline_1m"], -1, empty));
        got.into_iter().filter(|(_, _, closed)| *closed).map(|(_, m, _)| m).collect::<Vec<_>>()
    };
    assert_eq!(closed(EmptyBars::Seconds), [0, 2]);
    assert_eq!(closed(EmptyBars::Never), [0, 2]);
    assert_eq!(closed(EmptyBars::Always), [0, 1, 2]);
}

#[test]
fn at_one_moment_streams_come_in_the_order_of_subscription() {
    let market = Market::replay(minutes("AUSDT", 0..5).into_iter().chain(minutes("BUSDT", 0..5))).unwrap();
    let streams = ["busdt@kline_5m", "ausdt@kline_1m", "busdt@kline_1m", "nobody@kline_1m", "ausdt@depth"];
    let got = events(&market, &streams, 0, EmptyBars::default());
    let last: Vec<&str> = got.iter().rev().take(3).map(|(name, ..)| name.as_str()).collect();
    assert_eq!(last, ["busdt@kline_1m", "ausdt@kline_1m", "busdt@kline_5m"]);
    assert!(got.windows(2).all(|w| w[0].1 <= w[1].1));
}

#[test]
fn a_stream_that_was_ended_is_silent_and_can_begin_again() {
    let market = Market::replay(minutes("AUSDT", 0..5)).unwrap();
    let mut feed = Feed::default();
    feed.subscribe(&market, "ausdt@kline_1m", 0, EmptyBars::default());
    feed.subscribe(&market, "ausdt@kline_1m", 0, EmptyBars::default());
    assert_eq!(feed.streams(), 1);
    feed.unsubscribe("ausdt@kline_1m");
    assert_eq!((feed.streams(), feed.due()), (0, None));
    feed.subscribe(&market, "ausdt@kline_1m", 3 * MINUTE, EmptyBars::default());
    assert_eq!(feed.due(), Some(3 * MINUTE + CLOSING), "the bar before closes a millisecond after its end");
}

#[test]
fn bars_off_the_grid_are_sent_as_they_are() {
    let mut bars = minutes("AUSDT", 0..4);
    for bar in &mut bars[1..] {
        bar.open_time += 14_789_000;
    }
    let market = Market::replay(bars.clone()).unwrap();
    let got = events(&market, &["ausdt@kline_1m"], -1, EmptyBars::default());
    let closed: Vec<Micros> = got
        .iter()
        .filter_map(|(_, _, e)| match e {
            Event::Kline { row, closed: true } => Some(row.open_time),
            _ => None,
        })
        .collect();
    assert_eq!(closed, bars.iter().map(|b| b.open_time).collect::<Vec<_>>());
}

proptest! {
    /// What streams say of closed bars is what REST says, and what they say of open ones is what REST says then.
    #[test]
    fn streams_and_rest_agree(
        skip in proptest::collection::vec(1i64..7, 1..40), zero in proptest::collection::vec(any::<bool>(), 40),
        trades in proptest::option::of(0i64..30), after in -60i64..400, of in 0usize..5,
    ) {
        let at = skip.iter().scan(0, |m, s| { *m += s; Some(*m) });
        let mut bars = minutes("AUSDT", at);
        for (bar, zero) in bars.iter_mut().zip(zero) {
            bar.trades = trades.map(|n| n + 1);
            if zero && bar.open_time % 5 == 0 {
                (bar.high, bar.low, bar.close, bar.volume) = (bar.open, bar.open, bar.open, 0);
                bar.trades = trades.map(|_| 0);
            }
        }
        let market = Market::replay(bars).unwrap();
        let (name, zone) = [("1m", ""), ("3m", ""), ("15m", ""), ("1h", ""), ("1d", "@+08:00")][of];
        let shift = if zone.is_empty() { 0 } else { 480 * MINUTE };
        let grid = Grid { interval: interval(name).unwrap(), shift };
        let after = after * 1_000_000;
        let got = events(&market, &[&format!("ausdt@kline_{name}{zone}")], after, EmptyBars::Always);
        let listing = &market.listings()[0];
        let mut closed = vec![];
        for (_, time, event) in &got {
            prop_assert!(*time > after);
            let Event::Kline { row, closed: last } = event else { unreachable!() };
            let range = Range { from: Some(row.open_time), to: Some(row.open_time), limit: 1 };
            let rest = market.rows(listing, grid, range, *time);
            prop_assert_eq!(rest.first(), Some(row));
            if *last { closed.push(row.clone()); }
        }
        let all = market.rows(listing, grid, Range { from: Some(-1_000 * MINUTE), to: None, limit: 10_000 }, Micros::MAX);
        let expected: Vec<_> = all.into_iter().filter(|r| r.close + CLOSING > after).collect();
        prop_assert_eq!(closed, expected);
    }

    /// Aggregate trades partition the trades, and their sums are the bars'.
    #[test]
    fn aggregate_trades_add_up(n in 1usize..30, trades in proptest::option::of(2i64..50), after in 0i64..1800) {
        let mut bars = minutes("AUSDT", 0..n as i64);
        for bar in &mut bars {
            bar.trades = trades;
            bar.taker_buy_volume = trades.map(|_| bar.volume / 3);
        }
        let market = Market::replay(bars).unwrap();
        let all = events(&market, &["ausdt@aggTrade"], -1, EmptyBars::default());
        let mut next = (1, 1);
        let mut sum = 0;
        for (_, _, event) in &all {
            let Event::AggTrade { part, id, ids } = event else { unreachable!() };
            prop_assert_eq!((*id, ids.0), next);
            next = (id + 1, ids.1 + 1);
            sum += part.quantity;
        }
        prop_assert_eq!(sum, n as i128 * 1_000_000_000);
        if let Some(trades) = trades {
            prop_assert_eq!(next.1 - 1, trades * n as i64);
        }
        let after = after * 1_000_000;
        let later = events(&market, &["ausdt@aggTrade"], after, EmptyBars::default());
        let expected: Vec<_> = all.into_iter().filter(|(_, time, _)| *time > after).collect();
        prop_assert_eq!(later, expected);
    }
}
