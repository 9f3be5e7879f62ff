//! Columns as slices of `f64`, where NULL is NaN, and back.

use crate::operator::OperatorError;
use arrow::{
    array::{Array, ArrayRef, AsArray, BooleanArray, Float64Array, RecordBatch},
    buffer::{BooleanBuffer, NullBuffer},
    datatypes::{DataType, Field, Float64Type, Int64Type, Schema, SchemaRef, TimestampMicrosecondType},
};
use std::{borrow::Cow, sync::Arc};

/// A column of numbers or truths as `f64`: NULL is NaN, true is 1. No copy where there is no NULL.
pub fn floats<'a>(
    operator: &'static str,
    batch: &'a RecordBatch,
    index: usize,
) -> Result<Cow<'a, [f64]>, OperatorError> {
    numbers(batch.column(index)).ok_or_else(|| missing(operator, batch, index, "Float64 or Boolean"))
}

/// The same of a column without its rows.
///
/// # Errors
/// When it holds neither numbers nor truths.
pub fn values<'a>(operator: &'static str, array: &'a ArrayRef) -> Result<Cow<'a, [f64]>, OperatorError> {
    let column = || array.data_type().to_string();
    numbers(array).ok_or_else(|| OperatorError::Missing { operator, column: column(), expected: "Float64 or Boolean" })
}

fn numbers(array: &ArrayRef) -> Option<Cow<'_, [f64]>> {
    Some(match array.data_type() {
        DataType::Float64 => {
            let array = array.as_primitive::<Float64Type>();
            match array.nulls().filter(|n| n.null_count() > 0) {
                None => Cow::Borrowed(&array.values()[..]),
                Some(_) => Cow::Owned(array.iter().map(|v| v.unwrap_or(f64::NAN)).collect()),
            }
        }
        DataType::Boolean => {
            let value = |v: Option<bool>| v.map_or(f64::NAN, |v| f64::from(u8::from(v)));
            Cow::Owned(array.as_boolean().iter().map(value).collect())
        }
        _ => return None,
    })
}

/// A column of whole numbers without NULL.
pub fn ints<'a>(operator: &'static str, batch: &'a RecordBatch, index: usize) -> Result<&'a [i64], OperatorError> {
    match batch.column(index).as_primitive_opt::<Int64Type>() {
        Some(array) => Ok(&array.values()[..]),
        None => Err(missing(operator, batch, index, "Int64")),
    }
}

/// A column of times without NULL.
pub fn times<'a>(operator: &'static str, batch: &'a RecordBatch, index: usize) -> Result<&'a [i64], OperatorError> {
    match batch.column(index).as_primitive_opt::<TimestampMicrosecondType>() {
        Some(array) => Ok(&array.values()[..]),
        None => Err(missing(operator, batch, index, "Timestamp")),
    }
}

fn missing(operator: &'static str, batch: &RecordBatch, index: usize, expected: &'static str) -> OperatorError {
    let column = batch.schema().fields().get(index).map_or_else(|| format!("#{index}"), |f| f.name().clone());
    OperatorError::Missing { operator, column, expected }
}

/// Where a column stands.
///
/// # Errors
/// When the schema lacks it.
pub fn find(operator: &'static str, schema: &Schema, name: &str) -> Result<usize, OperatorError> {
    schema.index_of(name).map_err(|_| OperatorError::Missing { operator, column: name.to_owned(), expected: "any" })
}

/// Numbers as a column: NaN becomes NULL.
pub fn from_floats(values: Vec<f64>) -> ArrayRef {
    let nulls = nulls(&values);
    Arc::new(Float64Array::new(values.into(), nulls))
}

/// 1 and 0 as a column of truths: NaN becomes NULL.
pub fn from_flags(values: &[f64]) -> ArrayRef {
    let bits = BooleanBuffer::collect_bool(values.len(), |i| values[i] == 1.0);
    Arc::new(BooleanArray::new(bits, nulls(values)))
}

fn nulls(values: &[f64]) -> Option<NullBuffer> {
    if !values.iter().any(|v| v.is_nan()) {
        return None;
    }
    Some(NullBuffer::new(BooleanBuffer::collect_bool(values.len(), |i| !values[i].is_nan())))
}

/// The schema with more columns at its end.
pub fn extended(schema: &SchemaRef, more: impl IntoIterator<Item = Field>) -> SchemaRef {
    let fields = schema.fields().iter().cloned().chain(more.into_iter().map(Arc::new));
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

/// The batch with more columns at its end, under the schema made by [`extended`].
///
/// # Errors
/// When a column does not fit.
pub fn append(
    operator: &'static str,
    schema: &SchemaRef,
    batch: &RecordBatch,
    more: impl IntoIterator<Item = ArrayRef>,
) -> Result<RecordBatch, OperatorError> {
    let columns = batch.columns().iter().cloned().chain(more).collect();
    RecordBatch::try_new(schema.clone(), columns).map_err(|error| OperatorError::Columns { operator, error })
}
