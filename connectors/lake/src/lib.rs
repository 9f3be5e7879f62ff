//! Delta tables on object storage: one committer, ordered reader, maintenance.
//!
//! Where the rows of the past are, for good: bars with their restatements, what is known to be complete, and what runs
//! put out. Tables are Delta Lake's, files are Parquet, so that DuckDB, Polars and Spark read them; every write goes
//! through this crate.
//!
//! | I want to | call |
//! |---|---|
//! | open a lake | [`Lake::open`] with a folder or `s3://bucket/prefix` |
//! | write bars | [`Lake::upsert_bars`], [`Lake::klines_writer`] (chunks, places in a topic), [`Lake::import`] (with coverage and quarantine) |
//! | read bars in order | [`Lake::source`] (a [`Source`](candleflow_schema::Source)) or [`Lake::read_klines`] (a cursor per symbol) |
//! | pin what a run reads | [`Lake::files`] and [`Lake::pin`], later [`Lake::pinned`] and [`At::Files`] |
//! | know which bars there are | [`Lake::extents`], [`Lake::bars_before`] (where a warm-up begins) |
//! | read what a topic said first | [`Lake::heard`] |
//! | write outputs of a run, exactly once | [`Lake::sink`] (a [`Sink`](candleflow_schema::Sink)) |
//! | append rows, once per id | [`Lake::append_rows`] |
//! | state or ask what is complete | [`Lake::cover`], [`Lake::coverage`], [`Lake::gaps`] |
//! | state or ask what holds of an instrument | [`Lake::put_instruments`], [`Lake::instruments`] |
//! | record what a job decides, once | [`Lake::record_once`], [`Lake::job_record`], [`Lake::keep_record`] |
//! | ask with SQL | [`Lake::provider`] (a DataFusion `TableProvider`), [`Lake::read_rows`] for small tables |
//! | keep it tidy | [`Lake::upkeep`] under a [`Lake::lease`]: [`Lake::compact`], [`Lake::vacuum`], [`Lake::trim_log`] |
//!
//! Reading order: `store`, `spec`, `snapshot`, `table`, `lake`; `known`, `commit` (the heart); `symbols`, `write`, `stage`; `row`, `buffer`, `upsert`,
//! `restated`, `import`; `file`, `cursor`, `read`, `source`, `extent`, `heard`;
//! `append`, `sink`; `coverage`; `instruments`; `provider`; `merge`, `compact`, `pins`, `vacuum`, `lease`, `upkeep`.
//! `append`, `sink`; `coverage`; `provider`; `merge`, `compact`, `pins`, `jobs`, `vacuum`, `lease`, `upkeep`.

mod append;
mod buffer;
mod commit;
mod compact;
mod coverage;
mod cursor;
mod error;
mod extent;
mod file;
mod heard;
mod import;
mod instruments;
mod jobs;
mod known;
mod lake;
mod lease;
mod merge;
mod pins;
mod provider;
mod read;
mod restated;
mod row;
mod sink;
mod snapshot;
mod source;
mod spec;
mod stage;
mod store;
mod symbols;
mod table;
mod telemetry;
mod upkeep;
mod upsert;
mod vacuum;
mod write;

pub use compact::{CompactRule, Compacted};
pub use coverage::{Gap, GapKind, Range};
pub use cursor::KlineCursor;
pub use error::Error;
pub use extent::{Before, Extent};
pub use file::BATCH_ROWS;
pub use import::{BUFFERED_ROWS, Import, Imported, KlinesWriter, QUARANTINE_LIMIT, quarantine_rows};
pub use lake::{Lake, Options};
pub use lease::Lease;
pub use pins::{ORPHANED, Pinned};
pub use provider::LakeTable;
pub use read::{At, Read, Span};
pub use row::Place;
pub use sink::{CommitRule, Output, OutputSink};
pub use snapshot::{FileRef, Snapshot};
pub use source::{LakeSource, Order};
pub use spec::{
    BUCKET, COVERAGE_TABLE, INSTRUMENTS_TABLE, KLINES_TABLE, Layout, QUARANTINE_TABLE, RESTATED_TABLE, RUN_ID, Spec,
};
pub use upkeep::{UpkeepRule, Upkept};
pub use upsert::{CopyProgress, Counts};
pub use vacuum::{GRACE, Vacuumed};
