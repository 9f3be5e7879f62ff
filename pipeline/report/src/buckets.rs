//! A series of any length in a fixed number of entries that keep first, lowest, highest and last.
//!
//! ```text
//!  values   5 7 6 | 9 2 4 | 4 4 8          an entry for each run of equal length
//!  entry    5 7 5 6   9 9 2 4   4 8 4 8    first, high, low, last
//! ```
//! When all entries are taken, neighbours become one and each holds twice as many values. So no extreme is ever lost,
//! and what comes out does not depend on how many values will come.

use candleflow_schema::Micros;

/// Consecutive values.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bucket {
    /// Time of the first.
    pub from: Micros,
    /// Time of the last.
    pub to: Micros,
    /// The first value.
    pub first: f64,
    /// The highest.
    pub high: f64,
    /// The lowest.
    pub low: f64,
    /// The last value.
    pub last: f64,
}

impl Bucket {
    /// One value.
    pub fn of(time: Micros, value: f64) -> Self {
        Self { from: time, to: time, first: value, high: value, low: value, last: value }
    }

    fn take(&mut self, later: &Bucket) {
        self.to = later.to;
        self.high = self.high.max(later.high);
        self.low = self.low.min(later.low);
        self.last = later.last;
    }
}

/// A thinned series.
#[derive(Debug, Clone, PartialEq)]
pub struct Buckets {
    most: usize,
    /// Values in a full entry.
    stride: u64,
    /// Values in the last entry.
    open: u64,
    seen: u64,
    list: Vec<Bucket>,
}

impl Buckets {
    /// An empty series of at most `most` entries, two at least.
    pub fn new(most: usize) -> Self {
        Self { most: most.max(2) & !1, stride: 1, open: 0, seen: 0, list: Vec::new() }
    }

    /// The next value, or values that are one already (a bar). Numbers that are none are left out.
    pub fn push(&mut self, next: Bucket) {
        if [next.first, next.high, next.low, next.last].iter().any(|v| !v.is_finite()) {
            return;
        }
        self.seen += 1;
        if self.open > 0 && self.open < self.stride {
            self.open += 1;
            if let Some(last) = self.list.last_mut() {
                last.take(&next);
            }
            return;
        }
        if self.list.len() == self.most {
            self.halve();
            if self.open < self.stride {
                self.open += 1;
                if let Some(last) = self.list.last_mut() {
                    last.take(&next);
                }
                return;
            }
        }
        self.list.push(next);
        self.open = 1;
    }

    /// Two full entries become one; their number is even.
    fn halve(&mut self) {
        let pairs = self.list.chunks_exact(2).map(|pair| {
            let mut one = pair[0];
            one.take(&pair[1]);
            one
        });
        self.list = pairs.collect();
        self.open = self.stride * 2;
        self.stride *= 2;
    }

    /// The entries, oldest first.
    pub fn list(&self) -> &[Bucket] {
        &self.list
    }

    /// Values that came.
    pub fn seen(&self) -> u64 {
        self.seen
    }

    /// Whether every value has an entry of its own.
    pub fn is_whole(&self) -> bool {
        self.stride == 1
    }

    /// Lowest and highest of all.
    pub fn range(&self) -> Option<(f64, f64)> {
        let first = self.list.first()?;
        Some(self.list.iter().fold((first.low, first.high), |(low, high), b| (low.min(b.low), high.max(b.high))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_entry_is_true_and_none_is_lost(values in proptest::collection::vec(-1e6f64..1e6, 1..500), most in 2usize..40) {
            let mut thin = Buckets::new(most);
            for (i, value) in values.iter().enumerate() {
                thin.push(Bucket::of(i as i64, *value));
            }
            prop_assert!(thin.list().len() <= most);
            prop_assert_eq!(thin.seen(), values.len() as u64);
            let mut next = 0;
            for bucket in thin.list() {
                prop_assert_eq!(bucket.from, next);
                let part = &values[bucket.from as usize..=bucket.to as usize];
                let low = part.iter().copied().fold(f64::MAX, f64::min);
                let high = part.iter().copied().fold(f64::MIN, f64::max);
                prop_assert_eq!((bucket.first, bucket.low, bucket.high, bucket.last), (part[0], low, high, part[part.len() - 1]));
                next = bucket.to + 1;
            }
            prop_assert_eq!(next, values.len() as i64);
            // Entries are used: never less than half of them, once there are enough values.
            prop_assert!(values.len() < most || thin.list().len() >= (most & !1) / 2);
        }
    }

    #[test]
    fn what_is_no_number_is_left_out() {
        let mut thin = Buckets::new(4);
        thin.push(Bucket::of(0, f64::NAN));
        thin.push(Bucket::of(1, 2.0));
        assert_eq!((thin.seen(), thin.range()), (1, Some((2.0, 2.0))));
    }
}
