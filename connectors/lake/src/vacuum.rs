//! Deletes files that nobody can need: not live, not pinned, and out of the table for longer than a grace period.
//!
//! A staged file is not live until its commit, so a young file is spared whatever it is; so is one that left the table a
//! short while ago, for those who still read an older version.

use crate::{error::Error, lake::Lake, restated, spec::KLINES_TABLE, telemetry};
use candleflow_schema::{Micros, time::DAY};
use deltalake::table::state::DeltaTableState;
use futures::{StreamExt, TryStreamExt, stream};
use object_store::ObjectStore;

/// Files younger than this are always spared. The log remembers files that left for a week: no more than that helps.
pub const GRACE: Micros = DAY;

/// What vacuum did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Vacuumed {
    /// Files deleted.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
}

impl Lake {
    /// Deletes what is neither live nor pinned and has been out of the table for longer than `grace` ([`GRACE`]).
    ///
    /// # Errors
    /// [`Error::NoTable`], or the storage's.
    pub async fn vacuum(&self, table: &str, grace: Micros) -> Result<Vacuumed, Error> {
        // Losers that are staged but not yet in `restated` come in first.
        if self.find(KLINES_TABLE).await?.is_some() {
            restated::catch_up(self).await?;
        }
        let table = self.table(table).await?;
        // Listed before the live files are: what is committed in between is live or young.
        let listed: Vec<_> = table.store.list(None).try_collect().await?;
        let before = self.now() - grace;
        let mut spared = self.pinned_paths(table.name()).await?;
        let snapshot = table.snapshot(None).await?;
        spared.extend(snapshot.files().iter().map(|f| f.path.clone()));
        let state = DeltaTableState::try_new(table.log.as_ref(), None).await?;
        let mut gone = state.all_tombstones(table.log.as_ref());
        while let Some(tombstone) = gone.next().await.transpose()? {
            if tombstone.deletion_timestamp().is_some_and(|ms| ms.saturating_mul(1000) >= before) {
                spared.insert(tombstone.path().into_owned());
            }
        }
        let old = |meta: &object_store::ObjectMeta| meta.last_modified.timestamp_micros() < before;
        let due: Vec<_> = listed
            .into_iter()
            .filter(|meta| is_data(meta.location.as_ref()) && old(meta) && !spared.contains(meta.location.as_ref()))
            .collect();
        let mut done = Vacuumed::default();
        let paths = stream::iter(due.iter().map(|meta| Ok(meta.location.clone())).collect::<Vec<_>>()).boxed();
        let deleted: Vec<_> = table.store.delete_stream(paths).collect().await;
        for (outcome, meta) in deleted.into_iter().zip(&due) {
            match outcome {
                Ok(_) | Err(object_store::Error::NotFound { .. }) => {
                    done.files += 1;
                    done.bytes += meta.size;
                }
                Err(error) => return Err(error.into()),
            }
        }
        telemetry::vacuumed(table.name(), done.files);
        Ok(done)
    }
}

fn is_data(path: &str) -> bool {
    path.ends_with(".parquet") && !path.starts_with('_')
}
