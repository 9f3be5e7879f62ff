//! Rows of one file of a table, in the file's order: only the columns, the symbol and the times that are asked for.
//!
//! Row groups are left out by their statistics; a symbol's rows within a group are found by the footer, and where times
//! divide a group only its time column is decoded before the rows are chosen. Holds one row group's compressed columns and one batch.

use crate::{error::Error, snapshot::FileRef, symbols::SymbolRows, table::Table};
use arrow::{
    array::{Array, AsArray, BooleanArray, RecordBatch},
    buffer::BooleanBuffer,
    datatypes::TimestampMicrosecondType,
};
use bytes::Bytes;
use candleflow_schema::Micros;
use futures::{FutureExt, StreamExt, TryFutureExt, future::BoxFuture};
use object_store::{ObjectStore, ObjectStoreExt, path::Path};
use parquet::{
    arrow::{
        ProjectionMask,
        arrow_reader::{ArrowPredicateFn, ArrowReaderMetadata, ArrowReaderOptions, RowFilter},
        async_reader::{AsyncFileReader, ParquetRecordBatchStream, ParquetRecordBatchStreamBuilder},
    },
    errors::ParquetError,
    file::{
        metadata::{PageIndexPolicy, ParquetMetaData, ParquetMetaDataReader, RowGroupMetaData},
        statistics::Statistics,
    },
};
use std::{collections::VecDeque, ops::Range, sync::Arc};

/// The most rows in a batch.
pub const BATCH_ROWS: usize = 8192;
/// What is read from the end of a file at first: most footers fit.
const FOOTER_HINT: usize = 64 * 1024;

/// Which rows of a file.
#[derive(Debug, Clone, Default)]
pub(crate) struct Wanted {
    /// Only this symbol.
    pub(crate) symbol: Option<String>,
    /// Only rows whose time column of this name lies in `from..=to`.
    pub(crate) times: Option<(&'static str, Micros, Micros)>,
    /// Only these columns; all if `None`.
    pub(crate) columns: Option<Vec<String>>,
}

/// How much of a row group is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Share {
    None,
    Some,
    All,
}

/// What is known of a file before its rows are read. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Footer {
    parquet: ArrowReaderMetadata,
    symbols: Option<Arc<SymbolRows>>,
}

/// Rows of one file.
pub(crate) struct FileRows {
    reader: Ranges,
    footer: Footer,
    wanted: Wanted,
    groups: VecDeque<(usize, Share)>,
    open: Option<ParquetRecordBatchStream<Ranges>>,
}

impl FileRows {
    /// Opens a file of a table.
    pub(crate) async fn open(table: &Table, file: &FileRef, wanted: Wanted) -> Result<Self, Error> {
        let path = Path::parse(&file.path).map_err(|e| Error::corrupt(&file.path, e))?;
        let mut reader = Ranges { store: table.store.clone(), path, size: file.size };
        let footer = match table.footer(file) {
            Some(footer) => footer,
            None => {
                let parquet = ArrowReaderMetadata::load_async(&mut reader, ArrowReaderOptions::default()).await?;
                let symbols = SymbolRows::from_footer(parquet.metadata()).map(Arc::new);
                let footer = Footer { parquet, symbols };
                table.keep_footer(file, &footer);
                footer
            }
        };
        let groups = footer.parquet.metadata().row_groups().iter().enumerate();
        let groups = groups.map(|(i, g)| (i, share(g, &wanted))).filter(|(_, s)| *s != Share::None).collect();
        Ok(Self { reader, footer, wanted, groups, open: None })
    }

    /// The next rows; never an empty batch.
    pub(crate) async fn next(&mut self) -> Result<Option<RecordBatch>, Error> {
        loop {
            if let Some(stream) = &mut self.open {
                match stream.next().await.transpose()? {
                    Some(batch) if batch.num_rows() > 0 => return Ok(Some(batch)),
                    Some(_) => continue,
                    None => self.open = None,
                }
            }
            let Some((group, share)) = self.groups.pop_front() else { return Ok(None) };
            self.open = self.group(group, share)?;
        }
    }

    /// The wanted rows of a group; `None` when there are none after all.
    fn group(&self, group: usize, share: Share) -> Result<Option<ParquetRecordBatchStream<Ranges>>, Error> {
        let schema = self.footer.parquet.parquet_schema();
        let mask = match &self.wanted.columns {
            Some(columns) => ProjectionMask::columns(schema, columns.iter().map(String::as_str)),
            None => ProjectionMask::all(),
        };
        let mut builder =
            ParquetRecordBatchStreamBuilder::new_with_metadata(self.reader.clone(), self.footer.parquet.clone())
                .with_row_groups(vec![group])
                .with_batch_size(BATCH_ROWS)
                .with_projection(mask);
        let mut rest = share;
        if let (Some(symbol), Some(symbols)) = (&self.wanted.symbol, &self.footer.symbols) {
            let Some(selection) = symbols.select(group, symbol) else { return Ok(None) };
            builder = builder.with_row_selection(selection);
            rest = times_share(self.footer.parquet.metadata().row_group(group), &self.wanted);
        }
        if rest == Share::Some {
            builder = builder.with_row_filter(RowFilter::new(vec![self.predicate()]));
        }
        Ok(Some(builder.build()?))
    }

    fn predicate(&self) -> Box<dyn parquet::arrow::arrow_reader::ArrowPredicate> {
        let by_symbol = self.wanted.symbol.iter().filter(|_| self.footer.symbols.is_none());
        let mut keys: Vec<&str> = by_symbol.map(|_| "symbol").collect();
        keys.extend(self.wanted.times.map(|(column, _, _)| column));
        let mask = ProjectionMask::columns(self.footer.parquet.parquet_schema(), keys);
        let wanted = self.wanted.clone();
        Box::new(ArrowPredicateFn::new(mask, move |batch| Ok(chosen(&batch, &wanted))))
    }
}

/// Which rows of a batch of key columns are wanted.
fn chosen(batch: &RecordBatch, wanted: &Wanted) -> BooleanArray {
    let symbols = batch.column_by_name("symbol").and_then(|c| c.as_string_opt::<i32>());
    let times = wanted
        .times
        .and_then(|(name, from, to)| Some((batch.column_by_name(name)?, from, to)))
        .and_then(|(c, from, to)| Some((c.as_primitive_opt::<TimestampMicrosecondType>()?, from, to)));
    let by_symbol = |i: usize| match (&wanted.symbol, symbols) {
        (Some(symbol), Some(column)) => column.value(i) == symbol,
        _ => true,
    };
    let by_time = |i: usize| times.is_none_or(|(c, from, to)| !c.is_null(i) && (from..=to).contains(&c.value(i)));
    BooleanArray::new(BooleanBuffer::collect_bool(batch.num_rows(), |i| by_symbol(i) && by_time(i)), None)
}

fn share(group: &RowGroupMetaData, wanted: &Wanted) -> Share {
    let symbol = match (&wanted.symbol, text_bounds(group, "symbol")) {
        (None, _) => Share::All,
        (Some(_), None) => Share::Some,
        (Some(symbol), Some((min, max))) => compare(symbol.as_str() < min || symbol.as_str() > max, min == max),
    };
    match (symbol, times_share(group, wanted)) {
        (Share::None, _) | (_, Share::None) => Share::None,
        (Share::All, Share::All) => Share::All,
        _ => Share::Some,
    }
}

/// How much of a group the times alone let through.
fn times_share(group: &RowGroupMetaData, wanted: &Wanted) -> Share {
    let Some((column, from, to)) = wanted.times else { return Share::All };
    match time_bounds(group, column) {
        None => Share::Some,
        Some((min, max)) => compare(max < from || to < min, from <= min && max <= to),
    }
}

fn compare(outside: bool, inside: bool) -> Share {
    match (outside, inside) {
        (true, _) => Share::None,
        (_, true) => Share::All,
        _ => Share::Some,
    }
}

fn statistics<'a>(group: &'a RowGroupMetaData, column: &str) -> Option<&'a Statistics> {
    group.columns().iter().find(|c| c.column_path().string() == column).and_then(|c| c.statistics())
}

fn text_bounds<'a>(group: &'a RowGroupMetaData, column: &str) -> Option<(&'a str, &'a str)> {
    let Statistics::ByteArray(stats) = statistics(group, column)? else { return None };
    let exact = stats.min_is_exact() && stats.max_is_exact();
    let text = |bytes: Option<&'a parquet::data_type::ByteArray>| bytes.and_then(|b| b.as_utf8().ok());
    exact.then_some(())?;
    Some((text(stats.min_opt())?, text(stats.max_opt())?))
}

fn time_bounds(group: &RowGroupMetaData, column: &str) -> Option<(Micros, Micros)> {
    let Statistics::Int64(stats) = statistics(group, column)? else { return None };
    Some((*stats.min_opt()?, *stats.max_opt()?))
}

/// Byte ranges of one object.
#[derive(Clone)]
struct Ranges {
    store: Arc<dyn ObjectStore>,
    path: Path,
    size: u64,
}

impl AsyncFileReader for Ranges {
    fn get_bytes(&mut self, range: Range<u64>) -> BoxFuture<'_, Result<Bytes, ParquetError>> {
        async move { self.store.get_range(&self.path, range).await }.map_err(ParquetError::from).boxed()
    }

    fn get_byte_ranges(&mut self, ranges: Vec<Range<u64>>) -> BoxFuture<'_, Result<Vec<Bytes>, ParquetError>> {
        async move { self.store.get_ranges(&self.path, &ranges).await }.map_err(ParquetError::from).boxed()
    }

    fn get_metadata<'a>(
        &'a mut self,
        _: Option<&'a ArrowReaderOptions>,
    ) -> BoxFuture<'a, Result<Arc<ParquetMetaData>, ParquetError>> {
        let size = self.size;
        let reader = ParquetMetaDataReader::new()
            .with_prefetch_hint(Some(FOOTER_HINT))
            .with_column_index_policy(PageIndexPolicy::Skip)
            .with_offset_index_policy(PageIndexPolicy::Optional);
        async move { reader.load_and_finish(self, size).await.map(Arc::new) }.boxed()
    }
}
