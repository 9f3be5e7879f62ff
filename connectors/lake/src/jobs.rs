//! What a job decides once, and what it keeps to go on from: small objects beside the tables.
//!
//! ```text
//!  _jobs/<job>/<name>.json     recorded once (put if absent), or replaced by its owner
//! ```
//! A job's decisions are recorded before its first row, so that every replay makes the same ones.

use crate::{error::Error, lake::Lake, pins::checked};
use object_store::{ObjectStore, ObjectStoreExt, PutMode, PutOptions, path::Path};
use serde::{Serialize, de::DeserializeOwned};
use std::sync::Arc;

pub(crate) const FOLDER: &str = "_jobs";

impl Lake {
    /// What a job has recorded under a name; `None` when nothing.
    ///
    /// # Errors
    /// [`Error::Name`] for a name that could be taken for a path, [`Error::Corrupt`], the storage's.
    pub async fn job_record<T: DeserializeOwned>(&self, job: &str, name: &str) -> Result<Option<T>, Error> {
        let (store, path) = self.record_path(job, name)?;
        let bytes = match store.get(&path).await {
            Ok(found) => found.bytes().await?,
            Err(object_store::Error::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        serde_json::from_slice(&bytes).map(Some).map_err(|e| Error::corrupt(path.as_ref(), e))
    }

    /// Records a decision if there is none yet; `false` when there is: then that one holds.
    ///
    /// # Errors
    /// As [`Lake::job_record`].
    pub async fn record_once<T: Serialize>(&self, job: &str, name: &str, value: &T) -> Result<bool, Error> {
        match self.put_record(job, name, value, PutMode::Create).await {
            Ok(()) => Ok(true),
            Err(Error::Store(error)) if is_there(&error) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Keeps what a job goes on from, in place of what was kept before. Only the job's owner calls it.
    ///
    /// # Errors
    /// As [`Lake::job_record`].
    pub async fn keep_record<T: Serialize>(&self, job: &str, name: &str, value: &T) -> Result<(), Error> {
        self.put_record(job, name, value, PutMode::Overwrite).await
    }

    async fn put_record<T: Serialize>(&self, job: &str, name: &str, value: &T, mode: PutMode) -> Result<(), Error> {
        let (store, path) = self.record_path(job, name)?;
        let bytes = serde_json::to_vec_pretty(value).map_err(|e| Error::corrupt(path.as_ref(), e))?;
        store.put_opts(&path, bytes.into(), PutOptions { mode, ..PutOptions::default() }).await?;
        Ok(())
    }

    fn record_path(&self, job: &str, name: &str) -> Result<(Arc<dyn ObjectStore>, Path), Error> {
        let (store, prefix) = self.store();
        let file = format!("{}.json", checked(name)?);
        Ok((store, prefix.join(FOLDER).join(checked(job)?).join(file)))
    }
}

fn is_there(error: &object_store::Error) -> bool {
    matches!(error, object_store::Error::AlreadyExists { .. } | object_store::Error::Precondition { .. })
}
