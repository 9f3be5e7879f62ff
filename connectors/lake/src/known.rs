//! What a process knows of a table: a version, and the transactions up to it.
//!
//! The first time a version is loaded whole. From then on entries of the log are followed one by one, until the log was cut
//! or too much has happened: then it is loaded whole again.

use crate::{error::Error, snapshot::Snapshot};
use deltalake::{logstore::LogStoreRef, table::state::DeltaTableState};
use std::collections::BTreeMap;

/// A version that is further behind is loaded whole rather than followed entry by entry.
const MOST_STEPS: u64 = 100;

/// What is known of the table, as of some version.
#[derive(Default)]
pub(crate) struct Known {
    snapshot: Option<Snapshot>,
    txns: Txns,
}

/// The version that a plan is made on.
pub(crate) struct Base<'a> {
    pub(crate) snapshot: &'a Snapshot,
    log: &'a LogStoreRef,
    txns: &'a mut Txns,
}

impl Base<'_> {
    /// The version of an application's transaction in this version of the table.
    pub(crate) async fn txn(&mut self, app: &str) -> Result<Option<i64>, Error> {
        self.txns.get(self.log, self.snapshot, app).await
    }
}

/// Versions of transactions: those of the version that was loaded whole, where asked for, and all that came since.
#[derive(Default)]
struct Txns {
    loaded: Option<DeltaTableState>,
    seen: BTreeMap<String, Option<i64>>,
}

impl Txns {
    fn see(&mut self, txns: Vec<(String, i64)>) {
        self.seen.extend(txns.into_iter().map(|(app, version)| (app, Some(version))));
    }

    async fn get(&mut self, log: &LogStoreRef, snapshot: &Snapshot, app: &str) -> Result<Option<i64>, Error> {
        if let Some(version) = self.seen.get(app) {
            return Ok(*version);
        }
        // What was not seen since the load is as it was then. The log of that version may have been cut meanwhile.
        let loaded = match &self.loaded {
            Some(state) => state.transaction_version(log.as_ref(), app).await.ok(),
            None => None,
        };
        let version = match loaded {
            Some(version) => version,
            None => {
                let state = DeltaTableState::try_new(log.as_ref(), Some(snapshot.version())).await?;
                state.transaction_version(log.as_ref(), app).await?
            }
        };
        self.seen.insert(app.to_owned(), version);
        Ok(version)
    }
}

impl Known {
    /// The version known last.
    pub(crate) fn snapshot(&self) -> Option<Snapshot> {
        self.snapshot.clone()
    }

    /// A version to plan on.
    pub(crate) fn base<'a>(&'a mut self, snapshot: &'a Snapshot, log: &'a LogStoreRef) -> Base<'a> {
        Base { snapshot, log, txns: &mut self.txns }
    }

    /// The version that follows `before`, of which the entry is at hand.
    pub(crate) fn step(&mut self, table: &str, before: Snapshot, entry: &[u8]) -> Result<Snapshot, Error> {
        let mut snapshot = before;
        // Not to be held twice while it changes.
        self.snapshot = None;
        let followed = snapshot.follow(table, entry)?;
        self.txns.see(followed.txns);
        Ok(self.snapshot.insert(snapshot).clone())
    }

    /// A version that was loaded whole for another purpose: unseen transactions are looked up there.
    pub(crate) fn loaded(&mut self, state: Option<DeltaTableState>) {
        self.txns.loaded = state;
    }

    /// Its number.
    pub(crate) fn version(&self) -> Option<u64> {
        self.snapshot.as_ref().map(Snapshot::version)
    }

    /// Goes on to the newest version.
    pub(crate) async fn refresh(&mut self, table: &str, log: &LogStoreRef) -> Result<Snapshot, Error> {
        if let Some(mut snapshot) = self.snapshot.take()
            && self.follow(table, log, &mut snapshot).await?
        {
            return Ok(self.snapshot.insert(snapshot).clone());
        }
        let state = DeltaTableState::try_new(log.as_ref(), None).await?;
        let snapshot = Snapshot::load(table, &state)?;
        self.txns = Txns { loaded: Some(state), seen: BTreeMap::new() };
        Ok(self.snapshot.insert(snapshot).clone())
    }

    /// Follows the log entry by entry; `false` when that cannot be done, as after the log was cut.
    async fn follow(&mut self, table: &str, log: &LogStoreRef, snapshot: &mut Snapshot) -> Result<bool, Error> {
        let Ok(newest) = log.get_latest_version(snapshot.version()).await else { return Ok(false) };
        if newest.saturating_sub(snapshot.version()) > MOST_STEPS {
            return Ok(false);
        }
        while snapshot.version() < newest {
            let Some(entry) = log.read_commit_entry(snapshot.version() + 1).await? else { return Ok(false) };
            let followed = snapshot.follow(table, &entry)?;
            if followed.anew {
                return Ok(false);
            }
            self.txns.see(followed.txns);
        }
        Ok(true)
    }
}
