//! Rows at the end of a table: whole batches, once.

use crate::{
    commit::{Base, Change, Plan},
    error::Error,
    file::{FileRows, Wanted},
    lake::Lake,
    read::At,
    row::{constant, nullable},
    snapshot::FileRef,
    spec::{RUN_ID, Spec},
    stage::{Staging, stage},
    table::Table,
    upsert::off_thread,
    write::{Encoded, FileWriter},
};
use arrow::{
    array::{Array, ArrayRef, AsArray, RecordBatch, new_null_array},
    compute::cast,
    datatypes::{DataType, Schema, SchemaRef},
};
use async_trait::async_trait;
use deltalake::kernel::{Add, Metadata, MetadataExt, StructType, engine::arrow_conversion::TryFromArrow};
use std::{collections::BTreeMap, sync::Arc};

impl Lake {
    /// Appends rows to a table, which is made after their columns on first use; a column `run_id` makes it partitioned by
    /// run. With an `id`, rows that were appended under it before are not appended again, and `false` comes back.
    /// Columns that the table lacks are added to it, those that the rows lack are NULL.
    ///
    /// # Errors
    /// [`Error::Schema`] when a column has another type than the table's.
    pub async fn append_rows(&self, table: &str, rows: &[RecordBatch], id: Option<&str>) -> Result<bool, Error> {
        let Some(first) = rows.first() else { return Ok(false) };
        let schema = first.schema();
        let spec = match Spec::known(table) {
            Some(spec) => spec,
            None if schema.column_with_name(RUN_ID).is_some() => Spec::output(table, &schema)?,
            None => Spec::plain(table, &schema)?,
        };
        let table = self.table_or_new(&spec).await?;
        if let Some(id) = id
            && table.committer.txn(id).await?.is_some()
        {
            return Ok(false);
        }
        let shape = Shape::of(&table, &schema).await?;
        let mut adds = vec![];
        for (run, rows) in by_run(rows)? {
            let files = shape.encode(rows).await?;
            for file in files {
                let partition = run.iter().map(|run| (RUN_ID.to_owned(), run.clone())).collect();
                let at = Staging { partition, task: None, now: self.now(), data_change: true };
                adds.push(stage(table.name(), &table.store, file, at).await?);
            }
        }
        let change = Append { adds, id: id.map(str::to_owned), columns: shape.new_columns(), done: false };
        let (change, _) = table.committer.submit(change).await?;
        Ok(change.done)
    }

    /// All rows of a small table, the columns of its partition included. For big ones there is SQL.
    ///
    /// # Errors
    /// As [`Lake::snapshot`].
    pub async fn read_rows(&self, table: &str, at: &At) -> Result<Vec<RecordBatch>, Error> {
        let table = self.table(table).await?;
        let schema = table.schema().await?;
        let files = match at {
            At::Latest => table.snapshot(None).await?.files().clone(),
            At::Version(version) => table.snapshot(Some(*version)).await?.files().clone(),
            At::Files(files) => files.clone(),
        };
        let mut batches = vec![];
        for file in files.iter() {
            let mut rows = FileRows::open(&table, file, Wanted::default()).await?;
            while let Some(batch) = rows.next().await? {
                batches.push(whole(&batch, file, &schema)?);
            }
        }
        Ok(batches)
    }
}

/// A file's rows with the table's columns.
pub(crate) fn whole(batch: &RecordBatch, file: &FileRef, schema: &SchemaRef) -> Result<RecordBatch, Error> {
    let n = batch.num_rows();
    let column = |f: &Arc<arrow::datatypes::Field>| match (batch.column_by_name(f.name()), file.partition.get(f.name()))
    {
        (Some(column), _) => column.clone(),
        (None, Some(value)) => constant(Some(value), n),
        (None, None) => new_null_array(f.data_type(), n),
    };
    let columns: Vec<ArrayRef> = schema.fields().iter().map(column).collect();
    let loose = Arc::new(Schema::new(nullable(schema.fields())));
    Ok(RecordBatch::try_new(loose, columns)?)
}

/// How rows of some columns fit a table.
pub(crate) struct Shape {
    spec: Spec,
    /// The table's columns before, and with those that the rows bring.
    before: SchemaRef,
    after: SchemaRef,
}

impl Shape {
    pub(crate) async fn of(table: &Table, rows: &Schema) -> Result<Self, Error> {
        let before = table.schema().await?;
        let wanted = Spec::plain(table.name(), rows)?;
        let mut fields = before.fields().to_vec();
        for field in wanted.schema.fields() {
            match before.field_with_name(field.name()) {
                Err(_) => fields.push(field.clone()),
                Ok(known) if known.data_type() == field.data_type() => {}
                Ok(known) => {
                    let (name, is, found) = (field.name(), known.data_type(), field.data_type());
                    let reason = format!("column {name} is {is}, the rows have {found}: write to another table");
                    return Err(Error::Schema { table: table.name().to_owned(), reason });
                }
            }
        }
        let after = if fields.len() == before.fields().len() { before.clone() } else { Arc::new(Schema::new(fields)) };
        Ok(Self { spec: Spec { schema: after.clone(), ..table.spec.clone() }, before, after })
    }

    /// The table's columns when they must grow.
    pub(crate) fn new_columns(&self) -> Option<SchemaRef> {
        (self.before.fields().len() != self.after.fields().len()).then(|| self.after.clone())
    }

    /// Rows as files, in the order in which they come.
    pub(crate) async fn encode(&self, rows: Vec<RecordBatch>) -> Result<Vec<Encoded>, Error> {
        let spec = self.spec.clone();
        off_thread(move || {
            let schema = spec.file_schema();
            let mut files = vec![];
            let mut writer = FileWriter::new(&spec)?;
            for batch in rows {
                writer.write(&fit(&spec.name, &batch, &schema)?)?;
                if writer.is_full() {
                    files.extend(std::mem::replace(&mut writer, FileWriter::new(&spec)?).finish()?);
                }
            }
            files.extend(writer.finish()?);
            Ok(files)
        })
        .await
    }
}

/// Rows in the columns of the table's files.
fn fit(table: &str, batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch, Error> {
    let column = |f: &Arc<arrow::datatypes::Field>| match batch.column_by_name(f.name()) {
        None => Ok(new_null_array(f.data_type(), batch.num_rows())),
        Some(column) if column.data_type() == f.data_type() => Ok(column.clone()),
        Some(column) => cast(column, f.data_type()),
    };
    let columns = schema.fields().iter().map(column).collect::<Result<Vec<_>, _>>()?;
    RecordBatch::try_new(schema.clone(), columns)
        .map_err(|e| Error::Schema { table: table.to_owned(), reason: e.to_string() })
}

/// Rows that have one `run_id`, or that have none.
type RowsOfRun = (Option<String>, Vec<RecordBatch>);

/// Parts rows by their `run_id`, if they have one; runs come in the order of their first row.
fn by_run(rows: &[RecordBatch]) -> Result<Vec<RowsOfRun>, Error> {
    let mut order: Vec<RowsOfRun> = vec![];
    let mut places: BTreeMap<Option<String>, usize> = BTreeMap::new();
    for batch in rows {
        let ids = batch.column_by_name(RUN_ID).map(|c| cast(c, &DataType::Utf8)).transpose()?;
        let ids = ids.as_ref().map(|c| c.as_string::<i32>());
        let id = |i: usize| ids.map(|ids| ids.value(i).to_owned());
        let mut start = 0;
        while start < batch.num_rows() {
            let run = id(start);
            let end = match ids {
                None => batch.num_rows(),
                Some(ids) => (start..ids.len()).find(|i| Some(ids.value(*i)) != run.as_deref()).unwrap_or(ids.len()),
            };
            let place = *places.entry(run.clone()).or_insert_with(|| {
                order.push((run, vec![]));
                order.len() - 1
            });
            order[place].1.push(batch.slice(start, end - start));
            start = end;
        }
    }
    Ok(order)
}

/// Staged files for the end of a table.
pub(crate) struct Append {
    pub(crate) adds: Vec<Add>,
    /// Under which they are appended once.
    pub(crate) id: Option<String>,
    pub(crate) columns: Option<SchemaRef>,
    /// Whether the plan made last appends them.
    pub(crate) done: bool,
}

#[async_trait]
impl Change for Append {
    fn alone(&self) -> bool {
        false
    }

    async fn plan(&mut self, base: &mut Base<'_>) -> Result<Plan, Error> {
        self.done = false;
        let mut plan = Plan::default();
        if let Some(id) = &self.id {
            if base.txn(id).await?.is_some() {
                return Ok(plan);
            }
            plan.txns.push((id.clone(), 1));
        }
        self.done = true;
        plan.adds = self.adds.clone();
        plan.metadata = self.columns.as_ref().map(|columns| grown(base, columns)).transpose()?.flatten();
        Ok(plan)
    }
}

/// The table's metadata with new columns; `None` when it has them already.
pub(crate) fn grown(base: &Base<'_>, columns: &SchemaRef) -> Result<Option<Metadata>, Error> {
    let known = base.snapshot.schema();
    let mut fields = known.fields().to_vec();
    fields.extend(columns.fields().iter().filter(|f| known.column_with_name(f.name()).is_none()).cloned());
    if fields.len() == known.fields().len() {
        return Ok(None);
    }
    let schema = StructType::try_from_arrow(&Schema::new(fields))?;
    let metadata = base.snapshot.metadata().clone().with_schema(&schema);
    Ok(Some(metadata.map_err(deltalake::DeltaTableError::from)?))
}
