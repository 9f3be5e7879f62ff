//! One indicator, or one output of it, as a window function.
//!
//! The first arguments are its input columns, then come its parameters, which must be constants, and the keys of the
//! order, which must not have ties. Row n sees the partition's rows up to n, and nothing after it.

use crate::{call::Called, keys};
use arrow::{
    array::{ArrayRef, AsArray, BooleanArray, Float64Array, StructArray},
    compute::cast,
    datatypes::{DataType, Field, FieldRef, Fields, Float64Type},
};
use candleflow_kernels::indicator::{Indicator, OutputKind};
use datafusion::{
    common::{DataFusionError, Result, ScalarValue, plan_err},
    logical_expr::{
        PartitionEvaluator, Signature, Volatility, WindowUDFImpl,
        function::{PartitionEvaluatorArgs, WindowUDFFieldArgs},
    },
    physical_expr::{PhysicalExpr, expressions::Literal},
};
use std::{
    hash::{Hash, Hasher},
    sync::Arc,
};

/// A window function of the registry.
#[derive(Debug, Clone)]
pub(crate) struct KernelWindow {
    indicator: &'static Indicator,
    output: Option<usize>,
    name: String,
    signature: Signature,
}

impl KernelWindow {
    /// One output, as pipelines ask for it.
    pub(crate) fn output_of(indicator: &'static Indicator, output: usize) -> Self {
        let name = match indicator.outputs {
            [_] => indicator.name.to_owned(),
            several => format!("{}.{}", indicator.name, several[output].name),
        };
        Self::new(indicator, Some(output), name)
    }

    /// The whole, under a name of its own.
    pub(crate) fn whole(indicator: &'static Indicator, name: String) -> Self {
        Self::new(indicator, None, name)
    }

    fn new(indicator: &'static Indicator, output: Option<usize>, name: String) -> Self {
        Self { indicator, output, name, signature: Signature::user_defined(Volatility::Immutable) }
    }

    pub(crate) fn indicator(&self) -> &'static Indicator {
        self.indicator
    }

    pub(crate) fn output(&self) -> Option<usize> {
        self.output
    }

    /// How many arguments stand before the keys.
    fn fixed(&self) -> usize {
        self.indicator.inputs.len() + self.indicator.params.len()
    }

    fn type_of(&self, output: usize) -> DataType {
        if self.indicator.outputs[output].kind == OutputKind::Flag { DataType::Boolean } else { DataType::Float64 }
    }

    fn fields(&self) -> Fields {
        let outputs = self.indicator.outputs.iter().enumerate();
        outputs.map(|(i, o)| Field::new(o.name, self.type_of(i), true)).collect()
    }
}

impl PartialEq for KernelWindow {
    fn eq(&self, other: &Self) -> bool {
        (self.indicator.name, self.output) == (other.indicator.name, other.output)
    }
}

impl Eq for KernelWindow {}

impl Hash for KernelWindow {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.indicator.name, self.output).hash(state);
    }
}

impl WindowUDFImpl for KernelWindow {
    fn name(&self) -> &str {
        &self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        let (called, inputs, fixed) = (Called::from(self.indicator), self.indicator.inputs.len(), self.fixed());
        if types.len() < inputs {
            return plan_err!("{} takes {inputs} to {fixed} arguments: {}", called.name, called.usage());
        }
        let coerced = types.iter().enumerate().map(|(place, kind)| match kind {
            kind if place >= fixed => keys::coerced(called.name, kind),
            DataType::Boolean if place < inputs => Ok(DataType::Boolean),
            DataType::Utf8 | DataType::Utf8View if place >= inputs => Ok(DataType::Utf8),
            kind if kind.is_numeric() || kind.is_null() => Ok(DataType::Float64),
            kind => {
                let argument = called.columns.get(place).copied().unwrap_or("a parameter");
                plan_err!("{}: {argument} must be a number, found {kind}: {}", called.name, called.usage())
            }
        });
        coerced.collect()
    }

    fn partition_evaluator(&self, args: PartitionEvaluatorArgs) -> Result<Box<dyn PartitionEvaluator>> {
        let inputs = self.indicator.inputs.len();
        let given = args.input_exprs().iter().take(self.fixed()).skip(inputs).enumerate();
        let positional = given.map(|(i, e)| constant(self.indicator, i, e)).collect::<Result<Vec<_>>>()?;
        let params = self.indicator.bind(&positional, &[]).map_err(|e| DataFusionError::Plan(e.to_string()))?;
        if args.is_reversed() {
            return plan_err!(
                "{} over a descending order would look ahead: order by time ascending",
                self.indicator.name
            );
        }
        Ok(Box::new(Evaluator { window: self.clone(), params }))
    }

    fn field(&self, args: WindowUDFFieldArgs) -> Result<FieldRef> {
        let kind = match self.output {
            Some(output) => self.type_of(output),
            None if self.indicator.outputs.len() == 1 => self.type_of(0),
            None => DataType::Struct(self.fields()),
        };
        Ok(Arc::new(Field::new(args.name(), kind, true)))
    }
}

/// The value of a parameter, which must be a constant.
fn constant(indicator: &'static Indicator, at: usize, expr: &Arc<dyn PhysicalExpr>) -> Result<f64> {
    let param = &indicator.params[at];
    let literal = expr.downcast_ref::<Literal>().map(Literal::value);
    let number = match literal {
        Some(ScalarValue::Utf8(Some(word))) => param.number_of(word),
        Some(value) => match value.cast_to(&DataType::Float64)? {
            ScalarValue::Float64(number) => number,
            _ => None,
        },
        None => None,
    };
    number.ok_or_else(|| {
        let (name, range) = (param.name, param.range());
        DataFusionError::Plan(format!("{}: {name} must be a constant, {range}", indicator.name))
    })
}

#[derive(Debug)]
struct Evaluator {
    window: KernelWindow,
    params: Vec<f64>,
}

impl PartitionEvaluator for Evaluator {
    fn evaluate_all(&mut self, values: &[ArrayRef], num_rows: usize) -> Result<ArrayRef> {
        let indicator = self.window.indicator;
        keys::distinct(indicator.name, &values[self.window.fixed().min(values.len())..])?;
        let mut kernel = indicator.make(&self.params).map_err(|e| DataFusionError::Plan(e.to_string()))?;
        let inputs = values[..indicator.inputs.len()].iter().map(as_floats).collect::<Result<Vec<_>>>()?;
        let inputs: Vec<&[f64]> = inputs.iter().map(Vec::as_slice).collect();
        let mut outputs = vec![vec![f64::NAN; num_rows]; indicator.outputs.len()];
        let mut slices: Vec<&mut [f64]> = outputs.iter_mut().map(Vec::as_mut_slice).collect();
        kernel.run(&inputs, &mut slices);
        let arrays: Vec<ArrayRef> =
            outputs.into_iter().zip(indicator.outputs).map(|(v, o)| to_array(v, o.kind)).collect();
        match self.window.output {
            Some(output) => Ok(arrays[output].clone()),
            None if arrays.len() == 1 => Ok(arrays[0].clone()),
            None => Ok(Arc::new(StructArray::try_new(self.window.fields(), arrays, None)?)),
        }
    }
}

fn as_floats(array: &ArrayRef) -> Result<Vec<f64>> {
    let array = cast(array, &DataType::Float64)?;
    Ok(array.as_primitive::<Float64Type>().iter().map(|v| v.unwrap_or(f64::NAN)).collect())
}

fn to_array(values: Vec<f64>, kind: OutputKind) -> ArrayRef {
    let present = |v: f64| (!v.is_nan()).then_some(v);
    match kind {
        OutputKind::Flag => {
            Arc::new(values.into_iter().map(|v| present(v).map(|v| v == 1.0)).collect::<BooleanArray>())
        }
        _ => Arc::new(values.into_iter().map(present).collect::<Float64Array>()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::util::pretty::pretty_format_batches;
    use datafusion::prelude::SessionContext;

    async fn sql(query: &str) -> Result<String> {
        let session = SessionContext::new();
        crate::register(&session);
        let values: Vec<String> = (1..=8).map(|i| format!("({i}, {}.0)", i * i)).collect();
        let query = query.replace("FROM t", &format!("FROM (VALUES {}) AS t(time, close)", values.join(", ")));
        let batches = session.sql(&query).await?.collect().await?;
        Ok(pretty_format_batches(&batches)?.to_string())
    }

    #[tokio::test]
    async fn an_indicator_is_a_window_function() {
        let shown =
            sql("SELECT time, sma(close, 3) OVER (ORDER BY time) AS s FROM t ORDER BY time LIMIT 4").await.unwrap();
        assert_eq!(
            shown,
            "+------+-------------------+\n| time | s                 |\n+------+-------------------+\n| 1    |                   |\n| 2    |                   |\n| 3    | 4.666666666666667 |\n| 4    | 9.666666666666668 |\n+------+-------------------+"
        );
    }

    #[tokio::test]
    async fn several_outputs_are_a_struct() {
        let shown = sql("SELECT (macd(close, 2, 3, 2) OVER (ORDER BY time))['hist'] AS h FROM t ORDER BY time").await;
        assert!(shown.unwrap().contains("| h "));
    }

    #[tokio::test]
    async fn mistakes_are_named() {
        for (query, expected) in [
            ("SELECT sma(close, 0) OVER (ORDER BY time) FROM t", "sma: timeperiod must be a whole number"),
            (
                "SELECT sma() OVER (ORDER BY time) FROM t",
                "sma takes 1 to 2 arguments, found 0: sma(real, timeperiod = 30)",
            ),
            ("SELECT sma(close, 3, 4) OVER (ORDER BY time) FROM t", "sma takes 1 to 2 arguments, found 3"),
            ("SELECT sma(close, 3) OVER () FROM t", "sma needs the order of its rows"),
            ("SELECT sma(close, 3) OVER (ORDER BY time DESC) FROM t", "would look ahead: ORDER BY t.time without DESC"),
            (
                "SELECT sma(close, 3) OVER (ORDER BY close) FROM t",
                "sma: ORDER BY takes a time or a whole number that rises, found Float64",
            ),
            ("SELECT sma(close, 3) OVER (ORDER BY time / 2) FROM t", "same place in its order, 1: add PARTITION BY"),
            ("SELECT sma(close, 3) OVER (ORDER BY time ROWS 5 PRECEDING) FROM t", "sma takes no frame"),
            (
                "SELECT sma(close, 3) OVER (ORDER BY time ROWS BETWEEN UNBOUNDED PRECEDING AND 1 FOLLOWING) FROM t",
                "sma takes no frame",
            ),
            ("SELECT sma(close, 3) FILTER (WHERE close > 1) OVER (ORDER BY time) FROM t", "sma: FILTER"),
            ("SELECT sma(close, close) OVER (ORDER BY time) FROM t", "timeperiod must be a constant"),
            ("SELECT sma('a', 3) OVER (ORDER BY time) FROM t", "must be a number"),
        ] {
            let error = sql(query).await.unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}
