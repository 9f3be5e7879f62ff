//! What is known to be complete, and the holes between bars.
//!
//! A claim says: all bars with `from < time <= to` that exist are in `klines`. Claims of one kind that touch are one.
//! The table writes itself anew, merged, once it has more than [`MOST_FILES`] files.

use crate::{
    append::Shape,
    commit::{Base, Change, Plan},
    error::Error,
    file::{FileRows, Wanted},
    lake::Lake,
    read::{At, Read},
    snapshot::FileRef,
    spec::COVERAGE_TABLE,
    stage::{Staging, stage},
    table::Table,
    upsert::remove,
};
use arrow::{
    array::{ArrayRef, AsArray, RecordBatch, StringArray, TimestampMicrosecondArray},
    datatypes::TimestampMicrosecondType,
};
use async_trait::async_trait;
use candleflow_schema::{Interval, Micros, Symbol, quarantine::Coverage, tables::COVERAGE};
use std::{collections::BTreeMap, sync::Arc};

/// Beyond this the next claim writes the table anew.
const MOST_FILES: usize = 32;

/// A range of event time: `from < time <= to`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Range {
    /// Exclusive.
    pub from: Micros,
    /// Inclusive.
    pub to: Micros,
}

/// Why bars are missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GapKind {
    /// They lie inside coverage: the exchange has none.
    Exchange,
    /// Nobody has said that the range is complete.
    Unknown,
}

/// Missing bars: those with `from < time < to` would be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gap {
    /// The event time of the last bar before.
    pub from: Micros,
    /// The event time of the first bar behind.
    pub to: Micros,
    /// Why.
    pub kind: GapKind,
}

/// Claims by symbol, interval and evidence, merged.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Claims {
    by: BTreeMap<(String, String, String), Vec<Range>>,
}

impl Claims {
    /// Adds a claim; `false` when it was known.
    pub(crate) fn add(&mut self, symbol: &str, interval: &str, evidence: &str, range: Range) -> bool {
        let key = (symbol.to_owned(), interval.to_owned(), evidence.to_owned());
        let ranges = self.by.entry(key).or_default();
        if range.from >= range.to || ranges.iter().any(|r| r.from <= range.from && range.to <= r.to) {
            return false;
        }
        ranges.push(range);
        *ranges = merged(std::mem::take(ranges));
        true
    }

    fn rows(&self) -> Result<RecordBatch, Error> {
        let all: Vec<_> = self.by.iter().flat_map(|(key, ranges)| ranges.iter().map(move |r| (key, *r))).collect();
        let text = |f: &dyn Fn(&(String, String, String)) -> &str| -> ArrayRef {
            Arc::new(StringArray::from_iter_values(all.iter().map(|(key, _)| f(key))))
        };
        let time = |f: &dyn Fn(Range) -> Micros| -> ArrayRef {
            let times = TimestampMicrosecondArray::from_iter_values(all.iter().map(|(_, r)| f(*r)));
            Arc::new(times.with_timezone("UTC"))
        };
        let columns = vec![text(&|k| &k.0), text(&|k| &k.1), time(&|r| r.from), time(&|r| r.to), text(&|k| &k.2)];
        Ok(RecordBatch::try_new(COVERAGE.clone(), columns)?)
    }

    fn add_rows(&mut self, rows: &RecordBatch) -> Result<(), Error> {
        let wrong = || Error::corrupt(COVERAGE_TABLE, "a file lacks a column");
        let text = |name: &str| rows.column_by_name(name).and_then(|c| c.as_string_opt::<i32>()).ok_or_else(wrong);
        let time = |name: &str| {
            rows.column_by_name(name).and_then(|c| c.as_primitive_opt::<TimestampMicrosecondType>()).ok_or_else(wrong)
        };
        let (symbol, interval, evidence) = (text("symbol")?, text("interval")?, text("evidence")?);
        let (from, to) = (time("from")?, time("to")?);
        for i in 0..rows.num_rows() {
            let range = Range { from: from.value(i), to: to.value(i) };
            self.add(symbol.value(i), interval.value(i), evidence.value(i), range);
        }
        Ok(())
    }

    async fn of_files(table: &Table, files: &[FileRef]) -> Result<Self, Error> {
        let mut claims = Self::default();
        for file in files {
            let mut rows = FileRows::open(table, file, Wanted::default()).await?;
            while let Some(batch) = rows.next().await? {
                claims.add_rows(&batch)?;
            }
        }
        Ok(claims)
    }
}

/// Ranges that touch or overlap become one; the result rises.
pub(crate) fn merged(mut ranges: Vec<Range>) -> Vec<Range> {
    ranges.sort_unstable();
    let mut out: Vec<Range> = vec![];
    for range in ranges {
        match out.last_mut() {
            Some(last) if range.from <= last.to => last.to = last.to.max(range.to),
            _ => out.push(range),
        }
    }
    out
}

impl Lake {
    /// States that ranges are complete: call it after their bars are in. What is known already is dropped.
    ///
    /// # Errors
    /// The storage's.
    pub async fn cover(&self, claims: &[Coverage]) -> Result<(), Error> {
        if claims.is_empty() {
            return Ok(());
        }
        let table = self.own(COVERAGE_TABLE).await?;
        let change = Cover { table: table.clone(), claims: claims.to_vec(), now: self.now() };
        table.committer.submit(change).await.map(|_| ())
    }

    /// What is complete of a symbol, by whatever evidence; the ranges rise and do not touch.
    ///
    /// # Errors
    /// The storage's.
    pub async fn coverage(&self, symbol: &str, interval: Interval) -> Result<Vec<Range>, Error> {
        let Some(table) = self.find(COVERAGE_TABLE).await? else { return Ok(vec![]) };
        let snapshot = table.snapshot(None).await?;
        let files: Vec<_> = snapshot.files().iter().filter(|f| f.may_hold(symbol)).cloned().collect();
        let claims = Claims::of_files(&table, &files).await?;
        let of = |key: &&(String, String, String)| key.0 == symbol && key.1 == interval.name();
        Ok(merged(claims.by.iter().filter(|(key, _)| of(key)).flat_map(|(_, r)| r.iter().copied()).collect()))
    }

    /// The holes between the bars of a symbol with `from < time <= to`, told apart by coverage. A hole that is covered in
    /// part comes as several.
    ///
    /// # Errors
    /// As [`Lake::read_klines`].
    pub async fn gaps(&self, symbol: &Symbol, interval: Interval, range: Range, at: &At) -> Result<Vec<Gap>, Error> {
        let covered = self.coverage(symbol, interval).await?;
        let mut read = Read::of(interval, std::slice::from_ref(symbol), range.from, range.to).at(at.clone());
        read.columns = Some(vec!["open_time".into(), "time".into()]);
        let mut gaps = vec![];
        let mut last: Option<Micros> = None;
        for mut cursor in self.read_klines(&read).await? {
            while let Some(rows) = cursor.next().await? {
                let opens = rows.column(0).as_primitive::<TimestampMicrosecondType>().values();
                let times = rows.column(1).as_primitive::<TimestampMicrosecondType>().values();
                for (open, time) in opens.iter().zip(times) {
                    // A hole that no bar fits into is a bar off the grid: nothing is missing there.
                    if let Some(last) = last.filter(|last| interval.close_of(*last) <= *open) {
                        classify(last, *time, interval, &covered, &mut gaps);
                    }
                    last = Some(*time);
                }
            }
        }
        Ok(gaps)
    }
}

/// Parts a hole between two bars by what is covered of it.
fn classify(from: Micros, to: Micros, interval: Interval, covered: &[Range], gaps: &mut Vec<Gap>) {
    // The last bar that can be missing is known one bar before the next one.
    let end = interval.open_of(to - 1).max(from);
    let mut at = from;
    for range in covered.iter().filter(|r| r.to > from && r.from < end) {
        let (low, high) = (range.from.max(at), if range.to >= end { to } else { range.to });
        if low > at {
            gaps.push(Gap { from: at, to: low, kind: GapKind::Unknown });
        }
        if high > low {
            gaps.push(Gap { from: low, to: high, kind: GapKind::Exchange });
        }
        at = at.max(high);
    }
    if at < to {
        gaps.push(Gap { from: at, to, kind: GapKind::Unknown });
    }
}

struct Cover {
    table: Arc<Table>,
    claims: Vec<Coverage>,
    now: Micros,
}

#[async_trait]
impl Change for Cover {
    fn alone(&self) -> bool {
        true
    }

    async fn plan(&mut self, base: &mut Base<'_>) -> Result<Plan, Error> {
        let files = base.snapshot.files();
        let mut known = Claims::of_files(&self.table, files).await?;
        let mut new = Claims::default();
        for claim in &self.claims {
            let (interval, range) = (claim.interval.name(), Range { from: claim.from, to: claim.to });
            if known.add(&claim.symbol, interval, claim.evidence, range) {
                new.add(&claim.symbol, interval, claim.evidence, range);
            }
        }
        let mut plan = Plan::default();
        if new == Claims::default() {
            return Ok(plan);
        }
        let anew = files.len() >= MOST_FILES;
        let rows = if anew { known.rows()? } else { new.rows()? };
        if anew {
            plan.removes = files.iter().map(|f| remove(f, self.now, true)).collect();
        }
        let shape = Shape::of(&self.table, &rows.schema()).await?;
        for file in shape.encode(vec![rows]).await? {
            let at = Staging { now: self.now, data_change: true, ..Staging::default() };
            plan.adds.push(stage(self.table.name(), &self.table.store, file, at).await?);
        }
        Ok(plan)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Micros = 60_000_000;

    fn range(from: Micros, to: Micros) -> Range {
        Range { from, to }
    }

    #[test]
    fn claims_that_touch_are_one() {
        let mut claims = Claims::default();
        assert!(claims.add("A", "1m", "rest", range(0, 10)));
        assert!(claims.add("A", "1m", "rest", range(10, 20)));
        assert!(!claims.add("A", "1m", "rest", range(5, 15)), "known");
        assert!(!claims.add("A", "1m", "rest", range(5, 5)), "empty");
        assert!(claims.add("A", "1m", "archive", range(5, 15)), "other evidence");
        assert!(claims.add("A", "1m", "rest", range(30, 40)));
        let rows = claims.rows().unwrap();
        assert_eq!(rows.num_rows(), 3);
        let mut back = Claims::default();
        back.add_rows(&rows).unwrap();
        assert_eq!(back, claims);
    }

    #[test]
    fn a_hole_is_parted_by_what_is_covered() {
        let hole = |covered: &[Range]| {
            let mut gaps = vec![];
            classify(10 * MINUTE, 20 * MINUTE, Interval::M1, covered, &mut gaps);
            gaps.into_iter().map(|g| (g.from / MINUTE, g.to / MINUTE, g.kind == GapKind::Exchange)).collect::<Vec<_>>()
        };
        let minutes = |from: i64, to: i64| range(from * MINUTE, to * MINUTE);
        assert_eq!(hole(&[]), [(10, 20, false)]);
        assert_eq!(hole(&[minutes(0, 100)]), [(10, 20, true)]);
        assert_eq!(hole(&[minutes(10, 19)]), [(10, 20, true)], "up to the last bar that is missing");
        assert_eq!(hole(&[minutes(0, 15)]), [(10, 15, true), (15, 20, false)]);
        assert_eq!(hole(&[minutes(12, 14)]), [(10, 12, false), (12, 14, true), (14, 20, false)]);
    }
}
