//! The columns of one symbol that trading at opens needs, checked once.

use std::borrow::Cow;

use super::super::account::day_of;
use super::super::{BarInput, EngineError};
use crate::money::price_to_f64;

/// Bars of one symbol as columns.
#[derive(Debug, Clone, Default)]
pub struct Market<'a> {
    pub(super) open_time: Cow<'a, [i64]>,
    /// Event times, less `offset`.
    pub(super) time: Cow<'a, [i64]>,
    pub(super) offset: i64,
    /// Scaled by 1e8.
    pub(super) open: Cow<'a, [i64]>,
    pub(super) close: Cow<'a, [f64]>,
    /// The highest prices of so many bars each, scaled by 1e8.
    high: (Cow<'a, [i64]>, usize),
    /// The place after the last bar of each UTC day.
    pub(super) day_ends: Vec<usize>,
    /// The last close, scaled by 1e8.
    pub(super) last_close: i64,
    /// Bars without volume; empty where there is none.
    still: Vec<u64>,
}

/// Bars whose highest prices are kept as one.
const TOGETHER: usize = 64;

/// Columns of equal length of bars of one interval that all have volume: times in microseconds, prices scaled by 1e8.
#[derive(Debug, Clone, Copy)]
pub struct MarketColumns<'a> {
    /// When bars opened.
    pub open_time: &'a [i64],
    /// From a bar's open to its event time.
    pub interval: i64,
    /// First, highest, lowest and last prices.
    pub ohlc: [&'a [i64]; 4],
    /// The last prices as the floats that expressions see.
    pub close: &'a [f64],
}

impl<'a> Market<'a> {
    /// Columns as they are, without a copy; the first impossible or unordered bar is an error, as in the engine.
    ///
    /// # Panics
    /// Where the columns differ in length.
    pub fn of_columns(columns: MarketColumns<'a>) -> Result<Market<'a>, EngineError> {
        let MarketColumns { open_time, interval, ohlc: [open, high, low, close], .. } = columns;
        let bars = open_time.len();
        let lengths = [open.len(), high.len(), low.len(), close.len(), columns.close.len()];
        assert!(lengths.iter().all(|length| *length == bars), "the columns of a market are of one length");
        // What may be wrong is looked at bar by bar.
        if !(sound(open, high, low, close) && rising(open_time)) {
            let known = |at: usize| open_time[at].saturating_add(interval);
            (0..bars).try_for_each(|at| {
                let before = (at > 0).then(|| (open_time[at - 1], known(at - 1)));
                check(before, open_time[at], known(at), [open[at], high[at], low[at], close[at]])
            })?;
        }
        Ok(Market {
            open_time: Cow::Borrowed(open_time),
            time: Cow::Borrowed(open_time),
            offset: interval,
            open: Cow::Borrowed(open),
            close: Cow::Borrowed(columns.close),
            day_ends: day_ends(open_time),
            last_close: close.last().copied().unwrap_or_default(),
            high: (Cow::Borrowed(high), 1),
            still: Vec::new(),
        })
    }

    /// The columns of these bars, checked in the same way.
    pub fn new(bars: &[BarInput]) -> Result<Market<'static>, EngineError> {
        let mut market = Market::default();
        market.extend(bars)?;
        Ok(market)
    }

    /// Bars after those that are there, checked in the same way; after an error those before it are there.
    pub fn extend(&mut self, bars: &[BarInput]) -> Result<(), EngineError> {
        let offset = std::mem::take(&mut self.offset);
        if offset != 0 {
            self.time.to_mut().iter_mut().for_each(|time| *time += offset);
        }
        let (open_time, time) = (self.open_time.to_mut(), self.time.to_mut());
        let (open, close) = (self.open.to_mut(), self.close.to_mut());
        let (high, together) = (self.high.0.to_mut(), &mut self.high.1);
        if high.is_empty() {
            *together = TOGETHER;
        }
        for bar in bars {
            let before = open_time.last().copied().zip(time.last().copied());
            check(before, bar.open_time, bar.time, [bar.open, bar.high, bar.low, bar.close])?;
            let end = open_time.len() + 1;
            match (open_time.last(), self.day_ends.last_mut()) {
                (Some(before), Some(last)) if day_of(*before) == day_of(bar.open_time) => *last = end,
                _ => self.day_ends.push(end),
            }
            open_time.push(bar.open_time);
            time.push(bar.time);
            open.push(bar.open);
            close.push(bar.close_f64);
            self.last_close = bar.close;
            match high.last_mut().filter(|_| (end - 1) % *together != 0) {
                Some(last) => *last = bar.high.max(*last),
                None => high.push(bar.high),
            }
            if bar.no_volume {
                self.still.resize(end.div_ceil(64), 0);
                self.still[(end - 1) / 64] |= 1 << ((end - 1) % 64);
            }
        }
        Ok(())
    }

    /// How many bars.
    pub fn len(&self) -> usize {
        self.open.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    /// Whether a bar has no volume.
    #[inline]
    pub(super) fn is_still(&self, bar: usize) -> bool {
        self.still.get(bar / 64).is_some_and(|word| word >> (bar % 64) & 1 == 1)
    }

    /// At least the highest price of bars `from..to`, of which there is one; at most that of bars near by.
    pub(super) fn highest(&self, from: usize, to: usize) -> f64 {
        let (high, together) = (&self.high.0, self.high.1);
        let highest = high[from / together..to.div_ceil(together)].iter().max();
        price_to_f64(highest.copied().unwrap_or_default())
    }

    /// The closes.
    pub fn close(&self) -> &[f64] {
        &self.close
    }
}

/// What the engine says of a bar that it refuses; `before` are the open and the event time of the bar before it.
fn check(before: Option<(i64, i64)>, open_time: i64, time: i64, ohlc: [i64; 4]) -> Result<(), EngineError> {
    if let Some((before, _)) = before.filter(|before| open_time <= before.0 || time <= before.1) {
        return Err(EngineError::NotLater { open_time, before });
    }
    let [open, high, low, close] = ohlc;
    if low <= 0 || low > open.min(close) || high < open.max(close) {
        return Err(EngineError::Prices { open_time, ohlc });
    }
    Ok(())
}

/// Whether all prices are positive, with low and high around open and close. A sign bit tells: differences of numbers
/// that are not negative cannot overflow.
fn sound(open: &[i64], high: &[i64], low: &[i64], close: &[i64]) -> bool {
    let mut signs = 0;
    for (((open, high), low), close) in open.iter().zip(high).zip(low).zip(close) {
        signs |= open | high | low | close | low.wrapping_sub(1);
        signs |= high.wrapping_sub(*open) | high.wrapping_sub(*close);
        signs |= open.wrapping_sub(*low) | close.wrapping_sub(*low);
    }
    signs >= 0
}

/// Whether each time is after the one before; of times before 1970 it does not know, and says no.
fn rising(times: &[i64]) -> bool {
    let mut signs = times.first().copied().unwrap_or(0);
    for (before, after) in times.iter().zip(times.get(1..).unwrap_or_default()) {
        signs |= after | after.wrapping_sub(*before).wrapping_sub(1);
    }
    signs >= 0
}

/// The place after the last bar of each day.
fn day_ends(open_time: &[i64]) -> Vec<usize> {
    const DAY: i64 = 86_400_000_000;
    let (mut ends, mut at) = (Vec::new(), 0);
    while at < open_time.len() {
        let next = (day_of(open_time[at]) + 1) * DAY;
        // Looked for near by first: a search over all that is left would miss the cache at every step.
        let mut reach = 64;
        while open_time.get(at + reach).is_some_and(|open_time| *open_time < next) {
            reach *= 2;
        }
        let (from, to) = (at + reach / 2, open_time.len().min(at + reach));
        let from = if reach == 64 { at } else { from };
        at = from + open_time[from..to].partition_point(|open_time| *open_time < next);
        ends.push(at);
    }
    ends
}
