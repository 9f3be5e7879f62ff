//! How a bar comes about: the few trades through which a replayed bar runs from its open to its close.
//!
//! ```text
//!  falling bar:  O ─► H ─► L ─► C        rising bar:  O ─► L ─► H ─► C
//!  at (of its length):  1/60   21/60   37/60   53/60
//! ```
//! A bar says its four prices and its sums, not its trades, so the trades between are made up, always in the same way:
//! at most four ticks, each with an equal share of the volume in whole lots, of the trades and of the other sums. After
//! the last tick all sums are the bar's own. A bar with fewer lots or trades than four has fewer ticks and may not show
//! its high or low before it closes; a bar without volume has none.

use crate::aggregate::{Prices, Row, Said};
use candleflow_schema::Micros;

/// The most ticks in a bar.
pub(crate) const MOST: usize = 4;
const AT: [i64; MOST] = [1, 21, 37, 53];
const OF: i64 = 60;

/// A moment at which a bar changes; sums are those since its open.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tick {
    pub(crate) time: Micros,
    pub(crate) price: i64,
    pub(crate) volume: i128,
    pub(crate) said: Said,
}

/// The ticks of a bar, in time order.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ticks {
    ticks: [Tick; MOST],
    len: usize,
}

impl Ticks {
    pub(crate) fn as_slice(&self) -> &[Tick] {
        &self.ticks[..self.len]
    }
}

/// The ticks of a closed bar.
pub(crate) fn ticks(bar: &Row, step: i64) -> Ticks {
    let Prices { open, high, low, close } = bar.prices;
    let lots = bar.volume / i128::from(step.max(1));
    let most = bar.said.trades.map_or(MOST as i128, i128::from).min(lots.max(i128::from(bar.volume > 0)));
    let n = most.clamp(0, MOST as i128) as usize;
    let (first, second) = if close >= open { (low, high) } else { (high, low) };
    let turns: &[(i64, i64)] = match n {
        0 => &[],
        1 => &[(AT[0], close)],
        2 => &[(AT[0], open), (AT[3], close)],
        3 => &[(AT[0], open), (AT[2], second), (AT[3], close)],
        _ => &[(AT[0], open), (AT[1], first), (AT[2], second), (AT[3], close)],
    };
    let zero = Tick { time: 0, price: 0, volume: 0, said: Said::default() };
    let mut out = Ticks { ticks: [zero; MOST], len: n };
    let length = bar.close - bar.open_time;
    for (j, (at, price)) in turns.iter().enumerate() {
        let volume = if j + 1 == n { bar.volume } else { share(lots, j + 1, n) * i128::from(step.max(1)) };
        out.ticks[j] = Tick {
            time: bar.open_time + length * at / OF / 1_000 * 1_000,
            price: *price,
            volume,
            said: Said {
                quote: bar.said.quote.map(|v| share(v, j + 1, n)),
                trades: bar.said.trades.map(|v| share(i128::from(v), j + 1, n) as i64),
                taker: bar.said.taker.map(|v| share(v, j + 1, n)),
                taker_quote: bar.said.taker_quote.map(|v| share(v, j + 1, n)),
            },
        };
    }
    out
}

/// The first `part` of `parts` equal parts, rounded down.
fn share(total: i128, part: usize, parts: usize) -> i128 {
    match i64::try_from(total) {
        Ok(small) if small < i64::MAX / MOST as i64 => i128::from(small * part as i64 / parts as i64),
        _ => total / parts as i128 * part as i128 + total % parts as i128 * part as i128 / parts as i128,
    }
}

/// A bar as of `at`: `None` before anything of it can be seen.
pub(crate) fn state(bar: &Row, ticks: &Ticks, at: Micros) -> Option<Row> {
    if at >= bar.close {
        return Some(bar.clone());
    }
    if at < bar.open_time {
        return None;
    }
    let seen = ticks.as_slice().iter().take_while(|t| t.time <= at).count();
    let Some(last) = seen.checked_sub(1).map(|i| &ticks.as_slice()[i]) else {
        // Where nothing will be traded, the exchange shows the old price from the start.
        let p = bar.prices.open;
        let flat = Row { prices: Prices { open: p, high: p, low: p, close: p }, ..bar.clone() };
        return (bar.volume == 0).then_some(flat);
    };
    let open = if seen == 1 { last.price } else { bar.prices.open };
    let passed = &ticks.as_slice()[..seen];
    let high = passed.iter().map(|t| t.price).fold(open, i64::max);
    let low = passed.iter().map(|t| t.price).fold(open, i64::min);
    let ids = match (last.said.trades, bar.ids) {
        (Some(n), (first, _)) if first >= 0 && n > 0 => (first, first + n - 1),
        _ => (-1, -1),
    };
    let prices = Prices { open, high, low, close: last.price };
    Some(Row { prices, volume: last.volume, said: last.said, ids, ..bar.clone() })
}

/// An aggregate trade: what one taker bought or sold at one price.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) time: Micros,
    pub(crate) price: i64,
    pub(crate) quantity: i128,
    /// How many trades it stands for.
    pub(crate) trades: i64,
    /// Whether the taker sold.
    pub(crate) sold: bool,
}

/// The aggregate trades of a bar: one or two a tick, so that what takers bought adds up to what the bar says.
pub(crate) fn parts(ticks: &Ticks) -> Vec<Part> {
    let mut parts = Vec::with_capacity(2 * MOST);
    let mut previous: Option<&Tick> = None;
    for tick in ticks.as_slice() {
        let quantity = tick.volume - previous.map_or(0, |p| p.volume);
        let trades = tick.said.trades.map(|n| n - previous.and_then(|p| p.said.trades).unwrap_or(0));
        let bought = tick.said.taker.map(|n| (n - previous.and_then(|p| p.said.taker).unwrap_or(0)).min(quantity));
        let part = |quantity, trades, sold| Part { time: tick.time, price: tick.price, quantity, trades, sold };
        match bought {
            Some(bought) if bought > 0 && bought < quantity && trades.is_none_or(|n| n >= 2) => {
                let n = trades.unwrap_or(2);
                parts.push(part(bought, n / 2, false));
                parts.push(part(quantity - bought, n - n / 2, true));
            }
            Some(bought) => parts.push(part(quantity, trades.unwrap_or(1), bought * 2 < quantity)),
            None => {
                let fell = previous.is_some_and(|p| tick.price < p.price);
                parts.push(part(quantity, trades.unwrap_or(1), fell));
            }
        }
        previous = Some(tick);
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn bar(prices: [i64; 4], volume: i128, said: Said) -> Row {
        let [open, high, low, close] = prices;
        let ids = said.trades.map_or((-1, -1), |n| if n > 0 { (101, 100 + n) } else { (-1, -1) });
        Row { open_time: 0, close: 60_000_000, prices: Prices { open, high, low, close }, volume, said, ids }
    }

    #[test]
    fn a_rising_bar_falls_first() {
        let row = bar([10, 15, 9, 14], 400, Said { trades: Some(9), ..Said::default() });
        let ticks = ticks(&row, 100);
        let seen: Vec<_> = ticks.as_slice().iter().map(|t| (t.time, t.price, t.volume, t.said.trades)).collect();
        let n = Some;
        assert_eq!(
            seen,
            [
                (1_000_000, 10, 100, n(2)),
                (21_000_000, 9, 200, n(4)),
                (37_000_000, 15, 300, n(6)),
                (53_000_000, 14, 400, n(9))
            ]
        );
        assert_eq!(state(&row, &ticks, 999_999), None);
        let at = state(&row, &ticks, 30_000_000).unwrap();
        assert_eq!((at.prices, at.volume, at.ids), (Prices { open: 10, high: 10, low: 9, close: 9 }, 200, (101, 104)));
        assert_eq!(state(&row, &ticks, 60_000_000), Some(row));
    }

    #[test]
    fn a_bar_without_volume_shows_the_old_price_from_its_open() {
        let row = bar([10, 10, 10, 10], 0, Said { trades: Some(0), ..Said::default() });
        let ticks = ticks(&row, 100);
        assert!(ticks.as_slice().is_empty() && parts(&ticks).is_empty());
        assert_eq!(state(&row, &ticks, 0), Some(row.clone()));
        assert_eq!(state(&row, &ticks, -1), None);
    }

    #[test]
    fn what_takers_bought_adds_up() {
        let said = Said { trades: Some(12), taker: Some(250), ..Said::default() };
        let parts = parts(&ticks(&bar([10, 15, 9, 14], 400, said), 10));
        assert_eq!(parts.len(), 8);
        assert_eq!(parts.iter().filter(|p| !p.sold).map(|p| p.quantity).sum::<i128>(), 250);
        assert_eq!(parts.iter().map(|p| p.quantity).sum::<i128>(), 400);
        assert_eq!(parts.iter().map(|p| p.trades).sum::<i64>(), 12);
    }

    proptest! {
        #[test]
        fn the_last_tick_has_the_bars_own_sums(
            o in 1i64..1000, c in 1i64..1000, up in 0i64..100, down in 0i64..100,
            lots in 0i128..1_000_000, n in proptest::option::of(1i64..100), taker in 0i128..100, step in 1i64..1000,
        ) {
            let volume = lots * i128::from(step);
            let said = Said { trades: n, taker: Some(volume * taker / 100), quote: Some(volume * 3), taker_quote: None };
            let row = bar([o, o.max(c) + up, (o.min(c) - down).max(1), c], volume, said);
            let ticks = ticks(&row, step);
            let all = ticks.as_slice();
            prop_assert!(all.windows(2).all(|w| w[0].time < w[1].time && w[0].volume < w[1].volume));
            prop_assert!(all.iter().all(|t| t.volume % i128::from(step) == 0));
            let parts = parts(&ticks);
            prop_assert_eq!(parts.iter().map(|p| p.quantity).sum::<i128>(), volume);
            prop_assert!(parts.iter().all(|p| p.quantity > 0 && p.trades > 0));
            if let Some(last) = all.last() {
                prop_assert_eq!(last.price, c);
                prop_assert_eq!(last.volume, volume);
                prop_assert_eq!(last.said, row.said);
                prop_assert!(last.time < row.close);
                let before = state(&row, &ticks, row.close - 1).unwrap();
                prop_assert!(before.prices.high <= row.prices.high && before.prices.low >= row.prices.low);
                if all.len() == MOST {
                    prop_assert_eq!(before, row);
                }
            } else {
                prop_assert_eq!(volume, 0);
            }
        }
    }
}
