//! One key of a pipeline, with its bars in memory, as the checks see it.

use super::{Finding, Law};
use arrow::{array::RecordBatch, compute::concat_batches};
use candleflow_schema::{Interval, Micros, Symbol};
use candleflow_stream::{
    Chain, Output, columns,
    laws::{Difference, Observed, Unlawful, observe},
};
use std::collections::BTreeMap;

/// What a chain is made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cut {
    /// Rows at or before this event time are warm-up.
    pub from: Micros,
    /// Everything that the chain reads beside its bars (joined tables, funding, filters) ends here; `None`: nowhere.
    pub until: Option<Micros>,
}

/// One key of a pipeline.
pub struct Subject<'s> {
    /// The key.
    pub symbol: Symbol,
    /// A fresh chain whose output `columns` has every column in the order of computation, the hidden ones included.
    pub make: &'s (dyn Fn(Cut) -> Result<Chain, String> + Sync),
    /// All bars, as sources give them.
    pub bars: RecordBatch,
    /// The first so many of them, as sources give them that end at an event time: finer bars inside them end there, too.
    pub prefix: &'s (dyn Fn(usize, Micros) -> Result<RecordBatch, String> + Sync),
    /// Event times at which the chain is given something that is no bar: funding.
    pub arrivals: Vec<Micros>,
    /// Rows at or before this event time are warm-up.
    pub from: Micros,
    /// What columns are called, where that is not their own name: `rule 'close > trend'`.
    pub names: BTreeMap<String, String>,
    /// Columns of higher timeframes.
    pub higher: Vec<(String, Interval)>,
    /// The columns whose warm-up is measured, and the bars that each is said to need; `None`: all there are.
    pub stated: Vec<(String, Option<usize>)>,
}

impl Subject<'_> {
    /// Runs a fresh chain over some bars.
    pub(super) fn observe(
        &self,
        from: Micros,
        until: Option<Micros>,
        bars: &RecordBatch,
        sizes: &[usize],
        cuts: &[usize],
    ) -> Result<Observed, Unlawful> {
        observe(&|| (self.make)(Cut { from, until }), bars, sizes, cuts)
    }

    /// Only the columns, over some bars, from the first of them on.
    pub(super) fn columns(&self, bars: &RecordBatch) -> Result<RecordBatch, String> {
        let mut chain = (self.make)(Cut { from: Micros::MIN, until: None })?;
        let mut rows = Vec::new();
        let mut at = 0;
        while at < bars.num_rows() {
            let n = super::measure::BATCH.min(bars.num_rows() - at);
            let given = chain.process(bars.slice(at, n)).map_err(|e| e.to_string())?;
            rows.extend(given.outputs.into_iter().filter(|(o, _)| *o == Output::Columns).map(|(_, rows)| rows));
            at += n;
        }
        let schema = chain.columns_schema().ok_or("the chain shows no columns")?;
        concat_batches(&schema, &rows).map_err(|e| e.to_string())
    }

    /// Event times of its bars.
    pub(super) fn times(&self) -> Result<Vec<Micros>, String> {
        let time = columns::find("check", &self.bars.schema(), "time").map_err(|e| e.to_string())?;
        Ok(columns::times("check", &self.bars, time).map_err(|e| e.to_string())?.to_vec())
    }

    /// A column in a list of columns.
    pub(super) fn label(&self, column: &str) -> String {
        self.names.get(column).cloned().unwrap_or_else(|| column.to_owned())
    }

    /// What a column is called.
    pub(super) fn called(&self, column: &str) -> String {
        self.names.get(column).cloned().unwrap_or_else(|| format!("column '{column}'"))
    }

    /// A state that is not as it should be, as a finding.
    pub(super) fn unlawful(&self, error: &Unlawful) -> Finding {
        let (symbol, what) = (self.symbol.to_string(), "the state".to_owned());
        Finding { law: Law::Snapshots, symbol, what, at: None, text: error.to_string() }
    }

    /// A difference as a finding.
    pub(super) fn finding(&self, law: Law, difference: &Difference, text: impl Into<String>) -> Finding {
        let what = match (&difference.output, &difference.column) {
            (Some(Output::Columns), Some(column)) => self.called(column),
            (Some(output), Some(column)) => format!("{column} of {output}"),
            (Some(output), None) => format!("rows of {output}"),
            (None, _) => "the account".to_owned(),
        };
        Finding { law, symbol: self.symbol.to_string(), what, at: difference.time, text: text.into() }
    }
}
