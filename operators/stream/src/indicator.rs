//! An indicator of `candleflow-kernels` over columns of the rows: appends one column per output.
//!
//! State: the kernel's own.

use crate::{
    columns::{append, extended, floats, from_flags, from_floats},
    operator::{Emit, Operator, OperatorError},
};
use arrow::{
    array::RecordBatch,
    datatypes::{DataType, Field, SchemaRef},
};
use candleflow_kernels::indicator::{Indicator, Kernel, OutputKind, ParamError};

const NAME: &str = "indicator";

/// An indicator at work.
pub struct IndicatorOp {
    indicator: &'static Indicator,
    params: Vec<f64>,
    inputs: Vec<usize>,
    kernel: Box<dyn Kernel>,
    schema: SchemaRef,
    state_bound: usize,
}

impl IndicatorOp {
    /// `indicator` over the columns at `inputs` of rows of `schema`; its outputs get `names`.
    ///
    /// # Errors
    /// When a parameter is out of its range.
    pub fn new(
        schema: &SchemaRef,
        indicator: &'static Indicator,
        params: Vec<f64>,
        inputs: Vec<usize>,
        names: &[String],
    ) -> Result<Self, ParamError> {
        let kernel = indicator.make(&params)?;
        let fields = names.iter().zip(indicator.outputs).map(|(name, output)| {
            let kind = if output.kind == OutputKind::Flag { DataType::Boolean } else { DataType::Float64 };
            Field::new(name, kind, true)
        });
        let state_bound = indicator.state_bytes(&params)?;
        Ok(Self { indicator, inputs, kernel, schema: extended(schema, fields), state_bound, params })
    }
}

impl Operator for IndicatorOp {
    fn name(&self) -> &'static str {
        NAME
    }

    fn describe(&self) -> String {
        let first = self.schema.fields().len() - self.indicator.outputs.len();
        let input = |i: &usize| self.schema.field(*i).name().clone();
        let mut args: Vec<String> = self.inputs.iter().map(input).collect();
        args.extend(self.params.iter().map(f64::to_string));
        let names: Vec<_> = self.schema.fields()[first..].iter().map(|f| f.name().as_str()).collect();
        format!("{} = {}({})", names.join(", "), self.indicator.name, args.join(", "))
    }

    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn process(&mut self, batch: RecordBatch, out: &mut Emit) -> Result<(), OperatorError> {
        let rows = batch.num_rows();
        let inputs = self.inputs.iter().map(|i| floats(NAME, &batch, *i)).collect::<Result<Vec<_>, _>>()?;
        let inputs: Vec<&[f64]> = inputs.iter().map(|c| &**c).collect();
        let mut outputs = vec![vec![f64::NAN; rows]; self.indicator.outputs.len()];
        let mut slices: Vec<&mut [f64]> = outputs.iter_mut().map(Vec::as_mut_slice).collect();
        self.kernel.run(&inputs, &mut slices);
        let columns = outputs.into_iter().zip(self.indicator.outputs).map(|(values, output)| match output.kind {
            OutputKind::Flag => from_flags(&values),
            _ => from_floats(values),
        });
        out.rows.push(append(NAME, &self.schema, &batch, columns)?);
        Ok(())
    }

    fn snapshot(&self, out: &mut Vec<u8>) {
        self.kernel.save(out);
    }

    fn restore(&mut self, bytes: &mut &[u8]) -> Result<(), OperatorError> {
        self.kernel.load(bytes).map_err(|e| OperatorError::Restore { operator: NAME, reason: e.to_string() })
    }

    fn state_bound(&self) -> usize {
        self.state_bound
    }
}
