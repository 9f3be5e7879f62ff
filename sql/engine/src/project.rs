//! Scalar expressions of DataFusion over the rows: appends one column each.
//!
//! Evaluated batch by batch with `PhysicalExpr`, never as a stream of DataFusion's: nothing is held back. A number that
//! is not one (0/0) becomes NULL. No state.

use candleflow_stream::{
    Emit, Operator, OperatorError,
    columns::{append, extended},
};
use datafusion::{
    arrow::{
        array::{Array, ArrayRef, AsArray, Float64Array, RecordBatch},
        datatypes::{Field, Float64Type, SchemaRef},
    },
    physical_expr::PhysicalExpr,
};
use std::sync::Arc;

const NAME: &str = "project";

/// Appends the values of expressions.
pub struct ProjectOp {
    exprs: Vec<Arc<dyn PhysicalExpr>>,
    schema: SchemaRef,
}

impl ProjectOp {
    /// The expressions, planned over `schema`, under their names.
    ///
    /// # Errors
    /// When the type of one cannot be told.
    pub fn new(schema: &SchemaRef, exprs: Vec<(String, Arc<dyn PhysicalExpr>)>) -> datafusion::common::Result<Self> {
        let fields = exprs
            .iter()
            .map(|(name, expr)| expr.data_type(schema).map(|kind| Field::new(name, kind, true)))
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Self { schema: extended(schema, fields), exprs: exprs.into_iter().map(|(_, e)| e).collect() })
    }
}

impl Operator for ProjectOp {
    fn name(&self) -> &'static str {
        NAME
    }

    fn describe(&self) -> String {
        let first = self.schema.fields().len() - self.exprs.len();
        let one = |(i, e): (usize, &Arc<dyn PhysicalExpr>)| format!("{} = {e}", self.schema.field(first + i).name());
        self.exprs.iter().enumerate().map(one).collect::<Vec<_>>().join(", ")
    }

    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn process(&mut self, batch: RecordBatch, out: &mut Emit) -> Result<(), OperatorError> {
        let failed = |e: datafusion::common::DataFusionError| OperatorError::Value {
            operator: NAME,
            reason: e.strip_backtrace(),
        };
        let mut more = Vec::with_capacity(self.exprs.len());
        for expr in &self.exprs {
            let value = expr.evaluate(&batch).and_then(|v| v.into_array(batch.num_rows())).map_err(failed)?;
            more.push(without_nan(value));
        }
        out.rows.push(append(NAME, &self.schema, &batch, more)?);
        Ok(())
    }

    fn snapshot(&self, _out: &mut Vec<u8>) {}

    fn restore(&mut self, _bytes: &mut &[u8]) -> Result<(), OperatorError> {
        Ok(())
    }

    fn state_bound(&self) -> usize {
        0
    }
}

fn without_nan(array: ArrayRef) -> ArrayRef {
    let Some(numbers) = array.as_primitive_opt::<Float64Type>() else { return array };
    if !numbers.values().iter().any(|v| v.is_nan()) {
        return array;
    }
    debug_assert_eq!(array.len(), numbers.len());
    Arc::new(numbers.iter().map(|v| v.filter(|v| !v.is_nan())).collect::<Float64Array>())
}
