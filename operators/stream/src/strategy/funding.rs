//! Funding of one symbol: a table that stands still, and what of it falls due with a bar.

use candleflow_kernels::strategy::Funding;
use candleflow_schema::Micros;

/// Payments in order of time. Two at one time are both due.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct FundingTable {
    times: Vec<Micros>,
    payments: Vec<Funding>,
}

impl FundingTable {
    /// A table of payments, in any order.
    pub fn new(mut rows: Vec<(Micros, Funding)>) -> Self {
        rows.sort_by_key(|(time, _)| *time);
        let (times, payments) = rows.into_iter().unzip();
        Self { times, payments }
    }

    /// What falls due after one event time, up to and with another.
    pub fn due(&self, after: Micros, until: Micros) -> &[Funding] {
        if self.times.is_empty() {
            return &[];
        }
        let (from, to) = (self.times.partition_point(|t| *t <= after), self.times.partition_point(|t| *t <= until));
        &self.payments[from..to.max(from)]
    }

    /// Without what falls due after an event time.
    pub fn until(&self, time: Micros) -> Self {
        let end = self.times.partition_point(|t| *t <= time);
        Self { times: self.times[..end].to_vec(), payments: self.payments[..end].to_vec() }
    }

    /// When they fall due.
    pub fn times(&self) -> &[Micros] {
        &self.times
    }

    /// How many payments there are.
    pub fn len(&self) -> usize {
        self.times.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.times.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candleflow_kernels::money::Ratio;

    #[test]
    fn each_payment_is_due_once() {
        let pay = |units: i128| Funding { rate: Ratio::from_units(units), mark: None };
        let table = FundingTable::new(vec![(30, pay(3)), (10, pay(1)), (20, pay(2))]);
        let units = |after, until| table.due(after, until).iter().map(|f| f.rate.units()).collect::<Vec<_>>();
        assert_eq!(units(0, 9), []);
        assert_eq!(units(9, 10), [1]);
        assert_eq!(units(10, 30), [2, 3], "several inside one bar");
        assert_eq!(units(30, 99), []);
        assert_eq!(units(99, 30), [], "time does not run back");
        assert_eq!(table.until(20).len(), 2);
    }
}
