//! Returns by calendar month, from the last equity of each. A bar belongs to the month of its open, UTC.

use crate::calendar::date;
use candleflow_schema::Micros;
use std::collections::BTreeMap;

/// Returns by year and month.
#[derive(Debug, Clone, PartialEq)]
pub struct Months {
    /// The last equity of each month, by year and month (1 to 12).
    last: BTreeMap<(i64, u32), f64>,
    start: f64,
    /// The end of the month that was seen last, so that few bars need the calendar.
    day: Micros,
    open: (i64, u32),
}

impl Months {
    /// Before the first bar, with this balance.
    pub fn new(start: f64) -> Self {
        Self { last: BTreeMap::new(), start, day: Micros::MIN, open: (0, 0) }
    }

    /// The equity at a bar's close.
    pub fn observe(&mut self, open_time: Micros, equity: f64) {
        let day = open_time.div_euclid(candleflow_schema::time::DAY);
        if day != self.day {
            self.day = day;
            let (year, month, _) = date(open_time);
            self.open = (year, month);
        }
        self.last.insert(self.open, equity);
    }

    /// Years with the return of each month, `None` where there is no bar, and that of the year.
    pub fn table(&self) -> Vec<(i64, [Option<f64>; 12], f64)> {
        let mut table: Vec<(i64, [Option<f64>; 12], f64)> = Vec::new();
        let (mut before, mut year_before) = (self.start, self.start);
        for ((year, month), equity) in &self.last {
            if table.last().is_none_or(|(y, ..)| y != year) {
                table.push((*year, [None; 12], 0.0));
                year_before = before;
            }
            if let Some((_, months, whole)) = table.last_mut() {
                months[*month as usize - 1] = Some(change(before, *equity));
                *whole = change(year_before, *equity);
            }
            before = *equity;
        }
        table
    }
}

/// What has nothing and stays so returns 0.
fn change(before: f64, after: f64) -> f64 {
    if after == before { 0.0 } else { after / before - 1.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candleflow_schema::time::parse;

    #[test]
    fn a_month_counts_from_the_end_of_the_one_before() {
        let mut months = Months::new(100.0);
        for (at, equity) in
            [("2020-11-30T23:59", 110.0), ("2020-12-01", 120.0), ("2020-12-31T23:59", 99.0), ("2021-02-03", 198.0)]
        {
            months.observe(parse(at).unwrap(), equity);
        }
        let table = months.table();
        assert_eq!(table.len(), 2);
        let (year, values, whole) = &table[0];
        assert_eq!((*year, values[9]), (2020, None));
        assert!((values[10].unwrap() - 0.1).abs() < 1e-12 && (values[11].unwrap() + 0.1).abs() < 1e-12);
        assert!((whole + 0.01).abs() < 1e-12);
        assert_eq!((table[1].0, table[1].1[1], table[1].2), (2021, Some(1.0), 1.0));
    }
}
