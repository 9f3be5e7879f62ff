//! What runs have read: lists of files, beside the tables, that vacuum spares.
//!
//! A pin is one object, `_pins/<name>.json`, with the files of each table. It outlives the table's log.

use crate::{error::Error, lake::Lake, snapshot::FileRef};
use futures::TryStreamExt;
use object_store::{ObjectStoreExt, path::Path};
use std::collections::{BTreeMap, BTreeSet};

const FOLDER: &str = "_pins";

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
        let name = |path: &Path| Some(path.filename()?.strip_suffix(".json")?.to_owned());
        let mut names: Vec<_> = listed.iter().filter_map(|meta| name(&meta.location)).collect();
        names.sort();
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

/// A name of letters, digits, `-`, `_` and `.` that is not a path.
pub(crate) fn checked(name: &str) -> Result<&str, Error> {
    let fits = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
    match (1..=128).contains(&name.len()) && name.bytes().all(fits) && !name.starts_with('.') {
        true => Ok(name),
        false => Err(Error::Name(name.to_owned())),
    }
}
