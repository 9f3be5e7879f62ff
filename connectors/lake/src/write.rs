//! Rows to one Parquet file of a table.
//!
//! ```text
//!  layout Klines    | AAVE 43,200 | ADA 43,200 | ... |   a row group per symbol when two do not fit into 64 Ki rows
//!                   | AAVE 8,760  ADA 8,760 ... x7 | |   whole symbols up to 64 Ki rows
//!                   | BTC 65,536 | BTC 65,536 | BTC.. |  a larger symbol starts its own
//! ```
//! Holds one file of at most [`FILE_BYTES`] or so in memory.

use crate::{
    error::Error,
    file::BATCH_ROWS,
    snapshot::Stats,
    spec::{Layout, Spec},
    symbols::SymbolRows,
};
use arrow::{
    array::{Array, AsArray, RecordBatch},
    compute::{max, max_string, min, min_string},
    datatypes::{DataType, SchemaRef, TimestampMicrosecondType},
};
use candleflow_schema::{Micros, time};
use parquet::{
    arrow::ArrowWriter,
    basic::{Compression, Encoding, ZstdLevel},
    file::properties::{EnabledStatistics, WriterProperties},
    schema::types::ColumnPath,
};
use std::{collections::BTreeMap, mem};

/// The most rows in a row group.
pub(crate) const GROUP_ROWS: usize = 64 * 1024;
/// A file that has grown to this is closed and another one begun.
pub(crate) const FILE_BYTES: usize = 128 << 20;

/// A file in memory.
pub(crate) struct Encoded {
    pub(crate) bytes: Vec<u8>,
    pub(crate) rows: u64,
    pub(crate) stats: Stats,
}

/// Writes one file. Passive: no I/O.
pub(crate) struct FileWriter {
    schema: SchemaRef,
    layout: Layout,
    writer: ArrowWriter<Vec<u8>>,
    /// Rows of the symbol at hand that may still go into the open group or begin a new one.
    held: Vec<RecordBatch>,
    held_rows: usize,
    symbol: Option<String>,
    /// The symbol at hand has more rows than a row group.
    large: bool,
    groups: SymbolRows,
    bounds: Bounds,
}

impl FileWriter {
    pub(crate) fn new(spec: &Spec) -> Result<Self, Error> {
        let schema = spec.file_schema();
        let writer = ArrowWriter::try_new(Vec::new(), schema.clone(), Some(properties(spec, &schema)))?;
        let bounds = Bounds { keys: spec.keys(), ..Bounds::default() };
        Ok(Self {
            schema,
            layout: spec.layout,
            writer,
            held: vec![],
            held_rows: 0,
            symbol: None,
            large: false,
            groups: SymbolRows::default(),
            bounds,
        })
    }

    /// Takes rows in the columns of the table's files, in the table's order.
    pub(crate) fn write(&mut self, rows: &RecordBatch) -> Result<(), Error> {
        if rows.num_rows() == 0 {
            return Ok(());
        }
        self.bounds.add(rows);
        match self.layout {
            Layout::AsGiven => Ok(self.writer.write(rows)?),
            Layout::Klines => self.write_by_symbol(rows),
        }
    }

    fn write_by_symbol(&mut self, rows: &RecordBatch) -> Result<(), Error> {
        let symbols = rows.column(0).as_string::<i32>();
        let mut start = 0;
        while start < rows.num_rows() {
            let symbol = symbols.value(start);
            let end = run_end(symbols, start);
            if self.symbol.as_deref() != Some(symbol) {
                self.release()?;
                if mem::take(&mut self.large) {
                    self.end_group()?;
                }
                self.symbol = Some(symbol.to_owned());
            }
            self.held.push(rows.slice(start, end - start));
            self.held_rows += end - start;
            let open = self.writer.in_progress_rows();
            if !self.large && open > 0 && open + self.held_rows > GROUP_ROWS {
                self.end_group()?;
            }
            self.large |= self.held_rows > GROUP_ROWS;
            if self.large {
                self.release()?;
            }
            start = end;
        }
        Ok(())
    }

    fn end_group(&mut self) -> Result<(), Error> {
        self.groups.close();
        Ok(self.writer.flush()?)
    }

    /// What is held goes into the open group.
    fn release(&mut self) -> Result<(), Error> {
        for batch in self.held.drain(..) {
            self.writer.write(&batch)?;
        }
        if let Some(symbol) = &self.symbol {
            self.groups.add(symbol, self.held_rows as u64, GROUP_ROWS as u64);
        }
        self.held_rows = 0;
        Ok(())
    }

    /// Whether it is time for another file.
    pub(crate) fn is_full(&self) -> bool {
        self.writer.bytes_written() + self.writer.in_progress_size() >= FILE_BYTES
    }

    /// The file; `None` when it has no rows.
    pub(crate) fn finish(mut self) -> Result<Option<Encoded>, Error> {
        self.release()?;
        if self.layout == Layout::Klines
            && let Some(pair) = self.groups.to_footer()
        {
            self.writer.append_key_value_metadata(pair);
        }
        let bytes = self.writer.into_inner()?;
        let (rows, stats) = (self.bounds.rows, self.bounds.stats(&self.schema));
        Ok((rows > 0).then_some(Encoded { bytes, rows, stats }))
    }
}

fn run_end(symbols: &arrow::array::StringArray, start: usize) -> usize {
    let (symbol, n) = (symbols.value(start), symbols.len());
    if symbols.value(n - 1) == symbol {
        return n;
    }
    (start..n).find(|i| symbols.value(*i) != symbol).unwrap_or(n)
}

/// Compression that decodes fast: integers as packed differences, no dictionary but for text, statistics of keys only.
fn properties(spec: &Spec, schema: &SchemaRef) -> WriterProperties {
    let mut builder = WriterProperties::builder()
        .set_created_by("candleflow".to_owned())
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(1).unwrap_or_default()))
        .set_max_row_group_row_count(Some(GROUP_ROWS))
        .set_data_page_row_count_limit(BATCH_ROWS)
        .set_dictionary_enabled(false)
        .set_statistics_enabled(EnabledStatistics::None);
    let keys = spec.keys();
    for field in schema.fields() {
        let path = ColumnPath::from(field.name().as_str());
        if keys.contains(field.name()) {
            builder = builder.set_column_statistics_enabled(path.clone(), EnabledStatistics::Page);
        }
        builder = match field.data_type() {
            DataType::Utf8 => builder.set_column_dictionary_enabled(path, true),
            DataType::Timestamp(..) | DataType::Int64 | DataType::Int32 => {
                builder.set_column_encoding(path, Encoding::DELTA_BINARY_PACKED)
            }
            DataType::Decimal128(p, _) if *p <= 18 => builder.set_column_encoding(path, Encoding::DELTA_BINARY_PACKED),
            _ => builder,
        };
    }
    builder.build()
}

/// Bounds of the key columns over all rows of a file.
#[derive(Default)]
struct Bounds {
    keys: Vec<String>,
    rows: u64,
    texts: BTreeMap<String, (String, String)>,
    times: BTreeMap<String, (Micros, Micros)>,
    nulls: BTreeMap<String, u64>,
}

impl Bounds {
    fn add(&mut self, rows: &RecordBatch) {
        self.rows += rows.num_rows() as u64;
        for key in &self.keys {
            let Some(column) = rows.column_by_name(key) else { continue };
            *self.nulls.entry(key.clone()).or_default() += column.null_count() as u64;
            if let Some(text) = column.as_string_opt::<i32>() {
                let (Some(low), Some(high)) = (min_string(text), max_string(text)) else { continue };
                let known = self.texts.entry(key.clone()).or_insert_with(|| (low.to_owned(), high.to_owned()));
                if low < known.0.as_str() {
                    known.0 = low.to_owned();
                }
                if high > known.1.as_str() {
                    known.1 = high.to_owned();
                }
            } else if let Some(times) = column.as_primitive_opt::<TimestampMicrosecondType>() {
                let (Some(low), Some(high)) = (min(times), max(times)) else { continue };
                let known = self.times.entry(key.clone()).or_insert((low, high));
                *known = (known.0.min(low), known.1.max(high));
            }
        }
    }

    /// As the table log has them: times in whole milliseconds, rounded outward.
    fn stats(self, schema: &SchemaRef) -> Stats {
        let mut stats = Stats { rows: self.rows, ..Stats::default() };
        for (key, (low, high)) in self.texts {
            stats.min.insert(key.clone(), low.into());
            stats.max.insert(key, high.into());
        }
        for (key, (low, high)) in self.times {
            stats.min.insert(key.clone(), millis(low.div_euclid(1000)).into());
            stats.max.insert(key, millis(high.div_euclid(1000) + i64::from(high.rem_euclid(1000) > 0)).into());
        }
        let known = self.nulls.into_iter().filter(|(key, _)| schema.column_with_name(key).is_some());
        stats.nulls = known.map(|(key, n)| (key, n.into())).collect();
        stats
    }
}

/// `2021-04-20T00:00:00.000Z`, always with three digits.
fn millis(ms: i64) -> String {
    let text = time::format(ms * 1000);
    if text.contains('.') { text } else { text.replace('Z', ".000Z") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::KLINES_TABLE;
    use candleflow_schema::{Bar, Interval, Origin, tables};
    use parquet::file::reader::{FileReader, SerializedFileReader};

    fn rows(symbol: &str, n: usize) -> RecordBatch {
        let bar = |i: usize| Bar {
            symbol: symbol.into(),
            interval: Interval::M1,
            open_time: i as i64 * 60_000_000,
            open: 1,
            high: 1,
            low: 1,
            close: 1,
            volume: 1,
            quote_volume: None,
            trades: None,
            taker_buy_volume: None,
            taker_buy_quote_volume: None,
            origin: Origin::File,
        };
        let bars: Vec<_> = (0..n).map(bar).collect();
        crate::row::to_batch(&tables::bars_to_batch(&bars).unwrap(), &bars, &[]).unwrap()
    }

    fn groups(symbols: &[(&str, usize)]) -> Vec<i64> {
        let mut writer = FileWriter::new(&Spec::known(KLINES_TABLE).unwrap()).unwrap();
        for (symbol, n) in symbols {
            writer.write(&rows(symbol, *n)).unwrap();
        }
        let file = writer.finish().unwrap().unwrap();
        let reader = SerializedFileReader::new(bytes::Bytes::from(file.bytes)).unwrap();
        assert!(SymbolRows::from_footer(reader.metadata()).is_some(), "the footer says where symbols stand");
        reader.metadata().row_groups().iter().map(|g| g.num_rows()).collect()
    }

    #[test]
    fn a_row_group_holds_whole_symbols_and_a_larger_one_starts_its_own() {
        assert_eq!(groups(&[("A", 30_000), ("B", 30_000), ("C", 30_000)]), [60_000, 30_000]);
        assert_eq!(groups(&[("A", 10), ("B", 100_000), ("C", 10)]), [10, 65_536, 34_464, 10]);
        assert_eq!(groups(&[("A", 65_536), ("B", 1)]), [65_536, 1]);
        assert_eq!(groups(&[("A", 200_000)]), [65_536, 65_536, 65_536, 3_392]);
    }

    #[test]
    fn bounds_are_rounded_outward_to_milliseconds() {
        assert_eq!(millis(0), "1970-01-01T00:00:00.000Z");
        let mut bounds = Bounds { keys: vec!["open_time".into(), "symbol".into()], ..Bounds::default() };
        bounds.add(&rows("B", 3));
        bounds.add(&rows("A", 1));
        let stats = bounds.stats(&Spec::known(KLINES_TABLE).unwrap().file_schema());
        assert_eq!((stats.rows, &stats.min["symbol"], &stats.max["symbol"]), (4, &"A".into(), &"B".into()));
        assert_eq!(stats.max["open_time"], serde_json::Value::from("1970-01-01T00:02:00.000Z"));
    }
}
