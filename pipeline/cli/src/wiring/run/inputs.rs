//! What a run read, so that it can be run again: pinned files, where each symbol began and ended, what was overridden.
//!
//! The files are in the lake's pin of the run's id, or of a live job's hand-over, which vacuum spares. Everything else is one JSON text in the column
//! `inputs` of the `runs` row, and the digest of every output and key is one in `chains`.

use super::statics::Tables;
use crate::exit::usage;
use candleflow_config::Overrides;
use candleflow_lake::{FileRef, KLINES_TABLE, Lake, Pinned};
use candleflow_runtime::KeyInput;
use candleflow_schema::{Interval, Micros, Symbol};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What a run read.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Inputs {
    /// Rows at or before this event time are warm-up; `None`: there was none.
    pub(crate) from: Option<Micros>,
    /// The pin with the files; `None`: that of the run's id.
    pub(crate) pin: Option<String>,
    /// `--set`, in order.
    pub(crate) set: Vec<String>,
    /// `--symbols`; empty: those of the file.
    pub(crate) symbols: Vec<String>,
    /// Versions of the tables it read. Their files are in the pin.
    pub(crate) tables: BTreeMap<String, i64>,
    /// By symbol, as listed.
    pub(crate) keys: Vec<Key>,
    /// Where a live run's account over all symbols stood when it ended.
    #[serde(default)]
    pub(crate) account: Option<Micros>,
}

/// What was read of a symbol.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Key {
    /// The symbol.
    pub(crate) symbol: String,
    /// Bars, warm-up included.
    pub(crate) bars: u64,
    /// Event time of the first bar, and of the last.
    pub(crate) first: Option<Micros>,
    pub(crate) last: Option<Micros>,
    /// Bars after this event time came from a topic.
    pub(crate) topic_after: Option<Micros>,
    /// Finer bars after this event time came from a topic.
    #[serde(default)]
    pub(crate) detail_after: Option<Micros>,
}

impl Inputs {
    /// Of a run that is about to begin.
    pub(super) fn new(
        from: Micros,
        overrides: &Overrides,
        klines: Option<i64>,
        others: &BTreeMap<String, i64>,
    ) -> Self {
        let klines = klines.map(|version| (KLINES_TABLE.to_owned(), version));
        Self {
            from: (from > Micros::MIN).then_some(from),
            pin: None,
            set: overrides.params.iter().map(|(name, value)| format!("{name}={value}")).collect(),
            symbols: overrides.symbols.clone(),
            tables: klines.into_iter().chain(others.clone()).collect(),
            keys: Vec::new(),
            account: None,
        }
    }

    /// Of a job whose files another pin keeps.
    pub(super) fn pinned_as(self, pin: &str) -> Self {
        Self { pin: Some(pin.to_owned()), ..self }
    }

    /// Of a run whose account over all symbols stood there when it ended.
    pub(super) fn ended_at(self, account: Option<Micros>) -> Self {
        Self { account, ..self }
    }

    /// With what was read in the end. `borders`: where topics took over, that of bars and that of finer bars.
    pub(super) fn with_keys(
        mut self,
        symbols: &[Symbol],
        read: &[KeyInput],
        borders: impl Fn(&Symbol) -> (Option<Micros>, Option<Micros>),
    ) -> Self {
        let key = |(symbol, read): (&Symbol, &KeyInput)| {
            let (topic_after, detail_after) = borders(symbol);
            Key {
                symbol: symbol.to_string(),
                bars: read.bars,
                first: read.times.map(|(first, _)| first),
                last: read.times.map(|(_, last)| last),
                topic_after,
                detail_after,
            }
        };
        self.keys = symbols.iter().zip(read).map(key).collect();
        self
    }

    /// Rows at or before this event time are warm-up.
    pub(crate) fn warm_until(&self) -> Micros {
        self.from.unwrap_or(Micros::MIN)
    }
}

/// Keeps the files that a run is about to read, before it reads them: of `files`, those of its lengths of bar and symbols,
/// and all of the other tables.
pub(super) async fn pin(
    lake: &Lake,
    run_id: &str,
    files: &[FileRef],
    intervals: &[Interval],
    symbols: &[Symbol],
    tables: &Tables,
) -> anyhow::Result<()> {
    let holds = |f: &&FileRef| {
        f.partition.get("interval").is_some_and(|name| intervals.iter().any(|i| name == i.name()))
            && f.symbols.as_ref().is_none_or(|(a, b)| symbols.iter().any(|s| a.as_str() <= &**s && &**s <= b.as_str()))
    };
    let mut pinned: Pinned = tables.files.clone();
    pinned.insert(KLINES_TABLE.to_owned(), files.iter().filter(holds).cloned().collect());
    lake.pin(run_id, &pinned).await.map_err(|e| usage(format!("cannot pin what {run_id} reads: {e}")))
}

/// Gives the files free of a run that came to nothing. Where that fails, they stay pinned, which harms nobody.
pub(super) async fn unpin(lake: &Lake, run_id: &str) {
    if let Err(error) = lake.unpin(run_id).await {
        tracing::warn!(run_id, %error, "files of a run that failed stay pinned");
    }
}
