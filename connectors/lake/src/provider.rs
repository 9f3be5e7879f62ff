//! A version of a table for DataFusion: its file list, pruned by keys and partitions, read as Parquet.
//!
//! A query sees one version however long it runs. Files are left out by symbol, time and partition; of other columns the
//! log has no statistics, and none are claimed but the number of rows. The store is registered under an address of its
//! own (`lake-<hash>://`), so that no text of a query can name a file.

use crate::{error::Error, lake::Lake, read::At, snapshot::FileRef, spec::BUCKET};
use arrow::{
    array::{ArrayRef, BooleanArray, StringArray, TimestampMicrosecondArray, UInt64Array},
    datatypes::{DataType, Field, Schema, SchemaRef},
};
use async_trait::async_trait;
use datafusion::{
    catalog::{Session, TableProvider},
    common::{Column, DFSchema, Result, ScalarValue, Statistics, pruning::PruningStatistics, stats::Precision},
    datasource::{
        listing::PartitionedFile,
        physical_plan::{FileGroup, FileScanConfigBuilder, ParquetSource},
        source::DataSourceExec,
        table_schema::TableSchema,
    },
    execution::object_store::ObjectStoreUrl,
    logical_expr::{Expr, TableProviderFilterPushDown, TableType, utils::conjunction},
    physical_optimizer::pruning::PruningPredicateBuilder,
    physical_plan::ExecutionPlan,
};
use object_store::{ObjectStore, path::Path};
use std::{
    collections::HashSet,
    fmt,
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
};
use url::Url;

/// A version of a table.
pub struct LakeTable {
    name: String,
    version: Option<u64>,
    files: Arc<Vec<FileRef>>,
    /// Columns of files, then those of the partition.
    schema: TableSchema,
    store: Arc<dyn ObjectStore>,
    address: ObjectStoreUrl,
    folder: Path,
}

impl Lake {
    /// A table for SQL. `klines` has its columns as they are stored, decimals included, and `interval`.
    ///
    /// # Errors
    /// As [`Lake::snapshot`].
    pub async fn provider(&self, table: &str, at: &At) -> Result<Arc<LakeTable>, Error> {
        let table = self.table(table).await?;
        let (files, version) = match at {
            At::Files(files) => (files.clone(), None),
            At::Latest => {
                let snapshot = table.snapshot(None).await?;
                (snapshot.files().clone(), Some(snapshot.version()))
            }
            At::Version(version) => (table.snapshot(Some(*version)).await?.files().clone(), Some(*version)),
        };
        let all = table.schema().await?;
        let is_partition = |f: &&Arc<Field>| table.spec.partition.contains(f.name());
        let in_files: Vec<_> = all.fields().iter().filter(|f| !is_partition(f)).cloned().collect();
        let partition: Vec<_> =
            all.fields().iter().filter(is_partition).filter(|f| f.name() != BUCKET).cloned().collect();
        let schema = TableSchema::builder(Arc::new(Schema::new(in_files))).with_table_partition_cols(partition).build();
        let (store, prefix) = self.store();
        let address = address(self.url())?;
        let (name, folder) = (table.name().to_owned(), prefix.join(table.name()));
        Ok(Arc::new(LakeTable { name, version, files, schema, store, address, folder }))
    }
}

/// The name under which the lake's store is known to a session.
fn address(url: &str) -> Result<ObjectStoreUrl, Error> {
    let mut hasher = DefaultHasher::new();
    url.hash(&mut hasher);
    ObjectStoreUrl::parse(format!("lake-{:016x}://", hasher.finish())).map_err(|e| Error::corrupt(url, e))
}

impl LakeTable {
    /// Its number; `None` for a list of files.
    pub fn version(&self) -> Option<u64> {
        self.version
    }

    /// Its files.
    pub fn files(&self) -> &Arc<Vec<FileRef>> {
        &self.files
    }

    /// The files that may hold rows which pass the filters. A filter that cannot be judged by keys keeps all.
    fn kept(&self, state: &dyn Session, filters: &[Expr]) -> Vec<&FileRef> {
        let keep = conjunction(filters.to_vec()).and_then(|filter| self.judge(state, filter).ok());
        let keep = keep.unwrap_or_else(|| vec![true; self.files.len()]);
        self.files.iter().zip(keep).filter(|(_, keep)| *keep).map(|(file, _)| file).collect()
    }

    fn judge(&self, state: &dyn Session, filter: Expr) -> Result<Vec<bool>> {
        let schema = self.schema.table_schema();
        let expr = state.create_physical_expr(filter, &DFSchema::try_from(schema.clone())?)?;
        let predicate = PruningPredicateBuilder::new().with_file_schema(schema.clone()).try_build(expr)?;
        predicate.prune(&KeyStatistics { files: &self.files, schema })
    }

    fn scan_file(&self, file: &FileRef) -> PartitionedFile {
        let columns = self.schema.table_partition_cols().iter();
        let value = |f: &Arc<Field>| ScalarValue::Utf8(file.partition.get(f.name()).cloned());
        let mut statistics = Statistics::new_unknown(self.schema.file_schema());
        statistics.num_rows = Precision::Exact(usize::try_from(file.rows).unwrap_or(usize::MAX));
        let mut scan = PartitionedFile::new(String::new(), file.size)
            .with_partition_values(columns.map(value).collect())
            .with_statistics(Arc::new(statistics));
        scan.object_meta.location = file.path.split('/').fold(self.folder.clone(), |path, part| path.join(part));
        scan
    }
}

#[async_trait]
impl TableProvider for LakeTable {
    fn schema(&self) -> SchemaRef {
        self.schema.table_schema().clone()
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        Ok(vec![TableProviderFilterPushDown::Inexact; filters.len()])
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let url: &Url = self.address.as_ref();
        state.runtime_env().register_object_store(url, self.store.clone());
        let files: Vec<_> = self.kept(state, filters).into_iter().map(|file| self.scan_file(file)).collect();
        let rows = files.iter().filter_map(|f| f.statistics.as_ref()?.num_rows.get_value().copied()).sum();
        let mut statistics = Statistics::new_unknown(self.schema.table_schema());
        statistics.num_rows = if filters.is_empty() { Precision::Exact(rows) } else { Precision::Inexact(rows) };
        let groups = FileGroup::new(files).split_files(state.config().target_partitions().max(1));
        let options = state.config().options().execution.parquet.clone();
        let options = datafusion::config::TableParquetOptions { global: options, ..Default::default() };
        let source = ParquetSource::new(self.schema.clone()).with_table_parquet_options(options);
        let scan = FileScanConfigBuilder::new(self.address.clone(), Arc::new(source))
            .with_file_groups(groups)
            .with_statistics(statistics)
            .with_projection_indices(projection.cloned())?
            .with_limit(limit)
            .build();
        Ok(DataSourceExec::from_data_source(scan))
    }
}

impl fmt::Debug for LakeTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let files = self.files.len();
        f.debug_struct("LakeTable")
            .field("name", &self.name)
            .field("version", &self.version)
            .field("files", &files)
            .finish()
    }
}

/// What the log knows of keys, times and partitions.
struct KeyStatistics<'a> {
    files: &'a [FileRef],
    schema: &'a SchemaRef,
}

impl KeyStatistics<'_> {
    fn bound(&self, column: &Column, low: bool) -> Option<ArrayRef> {
        let name = column.name.as_str();
        let field = self.schema.field_with_name(name).ok()?;
        let pick_text = |pair: &(String, String)| if low { pair.0.clone() } else { pair.1.clone() };
        match field.data_type() {
            DataType::Timestamp(..) => {
                let bound = |f: &FileRef| f.times.get(name).map(|(min, max)| if low { *min } else { *max });
                let times: TimestampMicrosecondArray = self.files.iter().map(bound).collect();
                Some(Arc::new(times.with_timezone("UTC")))
            }
            DataType::Utf8 => {
                let symbol = |f: &FileRef| f.symbols.as_ref().filter(|_| name == "symbol").map(pick_text);
                let bound = |f: &FileRef| f.partition.get(name).cloned().or_else(|| symbol(f));
                Some(Arc::new(self.files.iter().map(bound).collect::<StringArray>()))
            }
            _ => None,
        }
    }
}

impl PruningStatistics for KeyStatistics<'_> {
    fn min_values(&self, column: &Column) -> Option<ArrayRef> {
        self.bound(column, true)
    }

    fn max_values(&self, column: &Column) -> Option<ArrayRef> {
        self.bound(column, false)
    }

    fn num_containers(&self) -> usize {
        self.files.len()
    }

    fn null_counts(&self, _: &Column) -> Option<ArrayRef> {
        None
    }

    fn row_counts(&self) -> Option<ArrayRef> {
        Some(Arc::new(UInt64Array::from_iter_values(self.files.iter().map(|f| f.rows))))
    }

    fn contained(&self, _: &Column, _: &HashSet<ScalarValue>) -> Option<BooleanArray> {
        None
    }
}
