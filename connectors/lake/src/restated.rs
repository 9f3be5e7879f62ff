//! How a loser gets into `restated` although two tables cannot be committed at once.
//!
//! ```text
//!  1. stage the losers as a file in the folder of `restated`      nobody sees it
//!  2. commit to `klines`: new values, the file's name, txn restated = this version
//!  3. commit to `restated`: the file, txn klines = that version
//! ```
//! A crash between 2 and 3 leaves `klines` ahead of `restated`: whoever writes next reads the names from the commits in
//! between, each of which names the one before it, and does step 3. The transaction ids make it happen once.

use crate::{
    commit::{Base, Change, Plan},
    error::Error,
    lake::Lake,
    row::{self, Row},
    spec::{KLINES_TABLE, RESTATED_TABLE},
    stage::{Staging, stage},
    table::Table,
    write::FileWriter,
};
use async_trait::async_trait;
use candleflow_schema::Micros;
use deltalake::{kernel::Add, logstore::LogStore};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// In `klines`: the version of the last commit that named losers.
const NAMED: &str = "restated";
/// In `restated`: the version of `klines` whose losers are in.
const TAKEN: &str = "klines";
/// The key of [`Named`] in a commit's entry.
const NOTE: &str = "candleflowRestated";

/// The losers of a commit.
#[derive(Serialize, Deserialize)]
struct Named {
    /// The version of `klines` that named losers before this one.
    before: Option<i64>,
    /// Their file, as an entry of the log of `restated`.
    add: Add,
}

/// Step 1, and what step 2 says.
pub(crate) async fn announce(
    plan: &mut Plan,
    base: &mut Base<'_>,
    restated: &Table,
    losers: &[(Row, &'static str)],
    now: Micros,
) -> Result<(), Error> {
    let mut writer = FileWriter::new(&restated.spec)?;
    writer.write(&row::losers_to_batch(losers, now)?)?;
    let Some(file) = writer.finish()? else { return Ok(()) };
    let at = Staging { now, data_change: true, ..Staging::default() };
    let add = stage(restated.name(), &restated.store, file, at).await?;
    let named = Named { before: base.txn(NAMED).await?, add };
    let note = serde_json::to_value(named).map_err(|e| Error::corrupt(NOTE, e))?;
    plan.notes.insert(NOTE.into(), note);
    plan.txns.push((NAMED.into(), base.snapshot.version() as i64 + 1));
    Ok(())
}

/// Step 3, for all that is still to do. Does nothing when `restated` is up to date.
pub(crate) async fn catch_up(lake: &Lake) -> Result<(), Error> {
    let klines = lake.own(KLINES_TABLE).await?;
    let Some(named) = klines.committer.txn(NAMED).await? else { return Ok(()) };
    let restated = lake.own(RESTATED_TABLE).await?;
    loop {
        let taken = restated.committer.txn(TAKEN).await?;
        let Some((version, add)) = to_do(&klines, named, taken).await?.pop() else { return Ok(()) };
        let rows = add.get_stats().ok().flatten().map_or(0, |s| s.num_records);
        match restated.committer.submit(Take { expected: taken, version, add }).await {
            Ok(_) => crate::telemetry::restated(rows.max(0).unsigned_abs()),
            // Another process does the same work: see how far it is.
            Err(Error::Fenced { .. }) => {}
            Err(error) => return Err(error),
        }
    }
}

/// The losers that `restated` lacks, newest first.
async fn to_do(klines: &Arc<Table>, named: i64, taken: Option<i64>) -> Result<Vec<(i64, Add)>, Error> {
    let mut found = vec![];
    let mut next = Some(named);
    while let Some(version) = next.filter(|v| taken.is_none_or(|t| *v > t)) {
        let named = read_note(klines.log.as_ref(), version).await?;
        found.push((version, named.add));
        next = named.before;
    }
    Ok(found)
}

async fn read_note(log: &dyn LogStore, version: i64) -> Result<Named, Error> {
    let place = || format!("version {version} of klines");
    let lacks = || Error::corrupt(place(), "its log entry with the restated bars is gone");
    let entry = log.read_commit_entry(version.unsigned_abs()).await?.ok_or_else(lacks)?;
    let text = std::str::from_utf8(&entry).map_err(|e| Error::corrupt(place(), e))?;
    let line = text.lines().find(|line| line.contains(NOTE)).ok_or_else(lacks)?;
    let mut value: serde_json::Value = serde_json::from_str(line).map_err(|e| Error::corrupt(place(), e))?;
    serde_json::from_value(value["commitInfo"][NOTE].take()).map_err(|e| Error::corrupt(place(), e))
}

struct Take {
    expected: Option<i64>,
    version: i64,
    add: Add,
}

#[async_trait]
impl Change for Take {
    fn alone(&self) -> bool {
        true
    }

    /// Another process may have done it meanwhile.
    async fn plan(&mut self, base: &mut Base<'_>) -> Result<Plan, Error> {
        let found = base.txn(TAKEN).await?;
        if found >= Some(self.version) {
            return Ok(Plan::default());
        }
        if found != self.expected {
            let (table, app) = (RESTATED_TABLE.to_owned(), TAKEN.to_owned());
            return Err(Error::Fenced { table, app, expected: self.expected, found });
        }
        Ok(Plan { adds: vec![self.add.clone()], txns: vec![(TAKEN.into(), self.version)], ..Plan::default() })
    }
}
