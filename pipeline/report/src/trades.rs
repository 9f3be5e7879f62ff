//! Round trips: by reason, by symbol, their distribution, and those that a chart shows.

use candleflow_kernels::strategy::{Side, TradeRow};
use candleflow_schema::Micros;
use std::collections::BTreeMap;

/// What some trades add up to.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Sums {
    /// How many.
    pub trades: u64,
    /// Those with a net PnL above 0.
    pub won: u64,
    /// Net PnL.
    pub net: f64,
    /// Fees.
    pub fees: f64,
    /// Bars held.
    pub bars: u64,
    /// Largest net PnL.
    pub best: f64,
    /// Smallest net PnL.
    pub worst: f64,
}

impl Sums {
    /// Adds a round trip.
    pub fn add(&mut self, row: &TradeRow) {
        let net = row.net.to_f64();
        (self.best, self.worst) = match self.trades {
            0 => (net, net),
            _ => (self.best.max(net), self.worst.min(net)),
        };
        self.trades += 1;
        self.won += u64::from(net > 0.0);
        self.net += net;
        self.fees += row.fees.to_f64();
        self.bars += u64::from(row.bars);
    }

    /// Share of those that won.
    pub fn win_rate(&self) -> Option<f64> {
        (self.trades > 0).then(|| self.won as f64 / self.trades as f64)
    }

    /// Mean net PnL.
    pub fn mean(&self) -> Option<f64> {
        (self.trades > 0).then(|| self.net / self.trades as f64)
    }
}

/// Sums by exit reason and tag.
pub type Reasons = BTreeMap<String, Sums>;

/// A trade in a chart.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Mark {
    /// When it was entered: the fill's own time where it is known.
    pub entry_time: Micros,
    /// At which price.
    pub entry_price: f64,
    /// When it was left.
    pub exit_time: Micros,
    /// At which price.
    pub exit_price: f64,
    /// Whether it bought first.
    pub long: bool,
    /// Net PnL.
    pub net: f64,
    /// Net PnL by entry notional.
    pub part: f64,
    /// Why it was left.
    pub reason: &'static str,
}

impl Mark {
    /// Of a round trip.
    pub fn of(row: &TradeRow) -> Self {
        Self {
            entry_time: row.entry_fill_time.unwrap_or(row.entry_time),
            entry_price: row.entry_price.to_f64(),
            exit_time: row.fill_time.unwrap_or(row.time),
            exit_price: row.exit_price.to_f64(),
            long: row.side == Side::Long,
            net: row.net.to_f64(),
            part: row.return_pct,
            reason: row.exit_reason.name(),
        }
    }
}

/// At most so many marks: those with the largest PnL, won or lost.
#[derive(Debug, Clone, PartialEq)]
pub struct Marks {
    most: usize,
    seen: u64,
    kept: Vec<Mark>,
}

impl Marks {
    /// No marks yet.
    pub fn new(most: usize) -> Self {
        Self { most: most.max(1), seen: 0, kept: Vec::new() }
    }

    /// One more.
    pub fn push(&mut self, mark: Mark) {
        self.seen += 1;
        self.kept.push(mark);
        if self.kept.len() >= self.most * 2 {
            self.thin();
        }
    }

    fn thin(&mut self) {
        // A stable sort, so that of equal ones the earlier stay.
        self.kept.sort_by(|a, b| b.net.abs().total_cmp(&a.net.abs()));
        self.kept.truncate(self.most);
    }

    /// Those that are kept, by time of entry, and how many there were.
    pub fn finish(mut self) -> (Vec<Mark>, u64) {
        self.thin();
        self.kept.sort_by_key(|m| (m.entry_time, m.exit_time));
        (self.kept, self.seen)
    }
}

/// How many trades fell into each part of a range of returns.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Histogram {
    /// Where the first part begins.
    pub from: f64,
    /// How wide each is.
    pub width: f64,
    /// How many fell into each; the first and the last hold all beyond them, too.
    pub counts: Vec<u64>,
    /// Whether some lie beyond the first or the last.
    pub beyond: (bool, bool),
}

/// Parts of a histogram, at most.
const PARTS: usize = 48;

impl Histogram {
    /// Of fractions; a border between parts is always at 0. `None` without any.
    pub fn of(values: &[f64]) -> Option<Self> {
        let mut sorted: Vec<f64> = values.iter().copied().filter(|v| v.is_finite()).collect();
        sorted.sort_by(f64::total_cmp);
        let at = |part: f64| sorted.get(((sorted.len() - 1) as f64 * part).round() as usize).copied();
        if sorted.is_empty() {
            return None;
        }
        let (low, high) = (at(0.005)?.min(0.0), at(0.995)?.max(0.0));
        let width = nice((high - low).max(1e-6) / (PARTS - 2) as f64);
        let (first, last) = ((low / width).floor() as i64, (high / width).floor() as i64);
        let mut counts = vec![0; (last - first + 1) as usize];
        for value in &sorted {
            let part = ((value / width).floor() as i64).clamp(first, last) - first;
            counts[part as usize] += 1;
        }
        let (from, to) = (first as f64 * width, (last + 1) as f64 * width);
        let beyond = (sorted[0] < from, sorted[sorted.len() - 1] >= to);
        Some(Self { from, width, counts, beyond })
    }
}

/// The next 1, 2 or 5 times a power of ten.
pub(crate) fn nice(step: f64) -> f64 {
    let power = 10f64.powf(step.log10().floor());
    let times = step / power;
    let one = if times <= 1.0 + 1e-9 {
        1.0
    } else if times <= 2.0 + 1e-9 {
        2.0
    } else if times <= 5.0 + 1e-9 {
        5.0
    } else {
        10.0
    };
    one * power
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn mark(net: f64, at: i64) -> Mark {
        Mark {
            entry_time: at,
            entry_price: 1.0,
            exit_time: at + 1,
            exit_price: 1.0,
            long: true,
            net,
            part: net,
            reason: "signal",
        }
    }

    proptest! {
        #[test]
        fn a_histogram_counts_every_trade(values in proptest::collection::vec(-0.5f64..0.8, 1..400)) {
            let histogram = Histogram::of(&values).unwrap();
            prop_assert_eq!(histogram.counts.iter().sum::<u64>(), values.len() as u64);
            prop_assert!(histogram.counts.len() <= PARTS + 1, "{}", histogram.counts.len());
            let losing = values.iter().filter(|v| **v < 0.0).count() as u64;
            let borders = (0..histogram.counts.len()).filter(|i| histogram.from + *i as f64 * histogram.width < -histogram.width / 2.0);
            prop_assert_eq!(borders.map(|i| histogram.counts[i]).sum::<u64>(), losing);
        }

        #[test]
        fn the_marks_that_stay_are_the_largest(nets in proptest::collection::vec(-100i32..100, 0..300), most in 1usize..20) {
            let mut marks = Marks::new(most);
            nets.iter().enumerate().for_each(|(i, n)| marks.push(mark(f64::from(*n), i as i64)));
            let (kept, seen) = marks.finish();
            prop_assert_eq!(seen, nets.len() as u64);
            prop_assert_eq!(kept.len(), nets.len().min(most));
            let mut sizes: Vec<i32> = nets.iter().map(|n| n.abs()).collect();
            sizes.sort_unstable_by(|a, b| b.cmp(a));
            let mut got: Vec<i32> = kept.iter().map(|m| m.net.abs() as i32).collect();
            got.sort_unstable_by(|a, b| b.cmp(a));
            prop_assert_eq!(&got[..], &sizes[..got.len()]);
            prop_assert!(kept.windows(2).all(|w| w[0].entry_time < w[1].entry_time));
        }
    }

    #[test]
    fn steps_are_round() {
        for (step, expected) in [(0.9, 1.0), (1.0, 1.0), (1.1, 2.0), (3.0, 5.0), (6.0, 10.0), (0.00031, 0.0005)] {
            assert!((nice(step) / expected - 1.0).abs() < 1e-9, "{step}");
        }
    }
}
