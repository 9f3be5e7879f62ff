//! The upkeep of a lake, by one process at a time: pins of runs that died let go, small files merged, files that nobody needs
//! deleted, logs cut.

use candleflow_lake::{Lake, Lease, ORPHANED, UpkeepRule, Upkept};
use candleflow_schema::{Micros, time::SECOND};
use std::{collections::BTreeMap, time::Duration};
use tokio_util::sync::CancellationToken;

/// What the lease is called, and how long it is held without a word; a process that dies holds it so long.
const LEASE: &str = "upkeep";
const HELD: Micros = 600 * SECOND;
/// How long a long-lived process waits before its first upkeep, and between two.
const FIRST: Duration = Duration::from_secs(600);
const EVERY: Duration = Duration::from_secs(3600);

/// What was done.
pub(crate) struct Done {
    /// Pins that nobody needs any more.
    pub(crate) unpinned: Vec<String>,
    /// By table.
    pub(crate) tables: BTreeMap<String, Upkept>,
}

/// Does it once; `None` when another process is at it. With `force` the lease is passed over, which costs double work at
/// worst: what is committed is checked.
pub(crate) async fn once(lake: &Lake, force: bool) -> anyhow::Result<Option<Done>> {
    let owner = format!("{}", std::process::id());
    let lease = lake.lease(LEASE, &owner, HELD).await?;
    if lease.is_none() && !force {
        return Ok(None);
    }
    let done = all(lake).await;
    if let Some(lease) = lease {
        Lease::release(lease).await?;
    }
    Ok(Some(done?))
}

/// Pins first: what they held can go with the rest.
async fn all(lake: &Lake) -> anyhow::Result<Done> {
    Ok(Done { unpinned: lake.unpin_orphans(ORPHANED).await?, tables: lake.upkeep(&UpkeepRule::default()).await? })
}

/// Does it now and then, until cancelled. A failure is said and tried again the next time.
pub(crate) fn keep(lake: Lake, cancel: CancellationToken) {
    tokio::spawn(async move {
        let mut pause = FIRST;
        loop {
            tokio::select! {
                () = cancel.cancelled() => return,
                () = tokio::time::sleep(pause) => {}
            }
            pause = EVERY;
            let done = tokio::select! {
                () = cancel.cancelled() => return,
                done = once(&lake, false) => done,
            };
            match done {
                Ok(done) => {
                    let tables = done.map_or(0, |d| d.tables.values().filter(|u| **u != Upkept::default()).count());
                    tracing::info!(tables, "the upkeep of the lake is done");
                }
                Err(error) => tracing::warn!(%error, "the upkeep of the lake failed"),
            }
        }
    });
}
