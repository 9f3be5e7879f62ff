//! The bulk archive (data.binance.vision): years of bars as monthly and daily zips.
//!
//! ```text
//! plan ─► per step, several beside each other: download (cache, CHECKSUM) and read ─► items, in order of time
//! ```
//!
//! Guarantees: bars come in order of time, each at most once; a file that matches its CHECKSUM is taken as it is; one
//! that does not, or has none, only when no bar of any of its days is missing. A day whose last bar is missing is not
//! claimed as covered, whatever the CHECKSUM says. A file that the archive lacks is `NotListed` before the first one that
//! exists and `Missing` after it: a gap that REST or a later run fills.

mod beside;
mod download;
mod plan;
mod read;

pub use beside::{Beside, beside};
pub use download::Verified;
pub use plan::{ArchiveFile, Period, Step, plan};
pub use read::{Contents, DayFact, ReadError, Take, read};

use crate::{error::BinanceError, telemetry};
use candleflow_schema::{Bar, Clock, Interval, Micros, Quarantined, Symbol, quarantine::Coverage, time::DAY};
use download::{Cached, Downloader};
use std::{collections::VecDeque, path::PathBuf, sync::Arc};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use url::Url;

/// Items that may wait for the reader, of each file under way.
const ITEMS: usize = 2;

/// Where the archive is, and where its files go.
#[derive(Debug, Clone)]
pub struct ArchiveConfig {
    /// Its address; `/data/spot/...` is appended.
    pub url: Url,
    /// The folder that keeps the zips.
    pub cache: PathBuf,
    /// Files fetched and read at the same time; be polite. Each holds some ten thousand bars in memory.
    pub parallel: usize,
    /// How often a file is tried.
    pub attempts: u32,
    /// Seed of all jitter.
    pub seed: u64,
}

impl ArchiveConfig {
    /// Defaults for the archive at `url`.
    pub fn new(url: Url, cache: PathBuf) -> Self {
        Self { url, cache, parallel: 4, attempts: 4, seed: 0 }
    }
}

/// What reading the archive gives, in order of time.
#[derive(Debug)]
pub enum ArchiveItem {
    /// Bars, at most 8192 at a time.
    Bars(Vec<Bar>),
    /// Rows or files that cannot be used.
    Quarantined(Vec<Quarantined>),
    /// A file has been dealt with; its bars came before.
    File(FileReport),
}

/// What became of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileState {
    /// Its bars were handed on.
    Read(Verified),
    /// The archive has none, and has older ones.
    Missing,
    /// The archive has none, nor an older one.
    NotListed,
    /// It cannot be used; the reason.
    Rejected(String),
}

/// A file, dealt with.
#[derive(Debug, Clone)]
pub struct FileReport {
    /// Which.
    pub file: ArchiveFile,
    /// What became of it.
    pub state: FileState,
    /// What was in it.
    pub contents: Contents,
    /// What it proves to be complete, inside the range that was asked for.
    pub coverage: Vec<Coverage>,
}

/// The archive.
#[derive(Clone)]
pub struct Archive {
    config: Arc<ArchiveConfig>,
    downloader: Downloader,
    clock: Arc<dyn Clock>,
    cancel: CancellationToken,
}

impl Archive {
    /// An archive; `cancel` ends every reading with [`BinanceError::Cancelled`].
    ///
    /// # Errors
    /// [`BinanceError::Url`], or when TLS cannot be set up.
    pub fn new(config: ArchiveConfig, clock: Arc<dyn Clock>, cancel: CancellationToken) -> Result<Self, BinanceError> {
        if config.url.cannot_be_a_base() || !matches!(config.url.scheme(), "http" | "https") {
            return Err(BinanceError::Url { url: config.url.to_string(), cause: "it is not an http address".into() });
        }
        let config = Arc::new(config);
        let downloader = Downloader::new(config.clone(), clock.clone(), cancel.clone())?;
        Ok(Self { config, downloader, clock, cancel })
    }

    /// Reads the bars with `from < time <= to` that the archive has; it ends after the first error.
    pub fn read(
        &self,
        symbol: &Symbol,
        interval: Interval,
        from: Micros,
        to: Micros,
    ) -> mpsc::Receiver<Result<ArchiveItem, BinanceError>> {
        let (out, items) = mpsc::channel(ITEMS);
        let steps = plan(symbol, interval, from, to, self.clock.now());
        let archive = self.clone();
        tokio::spawn(async move {
            if let Err(error) = archive.walk(steps, from, to, &out).await {
                // Whoever does not listen any more does not want to know.
                let _ = out.send(Err(error)).await;
            }
        });
        items
    }

    /// Steps run beside each other, each into a channel of its own; the channels are emptied in order.
    async fn walk(&self, steps: Vec<Step>, from: Micros, to: Micros, out: &Items) -> Result<(), BinanceError> {
        let mut steps = steps.into_iter();
        let mut under_way = VecDeque::new();
        let mut listed = false;
        loop {
            for step in steps.by_ref().take(self.config.parallel.max(1) - under_way.len()) {
                let (part, parts) = mpsc::channel(ITEMS);
                let archive = self.clone();
                under_way.push_back((parts, tokio::spawn(async move { archive.step(step, from, to, &part).await })));
            }
            let Some((mut parts, step)) = under_way.pop_front() else { return Ok(()) };
            while let Some(item) = parts.recv().await {
                let mut item = item?;
                if let ArchiveItem::File(report) = &mut item {
                    listed |= report.state != FileState::Missing;
                    if !listed {
                        report.state = FileState::NotListed;
                    }
                    count(report);
                }
                send(out, item).await?;
            }
            step.await.map_err(|e| BinanceError::Internal(format!("the reader of a file ended: {e}")))??;
        }
    }

    /// Fetches and reads the file of a step, or the days of a month that is not there.
    async fn step(&self, step: Step, from: Micros, to: Micros, out: &Items) -> Result<(), BinanceError> {
        let whole = self.downloader.get(&step.file).await?;
        if whole.is_some() || step.instead.is_empty() {
            return self.report(step.file, whole, from, to, out).await;
        }
        for file in step.instead {
            let cached = self.downloader.get(&file).await?;
            self.report(file, cached, from, to, out).await?;
        }
        Ok(())
    }

    async fn report(
        &self,
        file: ArchiveFile,
        cached: Option<Cached>,
        from: Micros,
        to: Micros,
        out: &Items,
    ) -> Result<(), BinanceError> {
        let report = match cached {
            Some(cached) => self.take(file, cached, from, to, out).await?,
            None => FileReport { file, state: FileState::Missing, contents: Contents::default(), coverage: Vec::new() },
        };
        send(out, ArchiveItem::File(report)).await
    }

    /// Hands on what a file has.
    async fn take(
        &self,
        file: ArchiveFile,
        cached: Cached,
        from: Micros,
        to: Micros,
        out: &Items,
    ) -> Result<FileReport, BinanceError> {
        let reason = match self.prove(&file, cached, from, to).await? {
            Err(reason) => reason,
            Ok(cached) => match self.read_file(&file, &cached, from, to, Some(out.clone())).await? {
                Err(ReadError::Closed) => return Err(BinanceError::OutputClosed),
                Ok(contents) => {
                    let coverage = coverage(&file, &contents, from, to);
                    return Ok(FileReport { file, state: FileState::Read(cached.verified), contents, coverage });
                }
                Err(error) => {
                    // Bytes that matched the CHECKSUM once: the disk has changed them since. The next run fetches them.
                    self.downloader.forget(&cached.path).await;
                    error.to_string()
                }
            },
        };
        tracing::warn!(file = file.name(), reason, "the file is not used");
        let bad = Quarantined::new(&(file.name() + ".zip"), 0, &reason, b"");
        metrics::counter!(telemetry::QUARANTINED, "source" => "archive").increment(1);
        send(out, ArchiveItem::Quarantined(vec![bad])).await?;
        Ok(FileReport { file, state: FileState::Rejected(reason), contents: Contents::default(), coverage: Vec::new() })
    }

    /// A file that does not match its CHECKSUM is read once without handing on; one that is damaged is fetched once more.
    async fn prove(
        &self,
        file: &ArchiveFile,
        cached: Cached,
        from: Micros,
        to: Micros,
    ) -> Result<Result<Cached, String>, BinanceError> {
        let mut cached = cached;
        for last_try in [false, true] {
            if cached.verified == Verified::Checksum {
                return Ok(Ok(cached));
            }
            match self.read_file(file, &cached, from, to, None).await? {
                Ok(contents) if contents.days.iter().all(DayFact::is_full) => {
                    tracing::warn!(file = file.name(), verified = ?cached.verified, "the file is taken because it is whole");
                    return Ok(Ok(cached));
                }
                Ok(_) => {
                    return Ok(Err("its CHECKSUM does not match or is missing, and bars are missing in it".to_owned()));
                }
                Err(error) if last_try => return Ok(Err(error.to_string())),
                Err(_) => {
                    self.downloader.forget(&cached.path).await;
                    match self.downloader.get(file).await? {
                        Some(again) => cached = again,
                        None => return Ok(Err("it was damaged, and has gone from the archive".to_owned())),
                    }
                }
            }
        }
        Err(BinanceError::Internal("a file was tried more often than twice".to_owned()))
    }

    async fn read_file(
        &self,
        file: &ArchiveFile,
        cached: &Cached,
        from: Micros,
        to: Micros,
        out: Option<Items>,
    ) -> Result<Result<Contents, ReadError>, BinanceError> {
        let (file, path, cancel) = (file.clone(), cached.path.clone(), self.cancel.clone());
        let work = tokio::task::spawn_blocking(move || {
            read(&path, &file, from, to, &mut |bars, bad| {
                let Some(out) = &out else { return !cancel.is_cancelled() };
                metrics::counter!(telemetry::QUARANTINED, "source" => "archive").increment(bad.len() as u64);
                let bad = (!bad.is_empty()).then_some(ArchiveItem::Quarantined(bad));
                let bars = (!bars.is_empty()).then_some(ArchiveItem::Bars(bars));
                !cancel.is_cancelled()
                    && [bars, bad].into_iter().flatten().all(|item| out.blocking_send(Ok(item)).is_ok())
            })
        });
        let done = work.await.map_err(|e| BinanceError::Internal(format!("the reader of a file ended: {e}")))?;
        if self.cancel.is_cancelled() { Err(BinanceError::Cancelled) } else { Ok(done) }
    }
}

fn count(report: &FileReport) {
    let result = match &report.state {
        FileState::Read(_) => "read",
        FileState::Missing => "missing",
        FileState::NotListed => "not_listed",
        FileState::Rejected(_) => "rejected",
    };
    metrics::counter!(telemetry::ARCHIVE_FILES, "result" => result).increment(1);
}

type Items = mpsc::Sender<Result<ArchiveItem, BinanceError>>;

async fn send(out: &Items, item: ArchiveItem) -> Result<(), BinanceError> {
    out.send(Ok(item)).await.map_err(|_| BinanceError::OutputClosed)
}

/// Day after day from its first instant to its last bar, neighbours joined; only what lies in `from..to`.
fn coverage(file: &ArchiveFile, contents: &Contents, from: Micros, to: Micros) -> Vec<Coverage> {
    let mut out: Vec<Coverage> = Vec::new();
    let longer_than_a_day = contents.days.first().is_some_and(|d| d.expected.is_none());
    for (i, day) in contents.days.iter().enumerate() {
        // Bars longer than a day follow each other: one begins where the one before it ended.
        let begins = match i.checked_sub(1) {
            Some(before) if longer_than_a_day => contents.days[before].last,
            // A bar off the grid may lie across midnight, in the file before this one.
            None if !file.interval.on_grid(day.first) => day.first,
            _ => day.day * DAY,
        };
        let (begins, ends) = (begins.max(from), day.last.min(to));
        match out.last_mut() {
            Some(last) if last.to >= begins => last.to = last.to.max(ends),
            _ if begins < ends => out.push(Coverage {
                symbol: file.symbol.to_string(),
                interval: file.interval,
                from: begins,
                to: ends,
                evidence: "archive",
            }),
            _ => {}
        }
    }
    out
}
