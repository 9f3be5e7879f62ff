//! A lease: who does the upkeep for now. It saves double work; nothing is wrong without it.
//!
//! ```text
//!  _leases/upkeep/00000007.json   { owner, until }     the highest number holds
//! ```
//! Taking and renewing is making the next number, which every store does for one caller only. Giving up makes a number
//! that has run out. Numbers never fall, so two who look at the same moment cannot both take it.

use crate::{error::Error, lake::Lake, pins::checked};
use candleflow_schema::Micros;
use futures::TryStreamExt;
use object_store::{ObjectStoreExt, PutMode, PutOptions, path::Path};
use serde::{Deserialize, Serialize};

const FOLDER: &str = "_leases";

#[derive(Serialize, Deserialize)]
struct Entry {
    owner: String,
    until: Micros,
}

/// Held until a time that its holder moves on.
#[derive(Debug)]
pub struct Lease {
    lake: Lake,
    name: String,
    owner: String,
    number: u64,
}

impl Lake {
    /// Takes a lease for a span of time; `None` when somebody else holds it.
    ///
    /// # Errors
    /// [`Error::Name`], or the storage's.
    pub async fn lease(&self, name: &str, owner: &str, span: Micros) -> Result<Option<Lease>, Error> {
        let lease = Lease { lake: self.clone(), name: checked(name)?.to_owned(), owner: owner.to_owned(), number: 0 };
        let newest = lease.newest().await?;
        if let Some((_, entry)) = &newest
            && entry.until > self.now()
        {
            return Ok(None);
        }
        let number = newest.map_or(0, |(number, _)| number);
        lease.put(number, self.now() + span).await
    }
}

impl Lease {
    /// Holds on for a span from now; `None` when the lease had run out and somebody else took it.
    ///
    /// # Errors
    /// The storage's.
    pub async fn renew(self, span: Micros) -> Result<Option<Self>, Error> {
        let until = self.lake.now() + span;
        let number = self.number;
        self.put(number, until).await
    }

    /// Gives it up.
    ///
    /// # Errors
    /// The storage's; it runs out by itself then.
    pub async fn release(self) -> Result<(), Error> {
        let number = self.number;
        self.put(number, 0).await.map(|_| ())
    }

    /// Makes the number that follows `after`; only one can.
    async fn put(mut self, after: u64, until: Micros) -> Result<Option<Self>, Error> {
        let entry = Entry { owner: self.owner.clone(), until };
        let bytes = serde_json::to_vec(&entry).map_err(|e| Error::corrupt(FOLDER, e))?;
        let (store, _) = self.lake.store();
        let options = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
        match store.put_opts(&self.path(after + 1), bytes.into(), options).await {
            Ok(_) => {}
            Err(object_store::Error::AlreadyExists { .. } | object_store::Error::Precondition { .. }) => {
                return Ok(None);
            }
            Err(error) => return Err(error.into()),
        }
        self.number = after + 1;
        if after > 0 {
            // Only tidiness: the highest number counts.
            let _ = store.delete(&self.path(after)).await;
        }
        Ok(Some(self))
    }

    async fn newest(&self) -> Result<Option<(u64, Entry)>, Error> {
        let (store, prefix) = self.lake.store();
        let folder = prefix.join(FOLDER).join(self.name.as_str());
        let listed: Vec<_> = store.list(Some(&folder)).try_collect().await?;
        let number = |path: &Path| path.filename()?.strip_suffix(".json")?.parse::<u64>().ok();
        let Some(number) = listed.iter().filter_map(|meta| number(&meta.location)).max() else { return Ok(None) };
        let bytes = match store.get(&self.path(number)).await {
            Ok(found) => found.bytes().await?,
            // Its holder has just moved on: whoever looks next sees the new number.
            Err(object_store::Error::NotFound { .. }) => {
                return Ok(Some((number, Entry { owner: String::new(), until: Micros::MAX })));
            }
            Err(error) => return Err(error.into()),
        };
        let entry = serde_json::from_slice(&bytes).map_err(|e| Error::corrupt(folder.as_ref(), e))?;
        Ok(Some((number, entry)))
    }

    fn path(&self, number: u64) -> Path {
        let (_, prefix) = self.lake.store();
        prefix.join(FOLDER).join(self.name.as_str()).join(format!("{number:010}.json"))
    }
}
