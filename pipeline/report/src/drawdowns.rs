//! The worst drawdowns of a curve of equity: from a peak to the next higher or equal value.

use candleflow_schema::Micros;

/// How many are kept.
pub const MOST: usize = 10;

/// From a peak to its recovery.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Drawdown {
    /// When the peak was.
    pub peak: Micros,
    /// When the lowest value was.
    pub trough: Micros,
    /// When the peak was reached again; `None` if it was not.
    pub recovered: Option<Micros>,
    /// The last event time that belongs to it.
    pub end: Micros,
    /// From peak to trough.
    pub amount: f64,
    /// As a share of the peak.
    pub depth: f64,
}

impl Drawdown {
    /// Its length.
    pub fn days(&self) -> f64 {
        (self.end - self.peak) as f64 / candleflow_schema::time::DAY as f64
    }
}

/// Finds them bar by bar.
#[derive(Debug, Clone, PartialEq)]
pub struct Drawdowns {
    high: f64,
    peak: Micros,
    open: Option<Drawdown>,
    worst: Vec<Drawdown>,
}

impl Drawdowns {
    /// Before the first bar, with this balance.
    pub fn new(start: f64) -> Self {
        Self { high: start, peak: Micros::MIN, open: None, worst: Vec::new() }
    }

    /// The equity at a bar's close; gives its distance from the highest before, a fraction that is never positive.
    pub fn observe(&mut self, open_time: Micros, time: Micros, equity: f64) -> f64 {
        if self.peak == Micros::MIN {
            self.peak = open_time;
        }
        if equity >= self.high {
            if let Some(mut over) = self.open.take() {
                over.recovered = Some(time);
                over.end = time;
                keep(&mut self.worst, over);
            }
            (self.high, self.peak) = (equity, time);
            return 0.0;
        }
        let (amount, peak) = (self.high - equity, self.peak);
        let depth = amount / self.high;
        let open = self.open.get_or_insert(Drawdown { peak, trough: time, recovered: None, end: time, amount, depth });
        open.end = time;
        if amount > open.amount {
            (open.amount, open.depth, open.trough) = (amount, depth, time);
        }
        -depth
    }

    /// The deepest first; one that is not over counts as far as it went.
    pub fn worst(&self) -> Vec<Drawdown> {
        let mut worst = self.worst.clone();
        if let Some(open) = self.open {
            keep(&mut worst, open);
        }
        worst
    }
}

/// Keeps a list of the deepest, of equal ones the earlier first.
fn keep(worst: &mut Vec<Drawdown>, one: Drawdown) {
    let at = worst.partition_point(|w| w.depth >= one.depth);
    if at < MOST {
        worst.insert(at, one);
        worst.truncate(MOST);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn two_that_recover_and_one_that_does_not() {
        let mut seen = Drawdowns::new(100.0);
        for (i, equity) in [90.0, 100.0, 120.0, 60.0, 90.0, 120.0, 119.0].into_iter().enumerate() {
            seen.observe(i as i64 * 10, i as i64 * 10 + 10, equity);
        }
        let worst = seen.worst();
        let of = |d: &Drawdown| (d.peak, d.trough, d.recovered, d.end, d.amount);
        assert_eq!(of(&worst[0]), (30, 40, Some(60), 60, 60.0));
        assert_eq!(of(&worst[1]), (0, 10, Some(20), 20, 10.0));
        assert_eq!(of(&worst[2]), (60, 70, None, 70, 1.0));
        assert_eq!(worst.len(), 3);
    }

    proptest! {
        #[test]
        fn the_first_is_the_deepest_of_all(values in proptest::collection::vec(1.0f64..100.0, 1..300)) {
            let mut seen = Drawdowns::new(50.0);
            let (mut high, mut deepest) = (50.0f64, 0.0f64);
            for (i, value) in values.iter().enumerate() {
                let depth = seen.observe(i as i64, i as i64 + 1, *value);
                high = high.max(*value);
                deepest = deepest.max((high - value) / high);
                prop_assert_eq!(depth, -(high - value) / high + 0.0);
            }
            let worst = seen.worst();
            prop_assert_eq!(worst.first().map_or(0.0, |d| d.depth), deepest);
            prop_assert!(worst.windows(2).all(|w| w[0].depth >= w[1].depth));
        }
    }
}
