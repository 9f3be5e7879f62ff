//! What runs have read: lists of files, beside the tables, that vacuum spares.
//!
//! A pin is one object, `_pins/<name>.json`, with the files of each table. It outlives the table's log. A run is pinned
//! before it begins, so one that died leaves a pin of which nothing speaks; the upkeep lets it go.

use crate::{error::Error, jobs, lake::Lake, snapshot::FileRef, spec::RUN_ID};
use candleflow_schema::{Micros, time::DAY};
use futures::TryStreamExt;
use object_store::{ObjectMeta, ObjectStoreExt, path::Path};
use std::collections::{BTreeMap, BTreeSet};

const FOLDER: &str = "_pins";
/// Tables whose rows speak of pins by the run's id: of runs that ended, and of sweeps that can go on.
const SPEAK: [&str; 2] = ["runs", "sweeps"];

/// A pin that is older than this and of which nothing speaks is nobody's: no run is under way so long.
pub const ORPHANED: Micros = 7 * DAY;

/// Files by table.
pub type Pinned = BTreeMap<String, Vec<FileRef>>;

impl Lake {
    /// Keeps files for as long as the pin of this name is there. Pinning again replaces the list.
    ///
    /// # Errors
    /// [`Error::Name`] for a name that could be taken for a path; the storage's.
    pub async fn pin(&self, name: &str, files: &Pinned) -> Result<(), Error> {
        let (store, path) = self.pin_path(name)?;
        let bytes = serde_json::to_vec(files).map_err(|e| Error::corrupt(path.as_ref(), e))?;
        store.put(&path, bytes.into()).await?;
        Ok(())
    }

    /// The files of a pin; `None` when there is none of this name.
    ///
    /// # Errors
    /// As [`Lake::pin`].
    pub async fn pinned(&self, name: &str) -> Result<Option<Pinned>, Error> {
        let (store, path) = self.pin_path(name)?;
        match store.get(&path).await {
            Ok(found) => {
                let bytes = found.bytes().await?;
                serde_json::from_slice(&bytes).map(Some).map_err(|e| Error::corrupt(path.as_ref(), e))
            }
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Lets the files of a pin go.
    ///
    /// # Errors
    /// As [`Lake::pin`].
    pub async fn unpin(&self, name: &str) -> Result<(), Error> {
        let (store, path) = self.pin_path(name)?;
        match store.delete(&path).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// The names of all pins, sorted.
    ///
    /// # Errors
    /// The storage's.
    pub async fn pins(&self) -> Result<Vec<String>, Error> {
        let (store, prefix) = self.store();
        let listed: Vec<_> = store.list(Some(&prefix.join(FOLDER))).try_collect().await?;
        let mut names: Vec<_> = listed.iter().filter_map(|meta| name_of(&meta.location)).collect();
        names.sort();
        Ok(names)
    }

    /// Lets go of pins that are older than `age` ([`ORPHANED`]) and of which nothing speaks: no row of a run or of a sweep
    /// has their name, and no job has recorded it. Gives their names.
    ///
    /// # Errors
    /// The storage's; what is done is done.
    pub async fn unpin_orphans(&self, age: Micros) -> Result<Vec<String>, Error> {
        let (store, prefix) = self.store();
        let before = self.now() - age;
        let listed: Vec<ObjectMeta> = store.list(Some(&prefix.join(FOLDER))).try_collect().await?;
        let old = listed.iter().filter(|meta| meta.last_modified.timestamp_micros() < before);
        let mut orphans: BTreeSet<String> = old.filter_map(|meta| name_of(&meta.location)).collect();
        if orphans.is_empty() {
            return Ok(Vec::new());
        }
        for table in SPEAK {
            let Some(table) = self.find(table).await? else { continue };
            for file in table.snapshot(None).await?.files().iter() {
                file.partition.get(RUN_ID).map(|run| orphans.remove(run));
            }
        }
        for spoken in self.pins_of_jobs().await? {
            orphans.remove(&spoken);
        }
        for name in &orphans {
            self.unpin(name).await?;
        }
        Ok(orphans.into_iter().collect())
    }

    /// Names that jobs have recorded: their own, and those of pins.
    async fn pins_of_jobs(&self) -> Result<BTreeSet<String>, Error> {
        let (store, prefix) = self.store();
        let mut names = BTreeSet::new();
        let listed: Vec<ObjectMeta> = store.list(Some(&prefix.join(jobs::FOLDER))).try_collect().await?;
        for meta in listed {
            let bytes = store.get(&meta.location).await?.bytes().await?;
            let record: serde_json::Value =
                serde_json::from_slice(&bytes).map_err(|e| Error::corrupt(meta.location.as_ref(), e))?;
            names.extend(record.get("pin").and_then(|pin| pin.as_str()).map(str::to_owned));
            names.extend(meta.location.parts().rev().nth(1).map(|job| job.as_ref().to_owned()));
        }
        Ok(names)
    }

    /// The paths of all pinned files of a table.
    pub(crate) async fn pinned_paths(&self, table: &str) -> Result<BTreeSet<String>, Error> {
        let mut paths = BTreeSet::new();
        for name in self.pins().await? {
            let pinned = self.pinned(&name).await?.unwrap_or_default();
            paths.extend(pinned.get(table).into_iter().flatten().map(|f| f.path.clone()));
        }
        Ok(paths)
    }

    fn pin_path(&self, name: &str) -> Result<(std::sync::Arc<dyn object_store::ObjectStore>, Path), Error> {
        let (store, prefix) = self.store();
        Ok((store, prefix.join(FOLDER).join(format!("{}.json", checked(name)?))))
    }
}

fn name_of(path: &Path) -> Option<String> {
    Some(path.filename()?.strip_suffix(".json")?.to_owned())
}

/// A name of letters, digits, `-`, `_` and `.` that is not a path.
pub(crate) fn checked(name: &str) -> Result<&str, Error> {
    let fits = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
    match (1..=128).contains(&name.len()) && name.bytes().all(fits) && !name.starts_with('.') {
        true => Ok(name),
        false => Err(Error::Name(name.to_owned())),
    }
}
