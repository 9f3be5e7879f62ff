//! One table of the lake: its log, its folder, its committer, and the footers of its files.

use crate::{
    commit::Committer,
    error::Error,
    file::Footer,
    snapshot::{FileRef, Snapshot},
    spec::Spec,
    store::Root,
};
use arrow::datatypes::SchemaRef;
use deltalake::{
    DeltaTableError,
    kernel::{
        StructType,
        engine::arrow_conversion::TryFromArrow,
        transaction::{CommitProperties, TransactionError},
    },
    logstore::{LogStoreRef, StorageConfig, default_logstore},
    operations::create::CreateBuilder,
    protocol::SaveMode,
    table::state::DeltaTableState,
};
use object_store::{ObjectStore, prefix::PrefixStore};
use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
};

/// How many files' footers are kept; the oldest go first.
const FOOTERS: usize = 1024;
/// A checkpoint of the log after so many commits.
pub(crate) const CHECKPOINT_EVERY: u64 = 20;

/// A table of the lake.
pub(crate) struct Table {
    pub(crate) spec: Spec,
    /// The table's folder.
    pub(crate) store: Arc<dyn ObjectStore>,
    pub(crate) log: LogStoreRef,
    pub(crate) committer: Arc<Committer>,
    footers: Mutex<VecDeque<(String, Footer)>>,
}

impl Table {
    /// Opens a table; `None` when there is none.
    pub(crate) async fn open(root: &Root, name: &str) -> Result<Option<Self>, Error> {
        let log = log_store(root);
        let state = match DeltaTableState::try_new(log.as_ref(), None).await {
            Ok(state) => state,
            Err(_) if !log.is_delta_table_location().await? => return Ok(None),
            // It may have been made just now.
            Err(_) => DeltaTableState::try_new(log.as_ref(), None).await?,
        };
        let snapshot = Snapshot::load(name, &state)?;
        let partition = snapshot.metadata().partition_columns().to_vec();
        let layout = Spec::known(name).map_or(crate::spec::Layout::AsGiven, |s| s.layout);
        let spec = Spec { name: name.to_owned(), schema: snapshot.schema().clone(), partition, layout };
        Ok(Some(Self::new(root, spec, log)))
    }

    /// Makes a table. When somebody else makes it at the same time, theirs stands.
    pub(crate) async fn create(root: &Root, spec: &Spec) -> Result<Self, Error> {
        let log = log_store(root);
        let schema = StructType::try_from_arrow(spec.schema.as_ref())?;
        let made = CreateBuilder::new()
            .with_log_store(log.clone())
            .with_table_name(&spec.name)
            .with_columns(schema.fields().cloned())
            .with_partition_columns(&spec.partition)
            .with_configuration(properties(spec))
            .with_save_mode(SaveMode::Ignore)
            .with_commit_properties(CommitProperties::default().with_max_retries(0))
            .await;
        match made {
            Ok(_) => {}
            Err(DeltaTableError::Transaction { source: TransactionError::MaxCommitAttempts(_) }) => {}
            Err(DeltaTableError::VersionAlreadyExists(_)) => {}
            Err(error) => return Err(error.into()),
        }
        Self::open(root, &spec.name).await?.ok_or_else(|| Error::NoTable(spec.name.clone()))
    }

    fn new(root: &Root, spec: Spec, log: LogStoreRef) -> Self {
        let store: Arc<dyn ObjectStore> = Arc::new(PrefixStore::new(root.store.clone(), root.prefix.clone()));
        let committer = Committer::new(&spec.name, log.clone());
        Self { spec, store, log, committer, footers: Mutex::default() }
    }

    pub(crate) fn name(&self) -> &str {
        &self.spec.name
    }

    /// A version, or the newest.
    pub(crate) async fn snapshot(&self, version: Option<u64>) -> Result<Snapshot, Error> {
        let newest = self.committer.latest().await?;
        match version {
            None => Ok(newest),
            Some(version) if version == newest.version() => Ok(newest),
            Some(version) => match DeltaTableState::try_new(self.log.as_ref(), Some(version)).await {
                Ok(state) if state.version() == version => Snapshot::load(self.name(), &state),
                Ok(_) | Err(_) => Err(Error::NoVersion { table: self.name().to_owned(), version }),
            },
        }
    }

    /// The columns of the newest version.
    pub(crate) async fn schema(&self) -> Result<SchemaRef, Error> {
        Ok(self.committer.latest().await?.schema().clone())
    }

    pub(crate) fn footer(&self, file: &FileRef) -> Option<Footer> {
        let footers = self.footers.lock().unwrap_or_else(PoisonError::into_inner);
        footers.iter().find(|(path, _)| *path == file.path).map(|(_, footer)| footer.clone())
    }

    pub(crate) fn keep_footer(&self, file: &FileRef, footer: &Footer) {
        let mut footers = self.footers.lock().unwrap_or_else(PoisonError::into_inner);
        if footers.len() == FOOTERS {
            footers.pop_front();
        }
        footers.push_back((file.path.clone(), footer.clone()));
    }
}

fn log_store(root: &Root) -> LogStoreRef {
    let store: Arc<dyn ObjectStore> = Arc::new(PrefixStore::new(root.store.clone(), root.prefix.clone()));
    default_logstore(store, root.store.clone(), &root.url, &StorageConfig::default())
}

/// The log is kept for good: the maintainer of the lake trims it, when no run needs it.
fn properties(spec: &Spec) -> Vec<(String, Option<String>)> {
    let keys = spec.keys();
    let mut properties = vec![
        ("delta.enableExpiredLogCleanup", "false".to_owned()),
        ("delta.logRetentionDuration", "interval 36500 days".to_owned()),
        ("delta.checkpointInterval", CHECKPOINT_EVERY.to_string()),
    ];
    match keys.is_empty() {
        true => properties.push(("delta.dataSkippingNumIndexedCols", "0".to_owned())),
        false => properties.push(("delta.dataSkippingStatsColumns", keys.join(","))),
    }
    properties.into_iter().map(|(k, v)| (k.to_owned(), Some(v))).collect()
}
