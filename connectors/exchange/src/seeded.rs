//! A made-up market: the same seed gives the same bars, on every platform, forever.
//!
//! Returns of a symbol are a common part and a part of its own, each with volatility that clusters (GARCH(1,1)) and fat
//! tails (Student's t with five degrees of freedom), so that symbols move together and calm and storm come in spells.
//! Volume follows volatility, the size of the move and the time of day. Prices lie on ticks, quantities on lots, and
//! every amount of a bar fits the others.
//!
//! The arithmetic is our own: ChaCha8 for bits, and only `+ - * /` and square roots, which every platform rounds alike.
//! A symbol's bars do not depend on which others are asked for. The market has no holes; replay has them.

mod catalogue;
mod noise;

use crate::instrument::Instrument;
use candleflow_schema::{Bar, Interval, Micros, Origin, Symbol};
use catalogue::Profile;
use noise::{Clustered, Noise};

/// What a made-up market is made from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeededMarket {
    /// Decides every number.
    pub seed: u64,
    /// Which symbols; those of the real exchange have prices and steps of its order of magnitude.
    pub symbols: Vec<String>,
    /// How long its bars are.
    pub interval: Interval,
    /// When it begins; the first bar opens on the grid at or before it.
    pub start: Micros,
    /// How many bars each symbol has.
    pub bars: usize,
}

/// The part of a symbol's variance that all symbols share.
const COMMON: f64 = 0.5;
/// Volatility of a minute of a symbol with the usual liveliness: 60 % a year.
const MINUTE_VOLATILITY: f64 = 0.000_83;
/// How strongly, per minute, a price is drawn back to where it began; a year's half-life keeps it in reach.
const PULL: f64 = 0.000_001_3;
/// No bar moves further than this.
const LARGEST_MOVE: f64 = 0.3;

impl SeededMarket {
    /// The instruments, with their steps.
    pub fn instruments(&self) -> Vec<Instrument> {
        self.symbols.iter().map(|s| Profile::of(s).instrument(s)).collect()
    }

    /// The bars, in time order, at one time in the order of the symbols.
    pub fn bars(&self) -> SeededBars {
        let open_time = self.interval.open_of(self.start);
        let minutes = self.interval.nominal() as f64 / 60e6;
        SeededBars {
            interval: self.interval,
            open_time,
            left: self.bars,
            minutes,
            common: Clustered::new(self.seed, noise::COMMON),
            shared: 0.0,
            next: 0,
            symbols: self.symbols.iter().map(|s| Walk::new(self.seed, s)).collect(),
        }
    }
}

impl IntoIterator for SeededMarket {
    type Item = Bar;
    type IntoIter = SeededBars;

    fn into_iter(self) -> SeededBars {
        self.bars()
    }
}

/// The bars of a [`SeededMarket`].
#[derive(Debug)]
pub struct SeededBars {
    interval: Interval,
    open_time: Micros,
    /// Bars per symbol still to come, the current one included.
    left: usize,
    minutes: f64,
    common: Clustered,
    shared: f64,
    next: usize,
    symbols: Vec<Walk>,
}

/// One symbol on its way.
#[derive(Debug)]
struct Walk {
    symbol: Symbol,
    profile: Profile,
    own: Clustered,
    noise: Noise,
    /// The last close, in ticks.
    ticks: i64,
}

impl Iterator for SeededBars {
    type Item = Bar;

    fn next(&mut self) -> Option<Bar> {
        if self.left == 0 || self.symbols.is_empty() {
            return None;
        }
        if self.next == 0 {
            self.shared = self.common.next();
        }
        let bar = self.symbols[self.next].bar(self.interval, self.open_time, self.minutes, self.shared, &self.common);
        self.next += 1;
        if self.next == self.symbols.len() {
            self.next = 0;
            self.left -= 1;
            self.open_time = self.interval.close_of(self.open_time);
        }
        Some(bar)
    }
}

impl Walk {
    fn new(seed: u64, symbol: &str) -> Self {
        let profile = Profile::of(symbol);
        let stream = noise::stream(symbol);
        Self {
            symbol: symbol.into(),
            ticks: profile.price / profile.tick,
            own: Clustered::new(seed, stream),
            noise: Noise::new(seed, stream ^ noise::DETAILS),
            profile,
        }
    }

    fn bar(&mut self, interval: Interval, open_time: Micros, minutes: f64, shared: f64, common: &Clustered) -> Bar {
        let Profile { tick, step, price: home, liveliness, turnover } = self.profile;
        let length = minutes.sqrt();
        let sigma = MINUTE_VOLATILITY * liveliness * length;
        let mixed = COMMON.sqrt() * shared + (1.0 - COMMON).sqrt() * self.own.next();
        let storm = (COMMON * common.variance() + (1.0 - COMMON) * self.own.variance()).sqrt();
        let open = self.ticks;
        let away = 1.0 - (home / tick) as f64 / open as f64;
        let pull = PULL * minutes * away.clamp(-50.0, 1.0);
        let change = (sigma * mixed - pull).clamp(-LARGEST_MOVE, LARGEST_MOVE);
        let close = round(open as f64 * (1.0 + change)).max(1);
        // How far the price went beyond open and close: half a normal deviate of the bar's own volatility.
        let beyond = |noise: &mut Noise| (noise.normal().abs() * 0.45 * sigma * storm).min(LARGEST_MOVE);
        let high = open.max(close) + round(open.max(close) as f64 * beyond(&mut self.noise));
        let low = (open.min(close) - round(open.min(close) as f64 * beyond(&mut self.noise))).max(1);
        self.ticks = close;

        let day = (open_time.rem_euclid(86_400_000_000)) as f64 / 86_400e6;
        let season = if minutes < 1440.0 { 1.4 - 2.4 * day * (1.0 - day) } else { 1.0 };
        let move_size = change.abs() / sigma;
        let chance = 0.4 + 0.6 * self.noise.normal().abs() * self.noise.normal().abs();
        let busy = (0.3 + 0.7 * storm * storm) * (0.5 + 0.6 * move_size) * season * chance;
        let middle = (open + high + low + close) as f64 / 4.0 * tick as f64 / 1e8;
        let lots = round(turnover * minutes * busy / middle / (step as f64 / 1e8)).max(8);
        let volume = i128::from(lots) * i128::from(step);

        let trades = round(turnover * minutes * busy / 1_800.0).clamp(8, lots);
        let lean = (change / sigma) / (1.0 + move_size);
        let share = (0.5 + 0.3 * lean + 0.05 * self.noise.normal()).clamp(0.05, 0.95);
        let taker_lots = round(lots as f64 * share).clamp(1, lots);
        let taker = i128::from(taker_lots) * i128::from(step);
        let average = i128::from((open + high + low + close) * tick / 4);
        let worth = |amount: i128| amount * average / 100_000_000;
        Bar {
            symbol: self.symbol.clone(),
            interval,
            open_time,
            open: open * tick,
            high: high * tick,
            low: low * tick,
            close: close * tick,
            volume,
            quote_volume: Some(worth(volume)),
            trades: Some(trades),
            taker_buy_volume: Some(taker),
            taker_buy_quote_volume: Some(worth(taker)),
            origin: Origin::File,
        }
    }
}

/// The nearest whole number of a value that is not negative; far below 2^53.
fn round(value: f64) -> i64 {
    (value + 0.5) as i64
}

#[cfg(test)]
mod tests;
