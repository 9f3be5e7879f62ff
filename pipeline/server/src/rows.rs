//! Rows of Arrow as JSON.
//!
//! Decimals are strings with all their digits, times are RFC 3339 in UTC (a time without a zone is UTC), what is not a
//! number (NaN, infinite) is null like what is unknown.

use crate::problem::Problem;
use arrow::{
    array::{Array, AsArray, RecordBatch},
    datatypes::{
        DataType, Date32Type, Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
        SchemaRef, TimeUnit, TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType,
        TimestampSecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
    },
    util::display::{ArrayFormatter, FormatOptions},
};
use candleflow_schema::{
    decimal,
    time::{self, civil_from_days},
};
use serde_json::value::RawValue;

/// Rows as `[..]`, one array per row.
pub(crate) fn arrays(out: &mut Vec<u8>, batches: &[RecordBatch]) -> Result<(), Problem> {
    out.push(b'[');
    let mut first = true;
    for batch in batches {
        for row in 0..batch.num_rows() {
            separate(out, &mut first);
            array(out, batch.columns().iter().map(|column| (column.as_ref(), row)))?;
        }
    }
    out.push(b']');
    Ok(())
}

/// Rows as objects, without the columns named in `but`.
pub(crate) fn objects(batches: &[RecordBatch], but: &[&str]) -> Result<Vec<Box<RawValue>>, Problem> {
    let mut objects = vec![];
    for batch in batches {
        for row in 0..batch.num_rows() {
            let mut out = vec![];
            object(&mut out, batch.schema_ref(), batch.columns(), row, but)?;
            let text = String::from_utf8(out).map_err(|e| Problem::internal(&e.to_string()))?;
            objects.push(RawValue::from_string(text).map_err(|e| Problem::internal(&e.to_string()))?);
        }
    }
    Ok(objects)
}

/// The names and types of columns.
pub(crate) fn columns(out: &mut Vec<u8>, schema: &SchemaRef) -> Result<(), Problem> {
    out.push(b'[');
    let mut first = true;
    for field in schema.fields() {
        separate(out, &mut first);
        out.extend(b"{\"name\":");
        text(out, field.name())?;
        out.extend(b",\"type\":");
        text(out, &type_name(field.data_type()))?;
        out.push(b'}');
    }
    out.push(b']');
    Ok(())
}

/// A type in the words of SQL, where it has some.
fn type_name(kind: &DataType) -> String {
    match kind {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => "text".into(),
        DataType::Boolean => "boolean".into(),
        DataType::Float64 => "double".into(),
        DataType::Int64 => "bigint".into(),
        DataType::Int32 => "integer".into(),
        DataType::Date32 => "date".into(),
        DataType::Timestamp(..) => "timestamp".into(),
        DataType::Decimal128(precision, scale) => format!("decimal({precision},{scale})"),
        DataType::Dictionary(_, value) => type_name(value),
        other => other.to_string().to_lowercase(),
    }
}

fn separate(out: &mut Vec<u8>, first: &mut bool) {
    if !std::mem::take(first) {
        out.push(b',');
    }
}

fn array<'a>(out: &mut Vec<u8>, cells: impl Iterator<Item = (&'a dyn Array, usize)>) -> Result<(), Problem> {
    out.push(b'[');
    let mut first = true;
    for (column, row) in cells {
        separate(out, &mut first);
        value(out, column, row)?;
    }
    out.push(b']');
    Ok(())
}

fn object(
    out: &mut Vec<u8>,
    schema: &SchemaRef,
    columns: &[arrow::array::ArrayRef],
    row: usize,
    but: &[&str],
) -> Result<(), Problem> {
    out.push(b'{');
    let mut first = true;
    for (field, column) in schema.fields().iter().zip(columns) {
        if but.contains(&field.name().as_str()) {
            continue;
        }
        separate(out, &mut first);
        text(out, field.name())?;
        out.push(b':');
        value(out, column.as_ref(), row)?;
    }
    out.push(b'}');
    Ok(())
}

fn value(out: &mut Vec<u8>, column: &dyn Array, row: usize) -> Result<(), Problem> {
    if column.is_null(row) {
        out.extend(b"null");
        return Ok(());
    }
    match column.data_type() {
        DataType::Null => out.extend(b"null"),
        DataType::Boolean => out.extend(if column.as_boolean().value(row) { &b"true"[..] } else { b"false" }),
        DataType::Int8 => integer(out, column.as_primitive::<Int8Type>().value(row)),
        DataType::Int16 => integer(out, column.as_primitive::<Int16Type>().value(row)),
        DataType::Int32 => integer(out, column.as_primitive::<Int32Type>().value(row)),
        DataType::Int64 => integer(out, column.as_primitive::<Int64Type>().value(row)),
        DataType::UInt8 => integer(out, column.as_primitive::<UInt8Type>().value(row)),
        DataType::UInt16 => integer(out, column.as_primitive::<UInt16Type>().value(row)),
        DataType::UInt32 => integer(out, column.as_primitive::<UInt32Type>().value(row)),
        DataType::UInt64 => out.extend(column.as_primitive::<UInt64Type>().value(row).to_string().as_bytes()),
        DataType::Float32 => double(out, f64::from(column.as_primitive::<Float32Type>().value(row)))?,
        DataType::Float64 => double(out, column.as_primitive::<Float64Type>().value(row))?,
        DataType::Decimal128(_, scale) if *scale >= 0 => {
            let places = u32::from(scale.unsigned_abs());
            text(out, &decimal::to_text(column.as_primitive::<Decimal128Type>().value(row), places, 0))?;
        }
        DataType::Utf8 => text(out, column.as_string::<i32>().value(row))?,
        DataType::LargeUtf8 => text(out, column.as_string::<i64>().value(row))?,
        DataType::Utf8View => text(out, column.as_string_view().value(row))?,
        DataType::Timestamp(unit, _) => text(out, &instant(column, row, *unit))?,
        DataType::Date32 => text(out, &day(column.as_primitive::<Date32Type>().value(row)))?,
        DataType::Dictionary(..) => {
            let dictionary = column.as_any_dictionary();
            let key = dictionary.normalized_keys()[row];
            value(out, dictionary.values().as_ref(), key)?;
        }
        DataType::List(_) => {
            let list = column.as_list::<i32>().value(row);
            array(out, (0..list.len()).map(|i| (list.as_ref(), i)))?;
        }
        DataType::LargeList(_) => {
            let list = column.as_list::<i64>().value(row);
            array(out, (0..list.len()).map(|i| (list.as_ref(), i)))?;
        }
        DataType::Struct(fields) => {
            let inner = column.as_struct();
            let schema = std::sync::Arc::new(arrow::datatypes::Schema::new(fields.clone()));
            object(out, &schema, inner.columns(), row, &[])?;
        }
        _ => {
            let options = FormatOptions::default();
            let shown = ArrayFormatter::try_new(column, &options).map_err(|e| Problem::internal(&e.to_string()))?;
            text(out, &shown.value(row).to_string())?;
        }
    }
    Ok(())
}

fn integer(out: &mut Vec<u8>, value: impl Into<i64>) {
    out.extend(value.into().to_string().as_bytes());
}

fn double(out: &mut Vec<u8>, value: f64) -> Result<(), Problem> {
    serde_json::to_writer(out, &value).map_err(|e| Problem::internal(&e.to_string()))
}

fn text(out: &mut Vec<u8>, value: &str) -> Result<(), Problem> {
    serde_json::to_writer(out, value).map_err(|e| Problem::internal(&e.to_string()))
}

fn instant(column: &dyn Array, row: usize, unit: TimeUnit) -> String {
    match unit {
        TimeUnit::Second => time::format(column.as_primitive::<TimestampSecondType>().value(row) * time::SECOND),
        TimeUnit::Millisecond => time::format(column.as_primitive::<TimestampMillisecondType>().value(row) * 1_000),
        TimeUnit::Microsecond => time::format(column.as_primitive::<TimestampMicrosecondType>().value(row)),
        TimeUnit::Nanosecond => {
            let nanos = column.as_primitive::<TimestampNanosecondType>().value(row);
            let text = time::format(nanos.div_euclid(1_000));
            match nanos.rem_euclid(1_000) {
                0 => text,
                rest => {
                    let second = time::format(nanos.div_euclid(1_000_000_000) * time::SECOND);
                    let within = nanos.rem_euclid(1_000_000_000) / 1_000;
                    format!("{}.{within:06}{rest:03}Z", second.trim_end_matches('Z'))
                }
            }
        }
    }
}

fn day(days: i32) -> String {
    let (year, month, day) = civil_from_days(i64::from(days));
    format!("{year:04}-{month:02}-{day:02}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::{
        array::{
            ArrayRef, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int64Array, StringArray, StructArray,
            TimestampMicrosecondArray, TimestampNanosecondArray, UInt64Array,
        },
        datatypes::{Field, Schema},
    };
    use std::sync::Arc;

    fn one_row() -> RecordBatch {
        let money =
            Decimal128Array::from(vec![-1_500_000_000_000_000_001i128]).with_precision_and_scale(38, 18).unwrap();
        let hist = StructArray::from(vec![(
            Arc::new(Field::new("hist", DataType::Float64, true)),
            Arc::new(Float64Array::from(vec![0.1])) as ArrayRef,
        )]);
        let columns: Vec<(&str, ArrayRef)> = vec![
            ("text", Arc::new(StringArray::from(vec!["a \"quoted\"\nline é"]))),
            ("big", Arc::new(UInt64Array::from(vec![u64::MAX]))),
            ("int", Arc::new(Int64Array::from(vec![Some(-7)]))),
            ("none", Arc::new(Int64Array::from(vec![None]))),
            ("double", Arc::new(Float64Array::from(vec![1e300]))),
            ("nan", Arc::new(Float64Array::from(vec![f64::NAN]))),
            ("money", Arc::new(money)),
            ("micros", Arc::new(TimestampMicrosecondArray::from(vec![1_618_999_200_500_000]).with_timezone("UTC"))),
            ("nanos", Arc::new(TimestampNanosecondArray::from(vec![1_618_999_200_000_000_001]))),
            ("whole", Arc::new(TimestampNanosecondArray::from(vec![1_618_999_200_000_000_000]))),
            ("day", Arc::new(Date32Array::from(vec![18_738]))),
            ("flag", Arc::new(BooleanArray::from(vec![true]))),
            ("macd", Arc::new(hist)),
        ];
        RecordBatch::try_from_iter(columns).unwrap()
    }

    #[test]
    fn a_row_reads_as_people_expect() {
        let json = objects(&[one_row()], &["big"]).unwrap();
        assert_eq!(
            json[0].get(),
            r#"{"text":"a \"quoted\"\nline é","int":-7,"none":null,"double":1e+300,"nan":null,"money":"-1.500000000000000001","micros":"2021-04-21T10:00:00.500Z","nanos":"2021-04-21T10:00:00.000000001Z","whole":"2021-04-21T10:00:00Z","day":"2021-04-21","flag":true,"macd":{"hist":0.1}}"#
        );
        let mut out = vec![];
        arrays(&mut out, &[one_row().project(&[1, 2, 3]).unwrap()]).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), "[[18446744073709551615,-7,null]]");
    }

    #[test]
    fn columns_are_named_in_words_of_sql() {
        let mut out = vec![];
        let schema = Arc::new(Schema::new(vec![
            Field::new("a", DataType::Decimal128(38, 18), true),
            Field::new("b", DataType::Utf8View, true),
        ]));
        columns(&mut out, &schema).unwrap();
        let shown = String::from_utf8(out).unwrap();
        assert_eq!(shown, r#"[{"name":"a","type":"decimal(38,18)"},{"name":"b","type":"text"}]"#);
    }
}
