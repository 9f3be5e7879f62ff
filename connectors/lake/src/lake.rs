//! The lake: a folder of tables on an object store.

use crate::{
    error::Error,
    snapshot::{FileRef, Snapshot},
    spec::{Spec, check_name},
    store::Root,
    table::Table,
};
use arrow::datatypes::SchemaRef;
use candleflow_schema::{Clock, SystemClock};
use futures::TryStreamExt;
use object_store::ObjectStore;
use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

/// How to open a lake.
#[derive(Clone)]
pub struct Options {
    /// Settings of the store, over those of the environment: `aws_endpoint`, `aws_access_key_id`, ...
    pub storage: Vec<(String, String)>,
    /// Where "now" comes from.
    pub clock: Arc<dyn Clock>,
}

impl Default for Options {
    fn default() -> Self {
        Self { storage: vec![], clock: Arc::new(SystemClock) }
    }
}

/// A folder of tables. Cheap to clone; all clones share one committer per table.
#[derive(Clone)]
pub struct Lake {
    inner: Arc<Inner>,
}

struct Inner {
    root: Root,
    clock: Arc<dyn Clock>,
    tables: Mutex<BTreeMap<String, Arc<Table>>>,
}

impl Lake {
    /// Opens a lake at a folder, `file:///folder` or `s3://bucket/prefix`. Tables are made when first written.
    ///
    /// # Errors
    /// [`Error::Location`], with what to write instead.
    pub fn open(url: &str, options: Options) -> Result<Self, Error> {
        let root = Root::open(url, &options.storage)?;
        Ok(Self { inner: Arc::new(Inner { root, clock: options.clock, tables: Mutex::default() }) })
    }

    /// Its address.
    pub fn url(&self) -> &str {
        self.inner.root.url.as_str()
    }

    /// The whole store and the lake's folder in it, for what lies beside the tables.
    pub fn store(&self) -> (Arc<dyn ObjectStore>, object_store::path::Path) {
        (self.inner.root.store.clone(), self.inner.root.prefix.clone())
    }

    pub(crate) fn now(&self) -> i64 {
        self.inner.clock.now()
    }

    pub(crate) fn clock(&self) -> Arc<dyn Clock> {
        self.inner.clock.clone()
    }

    /// The names of all tables, sorted.
    ///
    /// # Errors
    /// The storage's.
    pub async fn tables(&self) -> Result<Vec<String>, Error> {
        let (store, prefix) = self.store();
        let listed = store.list_with_delimiter(Some(&prefix)).await?;
        let names = listed.common_prefixes.iter().filter_map(|p| p.filename()).filter(|n| check_name(n).is_ok());
        let mut tables = vec![];
        for name in names {
            let log = prefix.clone().join(name).join("_delta_log");
            if store.list(Some(&log)).try_next().await?.is_some() {
                tables.push(name.to_owned());
            }
        }
        tables.sort();
        Ok(tables)
    }

    /// The newest version of a table.
    ///
    /// # Errors
    /// [`Error::NoTable`], or the storage's.
    pub async fn version(&self, table: &str) -> Result<u64, Error> {
        Ok(self.table(table).await?.snapshot(None).await?.version())
    }

    /// A version of a table, or the newest.
    ///
    /// # Errors
    /// [`Error::NoTable`], [`Error::NoVersion`], or the storage's.
    pub async fn snapshot(&self, table: &str, version: Option<u64>) -> Result<Snapshot, Error> {
        self.table(table).await?.snapshot(version).await
    }

    /// The columns of a table, those of its partition included.
    ///
    /// # Errors
    /// [`Error::NoTable`], or the storage's.
    pub async fn schema(&self, table: &str) -> Result<SchemaRef, Error> {
        self.table(table).await?.schema().await
    }

    /// The files of a version of a table, to read later exactly these.
    ///
    /// # Errors
    /// As [`Lake::snapshot`].
    pub async fn files(&self, table: &str, version: Option<u64>) -> Result<Arc<Vec<FileRef>>, Error> {
        Ok(self.snapshot(table, version).await?.files().clone())
    }

    /// A table that is there.
    pub(crate) async fn table(&self, name: &str) -> Result<Arc<Table>, Error> {
        self.find(name).await?.ok_or_else(|| Error::NoTable(name.to_owned()))
    }

    /// A table, if it is there.
    pub(crate) async fn find(&self, name: &str) -> Result<Option<Arc<Table>>, Error> {
        check_name(name)?;
        if let Some(table) = self.tables_known().get(name) {
            return Ok(Some(table.clone()));
        }
        let opened = Table::open(&self.inner.root.child(name)?, name).await?;
        Ok(opened.map(|table| self.keep(table)))
    }

    /// A table, made if it is not there.
    pub(crate) async fn table_or_new(&self, spec: &Spec) -> Result<Arc<Table>, Error> {
        match self.find(&spec.name).await? {
            Some(table) => Ok(table),
            None => Ok(self.keep(Table::create(&self.inner.root.child(&spec.name)?, spec).await?)),
        }
    }

    /// A table that this crate knows by name, made if it is not there.
    pub(crate) async fn own(&self, name: &str) -> Result<Arc<Table>, Error> {
        let spec = Spec::known(name).ok_or_else(|| Error::NoTable(name.to_owned()))?;
        self.table_or_new(&spec).await
    }

    /// The first to open a table wins: there is one committer.
    fn keep(&self, table: Table) -> Arc<Table> {
        self.tables_known().entry(table.name().to_owned()).or_insert_with(|| Arc::new(table)).clone()
    }

    fn tables_known(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Arc<Table>>> {
        self.inner.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Lake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lake").field("url", &self.url()).finish()
    }
}
