//! What a table is: its columns, how it is partitioned, how its rows are laid out. Tables are made on first use.
//!
//! Delta statistics are kept of key and time columns only: those of decimals are doubles and prune wrongly.

use crate::error::Error;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use candleflow_schema::{
    instrument::INSTRUMENTS,
    tables::{COVERAGE, KLINES, QUARANTINE, RESTATED, timestamp},
};
use std::sync::Arc;

/// Bars, exact.
pub const KLINES_TABLE: &str = "klines";
/// What is known to be complete.
pub const COVERAGE_TABLE: &str = "coverage";
/// Assets, steps and minimums of instruments, by date.
pub const INSTRUMENTS_TABLE: &str = "instruments";
/// Every value that lost.
pub const RESTATED_TABLE: &str = "restated";
/// Bad input.
pub const QUARANTINE_TABLE: &str = "quarantine";
/// The partition column that every table of outputs has.
pub const RUN_ID: &str = "run_id";
/// The partition column of `klines` beside `interval`: a month, or a year for 1h and longer.
pub const BUCKET: &str = "bucket";

/// How the rows of a file are laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// Sorted by symbol and time; a row group holds whole symbols, a larger symbol starts its own.
    Klines,
    /// In the order in which they came.
    AsGiven,
}

/// A table to be.
#[derive(Debug, Clone)]
pub struct Spec {
    /// Its name: a folder of the lake.
    pub name: String,
    /// All columns, those of the partition included.
    pub schema: SchemaRef,
    /// Columns whose values make a partition.
    pub partition: Vec<String>,
    /// The order of rows in a file.
    pub layout: Layout,
}

impl Spec {
    /// A table that this crate knows by name.
    pub(crate) fn known(name: &str) -> Option<Self> {
        let plain = |schema: &SchemaRef| Spec {
            name: name.to_owned(),
            schema: schema.clone(),
            partition: vec![],
            layout: Layout::AsGiven,
        };
        match name {
            KLINES_TABLE => Some(Self::klines()),
            COVERAGE_TABLE => Some(plain(&COVERAGE)),
            INSTRUMENTS_TABLE => Some(plain(&INSTRUMENTS)),
            RESTATED_TABLE => Some(plain(&RESTATED)),
            QUARANTINE_TABLE => Some(plain(&QUARANTINE)),
            _ => None,
        }
    }

    fn klines() -> Self {
        let mut fields = vec![KLINES.fields()[0].clone(), Arc::new(Field::new(BUCKET, DataType::Utf8, false))];
        fields.extend(KLINES.fields()[1..].iter().cloned());
        Spec {
            name: KLINES_TABLE.to_owned(),
            schema: Arc::new(Schema::new(fields)),
            partition: vec!["interval".into(), BUCKET.into()],
            layout: Layout::Klines,
        }
    }

    /// A table of rows as they are, unpartitioned.
    ///
    /// # Errors
    /// When the name cannot be a table's or a column has a type that a table cannot hold.
    pub fn plain(name: &str, rows: &Schema) -> Result<Self, Error> {
        check_name(name)?;
        let schema = Arc::new(Schema::new(columns(name, rows)?));
        Ok(Self { name: name.to_owned(), schema, partition: vec![], layout: Layout::AsGiven })
    }

    /// A table of a run's outputs: the columns of `rows` and [`RUN_ID`], which is the partition.
    ///
    /// # Errors
    /// When the name cannot be a table's or a column has a type that a table cannot hold.
    pub fn output(name: &str, rows: &Schema) -> Result<Self, Error> {
        check_name(name)?;
        let mut fields = columns(name, rows)?;
        fields.retain(|f| f.name() != RUN_ID);
        fields.insert(0, Arc::new(Field::new(RUN_ID, DataType::Utf8, false)));
        let schema = Arc::new(Schema::new(fields));
        Ok(Self { name: name.to_owned(), schema, partition: vec![RUN_ID.into()], layout: Layout::AsGiven })
    }

    /// The columns that stand in files: all but the partition's.
    pub fn file_schema(&self) -> SchemaRef {
        let fields: Vec<_> =
            self.schema.fields().iter().filter(|f| !self.partition.contains(f.name())).cloned().collect();
        Arc::new(Schema::new(fields))
    }

    /// Columns of files that statistics are kept of.
    pub fn keys(&self) -> Vec<String> {
        let key = |f: &Field| f.name() == "symbol" || matches!(f.data_type(), DataType::Timestamp(..));
        self.file_schema().fields().iter().filter(|f| key(f)).map(|f| f.name().clone()).collect()
    }
}

/// Whether a name can be a table's.
pub(crate) fn check_name(name: &str) -> Result<(), Error> {
    let fits = (1..=64).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
        && name.as_bytes()[0].is_ascii_lowercase();
    if fits { Ok(()) } else { Err(Error::Name(name.to_owned())) }
}

/// The columns of rows in the types that a table has; all may be NULL, so that a later version may lack one.
fn columns(table: &str, rows: &Schema) -> Result<Vec<Arc<Field>>, Error> {
    let stored = |f: &Field| {
        stored_type(f.data_type()).map(|t| Arc::new(Field::new(f.name(), t, true))).ok_or_else(|| Error::Schema {
            table: table.to_owned(),
            reason: format!("column {} has the type {}, which a table cannot hold", f.name(), f.data_type()),
        })
    };
    rows.fields().iter().map(|f| stored(f)).collect()
}

fn stored_type(kind: &DataType) -> Option<DataType> {
    Some(match kind {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => DataType::Utf8,
        DataType::Dictionary(_, value) => stored_type(value)?,
        DataType::Boolean | DataType::Int32 | DataType::Int64 | DataType::Float64 | DataType::Date32 => kind.clone(),
        DataType::Int8 | DataType::Int16 | DataType::UInt8 | DataType::UInt16 => DataType::Int32,
        DataType::UInt32 | DataType::UInt64 => DataType::Int64,
        DataType::Float32 => DataType::Float64,
        DataType::Timestamp(TimeUnit::Nanosecond, _) => return None,
        DataType::Timestamp(..) => timestamp(),
        DataType::Decimal128(p, s) if *s >= 0 => DataType::Decimal128(*p, *s),
        DataType::Null => DataType::Utf8,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_not_paths() {
        for good in ["klines", "a", "view_2"] {
            assert!(check_name(good).is_ok(), "{good}");
        }
        for bad in ["", "2a", "_a", "A", "a/b", "..", "a-b", &"a".repeat(65)] {
            assert!(matches!(check_name(bad), Err(Error::Name(_))), "{bad}");
        }
    }

    #[test]
    fn outputs_are_partitioned_by_run() {
        let rows = Schema::new(vec![
            Field::new("symbol", DataType::Utf8View, false),
            Field::new("n", DataType::UInt64, false),
            Field::new("time", timestamp(), false),
        ]);
        let spec = Spec::output("equity", &rows).unwrap();
        assert_eq!(spec.partition, [RUN_ID]);
        assert_eq!(spec.schema.field(0).name(), RUN_ID);
        assert_eq!(spec.schema.field(2).data_type(), &DataType::Int64);
        assert_eq!(spec.keys(), ["symbol", "time"]);
        let nested = Schema::new(vec![Field::new("x", DataType::Binary, false)]);
        assert!(Spec::output("equity", &nested).unwrap_err().to_string().contains("column x has the type Binary"));
    }

    #[test]
    fn klines_keep_statistics_of_keys_and_times_only() {
        assert_eq!(Spec::known(KLINES_TABLE).unwrap().keys(), ["symbol", "open_time", "time"]);
    }
}
