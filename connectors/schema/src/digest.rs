//! The proof of parity: a chain of hashes over the canonical bytes of every output row.
//!
//! * A row's bytes are its columns in schema order; a column is `00` for NULL, else `01` and the value: integers,
//!   timestamps and decimals little-endian, doubles as their bits (one NaN, no negative zero), booleans as a byte,
//!   text as its length (u32) and its UTF-8.
//! * A chain starts as `BLAKE3("candleflow.chain.1" || 0 || output || 0 || key || 0 || column names and types)`. Rows are
//!   gathered into blocks; the row that brings a block to [`BLOCK`] bytes ends it: `h = BLAKE3(h || block)`. The last
//!   block may be shorter. `h`, the open block and the row count are all the state, so a chain survives a snapshot.
//! * A run's digest is `BLAKE3` of its canonical pipeline and the sorted list of (output, key, rows, chain).
//!
//! Columns named in [`LEFT_OUT`] never enter: they tell which run it was, not what it found.

use arrow::{
    array::{Array, AsArray, RecordBatch},
    datatypes::{
        DataType, Decimal128Type, Float64Type, Int32Type, Int64Type, Schema, TimeUnit, TimestampMicrosecondType,
        UInt64Type,
    },
};
use std::fmt;

/// A block ends with the row that brings it to this many bytes.
pub const BLOCK: usize = 4096;
/// Columns that say which run a row belongs to.
pub const LEFT_OUT: [&str; 1] = ["run_id"];

/// 32 bytes of BLAKE3, shown as hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(pub [u8; 32]);

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// A column type that has no canonical bytes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("column '{column}' of type {kind} cannot be part of a digest")]
pub struct Unhashable {
    column: String,
    kind: String,
}

/// The chain of one output and key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chain {
    h: [u8; 32],
    block: Vec<u8>,
    rows: u64,
}

impl Chain {
    /// The chain of an output and key that has no rows yet.
    pub fn new(output: &str, key: &str, schema: &Schema) -> Self {
        let mut start = blake3::Hasher::new();
        start.update(b"candleflow.chain.1\0").update(output.as_bytes()).update(b"\0").update(key.as_bytes());
        for field in schema.fields().iter().filter(|f| !LEFT_OUT.contains(&f.name().as_str())) {
            start.update(b"\0").update(field.name().as_bytes()).update(b"\0");
            start.update(field.data_type().to_string().as_bytes());
        }
        Self { h: *start.finalize().as_bytes(), block: Vec::with_capacity(BLOCK * 2), rows: 0 }
    }

    /// Adds all rows of a batch.
    ///
    /// # Errors
    /// When a column has a type without canonical bytes; nothing is added then.
    pub fn update(&mut self, batch: &RecordBatch) -> Result<(), Unhashable> {
        let schema = batch.schema();
        let columns = schema
            .fields()
            .iter()
            .zip(batch.columns())
            .filter(|(field, _)| !LEFT_OUT.contains(&field.name().as_str()))
            .map(|(field, array)| Column::new(field.name(), array))
            .collect::<Result<Vec<_>, _>>()?;
        for row in 0..batch.num_rows() {
            columns.iter().for_each(|c| c.write(row, &mut self.block));
            self.rows += 1;
            if self.block.len() >= BLOCK {
                self.h = close(&self.h, &self.block);
                self.block.clear();
            }
        }
        Ok(())
    }

    /// How many rows it holds.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// The chain's value, the open block included.
    pub fn value(&self) -> Digest {
        Digest(if self.block.is_empty() { self.h } else { close(&self.h, &self.block) })
    }

    /// All of its state.
    pub fn save(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.h);
        out.extend_from_slice(&self.rows.to_le_bytes());
        out.extend_from_slice(&(self.block.len() as u32).to_le_bytes());
        out.extend_from_slice(&self.block);
    }

    /// The inverse of [`Chain::save`]; takes its bytes off the front. `None` when they are not its own.
    pub fn load(bytes: &mut &[u8]) -> Option<Self> {
        let mut take = |n: usize| -> Option<&[u8]> {
            let (head, tail) = bytes.split_at_checked(n)?;
            *bytes = tail;
            Some(head)
        };
        let h = take(32)?.try_into().ok()?;
        let rows = u64::from_le_bytes(take(8)?.try_into().ok()?);
        let length = u32::from_le_bytes(take(4)?.try_into().ok()?) as usize;
        (length < BLOCK).then_some(())?;
        Some(Self { h, block: take(length)?.to_vec(), rows })
    }
}

fn close(h: &[u8; 32], block: &[u8]) -> [u8; 32] {
    *blake3::Hasher::new().update(h).update(block).finalize().as_bytes()
}

/// What a run found: the hash of its canonical pipeline and of all its chains, in sorted order.
pub fn of_run<'a>(pipeline: &str, chains: impl IntoIterator<Item = (&'a str, &'a str, &'a Chain)>) -> Digest {
    let mut list: Vec<_> = chains.into_iter().collect();
    list.sort_unstable_by_key(|(output, key, _)| (*output, *key));
    let mut hash = blake3::Hasher::new();
    hash.update(b"candleflow.run.1\0").update(pipeline.as_bytes()).update(b"\0");
    for (output, key, chain) in list {
        hash.update(output.as_bytes()).update(b"\0").update(key.as_bytes()).update(b"\0");
        hash.update(&chain.rows.to_le_bytes()).update(&chain.value().0);
    }
    Digest(*hash.finalize().as_bytes())
}

/// A column, downcast once per batch.
enum Column<'a> {
    Int64(&'a arrow::array::Int64Array),
    Int32(&'a arrow::array::Int32Array),
    UInt64(&'a arrow::array::UInt64Array),
    Float64(&'a arrow::array::Float64Array),
    Time(&'a arrow::array::TimestampMicrosecondArray),
    Decimal(&'a arrow::array::Decimal128Array),
    Bool(&'a arrow::array::BooleanArray),
    Text(&'a arrow::array::StringArray),
}

impl<'a> Column<'a> {
    fn new(name: &str, array: &'a dyn Array) -> Result<Self, Unhashable> {
        Ok(match array.data_type() {
            DataType::Int64 => Column::Int64(array.as_primitive::<Int64Type>()),
            DataType::Int32 => Column::Int32(array.as_primitive::<Int32Type>()),
            DataType::UInt64 => Column::UInt64(array.as_primitive::<UInt64Type>()),
            DataType::Float64 => Column::Float64(array.as_primitive::<Float64Type>()),
            DataType::Timestamp(TimeUnit::Microsecond, _) => {
                Column::Time(array.as_primitive::<TimestampMicrosecondType>())
            }
            DataType::Decimal128(..) => Column::Decimal(array.as_primitive::<Decimal128Type>()),
            DataType::Boolean => Column::Bool(array.as_boolean()),
            DataType::Utf8 => Column::Text(array.as_string::<i32>()),
            other => return Err(Unhashable { column: name.to_owned(), kind: other.to_string() }),
        })
    }

    fn write(&self, row: usize, out: &mut Vec<u8>) {
        macro_rules! put {
            ($array:expr, $bytes:expr) => {
                if $array.is_null(row) {
                    out.push(0);
                } else {
                    out.push(1);
                    out.extend_from_slice(&$bytes($array.value(row)));
                }
            };
        }
        match self {
            Column::Int64(a) => put!(a, i64::to_le_bytes),
            Column::Int32(a) => put!(a, i32::to_le_bytes),
            Column::UInt64(a) => put!(a, u64::to_le_bytes),
            Column::Float64(a) => put!(a, |v: f64| canonical(v).to_le_bytes()),
            Column::Time(a) => put!(a, i64::to_le_bytes),
            Column::Decimal(a) => put!(a, i128::to_le_bytes),
            Column::Bool(a) => put!(a, |v: bool| [u8::from(v)]),
            Column::Text(a) => {
                if a.is_null(row) {
                    out.push(0);
                } else {
                    let text = a.value(row);
                    out.push(1);
                    out.extend_from_slice(&(text.len() as u32).to_le_bytes());
                    out.extend_from_slice(text.as_bytes());
                }
            }
        }
    }
}

/// The bits of a double with one NaN and no negative zero.
pub fn canonical(value: f64) -> u64 {
    if value.is_nan() {
        0x7ff8_0000_0000_0000
    } else if value == 0.0 {
        0
    } else {
        value.to_bits()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{ArrayRef, Decimal128Array, Float64Array, Int64Array, StringArray};
    use proptest::prelude::*;
    use std::sync::Arc;

    fn batch(values: &[Option<f64>], texts: &[&str]) -> RecordBatch {
        RecordBatch::try_from_iter(vec![
            ("x", Arc::new(Float64Array::from(values.to_vec())) as ArrayRef),
            ("s", Arc::new(StringArray::from(texts.to_vec())) as ArrayRef),
        ])
        .unwrap()
    }

    #[test]
    fn one_known_chain() {
        let batch = batch(&[Some(1.5), None], &["a", "bc"]);
        let mut chain = Chain::new("trades", "BTCUSDT", &batch.schema());
        chain.update(&batch).unwrap();
        let mut start = b"candleflow.chain.1\0trades\0BTCUSDT\0x\0Float64\0s\0Utf8".to_vec();
        let h = blake3::hash(&start);
        start.clear();
        start.push(1);
        start.extend(1.5f64.to_le_bytes());
        start.extend([1, 1, 0, 0, 0, b'a', 0, 1, 2, 0, 0, 0, b'b', b'c']);
        let expected = blake3::hash(&[h.as_bytes().as_slice(), &start].concat());
        assert_eq!(chain.value().0, *expected.as_bytes());
        assert_eq!(chain.rows(), 2);
    }

    #[test]
    fn nan_and_zero_have_one_form_and_null_is_not_zero() {
        let value = |v: Option<f64>| {
            let batch = batch(&[v], &["a"]);
            let mut chain = Chain::new("o", "k", &batch.schema());
            chain.update(&batch).unwrap();
            chain.value()
        };
        assert_eq!(value(Some(f64::NAN)), value(Some(-f64::NAN)));
        assert_eq!(value(Some(0.0)), value(Some(-0.0)));
        assert_ne!(value(Some(0.0)), value(None));
    }

    #[test]
    fn the_run_id_is_left_out_and_other_types_are_refused() {
        let with = |id: i64| {
            RecordBatch::try_from_iter(vec![
                ("run_id", Arc::new(Int64Array::from(vec![id])) as ArrayRef),
                ("m", Arc::new(Decimal128Array::from(vec![5]).with_precision_and_scale(38, 18).unwrap()) as ArrayRef),
            ])
            .unwrap()
        };
        let value = |b: RecordBatch| {
            let mut chain = Chain::new("o", "k", &b.schema());
            chain.update(&b).unwrap();
            chain.value()
        };
        assert_eq!(value(with(1)), value(with(2)));
        let odd =
            RecordBatch::try_from_iter(vec![("f", Arc::new(arrow::array::Float32Array::from(vec![1.0])) as ArrayRef)])
                .unwrap();
        let error = Chain::new("o", "k", &odd.schema()).update(&odd).unwrap_err();
        assert_eq!(error.to_string(), "column 'f' of type Float32 cannot be part of a digest");
    }

    /// The example of `docs/digest.md`, row by row.
    fn example() -> RecordBatch {
        let rows = 0..200i64;
        let x = |i: i64| match i {
            i if i % 11 == 3 => None,
            i if i % 50 == 7 => Some(f64::NAN),
            24 => Some(-0.0),
            i => Some(i as f64 / 8.0 - 3.0),
        };
        let times = rows.clone().map(|i| 1_619_308_860_000_000 + i * 60_000_000);
        let times = arrow::array::TimestampMicrosecondArray::from_iter_values(times).with_timezone("UTC");
        let amounts = Decimal128Array::from_iter_values(rows.clone().map(|i| 1 - i128::from(i) * 10i128.pow(18)));
        let amounts = amounts.with_precision_and_scale(38, 18).unwrap();
        let truths = arrow::array::BooleanArray::from_iter(rows.clone().map(|i| Some(i % 3 == 0)));
        let numbers: Int64Array = rows.clone().map(|i| (i > 0).then_some(-i)).collect();
        RecordBatch::try_from_iter_with_nullable(vec![
            ("run_id", Arc::new(StringArray::from(vec!["any"; 200])) as ArrayRef, false),
            ("symbol", Arc::new(StringArray::from(vec!["BTCUSDT"; 200])) as ArrayRef, false),
            ("time", Arc::new(times) as ArrayRef, false),
            ("x", Arc::new(rows.map(x).collect::<Float64Array>()) as ArrayRef, true),
            ("m", Arc::new(amounts) as ArrayRef, false),
            ("t", Arc::new(truths) as ArrayRef, false),
            ("n", Arc::new(numbers) as ArrayRef, true),
        ])
        .unwrap()
    }

    #[test]
    fn the_documented_example_has_the_documented_digest_and_python_agrees() {
        let rows = example();
        let mut chains = Vec::new();
        for (output, key, n) in [("trades", "BTCUSDT", 200), ("trades.final", "BTCUSDT", 1), ("equity", "ETHUSDT", 0)] {
            let mut chain = Chain::new(output, key, &rows.schema());
            chain.update(&rows.slice(0, n)).unwrap();
            chains.push((output, key, chain));
        }
        let mut lines: Vec<String> =
            chains.iter().map(|(o, k, c)| format!("{o} {k} {} {}\n", c.rows(), c.value())).collect();
        lines.push(format!("run {}\n", of_run("{}", chains.iter().map(|(o, k, c)| (*o, *k, c)))));
        let ours = lines.concat();
        assert!(include_str!("../../../docs/digest.md").contains(&ours), "docs/digest.md must say:\n{ours}");
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/digest.py");
        match std::process::Command::new("python3").arg(script).output() {
            Ok(said) => assert_eq!(String::from_utf8_lossy(&said.stdout), ours, "{said:?}"),
            Err(_) => {
                assert!(std::env::var_os("CI").is_none(), "python3 is missing");
                eprintln!("skipped: no python3");
            }
        }
    }

    proptest! {
        #[test]
        fn batches_and_snapshots_do_not_matter(
            values in proptest::collection::vec(proptest::option::of(any::<f64>()), 1..600),
            cuts in proptest::collection::vec(1usize..100, 1..20),
        ) {
            let texts: Vec<String> = (0..values.len()).map(|i| "t".repeat(i % 40)).collect();
            let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
            let whole = batch(&values, &texts);
            let mut expected = Chain::new("o", "k", &whole.schema());
            expected.update(&whole).unwrap();
            let mut chain = Chain::new("o", "k", &whole.schema());
            let (mut at, mut cut) = (0, cuts.iter().cycle());
            while at < whole.num_rows() {
                let n = (*cut.next().unwrap()).min(whole.num_rows() - at);
                chain.update(&whole.slice(at, n)).unwrap();
                let mut saved = vec![];
                chain.save(&mut saved);
                let mut rest = saved.as_slice();
                chain = Chain::load(&mut rest).unwrap();
                prop_assert!(rest.is_empty());
                at += n;
            }
            prop_assert_eq!(chain, expected);
        }
    }
}
