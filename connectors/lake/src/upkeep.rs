//! What a lake needs from time to time: losers caught up, small files merged, files that nobody needs deleted, the log
//! cut behind a checkpoint.

use crate::{
    compact::{CompactRule, Compacted},
    error::Error,
    lake::Lake,
    restated,
    spec::KLINES_TABLE,
    vacuum::{GRACE, Vacuumed},
};
use candleflow_schema::{Micros, time::DAY};
use deltalake::{
    DeltaTable,
    protocol::checkpoints::{cleanup_expired_logs_for, create_checkpoint},
};
use std::collections::BTreeMap;

/// How the upkeep is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UpkeepRule {
    /// What is worth compacting.
    pub compact: CompactRule,
    /// How long files are spared that left a table.
    pub grace: Micros,
    /// How long entries of the log are kept, and with them the versions that can be opened by number.
    pub log: Micros,
}

impl Default for UpkeepRule {
    fn default() -> Self {
        Self { compact: CompactRule::default(), grace: GRACE, log: 7 * DAY }
    }
}

/// What was done to a table.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Upkept {
    /// Files merged.
    pub compacted: Compacted,
    /// Files deleted.
    pub vacuumed: Vacuumed,
    /// Entries of the log deleted.
    pub log_entries: u64,
}

impl Lake {
    /// Does the upkeep of all tables. Take a [`lease`](Lake::lease) first, lest two do the same work.
    ///
    /// # Errors
    /// The storage's; what is done is done.
    pub async fn upkeep(&self, rule: &UpkeepRule) -> Result<BTreeMap<String, Upkept>, Error> {
        let mut done = BTreeMap::new();
        for table in self.tables().await? {
            let compacted = self.compact(&table, &rule.compact).await?;
            let vacuumed = self.vacuum(&table, rule.grace).await?;
            let log_entries = self.trim_log(&table, rule.log).await?;
            done.insert(table, Upkept { compacted, vacuumed, log_entries });
        }
        Ok(done)
    }

    /// Writes a checkpoint of a table and deletes entries of its log that are older than `keep` and not needed to open
    /// any younger version. Says how many. What runs have read stays readable by their pins.
    ///
    /// # Errors
    /// [`Error::NoTable`], or the storage's.
    pub async fn trim_log(&self, table: &str, keep: Micros) -> Result<u64, Error> {
        if table == KLINES_TABLE {
            // The names of losers stand in the log: none may be waiting there.
            restated::catch_up(self).await?;
        }
        let table = self.table(table).await?;
        let mut delta = DeltaTable::new(table.log.clone());
        delta.load().await?;
        let version = delta.version().unwrap_or(0);
        if version == 0 {
            return Ok(0);
        }
        create_checkpoint(&delta, None).await?;
        let cutoff = (self.now() - keep).div_euclid(1000);
        Ok(cleanup_expired_logs_for(version, table.log.as_ref(), cutoff, None).await? as u64)
    }
}
