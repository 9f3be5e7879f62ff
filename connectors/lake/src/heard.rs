//! What the topic said of a symbol's bars, whatever was said later: for the rerun of a live run.
//!
//! A bar that was copied from a topic carries its place there. Its value stands in `klines`, or in `restated` once
//! another value has replaced it. Where the topic said several, the first counts: that is the one a reader took.
//! Limit: a NULL that was filled later reads as what filled it, because that is no restatement.

use crate::{
    error::Error,
    file::{FileRows, Wanted},
    lake::Lake,
    read::At,
    restated,
    row::{self, Row},
    spec::{KLINES_TABLE, RESTATED_TABLE},
};
use arrow::array::{AsArray, RecordBatch};
use candleflow_schema::{Bar, Interval, Micros, Symbol};
use std::collections::{BTreeMap, btree_map::Entry};

impl Lake {
    /// The bars of a symbol with `from < time <= to` that came from a topic, in order, with the values that it said first.
    ///
    /// # Errors
    /// [`Error::NoTable`] before anything was written, or the storage's.
    pub async fn heard(
        &self,
        symbol: &Symbol,
        interval: Interval,
        from: Micros,
        to: Micros,
    ) -> Result<Vec<Bar>, Error> {
        restated::catch_up(self).await?;
        let mut heard = BTreeMap::new();
        let table = self.table(KLINES_TABLE).await?;
        let range = (from.saturating_add(1), to);
        for file in table.snapshot(None).await?.files().iter() {
            let of_interval = file.partition.get("interval").is_some_and(|i| i == interval.name());
            if !of_interval || !file.may_hold(symbol) || !file.may_overlap("time", range.0, range.1) {
                continue;
            }
            let times = Some(("time", range.0, range.1));
            let wanted = Wanted { symbol: Some(symbol.to_string()), times, columns: None };
            let mut rows = FileRows::open(&table, file, wanted).await?;
            while let Some(batch) = rows.next().await? {
                take(&mut heard, row::batch_to_rows(&batch, interval)?);
            }
        }
        if self.find(RESTATED_TABLE).await?.is_some() {
            for batch in self.read_rows(RESTATED_TABLE, &At::Latest).await? {
                let of = |row: &Row| row.bar.symbol == *symbol && (range.0..=range.1).contains(&row.bar.time());
                let rows = row::batch_to_rows(&of_interval(&batch, interval)?, interval)?;
                take(&mut heard, rows.into_iter().filter(of).collect());
            }
        }
        Ok(heard.into_values().map(|(_, bar)| bar).collect())
    }
}

/// Per bar, the value with the lowest offset.
fn take(heard: &mut BTreeMap<Micros, (i64, Bar)>, rows: Vec<Row>) {
    for row in rows {
        let Some(place) = row.place else { continue };
        match heard.entry(row.bar.open_time) {
            Entry::Vacant(entry) => {
                entry.insert((place.offset, row.bar));
            }
            Entry::Occupied(mut entry) if place.offset < entry.get().0 => {
                entry.insert((place.offset, row.bar));
            }
            Entry::Occupied(_) => {}
        }
    }
}

fn of_interval(batch: &RecordBatch, interval: Interval) -> Result<RecordBatch, Error> {
    let names = batch.column_by_name("interval").and_then(|c| c.as_string_opt::<i32>());
    let names = names.ok_or_else(|| Error::corrupt(RESTATED_TABLE, "it has no column interval"))?;
    let wanted = names.iter().map(|name| Some(name == Some(interval.name()))).collect();
    Ok(arrow::compute::filter_record_batch(batch, &wanted)?)
}
