//! One version of a table: its number, its columns and its live files with what is known about them.
//!
//! A version is loaded whole once; from then on it follows the entries of the log, one after another, which costs what the
//! entry holds and not what the table holds.

use crate::error::Error;
use arrow::datatypes::{Schema, SchemaRef};
use candleflow_schema::{Micros, time};
use deltalake::{
    DeltaTableError,
    kernel::{Action, Add, Metadata, engine::arrow_conversion::TryIntoArrow},
    table::state::DeltaTableState,
};
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// Tag of a file: the task whose rows it holds.
pub(crate) const TAG_TASK: &str = "candleflow.task";
/// Tag of a file: the ordinal of its first row.
pub(crate) const TAG_FIRST: &str = "candleflow.first";

/// A file of a table, enough to read it without the table's log: a list of these pins what a run reads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileRef {
    /// Its path within the table.
    pub path: String,
    /// Its length in bytes.
    pub size: u64,
    /// How many rows it holds.
    pub rows: u64,
    /// The values of the partition columns.
    pub partition: BTreeMap<String, String>,
    /// First and last symbol, where there is such a column.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub symbols: Option<(String, String)>,
    /// Bounds of each time column; a bound may be up to a millisecond too wide.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub times: BTreeMap<String, (Micros, Micros)>,
    /// When it was written, by the log.
    #[serde(default)]
    pub written: Micros,
    /// The task that wrote it and the ordinal of its first row, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<(String, u64)>,
}

impl FileRef {
    /// Whether rows with this symbol may be in it.
    pub(crate) fn may_hold(&self, symbol: &str) -> bool {
        self.symbols.as_ref().is_none_or(|(min, max)| min.as_str() <= symbol && symbol <= max.as_str())
    }

    /// Whether rows whose time column lies in `from..=to` may be in it.
    pub(crate) fn may_overlap(&self, column: &str, from: Micros, to: Micros) -> bool {
        self.times.get(column).is_none_or(|(min, max)| *min <= to && from <= *max)
    }
}

/// A version of a table. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Snapshot {
    version: u64,
    metadata: Arc<Metadata>,
    schema: SchemaRef,
    files: Arc<Vec<FileRef>>,
}

/// What an entry of the log says beside files.
#[derive(Debug, Default)]
pub(crate) struct Followed {
    pub(crate) txns: Vec<(String, i64)>,
    /// It changes what an engine must be able to do: the table must be loaded anew.
    pub(crate) anew: bool,
}

impl Snapshot {
    pub(crate) fn load(table: &str, state: &DeltaTableState) -> Result<Self, Error> {
        let log = state.snapshot().try_log_data()?;
        let mut files = vec![];
        for view in log.iter() {
            #[expect(deprecated, reason = "the only way to a file's tags")]
            let add = view.add_action();
            files.push(file_ref(table, &add)?);
        }
        files.sort_by(|a, b| order(a).cmp(&order(b)));
        let metadata = Arc::new(state.metadata().clone());
        let schema = columns(&metadata)?;
        Ok(Self { version: state.version(), metadata, schema, files: Arc::new(files) })
    }

    /// Goes on to the next version, whose entry in the log this is.
    pub(crate) fn follow(&mut self, table: &str, entry: &[u8]) -> Result<Followed, Error> {
        let version = self.version + 1;
        let place = || format!("version {version} of {table}");
        let text = std::str::from_utf8(entry).map_err(|e| Error::corrupt(place(), e))?;
        let mut followed = Followed::default();
        let (mut added, mut gone) = (vec![], BTreeSet::new());
        for line in text.lines().filter(|line| !line.trim().is_empty()) {
            match serde_json::from_str(line).map_err(|e| Error::corrupt(place(), e))? {
                Action::Add(add) => added.push(file_ref(table, &add)?),
                Action::Remove(remove) => {
                    gone.insert(remove.path);
                }
                Action::Txn(txn) => followed.txns.push((txn.app_id, txn.version)),
                Action::Metadata(metadata) => {
                    self.schema = columns(&metadata)?;
                    self.metadata = Arc::new(metadata);
                }
                Action::Protocol(_) => followed.anew = true,
                _ => {}
            }
        }
        if !added.is_empty() || !gone.is_empty() {
            let files = Arc::make_mut(&mut self.files);
            files.retain(|file| !gone.contains(&file.path));
            files.append(&mut added);
            files.sort_by(|a, b| order(a).cmp(&order(b)));
        }
        self.version = version;
        Ok(followed)
    }

    /// Its number.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// Its columns, those of the partition included.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    pub(crate) fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// Its live files, in a stated order: by partition, task and first ordinal, time of writing, path.
    pub fn files(&self) -> &Arc<Vec<FileRef>> {
        &self.files
    }
}

fn columns(metadata: &Metadata) -> Result<SchemaRef, Error> {
    let schema: Schema = (&metadata.parse_schema().map_err(DeltaTableError::from)?).try_into_arrow()?;
    Ok(Arc::new(schema))
}

fn order(file: &FileRef) -> impl Ord {
    (&file.partition, &file.task, file.written, &file.path)
}

fn file_ref(table: &str, add: &Add) -> Result<FileRef, Error> {
    let place = || format!("{table}/{}", add.path);
    if add.deletion_vector.is_some() {
        return Err(Error::corrupt(place(), "it has a deletion vector, which this engine does not write"));
    }
    let stats: Stats = match &add.stats {
        Some(text) => serde_json::from_str(text).map_err(|e| Error::corrupt(place(), e))?,
        None => return Err(Error::corrupt(place(), "it has no statistics in the log")),
    };
    let tag = |name: &str| add.tags.as_ref().and_then(|tags| tags.get(name).cloned().flatten());
    let first = tag(TAG_FIRST).and_then(|t| t.parse().ok());
    let partition = add.partition_values.iter().filter_map(|(k, v)| Some((k.clone(), v.clone()?))).collect();
    let (symbols, times) = stats.bounds();
    let size = u64::try_from(add.size).map_err(|e| Error::corrupt(place(), e))?;
    let (path, written) = (add.path.clone(), add.modification_time.saturating_mul(1000));
    Ok(FileRef { path, size, rows: stats.rows, partition, symbols, times, written, task: tag(TAG_TASK).zip(first) })
}

/// Statistics of a file as the table log has them.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Stats {
    #[serde(rename = "numRecords")]
    pub(crate) rows: u64,
    #[serde(rename = "minValues", default)]
    pub(crate) min: BTreeMap<String, serde_json::Value>,
    #[serde(rename = "maxValues", default)]
    pub(crate) max: BTreeMap<String, serde_json::Value>,
    #[serde(rename = "nullCount", default)]
    pub(crate) nulls: BTreeMap<String, serde_json::Value>,
}

type Bounds = (Option<(String, String)>, BTreeMap<String, (Micros, Micros)>);

impl Stats {
    /// Bounds of the symbol and of the time columns. Other engines cut times to milliseconds, so an upper bound is
    /// taken to the end of its millisecond.
    fn bounds(&self) -> Bounds {
        let mut symbols = None;
        let mut times = BTreeMap::new();
        for (name, min) in &self.min {
            let (Some(min), Some(max)) = (min.as_str(), self.max.get(name).and_then(|m| m.as_str())) else { continue };
            if name == "symbol" {
                symbols = Some((min.to_owned(), max.to_owned()));
            } else if let (Ok(min), Ok(max)) = (time::parse(min), time::parse(max)) {
                times.insert(name.clone(), (min, max + 999));
            }
        }
        (symbols, times)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_cover_what_was_cut_to_milliseconds() {
        let text = r#"{"numRecords":2,"minValues":{"symbol":"A","time":"2021-04-20T00:00:00.000Z","n":1},
            "maxValues":{"symbol":"B","time":"2021-04-20T00:01:00.001Z","n":2},"nullCount":{"symbol":0}}"#;
        let stats: Stats = serde_json::from_str(text).unwrap();
        let (symbols, times) = stats.bounds();
        assert_eq!(symbols, Some(("A".into(), "B".into())));
        let (min, max) = times["time"];
        assert_eq!((max - min, times.len()), (60_001_999, 1));
        let file = FileRef {
            path: "x".into(),
            size: 1,
            rows: 2,
            partition: BTreeMap::new(),
            symbols,
            times,
            written: 0,
            task: None,
        };
        assert!(file.may_hold("AZ") && !file.may_hold("C"));
        assert!(file.may_overlap("time", max, max + 5) && !file.may_overlap("time", max + 1, max + 5));
        assert_eq!(serde_json::from_str::<FileRef>(&serde_json::to_string(&file).unwrap()).unwrap(), file);
    }
}
