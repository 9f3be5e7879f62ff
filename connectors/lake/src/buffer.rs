//! Bars on their way into `klines`, gathered by partition and symbol until a commit.
//!
//! Rows are kept as columns, in chunks that rise strictly in time. A symbol whose chunks follow one another is *tidy* and
//! goes into a file as it is; one that came twice or out of order is settled row by row, later rows winning.

use crate::{
    error::Error,
    row::{self, Place, Row, Verdict},
    spec::KLINES_TABLE,
};
use arrow::array::RecordBatch;
use candleflow_schema::{
    Bar, Interval, Micros, Symbol, interval, tables,
    time::{DAY, civil_from_days},
};
use std::collections::BTreeMap;

/// A partition of `klines`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Partition {
    pub(crate) interval: Interval,
    pub(crate) bucket: String,
}

/// The bucket of a bar: its month, or its year for 1h and longer.
pub(crate) fn bucket(interval: Interval, open_time: Micros) -> String {
    let (year, month, _) = civil_from_days(open_time.div_euclid(DAY));
    if interval.nominal() >= DAY / 24 { format!("{year:04}") } else { format!("{year:04}-{month:02}") }
}

/// A symbol's rows that rise strictly in time.
#[derive(Debug, Clone)]
pub(crate) struct Chunk {
    pub(crate) rows: RecordBatch,
    pub(crate) first: Micros,
    pub(crate) last: Micros,
}

/// What waits for a commit.
#[derive(Debug, Default)]
pub(crate) struct Buffer {
    partitions: BTreeMap<Partition, BTreeMap<Symbol, Vec<Chunk>>>,
    rows: usize,
}

/// Bars of one call, with their places.
struct Run<'a> {
    bars: &'a [Bar],
    places: &'a [Option<Place>],
}

impl Buffer {
    /// How many rows wait.
    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// Takes all that waits.
    pub(crate) fn take(&mut self) -> BTreeMap<Partition, BTreeMap<Symbol, Vec<Chunk>>> {
        self.rows = 0;
        std::mem::take(&mut self.partitions)
    }

    /// Adds bars in any order. `places` is empty or as long as `bars`.
    pub(crate) fn push(&mut self, bars: &[Bar], places: &[Option<Place>]) -> Result<(), Error> {
        let mut start = 0;
        while start < bars.len() {
            let bucket = bucket(bars[start].interval, bars[start].open_time);
            let end = self.run_end(bars, start, &bucket);
            let run =
                Run { bars: &bars[start..end], places: if places.is_empty() { &[] } else { &places[start..end] } };
            self.add(bucket, run)?;
            start = end;
        }
        Ok(())
    }

    /// The end of the bars that have the same symbol and partition and rise strictly in time.
    fn run_end(&self, bars: &[Bar], start: usize, month: &str) -> usize {
        let first = &bars[start];
        let mut known = first.open_time.div_euclid(DAY);
        let mut last = first.open_time;
        for (i, bar) in bars.iter().enumerate().skip(start + 1) {
            if bar.symbol != first.symbol || bar.interval != first.interval || bar.open_time <= last {
                return i;
            }
            let day = bar.open_time.div_euclid(DAY);
            if day != known && bucket(bar.interval, bar.open_time) != month {
                return i;
            }
            (known, last) = (day, bar.open_time);
        }
        bars.len()
    }

    fn add(&mut self, bucket: String, run: Run<'_>) -> Result<(), Error> {
        let (Some(first), Some(last)) = (run.bars.first(), run.bars.last()) else { return Ok(()) };
        if !interval::ALL.iter().any(|(_, known)| *known == first.interval) {
            let reason = format!("bars of {:?} have no name to be stored under", first.interval);
            return Err(Error::Schema { table: KLINES_TABLE.to_owned(), reason });
        }
        let rows = row::to_batch(&tables::bars_to_batch(run.bars)?, run.bars, run.places)?;
        let chunk = Chunk { rows, first: first.open_time, last: last.open_time };
        let partition = Partition { interval: first.interval, bucket };
        self.rows += run.bars.len();
        self.partitions.entry(partition).or_default().entry(first.symbol.clone()).or_default().push(chunk);
        Ok(())
    }
}

/// Rows of one symbol with strictly rising times, and who lost among them.
pub(crate) struct Settled {
    pub(crate) chunks: Vec<Chunk>,
    pub(crate) losers: Vec<(Row, &'static str)>,
    pub(crate) same: u64,
    pub(crate) filled: u64,
}

/// Brings the chunks of a symbol into order; rows with one key meet in the order in which they came.
pub(crate) fn settle(chunks: &[Chunk], interval: Interval) -> Result<Settled, Error> {
    let mut settled = Settled { chunks: vec![], losers: vec![], same: 0, filled: 0 };
    if chunks.windows(2).all(|pair| pair[0].last < pair[1].first) {
        settled.chunks = chunks.to_vec();
        return Ok(settled);
    }
    let mut rows: BTreeMap<Micros, Row> = BTreeMap::new();
    for chunk in chunks {
        for new in row::batch_to_rows(&chunk.rows, interval)? {
            let Some(old) = rows.get_mut(&new.bar.open_time) else {
                rows.insert(new.bar.open_time, new);
                continue;
            };
            match old.meet(&new) {
                Verdict::Same => settled.same += 1,
                Verdict::Filled(row) => {
                    settled.filled += 1;
                    *old = row;
                }
                Verdict::Restated(row) => {
                    settled.losers.push((std::mem::replace(old, row), new.bar.origin.name()));
                }
            }
        }
    }
    settled.chunks = chunks_of(&rows.into_values().collect::<Vec<_>>())?;
    Ok(settled)
}

/// Sorted rows of one symbol as a chunk.
pub(crate) fn chunks_of(rows: &[Row]) -> Result<Vec<Chunk>, Error> {
    let (Some(first), Some(last)) = (rows.first(), rows.last()) else { return Ok(vec![]) };
    let (first, last) = (first.bar.open_time, last.bar.open_time);
    Ok(vec![Chunk { rows: row::rows_to_batch(rows)?, first, last }])
}

#[cfg(test)]
mod tests {
    use super::*;
    use candleflow_schema::{Origin, time};

    fn bar(symbol: &str, minute: i64, close: i64) -> Bar {
        Bar {
            symbol: symbol.into(),
            interval: Interval::M1,
            open_time: time::parse("2021-04-30T23:58").unwrap() + minute * 60_000_000,
            open: 10,
            high: 20,
            low: 5,
            close,
            volume: 1,
            quote_volume: None,
            trades: None,
            taker_buy_volume: None,
            taker_buy_quote_volume: None,
            origin: Origin::File,
        }
    }

    #[test]
    fn bars_part_at_months_and_symbols() {
        let mut buffer = Buffer::default();
        let bars: Vec<_> = ["A", "B"].iter().flat_map(|s| (0..4).map(|m| bar(s, m, 11))).collect();
        buffer.push(&bars, &[]).unwrap();
        assert_eq!(buffer.rows(), 8);
        let shape: Vec<_> = buffer
            .take()
            .into_iter()
            .map(|(p, s)| (p.bucket, s.values().map(|c| c.iter().map(|c| c.rows.num_rows()).sum::<usize>()).collect()))
            .collect::<Vec<(String, Vec<usize>)>>();
        assert_eq!(shape, [("2021-04".to_owned(), vec![2, 2]), ("2021-05".to_owned(), vec![2, 2])]);
        assert_eq!(bucket("1h".parse().unwrap(), 0), "1970");
        assert_eq!(bucket("30m".parse().unwrap(), -1), "1969-12");
    }

    #[test]
    fn an_interval_without_a_name_is_refused() {
        let odd = Bar { interval: Interval::Fixed(7), ..bar("A", 0, 11) };
        assert!(Buffer::default().push(&[odd], &[]).unwrap_err().to_string().contains("Fixed(7)"));
    }

    #[test]
    fn rows_out_of_order_meet_in_the_order_in_which_they_came() {
        let mut buffer = Buffer::default();
        buffer.push(&[bar("A", 1, 11), bar("A", 0, 11), bar("A", 1, 12), bar("A", 1, 12)], &[]).unwrap();
        let chunks = buffer.take().into_values().next().unwrap().into_values().next().unwrap();
        let settled = settle(&chunks, Interval::M1).unwrap();
        let rows = row::batch_to_rows(&settled.chunks[0].rows, Interval::M1).unwrap();
        assert_eq!(rows.iter().map(|r| r.bar.close).collect::<Vec<_>>(), [11, 12]);
        assert_eq!((settled.same, settled.losers.len(), settled.losers[0].0.bar.close), (1, 1, 11));
    }
}
