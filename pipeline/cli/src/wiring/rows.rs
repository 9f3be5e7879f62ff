//! A user's file as rows, whatever they are: Parquet, JSON lines or CSV with a header, told by how it begins.

use arrow::{
    array::{AsArray, RecordBatch},
    compute::{cast, concat_batches},
    csv::{self, reader::Format},
    datatypes::{DataType, Float64Type},
    json,
};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use std::{
    fs::File,
    io::{BufReader, Read, Seek},
    path::Path,
    sync::Arc,
};

/// All rows of a file.
pub(crate) fn read(path: &Path) -> anyhow::Result<RecordBatch> {
    let mut file = File::open(path)?;
    let mut start = Vec::new();
    Read::by_ref(&mut file).take(64).read_to_end(&mut start)?;
    file.rewind()?;
    let (schema, batches) = if start.starts_with(b"PAR1") {
        let reader = ParquetRecordBatchReaderBuilder::try_new(file)?;
        (reader.schema().clone(), reader.build()?.collect::<Result<Vec<_>, _>>()?)
    } else if start.trim_ascii_start().starts_with(b"{") {
        let (schema, _) = json::reader::infer_json_schema(BufReader::new(&file), None)?;
        file.rewind()?;
        let schema = Arc::new(schema);
        let reader = json::ReaderBuilder::new(schema.clone()).build(BufReader::new(file))?;
        (schema, reader.collect::<Result<Vec<_>, _>>()?)
    } else {
        let (schema, _) = Format::default().with_header(true).infer_schema(BufReader::new(&file), None)?;
        file.rewind()?;
        let schema = Arc::new(schema);
        let reader = csv::ReaderBuilder::new(schema.clone()).with_header(true).build(BufReader::new(file))?;
        (schema, reader.collect::<Result<Vec<_>, _>>()?)
    };
    Ok(concat_batches(&schema, &batches)?)
}

/// A column as numbers; what is none, or not finite, is NULL.
pub(crate) fn numbers(rows: &RecordBatch, column: usize) -> anyhow::Result<Vec<Option<f64>>> {
    let floats = cast(rows.column(column), &DataType::Float64)?;
    let floats = floats.as_primitive::<Float64Type>();
    Ok(floats.iter().map(|value| value.filter(|v| v.is_finite())).collect())
}
