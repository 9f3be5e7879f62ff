//! Operators one after the other, for one key.
//!
//! Rows that leave the last operator go to [`Output::Columns`] if that is wanted, and to where keys meet if they do. A snapshot of the chain
//! is the snapshots of its operators with their lengths.

use crate::operator::{Emit, Given, Operator, OperatorError, Output, take};
use arrow::{array::RecordBatch, datatypes::SchemaRef};
use candleflow_schema::Micros;

const NAME: &str = "chain";

/// A key's operators.
pub struct Chain {
    operators: Vec<Box<dyn Operator>>,
    /// Positions of the columns that go to [`Output::Columns`]; `None` when nobody wants them.
    columns: Option<Vec<usize>>,
    /// Rows at or before this event time are warm-up and go to no output.
    from: Micros,
    /// Whether rows meet those of other keys.
    meets: bool,
}

impl Chain {
    /// A chain; `columns` names what [`Output::Columns`] shows, after event time `from`.
    pub fn new(operators: Vec<Box<dyn Operator>>, columns: Option<Vec<usize>>, from: Micros) -> Self {
        Self { operators, columns, from, meets: false }
    }

    /// The same chain, whose rows meet those of other keys: they come out in [`Given::rows`].
    pub fn meeting(self) -> Self {
        Self { meets: true, ..self }
    }

    /// The same chain with other columns in [`Output::Columns`].
    #[must_use]
    pub fn showing(self, columns: Vec<usize>) -> Self {
        Self { columns: Some(columns), ..self }
    }

    /// The operators, in the order of the data.
    pub fn operators(&self) -> impl Iterator<Item = &dyn Operator> {
        self.operators.iter().map(|o| &**o)
    }

    /// The schema of the rows that leave the last operator.
    pub fn schema(&self) -> Option<SchemaRef> {
        self.operators.last().map(|o| o.schema())
    }

    /// The schema of [`Output::Columns`].
    pub fn columns_schema(&self) -> Option<SchemaRef> {
        let schema = self.schema()?;
        self.columns.as_ref().and_then(|c| schema.project(c).ok()).map(Into::into)
    }

    /// Takes rows through all operators.
    ///
    /// # Errors
    /// Of the operator that fails.
    pub fn process(&mut self, batch: RecordBatch) -> Result<Given, OperatorError> {
        let mut given = Given::default();
        self.pass_on(0, vec![batch], &mut given)?;
        Ok(given)
    }

    /// Passes on that no row at or before `time` will follow.
    ///
    /// # Errors
    /// Of the operator that fails.
    pub fn advance(&mut self, time: Micros) -> Result<Given, OperatorError> {
        self.each(|operator, emit| operator.advance(time, emit))
    }

    /// Ends the input.
    ///
    /// # Errors
    /// Of the operator that fails.
    pub fn finish(&mut self) -> Result<Given, OperatorError> {
        self.each(|operator, emit| operator.finish(emit))
    }

    fn each(
        &mut self,
        mut call: impl FnMut(&mut dyn Operator, &mut Emit) -> Result<(), OperatorError>,
    ) -> Result<Given, OperatorError> {
        let mut given = Given::default();
        for at in 0..self.operators.len() {
            let mut emit = Emit::default();
            call(&mut *self.operators[at], &mut emit)?;
            given.append(emit.given);
            self.pass_on(at + 1, emit.rows, &mut given)?;
        }
        Ok(given)
    }

    fn pass_on(&mut self, at: usize, batches: Vec<RecordBatch>, given: &mut Given) -> Result<(), OperatorError> {
        let mut current = batches;
        for operator in &mut self.operators[at..] {
            let mut emit = Emit::default();
            for batch in current.into_iter().filter(|b| b.num_rows() > 0) {
                operator.process(batch, &mut emit)?;
            }
            given.append(emit.given);
            current = emit.rows;
        }
        if self.meets {
            given.rows.extend(current.iter().cloned());
        }
        let Some(columns) = &self.columns else { return Ok(()) };
        for batch in current {
            let time = crate::columns::find(NAME, &batch.schema(), "time")?;
            let skip = crate::columns::times(NAME, &batch, time)?.partition_point(|t| *t <= self.from);
            let shown = batch.project(columns).map_err(|error| OperatorError::Columns { operator: NAME, error })?;
            if skip < shown.num_rows() {
                given.outputs.push((Output::Columns, shown.slice(skip, shown.num_rows() - skip)));
            }
        }
        Ok(())
    }

    /// Rows that were left out because they were not later than those before them.
    pub fn dropped(&self) -> u64 {
        self.operators.iter().map(|o| o.dropped()).sum()
    }

    /// All state of all operators.
    pub fn snapshot(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for operator in &self.operators {
            let mut own = Vec::new();
            operator.snapshot(&mut own);
            bytes.extend_from_slice(&(own.len() as u64).to_le_bytes());
            bytes.append(&mut own);
        }
        bytes
    }

    /// Takes the state of a chain that was made from the same plan.
    ///
    /// # Errors
    /// When the bytes are not such a chain's.
    pub fn restore(&mut self, mut bytes: &[u8]) -> Result<(), OperatorError> {
        let broken = |reason: &str| OperatorError::Restore { operator: NAME, reason: reason.into() };
        for operator in &mut self.operators {
            let length = u64::from_le_bytes(take(NAME, &mut bytes)?) as usize;
            let (mut own, rest) =
                bytes.split_at_checked(length).ok_or_else(|| broken("the snapshot ends too early"))?;
            operator.restore(&mut own)?;
            if !own.is_empty() {
                return Err(broken(&format!("{} left {} bytes of its snapshot", operator.name(), own.len())));
            }
            bytes = rest;
        }
        if bytes.is_empty() { Ok(()) } else { Err(broken("the snapshot is of a longer chain")) }
    }

    /// No snapshot is larger than this.
    pub fn state_bound(&self) -> usize {
        self.operators.iter().map(|o| 8 + o.state_bound()).sum()
    }
}
