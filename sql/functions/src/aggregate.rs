//! A statistic as an aggregate: `sharpe(ret, 365)`, `max_drawdown(equity ORDER BY time)`.
//!
//! Rows in which a column is NULL are left out. The result does not depend on how DataFusion has cut or merged the rows:
//! they are put into the order of the keys before anything is computed, and where there are none, and none are needed,
//! into the order of their values. State is every row. As a window function, `sharpe(ret) OVER (ORDER BY time ROWS 29
//! PRECEDING)`, rows come and go in the window's order, and each row computes its window anew.

use crate::{call::Called, keys};
use arrow::{
    array::{Array, ArrayRef, AsArray, Float64Array, Int64Array},
    compute::cast,
    datatypes::{DataType, Field, FieldRef, Float64Type, Int64Type},
};
use candleflow_kernels::metrics::Statistic;
use datafusion::{
    common::{DataFusionError, Result, ScalarValue, exec_err, plan_err, utils::SingleRowListArrayBuilder},
    logical_expr::{
        Accumulator, AggregateUDFImpl, Signature, Volatility,
        function::{AccumulatorArgs, StateFieldsArgs},
    },
    physical_expr::expressions::Literal,
};
use std::{
    hash::{Hash, Hasher},
    sync::Arc,
};

/// An aggregate of the list of statistics.
#[derive(Debug, Clone)]
pub(crate) struct Aggregate {
    statistic: &'static Statistic,
    aliases: Vec<String>,
    signature: Signature,
}

impl Aggregate {
    pub(crate) fn new(statistic: &'static Statistic) -> Self {
        let other = Some(statistic.alias).filter(|alias| *alias != statistic.name);
        let aliases = other.into_iter().map(str::to_owned).collect();
        Self { statistic, aliases, signature: Signature::user_defined(Volatility::Immutable) }
    }

    pub(crate) fn statistic(&self) -> &'static Statistic {
        self.statistic
    }

    /// Columns, and the arguments that are no keys.
    fn widths(&self) -> (usize, usize) {
        let columns = self.statistic.series.columns().len();
        (columns, columns + self.statistic.params.len())
    }
}

impl PartialEq for Aggregate {
    fn eq(&self, other: &Self) -> bool {
        self.statistic.name == other.statistic.name
    }
}

impl Eq for Aggregate {}

impl Hash for Aggregate {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.statistic.name.hash(state);
    }
}

impl AggregateUDFImpl for Aggregate {
    fn name(&self) -> &str {
        self.statistic.name
    }

    fn aliases(&self) -> &[String] {
        &self.aliases
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Float64)
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        let (columns, fixed) = self.widths();
        let called = Called::from(self.statistic);
        if types.len() < columns {
            return plan_err!("{} takes {columns} columns: {}", called.name, called.usage());
        }
        let coerced = types.iter().enumerate().map(|(place, kind)| match kind {
            kind if place >= fixed => keys::coerced(called.name, kind),
            kind if kind.is_numeric() || kind.is_null() => Ok(DataType::Float64),
            kind => {
                let argument = called.columns.get(place).copied().unwrap_or("a parameter");
                plan_err!("{}: {argument} must be a number, found {kind}: {}", called.name, called.usage())
            }
        });
        coerced.collect()
    }

    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        let (columns, fixed) = self.widths();
        let list = |place: usize, kind: DataType| -> FieldRef {
            Arc::new(Field::new_list(format!("{}[{place}]", args.name), Field::new_list_field(kind, true), true))
        };
        let numbers = (0..columns).map(|place| list(place, DataType::Float64));
        Ok(numbers.chain((fixed..args.input_fields.len()).map(|place| list(place, DataType::Int64))).collect())
    }

    fn accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        let (columns, fixed) = self.widths();
        let given = &args.exprs[columns..fixed.min(args.exprs.len())];
        let values = given.iter().zip(self.statistic.params).map(|(expr, param)| {
            let value = expr.downcast_ref::<Literal>().map(|literal| literal.value().cast_to(&DataType::Float64));
            match value.transpose()? {
                Some(ScalarValue::Float64(Some(value))) => Ok(value),
                _ => plan_err!("{}: {} must be {}, and a constant", self.statistic.name, param.name, param.range()),
            }
        });
        let values = values.map(|value| value.map(Some)).collect::<Result<Vec<_>>>()?;
        let params = self.statistic.bind(&values).map_err(|e| DataFusionError::Plan(e.to_string()))?;
        Ok(Box::new(Rows {
            statistic: self.statistic,
            params,
            fixed,
            gone: 0,
            columns: vec![Vec::new(); columns],
            keys: vec![Vec::new(); args.exprs.len().saturating_sub(fixed)],
        }))
    }
}

/// The rows so far.
#[derive(Debug)]
struct Rows {
    statistic: &'static Statistic,
    params: Vec<f64>,
    /// How many arguments stand before the keys.
    fixed: usize,
    /// Rows at the front that a window has left behind.
    gone: usize,
    columns: Vec<Vec<f64>>,
    keys: Vec<Vec<i64>>,
}

impl Rows {
    fn add(&mut self, columns: &[ArrayRef], keys: &[ArrayRef]) -> Result<()> {
        let columns: Vec<Float64Array> = columns.iter().map(numbers).collect::<Result<_>>()?;
        let keys: Vec<Int64Array> = keys.iter().map(moments).collect::<Result<_>>()?;
        for row in 0..columns[0].len() {
            if !whole(&columns, row) {
                continue;
            }
            if keys.iter().any(|key| key.is_null(row)) {
                return exec_err!("{}: a key of its ORDER BY is NULL", self.statistic.name);
            }
            self.columns.iter_mut().zip(&columns).for_each(|(to, from)| to.push(from.value(row)));
            self.keys.iter_mut().zip(&keys).for_each(|(to, from)| to.push(from.value(row)));
        }
        Ok(())
    }

    /// The rows that count, in the order in which they are computed.
    fn in_order(&self) -> Result<Vec<Vec<f64>>> {
        let rows = self.columns[0].len();
        if self.keys.is_empty() && self.statistic.ordered {
            return Ok(self.columns.iter().map(|column| column[self.gone..].to_vec()).collect());
        }
        let mut places: Vec<usize> = (self.gone..rows).collect();
        let by_keys = |a: usize, b: usize| self.keys.iter().map(move |key| key[a].cmp(&key[b]));
        if self.keys.is_empty() {
            let by_values = |a: usize, b: usize| self.columns.iter().map(move |c| c[a].total_cmp(&c[b]));
            places.sort_unstable_by(|a, b| by_values(*a, *b).find(|o| o.is_ne()).unwrap_or(std::cmp::Ordering::Equal));
        } else {
            places.sort_unstable_by(|a, b| by_keys(*a, *b).find(|o| o.is_ne()).unwrap_or(std::cmp::Ordering::Equal));
            if places.windows(2).any(|pair| by_keys(pair[0], pair[1]).all(|o| o.is_eq())) {
                return exec_err!(
                    "{}: two rows have the same place in its ORDER BY: GROUP BY symbol, or add a key",
                    self.statistic.name
                );
            }
        }
        Ok(self.columns.iter().map(|column| places.iter().map(|place| column[*place]).collect()).collect())
    }
}

impl Accumulator for Rows {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.add(&values[..self.columns.len()], &values[self.fixed.min(values.len())..])
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let columns: Vec<Float64Array> = values[..self.columns.len()].iter().map(numbers).collect::<Result<_>>()?;
        self.gone += (0..columns[0].len()).filter(|row| whole(&columns, *row)).count();
        if self.gone * 2 > self.columns[0].len() {
            self.columns.iter_mut().for_each(|column| drop(column.drain(..self.gone)));
            self.gone = 0;
        }
        Ok(())
    }

    fn supports_retract_batch(&self) -> bool {
        self.keys.is_empty()
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let columns = self.in_order()?;
        let columns: Vec<&[f64]> = columns.iter().map(Vec::as_slice).collect();
        Ok(ScalarValue::Float64(self.statistic.of(&columns, &self.params)))
    }

    fn size(&self) -> usize {
        let values: usize = self.columns.iter().map(Vec::capacity).chain(self.keys.iter().map(Vec::capacity)).sum();
        size_of_val(self) + values * size_of::<f64>()
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let numbers = self.columns.iter().map(|c| Arc::new(Float64Array::from(c[self.gone..].to_vec())) as ArrayRef);
        let keys = self.keys.iter().map(|k| Arc::new(Int64Array::from(k.clone())) as ArrayRef);
        Ok(numbers.chain(keys).map(|array| SingleRowListArrayBuilder::new(array).build_list_scalar()).collect())
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let lists: Vec<_> = states.iter().map(|state| state.as_list::<i32>()).collect();
        for row in 0..lists[0].len() {
            if lists[0].is_null(row) {
                continue;
            }
            let parts: Vec<ArrayRef> = lists.iter().map(|list| list.value(row)).collect();
            let (columns, keys) = parts.split_at(self.columns.len());
            self.add(columns, keys)?;
        }
        Ok(())
    }
}

/// Whether every column has a number in this row.
fn whole(columns: &[Float64Array], row: usize) -> bool {
    columns.iter().all(|column| column.is_valid(row) && !column.value(row).is_nan())
}

fn numbers(array: &ArrayRef) -> Result<Float64Array> {
    Ok(cast(array, &DataType::Float64)?.as_primitive::<Float64Type>().clone())
}

fn moments(array: &ArrayRef) -> Result<Int64Array> {
    Ok(cast(array, &DataType::Int64)?.as_primitive::<Int64Type>().clone())
}
