//! Which bars there are: symbols with their first and last bar, and where the n bars before a time begin.

use crate::{
    error::Error,
    file::{FileRows, Wanted},
    lake::Lake,
    read::{At, Read, Span},
    snapshot::FileRef,
    spec::{BUCKET, KLINES_TABLE},
};
use arrow::{array::AsArray, datatypes::TimestampMicrosecondType};
use candleflow_schema::{Interval, Micros, Symbol};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// The bars of a symbol.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Extent {
    /// The symbol.
    pub symbol: Symbol,
    /// The event time of its first bar.
    pub first: Micros,
    /// The event time of its last bar.
    pub last: Micros,
    /// How many there are.
    pub bars: u64,
}

/// The last bars up to a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Before {
    /// All of them have a later event time than this: where a [`Span`] of them begins.
    pub from: Micros,
    /// The event time of the first of them; `None` when there are none.
    pub first: Option<Micros>,
    /// How many there are: as many as were asked for, or all.
    pub bars: u64,
}

impl Lake {
    /// The symbols of an interval, sorted, with the extent of their bars. Empty before anything was written.
    ///
    /// # Errors
    /// As [`Lake::snapshot`].
    pub async fn extents(&self, interval: Interval, at: &At) -> Result<Vec<Extent>, Error> {
        let Some(table) = self.find(KLINES_TABLE).await? else { return Ok(vec![]) };
        let mut extents: BTreeMap<Symbol, Extent> = BTreeMap::new();
        for file in self.kline_files(interval, at).await? {
            let columns = Some(vec!["symbol".to_owned(), "time".to_owned()]);
            let mut rows = FileRows::open(&table, &file, Wanted { columns, ..Wanted::default() }).await?;
            while let Some(batch) = rows.next().await? {
                let symbols = batch.column(0).as_string::<i32>();
                let times = batch.column(1).as_primitive::<TimestampMicrosecondType>();
                let mut start = 0;
                while start < batch.num_rows() {
                    let symbol = symbols.value(start);
                    let end = (start..batch.num_rows()).find(|i| symbols.value(*i) != symbol);
                    let end = end.unwrap_or(batch.num_rows());
                    let (first, last) = (times.value(start), times.value(end - 1));
                    let new = || Extent { symbol: symbol.into(), first, last, bars: 0 };
                    let extent = extents.entry(symbol.into()).or_insert_with(new);
                    extent.first = extent.first.min(first);
                    extent.last = extent.last.max(last);
                    extent.bars += (end - start) as u64;
                    start = end;
                }
            }
        }
        Ok(extents.into_values().collect())
    }

    /// Where the last `n` bars with event time up to `before` begin; with fewer, all of them.
    ///
    /// # Errors
    /// As [`Lake::read_klines`].
    pub async fn bars_before(
        &self,
        symbol: &Symbol,
        interval: Interval,
        before: Micros,
        n: u64,
        at: &At,
    ) -> Result<Before, Error> {
        let files = self.kline_files(interval, at).await?;
        let files: Vec<_> =
            files.into_iter().filter(|f| f.may_hold(symbol) && f.may_overlap("time", 0, before)).collect();
        let buckets: BTreeSet<&String> = files.iter().filter_map(|f| f.partition.get(BUCKET)).collect();
        // From the newest bucket back; buckets do not overlap.
        let mut times: Vec<Micros> = vec![];
        for bucket in buckets.into_iter().rev() {
            let of = files.iter().filter(|f| f.partition.get(BUCKET) == Some(bucket)).cloned().collect();
            let spans = vec![Span { symbol: symbol.clone(), from: Micros::MIN, to: before }];
            let columns = Some(vec!["time".to_owned()]);
            let read = Read { interval, spans, at: At::Files(Arc::new(of)), columns };
            let mut older = vec![];
            for mut cursor in self.read_klines(&read).await? {
                while let Some(rows) = cursor.next().await? {
                    older.extend_from_slice(rows.column(0).as_primitive::<TimestampMicrosecondType>().values());
                }
            }
            times.splice(0..0, older);
            if times.len() as u64 > n {
                break;
            }
        }
        let skip = times.len() - usize::try_from(n).map_or(times.len(), |n| n.min(times.len()));
        let first = times.get(skip).copied();
        let from = match skip {
            0 => first.map_or(before, |first| first - 1),
            skip => times[skip - 1],
        };
        Ok(Before { from, first, bars: (times.len() - skip) as u64 })
    }

    async fn kline_files(&self, interval: Interval, at: &At) -> Result<Vec<FileRef>, Error> {
        let files = match at {
            At::Files(files) => files.clone(),
            At::Latest => self.files(KLINES_TABLE, None).await?,
            At::Version(version) => self.files(KLINES_TABLE, Some(*version)).await?,
        };
        let of_interval = |f: &&FileRef| f.partition.get("interval").is_some_and(|i| i == interval.name());
        Ok(files.iter().filter(of_interval).cloned().collect())
    }
}
