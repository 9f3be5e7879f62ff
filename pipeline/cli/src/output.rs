//! Batches for people and programs: table, CSV, JSON lines, Arrow IPC, Parquet.

use crate::args::Format;
use arrow::{
    array::RecordBatch,
    csv,
    datatypes::{DataType, SchemaRef, TimeUnit},
    ipc::writer::StreamWriter,
    json,
    util::display::{ArrayFormatter, FormatOptions},
};
use comfy_table::{CellAlignment, ContentArrangement, Table, presets::UTF8_FULL_CONDENSED};
use parquet::arrow::ArrowWriter;
use std::{
    io::{self, Write},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

/// Times as RFC 3339 in UTC, whatever the format.
const TIME: &str = "%Y-%m-%dT%H:%M:%S%.fZ";

/// Writes batches as they come.
pub(crate) struct Output {
    sink: Sink,
    rows: usize,
    gone: Arc<AtomicBool>,
}

/// Notes that its reader has gone: the formats' libraries give that as text only.
struct Noting(Box<dyn Write + Send>, Arc<AtomicBool>);

impl Noting {
    fn note<T>(&self, result: io::Result<T>) -> io::Result<T> {
        if result.as_ref().is_err_and(|e| e.kind() == io::ErrorKind::BrokenPipe) {
            self.1.store(true, Ordering::Relaxed);
        }
        result
    }
}

impl Write for Noting {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let result = self.0.write(bytes);
        self.note(result)
    }

    fn flush(&mut self) -> io::Result<()> {
        let result = self.0.flush();
        self.note(result)
    }
}

enum Sink {
    Table(Box<dyn Write + Send>, SchemaRef, Vec<RecordBatch>),
    Csv(Box<csv::Writer<Box<dyn Write + Send>>>),
    Json(json::LineDelimitedWriter<Box<dyn Write + Send>>),
    Arrow(Box<StreamWriter<Box<dyn Write + Send>>>),
    Parquet(Box<ArrowWriter<Box<dyn Write + Send>>>),
}

impl Output {
    /// Output of rows of `schema` to `out`.
    pub(crate) fn new(format: Format, schema: SchemaRef, out: Box<dyn Write + Send>) -> anyhow::Result<Self> {
        let gone = Arc::new(AtomicBool::new(false));
        let out: Box<dyn Write + Send> = Box::new(Noting(out, gone.clone()));
        let sink = match format {
            Format::Table => Sink::Table(out, schema, Vec::new()),
            Format::Csv => {
                let mut writer = csv::WriterBuilder::new()
                    .with_header(true)
                    .with_timestamp_tz_format(TIME.into())
                    .with_timestamp_format(TIME.into())
                    .build(out);
                // The header stands even where there are no rows.
                writer.write(&RecordBatch::new_empty(schema))?;
                Sink::Csv(Box::new(writer))
            }
            Format::Json => Sink::Json(json::WriterBuilder::new().with_explicit_nulls(true).build(out)),
            Format::Arrow => Sink::Arrow(Box::new(StreamWriter::try_new(out, &schema)?)),
            Format::Parquet => Sink::Parquet(Box::new(ArrowWriter::try_new(out, schema, None)?)),
        };
        Ok(Self { sink, rows: 0, gone })
    }

    /// The next rows.
    pub(crate) fn write(&mut self, batch: &RecordBatch) -> anyhow::Result<()> {
        self.rows += batch.num_rows();
        let written = self.put(batch);
        told(&self.gone, written)
    }

    fn put(&mut self, batch: &RecordBatch) -> anyhow::Result<()> {
        match &mut self.sink {
            Sink::Table(_, _, batches) => batches.push(batch.clone()),
            Sink::Csv(writer) => writer.write(batch)?,
            Sink::Json(writer) => writer.write(batch)?,
            Sink::Arrow(writer) => writer.write(batch)?,
            Sink::Parquet(writer) => writer.write(batch)?,
        }
        Ok(())
    }

    /// No more rows; says how many there were.
    pub(crate) fn finish(self) -> anyhow::Result<usize> {
        told(&self.gone, self.sink.finish())?;
        Ok(self.rows)
    }
}

/// An error of a reader that has gone as what it is.
fn told(gone: &AtomicBool, result: anyhow::Result<()>) -> anyhow::Result<()> {
    match gone.load(Ordering::Relaxed) {
        true => Err(io::Error::from(io::ErrorKind::BrokenPipe).into()),
        false => result,
    }
}

impl Sink {
    fn finish(self) -> anyhow::Result<()> {
        match self {
            Sink::Table(mut out, schema, batches) => writeln!(out, "{}", table(&schema, &batches)?)?,
            Sink::Csv(writer) => writer.into_inner().flush()?,
            Sink::Json(mut writer) => {
                writer.finish()?;
                writer.into_inner().flush()?;
            }
            Sink::Arrow(mut writer) => {
                writer.finish()?;
                writer.into_inner()?.flush()?;
            }
            Sink::Parquet(writer) => {
                writer.into_inner()?.flush()?;
            }
        }
        Ok(())
    }
}

/// A table for people: numbers to the right.
pub(crate) fn table(schema: &SchemaRef, batches: &[RecordBatch]) -> anyhow::Result<String> {
    table_of(schema, batches, |_, _, _| None)
}

/// A table for people. `cell` may say a number better than with all its digits: that of a row of a column of a batch.
pub(crate) fn table_of(
    schema: &SchemaRef,
    batches: &[RecordBatch],
    cell: impl Fn(&RecordBatch, usize, usize) -> Option<String>,
) -> anyhow::Result<String> {
    let options = FormatOptions::default()
        .with_null("")
        .with_timestamp_tz_format(Some(TIME))
        .with_timestamp_format(Some(TIME))
        .with_display_error(true);
    let mut table = Table::new();
    table.load_preset(UTF8_FULL_CONDENSED).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(schema.fields().iter().map(|f| f.name().clone()));
    for batch in batches {
        let columns =
            batch.columns().iter().map(|c| ArrayFormatter::try_new(c, &options)).collect::<Result<Vec<_>, _>>()?;
        for row in 0..batch.num_rows() {
            let cells = columns.iter().enumerate();
            table.add_row(cells.map(|(at, c)| cell(batch, at, row).unwrap_or_else(|| c.value(row).to_string())));
        }
    }
    for (column, field) in table.column_iter_mut().zip(schema.fields()) {
        if field.data_type().is_numeric() || matches!(field.data_type(), DataType::Timestamp(TimeUnit::Microsecond, _))
        {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    Ok(table.to_string())
}

/// A small table of texts for people.
pub(crate) fn rows<const N: usize>(header: &[&str; N], rows: impl IntoIterator<Item = [String; N]>) -> String {
    let mut table = Table::new();
    table.load_preset(UTF8_FULL_CONDENSED).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(header);
    rows.into_iter().for_each(|row| {
        table.add_row(row);
    });
    table.to_string()
}
