//! What the engine needs of a batch: exact bars, the columns of rules by slot, finer bars.

use crate::{
    columns::{find, floats, ints, times},
    detail::{DETAIL, Finer},
    intake::EXACT,
    operator::OperatorError,
};
use arrow::{array::RecordBatch, datatypes::SchemaRef};
use candleflow_kernels::strategy::BarInput;
use candleflow_schema::Micros;
use std::borrow::Cow;

/// Where it stands in the batches of a schema.
pub(crate) struct Feed {
    operator: &'static str,
    open_time: usize,
    time: usize,
    volume: usize,
    exact: [usize; 4],
    slots: Vec<usize>,
    detail: Option<usize>,
}

impl Feed {
    pub(crate) fn new(operator: &'static str, schema: &SchemaRef, slots: &[String]) -> Result<Self, OperatorError> {
        let at = |name: &str| find(operator, schema, name);
        let [open, high, low, close] = EXACT;
        Ok(Self {
            operator,
            open_time: at("open_time")?,
            time: at("time")?,
            volume: at("volume")?,
            exact: [at(open)?, at(high)?, at(low)?, at(close)?],
            slots: slots.iter().map(|s| at(s)).collect::<Result<_, _>>()?,
            detail: schema.index_of(DETAIL).ok(),
        })
    }

    /// How many columns rules see.
    pub(crate) fn width(&self) -> usize {
        self.slots.len()
    }

    pub(crate) fn rows<'b>(&self, batch: &'b RecordBatch) -> Result<Rows<'b>, OperatorError> {
        let mut exact = [&[][..]; 4];
        for (prices, column) in exact.iter_mut().zip(self.exact) {
            *prices = ints(self.operator, batch, column)?;
        }
        Ok(Rows {
            open_time: times(self.operator, batch, self.open_time)?,
            time: times(self.operator, batch, self.time)?,
            volume: floats(self.operator, batch, self.volume)?,
            exact,
            slots: self.slots.iter().map(|s| floats(self.operator, batch, *s)).collect::<Result<_, _>>()?,
            detail: self.detail.map(|at| Finer::new(self.operator, batch.column(at))).transpose()?,
        })
    }
}

/// The rows of a batch.
pub(crate) struct Rows<'b> {
    open_time: &'b [i64],
    pub(crate) time: &'b [Micros],
    volume: Cow<'b, [f64]>,
    exact: [&'b [i64]; 4],
    slots: Vec<Cow<'b, [f64]>>,
    detail: Option<Finer<'b>>,
}

impl Rows<'_> {
    pub(crate) fn bar(&self, row: usize) -> BarInput {
        let volume = (!self.volume[row].is_nan()).then_some(self.volume[row]);
        BarInput::new(self.open_time[row], self.time[row], self.exact.map(|prices| prices[row]), volume)
    }

    pub(crate) fn columns(&self, row: usize, into: &mut [f64]) {
        into.iter_mut().zip(&self.slots).for_each(|(value, slot)| *value = slot[row]);
    }

    /// The finer bars of a row, if there are any and they make up its bar.
    pub(crate) fn detail(&self, row: usize, bar: &BarInput) -> Option<Vec<BarInput>> {
        self.detail.as_ref().and_then(|finer| finer.of(row, bar))
    }
}
